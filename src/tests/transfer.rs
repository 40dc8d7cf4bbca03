//! Export, import and backup, through the program itself and a real file.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use proptest::prelude::*;
use reqwest::Response;
use runnel::api::answers::{SentMessage, SentQuestion};
use runnel::chat::{
    Answer, AnswerEvent, AnswerId, Bill, Content, Conversation, ConversationId, End, EndStatus, Question,
    QuestionId, RawJson, Seq, State, Usage,
};
use runnel::conversation_list::{ConversationChange, clean_title};
use runnel::error::AnswerErrorKind;
use runnel::server::demo::{Demo, Pace};
use runnel::server::store::{ConversationStore, SqliteStore, Store, UsageStore};
use runnel::server::transfer;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use uuid::Uuid;

use crate::store_contract::ME;
use crate::test_app::{Reader, TestApp, eventually, http_client, message, next_message};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";
const WHILE_EXPORTED: &str = "It was being written when it was exported.";

/// A folder with a database, which may not be there yet, and the program that works on it.
struct Home {
    folder: TempDir,
}

/// How the program ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    output: String,
    errors: String,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn database(&self) -> PathBuf {
        self.path("runnel.db")
    }

    /// The names of all files and folders that are not the database's.
    fn other_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with("runnel.db")).collect()
    }

    /// `runnel` with these arguments, in this folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_runnel"));
        command.args(arguments).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("RUNNEL_DATABASE_URL", self.database());
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, b"").await
    }

    async fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let (mut command, input) = (self.command(arguments), input.to_vec());
        let run = move || {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            // It need not read all of it, or any.
            let _ = child.stdin.take().unwrap().write_all(&input);
            child.wait_with_output().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap().into()
    }

    async fn export(&self) -> String {
        let ended = self.run(&["export"]).await;
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
        ended.output
    }

    /// Imports what is expected to be accepted; gives what was said about it.
    async fn import(&self, export: &str) -> String {
        let ended = self.run_with(&["import"], export.as_bytes()).await;
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
        ended.output
    }

    async fn with(conversations: &[Conversation]) -> Self {
        let home = Self::new();
        home.import(&export_of(conversations)).await;
        home
    }

    async fn ids(&self) -> Vec<ConversationId> {
        let store = SqliteStore::open_beside(&self.database()).await.unwrap();
        let ids = store.list_ids(&ME).await.unwrap();
        store.close().await;
        ids
    }

    /// Does something to the database that Runnel would not do.
    async fn tamper(&self, sql: &'static str) {
        let options = SqliteConnectOptions::new().filename(self.database()).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await.unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), output: text(output.stdout), errors: text(output.stderr) }
    }
}

/// The program, serving a database. Killed in the end.
struct Server {
    child: Child,
    /// Open, or its messages would go nowhere.
    _output: BufReader<ChildStdout>,
    address: String,
}

impl Server {
    async fn start(home: &Home, database: &Path, demo: &Demo) -> Self {
        let mut command = home.command(&["--listen", "127.0.0.1:0"]);
        command.env("RUNNEL_DATABASE_URL", database).env("OPENROUTER_BASE_URL", demo.base_url());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let reading = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            (line, output)
        });
        let (line, output) = reading.await.unwrap();
        let address = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, _output: output, address }
    }

    async fn begin(&self, message: &SentMessage) -> Reader {
        let request = http_client().post(format!("{}/api/send_message", self.address)).json(message);
        Reader::new(request.send().await.unwrap(), message.answer, Seq::START)
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        http_client().post(format!("{}{path}", self.address)).json(body).send().await.unwrap()
    }

    async fn load(&self, id: ConversationId) -> Conversation {
        self.post("/api/load_conversation", &json!({"id": id})).await.json().await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn start_demo() -> Demo {
    let pace = Pace { delta: Duration::ZERO, comment: Duration::from_millis(10), ..Pace::default() };
    Demo::start(([127, 0, 0, 1], 0).into(), pace).await.unwrap()
}

/// A file as `runnel export` writes it.
fn export_of(conversations: &[Conversation]) -> String {
    let header = r#"{"runnel_export":1,"runnel":"0.1.0"}"#.to_owned();
    let chats = conversations.iter().map(|conversation| serde_json::to_string(conversation).unwrap());
    let trailer = json!({"conversations": conversations.len()}).to_string();
    let lines: Vec<_> = std::iter::once(header).chain(chats).chain([trailer]).collect();
    lines.join("\n") + "\n"
}

async fn export_from(store: &SqliteStore) -> String {
    let mut bytes = Vec::new();
    transfer::export(store, &ME, &mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Two questions, each with an answer.
fn conversation(title: &str) -> Conversation {
    let first = Question::of_text(QuestionId::now(), None, "One?", 10);
    let answer = ended_answer(first.id, "One.");
    let second = Question::of_text(QuestionId::now(), Some(answer.id), "Two?", 20);
    let answers = vec![answer, ended_answer(second.id, "Two.")];
    Conversation {
        id: ConversationId::now(),
        title: title.to_owned(),
        is_title_chosen: false,
        is_pinned: false,
        is_archived: false,
        created_ms: 10,
        updated_ms: 30,
        version: 0,
        draft: String::new(),
        settings: None,
        leaf: None,
        leaves: Vec::new(),
        questions: vec![first, second],
        answers,
    }
}

fn ended_answer(question: QuestionId, text: &str) -> Answer {
    let mut answer = Answer::new(AnswerId::now(), question, "demo/plain");
    answer.begun_ms = 20;
    answer.apply(Seq(1), &AnswerEvent::Text(text.to_owned()));
    answer.apply(Seq(2), &AnswerEvent::End(end(EndStatus::Complete)));
    answer
}

fn end(status: EndStatus) -> End {
    End {
        status,
        finish_reason: Some("stop".into()),
        native_finish_reason: None,
        problem: None,
        usage: None,
        duration_ms: 5,
        unkept: None,
    }
}

/// Another answer to the same question.
fn again(message: &SentMessage) -> SentMessage {
    SentMessage { answer: AnswerId::now(), ..message.clone() }
}

async fn change(app: &TestApp, id: ConversationId, change: ConversationChange) {
    let response = app.post("/api/change_conversation", &json!({"id": id, "change": change})).await;
    assert!(response.status().is_success(), "{change:?}");
}

/// A conversation with versions of questions and answers, changed in every way that there is; and a branch of it.
async fn talk_at_length(app: &TestApp) -> ConversationId {
    let first = message("demo/unicode", "Grüße, 世界 👩\u{200d}👧 \u{202e}\u{0}\r\n\"\\ \u{2028}");
    let second = next_message(&first, "And?");
    let edited = SentQuestion { id: QuestionId::now(), text: "And then?".into(), ..second.question.clone() };
    let edited = SentMessage { question: edited, ..again(&second) };
    for message in [&first, &again(&first), &second, &again(&second), &edited] {
        app.begin(message).await.finished().await;
    }
    let fork = json!({"answer": second.answer, "new": ConversationId::now()});
    assert!(app.post("/api/fork_conversation", &fork).await.status().is_success());
    for kind in [
        ConversationChange::Title("Grüße".into()),
        ConversationChange::Pinned(true),
        ConversationChange::Archived(true),
        ConversationChange::Draft("Not yet\nsent".into()),
        ConversationChange::Leaf(second.answer),
    ] {
        change(app, first.conversation, kind).await;
    }
    first.conversation
}

/// Answers that ended well, badly, early and in parts, and one conversation that was deleted.
async fn talk_of_all_kinds(app: &TestApp) {
    for model in [
        "demo/plain",
        "demo/reasoning",
        "demo/citations",
        "demo/image",
        "demo/refusal",
        "demo/tool-call",
        "demo/error-402",
        "demo/midstream-documented-after-text",
    ] {
        app.ask(model, model).await;
    }
    let stopped = message("demo/stall", "Never mind");
    let mut reader = app.begin(&stopped).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    app.stop(stopped.answer).await;
    reader.finished().await;
    let cut = message("demo/cut", "Go on");
    app.begin(&cut).await.finished().await;
    let continued = SentMessage { continues: Some(cut.answer), ..again(&cut) };
    app.begin(&continued).await.finished().await;
    let deleted = message("demo/echo", "Forget this");
    app.begin(&deleted).await.finished().await;
    change(app, deleted.conversation, ConversationChange::Deleted(true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_imported_is_exported_again_to_the_byte() {
    let app = TestApp::start().await;
    let changed = talk_at_length(&app).await;
    talk_of_all_kinds(&app).await;
    let running = message("demo/stall", "Go on for ever");
    let mut reader = app.begin(&running).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    eventually("the text is in the log", async || {
        app.store.logged_answers().await.unwrap().iter().any(|answer| answer.text() == BEFORE_SILENCE)
    })
    .await;

    let exported = export_from(&app.store).await;
    assert!(!exported.contains("Forget this"));
    let conversations = transfer::read(exported.as_bytes()).unwrap();
    assert_eq!(conversations.len(), 13);
    for conversation in &conversations {
        let shown = app.load_conversation(conversation.id).await;
        if conversation.id != running.conversation {
            assert_eq!(*conversation, Conversation { version: 0, ..shown });
        }
    }
    let first = conversations.iter().find(|conversation| conversation.id == changed).unwrap();
    assert_eq!((first.questions.len(), first.answers.len()), (3, 5));
    assert!(first.is_title_chosen && first.is_pinned && first.is_archived && first.leaf.is_some());
    let answer = &conversations.iter().find(|known| known.id == running.conversation).unwrap().answers[0];
    let ending = answer.end().unwrap();
    assert_eq!((answer.text().as_ref(), ending.status), (BEFORE_SILENCE, EndStatus::Interrupted));
    let problem = ending.problem.as_ref().unwrap();
    assert_eq!((problem.kind, problem.message.as_str()), (AnswerErrorKind::Internal, WHILE_EXPORTED));
    assert_eq!(app.stop(running.answer).await, EndStatus::Stopped, "the answer was not disturbed");

    let home = Home::new();
    assert_eq!(home.import(&exported).await, "Added 13 chats.\n");
    let again = home.export().await;
    for (again, before) in again.lines().zip(exported.lines()) {
        assert_eq!(again, before);
    }
    assert_eq!(again.len(), exported.len());
}

#[tokio::test]
async fn importing_twice_adds_what_is_new_and_changes_nothing_else() {
    let (first, second) = (conversation("First"), conversation("Second"));
    let home = Home::with(std::slice::from_ref(&first)).await;
    let renamed = Conversation { title: "Renamed".into(), ..first };
    let export = export_of(&[renamed, second]);
    assert_eq!(home.import(&export).await, "Added 1 chat; 1 was there already.\n");
    let exported = home.export().await;
    assert!(exported.contains("First") && !exported.contains("Renamed"), "{exported}");
    assert_eq!(home.import(&export).await, "Added 0 chats; 2 were there already.\n");
    assert_eq!(home.import(&exported).await, "Added 0 chats; 2 were there already.\n");
    assert_eq!(home.export().await, exported);
}

#[tokio::test]
async fn files_are_named_or_piped() {
    let home = Home::with(&[conversation("Only")]).await;
    let exported = home.export().await;
    assert_eq!(home.run(&["export", "-"]).await.output, exported);
    let ended = home.run(&["export", "chats.jsonl"]).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "1 chat written to chats.jsonl.\n"));
    assert_eq!(std::fs::read_to_string(home.path("chats.jsonl")).unwrap(), exported);
    assert_eq!(home.other_files(), ["chats.jsonl"]);
    for ended in [
        home.run(&["import", "chats.jsonl"]).await,
        home.run_with(&["import", "-"], exported.as_bytes()).await,
    ] {
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), "Added 0 chats; 1 was there already.\n"));
    }
    let ended = home.run(&["import", "nowhere.jsonl"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.errors.contains("nowhere.jsonl") && ended.errors.contains("Nothing was imported"),
        "{ended:?}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn an_export_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::with(&[]).await;
    home.run(&["export", "chats.jsonl"]).await;
    let mode = std::fs::metadata(home.path("chats.jsonl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// What is done to the lines of an export (header, two chats, trailer), the line that is named and what is said.
type Case = (fn(Vec<String>) -> Vec<u8>, u64, &'static str);

const DAMAGED: &[Case] = &[
    (|_| Vec::new(), 1, "is not how an export begins"),
    (|_| b"Hello\n".into(), 1, "is not how an export begins"),
    (|_| b"{\"conversations\":0}\n".into(), 1, "is not how an export begins"),
    (|_| b"\x1f\x8b\x08\x00".into(), 1, "is not how an export begins"),
    (|lines| join(&lines[1..]), 1, "is not how an export begins"),
    (
        |lines| changed(lines, 0, |header| header["runnel_export"] = json!(0)),
        1,
        "is not how an export begins",
    ),
    (
        |lines| changed(lines, 0, |header| *header = json!({"runnel_export": 4, "runnel": "9.1.0"})),
        1,
        "is of a newer Runnel (9.1.0)",
    ),
    (|lines| join(&lines[..1]), 2, "is missing"),
    (|lines| join(&lines[..3]), 4, "is missing"),
    (|lines| join(&lines)[..lines[0].len() + lines[1].len() + 20].into(), 3, "is not JSON (EOF"),
    (|lines| join(&[&lines[0], &lines[1], "", &lines[2], &lines[3]]), 3, "is not JSON"),
    (|lines| [lines[0].as_bytes(), b"\n{\"title\":\"\xff\"}\n"].concat(), 2, "is not JSON"),
    (|lines| join(&[&lines[0], &lines[1], &lines[3]]), 3, "counts 2 chats, but 1 came before it"),
    (|lines| changed(lines, 3, |trailer| trailer["conversations"] = json!(1)), 4, "counts 1 chat, but 2"),
    (|lines| join(&[lines.clone(), lines].concat()), 5, "comes after the end"),
    (
        |lines| changed(lines, 1, |chat| chat["title"] = json!(7)),
        2,
        "is not a chat (invalid type: integer `7`",
    ),
    (|lines| changed(lines, 2, |chat| *chat = json!({"id": "x"})), 3, "is not a chat"),
    (
        |lines| changed(lines, 2, |chat| drop(chat["answers"][0].as_object_mut().unwrap().remove("content"))),
        3,
        "missing field `content`",
    ),
    (
        |lines| changed(lines, 2, |chat| chat["answers"][0]["state"] = json!({"paused": 1})),
        3,
        "unknown variant `paused`",
    ),
    (
        |lines| changed(lines, 1, |chat| chat["answers"][1]["state"] = json!({"running": "sending"})),
        2,
        "which is still being written",
    ),
    (
        |lines| changed(lines, 2, |chat| drop(chat["questions"].as_array_mut().unwrap().pop())),
        3,
        "without its question",
    ),
    (
        |lines| changed(lines, 2, |chat| chat["questions"][1]["after"] = json!(Uuid::now_v7())),
        3,
        "follows an answer that is not there before it",
    ),
    (
        // In a circle.
        |lines| changed(lines, 1, |chat| chat["questions"][0]["after"] = chat["answers"][1]["id"].clone()),
        2,
        "follows an answer that is not there before it",
    ),
    (|lines| join(&[&lines[0], &lines[1], &lines[1], &lines[3]]), 3, "holds a second chat with the id"),
    (
        |lines| {
            let other: Value = serde_json::from_str(&lines[1]).unwrap();
            changed(lines, 2, |chat| {
                chat["questions"] = other["questions"].clone();
                chat["answers"] = json!([]);
                chat["questions"].as_array_mut().unwrap().pop();
            })
        },
        3,
        "holds a second question with the id",
    ),
    (
        |lines| changed(lines, 1, |chat| chat["answers"][1]["id"] = chat["answers"][0]["id"].clone()),
        2,
        "holds a second answer with the id",
    ),
    (|lines| changed(lines, 1, |chat| chat["updated_ms"] = json!(u64::MAX)), 2, "after the year 9999"),
    (
        |lines| changed(lines, 1, |chat| chat["answers"][0]["begun_ms"] = json!(u64::MAX)),
        2,
        "after the year 9999",
    ),
    (
        |lines| changed(lines, 1, |chat| chat["answers"][0]["first_token_ms"] = json!(u64::MAX)),
        2,
        "after the year 9999",
    ),
    (
        |lines| {
            changed(lines, 1, |chat| {
                chat["questions"][1]["content"] = json!([{"text": "x".repeat((1 << 20) + 1)}]);
            })
        },
        2,
        "which is longer than 1 MiB",
    ),
    (
        |lines| changed(lines, 2, |chat| chat["draft"] = json!("x".repeat((4 << 20) + 1))),
        3,
        "a draft that is longer than 4 MiB",
    ),
    (
        |lines| changed(lines, 1, |chat| chat["settings"] = json!({"system_prompt": "x".repeat(2 << 20)})),
        2,
        "a system prompt that is longer than 1 MiB",
    ),
    (|lines| with_usage(lines, json!({"cost": -0.01})), 2, "a cost or a count that cannot be"),
    (|lines| with_usage(lines, json!({"cost": 1e300})), 2, "a cost or a count that cannot be"),
    (|lines| with_usage(lines, json!({"prompt_tokens": 1_u64 << 53})), 2, "a cost or a count that cannot be"),
    (
        |lines| changed(lines, 1, |chat| chat["answers"][0]["bill"] = json!({"settled": {"cost": -1.0}})),
        2,
        "a cost or a count that cannot be",
    ),
    (
        |lines| changed(lines, 1, |chat| chat["answers"][0]["seq"] = json!(u64::MAX)),
        2,
        "a cost or a count that cannot be",
    ),
    (
        |lines| {
            let other: Value = serde_json::from_str(&lines[2]).unwrap();
            changed(lines, 1, |chat| chat["leaf"] = other["answers"][0]["id"].clone())
        },
        2,
        "which is not in this chat",
    ),
];

fn with_usage(lines: Vec<String>, usage: Value) -> Vec<u8> {
    changed(lines, 1, |chat| chat["answers"][0]["state"]["ended"]["usage"] = usage)
}

fn join(lines: &[impl AsRef<str>]) -> Vec<u8> {
    let lines = lines.iter().map(|line| line.as_ref().to_owned() + "\n");
    lines.collect::<String>().into_bytes()
}

fn changed(mut lines: Vec<String>, line: usize, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = serde_json::from_str(&lines[line]).unwrap();
    change(&mut value);
    lines[line] = value.to_string();
    join(&lines)
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_its_line_and_nothing_is_imported() {
    let home = Home::with(&[conversation("There before")]).await;
    let before = (home.ids().await, home.export().await);
    let export = export_of(&[conversation("First"), conversation("Second")]);
    let lines: Vec<String> = export.lines().map(str::to_owned).collect();
    for (damage, line, words) in DAMAGED {
        let ended = home.run_with(&["import"], &damage(lines.clone())).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{words}: {ended:?}");
        let named = ended.errors.contains(&format!("Line {line} of the export "));
        assert!(named && ended.errors.contains(words), "line {line} {words}: {}", ended.errors);
        assert!(ended.errors.contains("Nothing was imported."), "{}", ended.errors);
        assert_eq!(home.ids().await, before.0, "{words}");
    }
    assert_eq!(home.export().await, before.1);
    assert_eq!(home.import(&(export + "\r\n \n")).await, "Added 2 chats.\n", "undamaged, it is imported");
}

#[tokio::test]
async fn a_damaged_file_makes_no_database() {
    let home = Home::new();
    assert_eq!(home.run_with(&["import"], b"nonsense").await.code, Some(1));
    assert!(!home.database().exists());
}

#[tokio::test]
async fn a_message_that_another_chat_has_already_stops_the_whole_import() {
    let there = conversation("There before");
    let home = Home::with(std::slice::from_ref(&there)).await;
    let before = home.export().await;
    let thief = Conversation { id: ConversationId::now(), ..there };
    let ended = home.run_with(&["import"], export_of(&[conversation("New"), thief]).as_bytes()).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("in use in another one. Nothing was imported."), "{}", ended.errors);
    assert_eq!(home.export().await, before);
}

#[tokio::test]
async fn chats_imported_beside_a_running_server_are_there_and_go_on() {
    let demo = start_demo().await;
    let home = Home::new();
    let server = Server::start(&home, &home.database(), &demo).await;
    let imported = conversation("From elsewhere");
    assert_eq!(home.import(&export_of(std::slice::from_ref(&imported))).await, "Added 1 chat.\n");
    let shown = server.load(imported.id).await;
    assert_eq!(Conversation { version: 0, ..shown }, imported);
    let mut next = message("demo/context", "Three?");
    next.conversation = imported.id;
    next.question.after = imported.answers.last().map(|answer| answer.id);
    let reader = server.begin(&next).await.finished().await;
    assert!(reader.answer.text().contains("Two."), "{}", reader.answer.text());
    let found: Value =
        server.post("/api/search_conversations", &json!({"query": "elsewhere"})).await.json().await.unwrap();
    assert_eq!(found[0]["conversation"], json!(imported.id));
}

#[tokio::test]
async fn an_import_before_the_first_start_makes_the_database() {
    let demo = start_demo().await;
    let imported = conversation("Brought along");
    let home = Home::with(std::slice::from_ref(&imported)).await;
    let server = Server::start(&home, &home.database(), &demo).await;
    let shown = server.load(imported.id).await;
    assert_eq!(Conversation { version: 0, ..shown }, imported);
}

/// A long answer in its middle, which takes a few seconds more.
async fn write_slowly(server: &Server) -> (SentMessage, Reader) {
    let message = message("demo/long", "[[delta_ms=8 characters=24]] Take your time");
    let mut reader = server.begin(&message).await;
    reader.until(|answer| answer.text().len() > 2000).await;
    (message, reader)
}

/// The one answer of the one conversation in an export.
fn only_answer(export: &str) -> Answer {
    transfer::read(export.as_bytes()).unwrap().remove(0).answers.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_in_the_middle_of_an_answer_can_be_started_from_and_disturbs_nobody() {
    let demo = start_demo().await;
    let home = Home::new();
    let server = Server::start(&home, &home.database(), &demo).await;
    let (message, reader) = write_slowly(&server).await;
    let ended = home.run(&["backup", "copy.db"]).await;
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
    assert!(ended.output.contains("copy.db"), "{}", ended.output);
    assert_eq!(home.other_files(), ["copy.db"]);
    let exported = only_answer(&home.export().await);

    let reader = reader.finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    let original = server.load(message.conversation).await.answers.remove(0);
    assert_eq!(
        (original.text().as_ref(), original.end()),
        (reader.answer.text().as_ref(), reader.answer.end())
    );

    let second = Server::start(&home, &home.path("copy.db"), &demo).await;
    let copied = second.load(message.conversation).await.answers.remove(0);
    for (part, how) in [(&copied, "backup"), (&exported, "export")] {
        let status = part.end().map(|end| end.status);
        assert_eq!(status, Some(EndStatus::Interrupted), "{how}");
        assert!(!part.text().is_empty() && part.text().len() < original.text().len(), "{how}");
        assert!(original.text().starts_with(part.text().as_ref()), "{how}: {}", part.text());
    }
    assert!(copied.text().len() <= exported.text().len(), "the export came later");
    let next = next_message(&message, "[[characters=256]] And in the copy?");
    assert_eq!(second.begin(&next).await.finished().await.status(), EndStatus::Complete);
    assert_eq!(server.load(message.conversation).await.answers.len(), 1);
}

#[tokio::test]
async fn what_a_killed_server_was_writing_is_exported() {
    let demo = start_demo().await;
    let home = Home::new();
    let server = Server::start(&home, &home.database(), &demo).await;
    let (message, reader) = write_slowly(&server).await;
    drop(server);
    let exported = only_answer(&home.export().await);
    assert_eq!((exported.id, exported.end().unwrap().status), (message.answer, EndStatus::Interrupted));
    assert!(!exported.text().is_empty());
    // The log and the reader were each cut off somewhere.
    let (log, read) = (exported.text(), reader.answer.text());
    assert!(log.starts_with(read.as_ref()) || read.starts_with(log.as_ref()), "{log}");
    let server = Server::start(&home, &home.database(), &demo).await;
    let recovered = server.load(message.conversation).await.answers.remove(0);
    assert_eq!(recovered.text(), exported.text(), "the export took nothing away");
}

#[tokio::test]
async fn an_existing_file_is_not_overwritten() {
    let home = Home::with(&[conversation("Only")]).await;
    std::fs::write(home.path("precious"), "precious").unwrap();
    for command in ["export", "backup"] {
        let ended = home.run(&[command, "precious"]).await;
        assert_eq!(ended.code, Some(1), "{command}");
        assert!(ended.errors.contains("precious") && ended.errors.contains("already"), "{}", ended.errors);
        assert_eq!(std::fs::read_to_string(home.path("precious")).unwrap(), "precious", "{command}");
    }
    assert_eq!(home.other_files(), ["precious"]);
}

#[tokio::test]
async fn an_export_leaves_out_what_is_damaged_says_so_and_can_be_imported() {
    let chats = ["Good", "Bad", "Good, too"].map(conversation);
    let home = Home::with(&chats).await;
    home.tamper("UPDATE answers SET metadata = 'damaged' WHERE number = 4").await;
    let told = format!("runnel: The chat \u{201c}Bad\u{201d} ({}) is damaged and was left out", chats[1].id);
    let to_file = home.run(&["export", "chats.jsonl"]).await;
    assert_eq!((to_file.code, to_file.output.as_str()), (Some(1), "2 chats written to chats.jsonl.\n"));
    let piped = home.run(&["export"]).await;
    assert_eq!(piped.code, Some(1));
    let written = std::fs::read_to_string(home.path("chats.jsonl")).unwrap();
    assert_eq!(written, piped.output);
    for ended in [to_file, piped] {
        assert!(ended.errors.starts_with(&told), "{}", ended.errors);
        assert_eq!(ended.errors.lines().count(), 1, "{}", ended.errors);
    }
    assert_eq!(Home::new().import(&written).await, "Added 2 chats.\n");
}

/// Each page of the file in turn: what can be read of the rest is exported.
#[tokio::test]
async fn of_a_database_with_a_damaged_page_all_other_chats_are_exported() {
    let mut chats: Vec<_> = (0..6).map(|number| conversation(&format!("Chat {number}"))).collect();
    for chat in &mut chats {
        chat.answers[0].content = Content::of_text("long ".repeat(1000));
    }
    let home = Home::with(&chats).await;
    let sound = std::fs::read(home.database()).unwrap();
    let page = usize::from(u16::from_be_bytes([sound[16], sound[17]]));
    let mut partly = 0;
    for at in (page..sound.len()).step_by(page) {
        let mut damaged = sound.clone();
        damaged[at..at + page].fill(0xa5);
        std::fs::write(home.database(), &damaged).unwrap();
        let Ok(store) = SqliteStore::open_beside(&home.database()).await else { continue };
        let mut bytes = Vec::new();
        if let Ok(exported) = transfer::export(&store, &ME, &mut bytes).await {
            let read = transfer::read(&bytes[..]).unwrap();
            assert_eq!(read.len() as u64, exported.conversations);
            let all = read.len() + exported.unreadable.len();
            assert_eq!(all, chats.len(), "page {}: {:?}", at / page, exported.unreadable);
            for chat in &read {
                let original = chats.iter().find(|known| known.id == chat.id).unwrap();
                assert_eq!(chat, original);
            }
            partly += usize::from(!read.is_empty() && !exported.unreadable.is_empty());
        }
        store.close().await;
    }
    assert!(partly > 10, "a part was exported of {partly} databases");
}

#[tokio::test]
async fn an_export_that_fails_leaves_no_file() {
    let home = Home::with(&[conversation("Good")]).await;
    home.tamper("ALTER TABLE texts RENAME TO elsewhere").await;
    let ended = home.run(&["export", "chats.jsonl"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(home.other_files(), Vec::<String>::new());
    let ended = home.run(&["export", "nowhere/chats.jsonl"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("nowhere/chats.jsonl cannot be written"), "{}", ended.errors);
    // What came out before the failure is no export.
    let ended = home.run(&["export"]).await;
    assert_eq!(ended.code, Some(1));
    transfer::read(ended.output.as_bytes()).unwrap_err();
}

#[tokio::test]
async fn an_import_is_made_in_portions_and_can_be_made_once_more() {
    let there = conversation("There before");
    let home = Home::with(std::slice::from_ref(&there)).await;
    let mut chats: Vec<_> = (0..250).map(|number| conversation(&format!("Chat {number}"))).collect();
    let good = chats[150].clone();
    chats[150] = Conversation { id: ConversationId::now(), ..there };
    let ended = home.run_with(&["import"], export_of(&chats).as_bytes()).await;
    assert_eq!(ended.code, Some(1));
    let told = "Before that, 100 chats were added. Import the file again for the rest.";
    assert!(
        ended.errors.contains("in use in another one.") && ended.errors.contains(told),
        "{}",
        ended.errors
    );
    assert_eq!(home.ids().await.len(), 101);
    chats[150] = good;
    assert_eq!(home.import(&export_of(&chats)).await, "Added 150 chats; 100 were there already.\n");
}

/// Each of them waits for a portion and not for the whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_writes_between_the_portions_of_an_import() {
    let home = Home::new();
    let store = SqliteStore::open(&home.database()).await.unwrap();
    let chats: Vec<_> = (0..350).map(|number| conversation(&format!("Chat {number}"))).collect();
    let beside = SqliteStore::open_beside(&home.database()).await.unwrap();
    let importing = tokio::spawn(async move { transfer::import(&beside, &ME, &chats).await.unwrap() });
    let mut seen = Vec::new();
    while !importing.is_finished() {
        let before = store.list_ids(&ME).await.unwrap().len() - seen.len();
        store.import(&ME, &[conversation("Meanwhile")]).await.unwrap();
        seen.push(before);
    }
    assert_eq!(importing.await.unwrap().added, 350);
    assert!(seen.iter().any(|before| (1..350).contains(before)), "{seen:?}");
}

#[tokio::test]
async fn the_cost_of_a_fork_is_not_counted_when_it_is_imported() {
    let app = TestApp::start().await;
    let asked = message("demo/plain", "What does it cost?");
    app.begin(&asked).await.finished().await;
    let fork = json!({"answer": asked.answer, "new": ConversationId::now()});
    assert!(app.post("/api/fork_conversation", &fork).await.status().is_success());
    let counted = app.store.daily_spending(&ME, 9).await.unwrap();
    assert!(counted[0].spending.cost > 0.0, "{counted:?}");
    let exported = export_from(&app.store).await;
    // As earlier versions wrote it.
    let earlier = exported.replace(",\"marks_copies\":true", "").replace(",\"is_copy\":true", "");
    assert!(earlier.len() < exported.len() - 30, "{exported}");
    for export in [exported, earlier] {
        let home = Home::new();
        assert_eq!(home.import(&export).await, "Added 2 chats.\n");
        let store = SqliteStore::open_beside(&home.database()).await.unwrap();
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap(), counted);
        store.close().await;
    }
}

/// A page asks for news with the revision that it knows.
#[tokio::test]
async fn a_page_that_is_open_learns_of_an_import() {
    let demo = start_demo().await;
    let home = Home::new();
    let server = Server::start(&home, &home.database(), &demo).await;
    let list = async |known: &Value| -> Value {
        let asked = json!({ "revision": known });
        server.post("/api/list_conversations", &asked).await.json().await.unwrap()
    };
    let known = list(&json!(0)).await["revision"].take();
    assert_eq!(list(&known).await, Value::Null);
    let imported = conversation("From elsewhere");
    home.import(&export_of(std::slice::from_ref(&imported))).await;
    eventually("the page is told", async || {
        list(&known).await["conversations"][0]["id"] == json!(imported.id)
    })
    .await;
}

#[tokio::test]
async fn an_export_into_a_pipe_that_is_closed_ends_quietly() {
    let mut long = conversation("Long");
    long.draft = "More than a pipe holds. ".repeat(50_000);
    let home = Home::with(&[long]).await;
    let mut command = home.command(&["export"]);
    let run = move || {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut start = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        (start, child.wait_with_output().unwrap())
    };
    let (start, output) = tokio::task::spawn_blocking(run).await.unwrap();
    assert_eq!(&start, b"{\"runnel_export\"");
    let ended = Ended::from(output);
    assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""));
}

/// Each command that reads a database, and what it is told.
async fn refused(home: &Home, commands: &[&[&str]], words: &str) {
    let before = std::fs::read(home.database()).ok();
    for arguments in commands {
        let ended = home.run_with(arguments, export_of(&[conversation("New")]).as_bytes()).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{arguments:?}: {ended:?}");
        assert!(ended.errors.contains(words), "{arguments:?}: {}", ended.errors);
        assert!(ended.errors.contains("runnel.db"), "{arguments:?}: {}", ended.errors);
        assert!(!home.path("chats").exists(), "{arguments:?}");
    }
    assert_eq!(std::fs::read(home.database()).ok(), before, "{words}");
}

const OUT: &[&[&str]] = &[&["export"], &["export", "chats"], &["backup", "chats"]];
const OUT_AND_IN: &[&[&str]] = &[&["export"], &["export", "chats"], &["backup", "chats"], &["import"]];

#[tokio::test]
async fn a_database_that_is_not_there_is_told_and_not_made() {
    let home = Home::new();
    refused(&home, OUT, "cannot be opened").await;
    assert!(!home.database().exists());
}

#[tokio::test]
async fn a_file_that_is_not_runnels_database_is_told_and_left_alone() {
    let home = Home::new();
    std::fs::write(home.database(), "Dear diary,\n").unwrap();
    refused(&home, OUT_AND_IN, "is not Runnel's database").await;
    let home = Home::new();
    home.tamper("PRAGMA journal_mode = WAL; CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x)")
        .await;
    refused(&home, OUT_AND_IN, "is not Runnel's database").await;
}

#[tokio::test]
async fn a_database_of_another_version_is_told_and_left_alone() {
    let home = Home::with(&[conversation("Only")]).await;
    home.tamper("INSERT INTO _sqlx_migrations VALUES (99, 'later', 0, 1, x'00', 0)").await;
    refused(&home, OUT_AND_IN, "was last used by a newer Runnel").await;
    home.tamper("DELETE FROM _sqlx_migrations").await;
    refused(&home, OUT_AND_IN, "was made by an older Runnel").await;
}

/// Any characters at all, also those that JSON, SQL and terminals treat in their own way.
fn any_text() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

/// As titles are kept.
fn any_title() -> impl Strategy<Value = String> {
    any_text().prop_map(|text| clean_title(&text).unwrap_or_else(|| "Untitled".to_owned()))
}

/// A time or a duration in milliseconds.
fn any_ms() -> impl Strategy<Value = u64> {
    0..100_000_000_000_000_u64
}

fn any_usage() -> impl Strategy<Value = Usage> {
    let cost = prop::option::of((0..1_000_000_u32).prop_map(|micros| f64::from(micros) / 1e6));
    (any::<Option<u32>>(), any::<Option<u32>>(), cost).prop_map(|(prompt, completion, cost)| Usage {
        prompt_tokens: prompt.map(u64::from),
        completion_tokens: completion.map(u64::from),
        cost,
        ..Usage::default()
    })
}

fn any_bill() -> impl Strategy<Value = Bill> {
    prop_oneof![
        Just(Bill::Stated),
        Just(Bill::Open),
        Just(Bill::Unknown),
        any_usage().prop_map(Bill::Settled)
    ]
}

/// An answer whose question is chosen later.
fn any_answer() -> impl Strategy<Value = Answer> {
    let status = prop::sample::select(vec![
        EndStatus::Complete,
        EndStatus::Stopped,
        EndStatus::Failed,
        EndStatus::Interrupted,
    ]);
    let events = prop::collection::vec(any_event(), 0..6);
    let ending = (status, prop::option::of(any_usage()), any_ms());
    (events, ending, any_bill(), any_ms(), any_text(), any::<bool>()).prop_map(
        |(events, (status, usage, duration_ms), bill, begun_ms, model, is_copy)| {
            let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), model);
            for event in &events {
                answer.apply(answer.seq.next(), event);
            }
            answer.state = State::Ended(End { usage, duration_ms, ..end(status) });
            (answer.bill, answer.begun_ms, answer.is_copy) = (bill, begun_ms, is_copy);
            answer
        },
    )
}

fn any_json() -> impl Strategy<Value = RawJson> {
    any_text().prop_map(|text| RawJson::from(&json!({"type": "file", "text": text})))
}

fn any_event() -> impl Strategy<Value = AnswerEvent> {
    prop_oneof![
        any_text().prop_map(AnswerEvent::Text),
        any_text().prop_map(AnswerEvent::Reasoning),
        any_text().prop_map(AnswerEvent::Refusal),
        any_text().prop_map(AnswerEvent::Image),
        any_ms().prop_map(|elapsed_ms| AnswerEvent::FirstToken { elapsed_ms }),
        any_ms().prop_map(|ms| AnswerEvent::Reasoned { ms }),
        any_json().prop_map(AnswerEvent::ReasoningDetail),
        any_json().prop_map(AnswerEvent::FileAnnotation),
        Just(AnswerEvent::Continuation),
    ]
}

/// A question with its answers, and which of the answers before it follows.
fn any_turn() -> impl Strategy<Value = (Question, Vec<Answer>, Option<prop::sample::Index>)> {
    let question = (any_text(), any_ms())
        .prop_map(|(text, asked_ms)| Question::of_text(QuestionId::now(), None, text, asked_ms));
    (question, prop::collection::vec(any_answer(), 0..3), any::<Option<prop::sample::Index>>())
}

fn any_conversation() -> impl Strategy<Value = Conversation> {
    let flags = any::<[bool; 3]>();
    let leaf = any::<Option<prop::sample::Index>>();
    let turns = prop::collection::vec(any_turn(), 0..5);
    (any_title(), any_text(), flags, any_ms(), any_ms(), leaf, turns).prop_map(
        |(title, draft, flags, created_ms, updated_ms, leaf, turns)| {
            let (mut questions, mut answers) = (Vec::new(), Vec::new());
            for (question, versions, after) in turns {
                let after = pick(&answers, after);
                let question = Question { after, ..question };
                answers.extend(versions.into_iter().map(|answer| Answer { question: question.id, ..answer }));
                questions.push(question);
            }
            let [is_title_chosen, is_pinned, is_archived] = flags;
            let leaf = pick(&answers, leaf);
            Conversation {
                is_title_chosen,
                is_pinned,
                is_archived,
                created_ms,
                updated_ms,
                draft,
                leaf,
                questions,
                answers,
                ..conversation(&title)
            }
        },
    )
}

fn pick(answers: &[Answer], index: Option<prop::sample::Index>) -> Option<AnswerId> {
    index.filter(|_| !answers.is_empty()).map(|index| index.get(answers).id)
}

proptest! {
    // Each case makes a database.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_conversations_survive_import_and_export(
        conversations in prop::collection::vec(any_conversation(), 0..4),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let exported = runtime.block_on(async {
            let home = Home::new();
            let store = SqliteStore::open(&home.database()).await.unwrap();
            let imported = transfer::import(&store, &ME, &conversations).await.unwrap();
            assert_eq!(imported.added, conversations.len() as u64);
            let exported = export_from(&store).await;
            store.close().await;
            exported
        });
        prop_assert_eq!(transfer::read(exported.as_bytes()).unwrap(), conversations);
    }
}
