//! The program itself, as it is started in a terminal.

use std::cell::Cell;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use runnel::chat::{AnswerId, ConversationId, EndStatus, Seq};
use runnel::problem::ProblemKind;
use runnel::server::demo::{Demo, Pace};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::store_faults::disks::{Disk, fill};
use crate::test_app::{KEY, PATIENCE, RawUpstream, Reader, Tally, eventually, http_client, message};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";

/// `runnel` with these arguments and nothing in its environment.
pub fn runnel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runnel"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    // Each has a file of its own: two would be refused the same one.
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::now_v7().to_string());
    command.env("RUNNEL_DATABASE_URL", folder.join("runnel.db"));
    command
}

/// The program under way. Killed if the test ends before it.
pub struct Program {
    pub child: Child,
    pub output: Pipe,
    pub errors: Pipe,
}

/// What came out so far.
pub struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Pipe {
    pub fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let thread = std::thread::spawn({
            let bytes = Arc::clone(&bytes);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            }
        });
        Self { bytes, thread: Some(thread) }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, output: Pipe::read(output), errors: Pipe::read(errors) }
    }

    pub async fn says(&self, text: &str) {
        eventually(text, async || self.output.text().contains(text)).await;
    }

    /// The first word of its output that is an address.
    pub async fn address(&self) -> String {
        self.says("http://").await;
        self.says("\n").await;
        let output = self.output.text();
        output.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned()
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub async fn ended(mut self) -> Ended {
        let child = Mutex::new(&mut self.child);
        eventually("the program ends", async || child.lock().unwrap().try_wait().unwrap().is_some()).await;
        let status = self.has_ended().unwrap();
        for pipe in [&mut self.output, &mut self.errors] {
            pipe.thread.take().unwrap().join().unwrap();
        }
        Ended { code: status.code(), output: self.output.text(), errors: self.errors.text() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub async fn run(command: &mut Command) -> Ended {
    Program::start(command).ended().await
}

/// An upstream, and `runnel ask` in front of it.
pub struct Asking {
    demo: Demo,
}

impl Asking {
    pub async fn start() -> Self {
        let pace = Pace { delta: Duration::ZERO, comment: Duration::from_millis(10), ..Pace::default() };
        Self { demo: Demo::start(([127, 0, 0, 1], 0).into(), pace).await.unwrap() }
    }

    pub fn ask(&self, model: &str, arguments: &[&str]) -> Command {
        let mut command = runnel(&["ask", "--model", model]);
        command.args(arguments).env("OPENROUTER_BASE_URL", self.demo.base_url());
        command
    }

    async fn stats(&self) -> Value {
        let url = format!("http://{}/__stats", self.demo.address());
        http_client().get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn tally(&self, prompt: &str) -> Tally {
        serde_json::from_value(self.stats().await["by_prompt"][prompt].take()).unwrap_or_default()
    }
}

#[tokio::test]
async fn help_names_every_command_flag_and_variable() {
    let ended = run(&mut runnel(&["--help"])).await;
    assert_eq!(ended.code, Some(0));
    for word in [
        "ask",
        "demo-upstream",
        "--listen",
        "RUNNEL_LISTEN",
        "--max-connections",
        "RUNNEL_MAX_CONNECTIONS",
        "127.0.0.1:3000",
        "--api-key",
        "OPENROUTER_API_KEY",
        "--base-url",
        "OPENROUTER_BASE_URL",
        "https://openrouter.ai/api/v1",
        "--site-url",
        "RUNNEL_SITE_URL",
        "HTTP-Referer",
        "--site-name",
        "RUNNEL_SITE_NAME",
        "X-Title",
        "X-OpenRouter-Title",
        "--default-model",
        "RUNNEL_DEFAULT_MODEL",
        "--connect-timeout",
        "RUNNEL_CONNECT_TIMEOUT",
        "--idle-timeout",
        "RUNNEL_IDLE_TIMEOUT",
        "--progress-timeout",
        "RUNNEL_PROGRESS_TIMEOUT",
        "demo mode",
    ] {
        assert!(ended.output.contains(word), "{word} is missing:\n{}", ended.output);
    }
}

#[tokio::test]
async fn help_for_ask_names_its_flags_and_exit_codes() {
    let ended = run(&mut runnel(&["ask", "--help"])).await;
    assert_eq!(ended.code, Some(0));
    for word in ["-m, --model", "--system", "--stats", "--timeout", "[PROMPT]", "124", "130"] {
        assert!(ended.output.contains(word), "{word} is missing:\n{}", ended.output);
    }
}

#[tokio::test]
async fn help_does_not_show_the_key() {
    let ended = run(runnel(&["--help"]).env("OPENROUTER_API_KEY", KEY)).await;
    assert!(!ended.output.contains(KEY));
}

#[tokio::test]
async fn a_key_that_is_not_openrouters_is_refused_with_help_and_not_repeated() {
    let wrong = "sk-proj-something-else";
    for (ended, how) in [
        (run(runnel(&[]).env("OPENROUTER_API_KEY", wrong)).await, "environment"),
        (run(&mut runnel(&["--api-key", wrong])).await, "flag"),
        (run(&mut runnel(&["ask", "--api-key", wrong, "Hello"])).await, "ask"),
    ] {
        assert_eq!(ended.code, Some(1), "{how}: {ended:?}");
        for word in ["OPENROUTER_API_KEY", "sk-or-", "https://openrouter.ai/keys", "OPENROUTER_BASE_URL"] {
            assert!(ended.errors.contains(word), "{how}: {}", ended.errors);
        }
        assert!(!ended.errors.contains("something-else") && ended.output.is_empty(), "{how}: {ended:?}");
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_sent_is_refused_and_not_repeated() {
    let ended = run(runnel(&[]).env("OPENROUTER_API_KEY", "sk-or-v1-sec\nret")).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("API key") && !ended.errors.contains("ret"), "{}", ended.errors);
}

#[tokio::test]
async fn a_base_url_that_is_none_is_refused_with_an_example() {
    let ended = run(runnel(&[]).env("OPENROUTER_BASE_URL", "localhost:8080")).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("\u{201c}localhost:8080\u{201d} is not a valid URL"), "{}", ended.errors);
    assert!(ended.errors.contains("http://127.0.0.1:8080/v1"), "{}", ended.errors);
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [vec!["--listen", &address], vec!["demo-upstream", "--at", &address]] {
        let ended = run(&mut runnel(&arguments)).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains(&address) && ended.errors.contains("is taken"), "{}", ended.errors);
        assert!(ended.errors.contains(arguments[arguments.len() - 2]), "names the flag: {}", ended.errors);
    }
}

#[tokio::test]
async fn ask_prints_text_as_it_arrives() {
    let asking = Asking::start().await;
    let mut program = Program::start(&mut asking.ask("demo/stall", &["Print what you have"]));
    program.says(BEFORE_SILENCE).await;
    assert!(program.has_ended().is_none());
    assert_eq!(asking.tally("Print what you have").await.open, 1);
}

#[tokio::test]
async fn ask_prints_the_answer_and_nothing_else() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/echo", &["Grüße, 世界"])).await;
    assert_eq!((ended.code, ended.output.as_str(), ended.errors.as_str()), (Some(0), "Grüße, 世界\n", ""));
}

#[tokio::test]
async fn ask_passes_the_system_prompt_on() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/context", &["--system", "Be brief.", "Hello"])).await;
    let context: Value = serde_json::from_str(&ended.output).unwrap();
    assert_eq!(
        context["messages"],
        json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}])
    );
}

#[tokio::test]
async fn standard_input_joins_the_question_or_stands_for_it() {
    let asking = Asking::start().await;
    for (arguments, expected) in
        [(vec!["Summarise this:"], "Summarise this:\n\nA long text.\n"), (vec![], "A long text.\n")]
    {
        let mut program = Program::start(asking.ask("demo/echo", &arguments).stdin(Stdio::piped()));
        program.child.stdin.take().unwrap().write_all(b"A long text.").unwrap();
        let ended = program.ended().await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(0), expected), "{ended:?}");
    }
}

#[tokio::test]
async fn ask_without_a_question_says_how_to_ask() {
    let asking = Asking::start().await;
    for arguments in [vec![], vec!["  "]] {
        let ended = run(&mut asking.ask("demo/echo", &arguments)).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors.contains("runnel ask"), "{}", ended.errors);
    }
    assert_eq!(asking.stats().await["requests"], 0);
}

#[tokio::test]
async fn exit_codes_tell_the_kinds_of_error_apart() {
    let asking = Asking::start().await;
    let cases = [
        ("demo/error-401", 3, ProblemKind::WrongKey),
        ("demo/error-402", 4, ProblemKind::NoCredit),
        ("demo/error-404", 5, ProblemKind::UnknownModel),
        ("demo/error-429-long", 6, ProblemKind::RateLimited),
        ("demo/midstream-documented-after-text", 7, ProblemKind::ProviderDown),
        ("demo/error-context", 8, ProblemKind::TooLong),
        ("demo/error-403", 9, ProblemKind::Refused),
        ("demo/error-400", 10, ProblemKind::BadRequest),
        ("demo/cut", 12, ProblemKind::CutOff),
        ("demo/error-not-json", 13, ProblemKind::Unreadable),
    ];
    for (model, code, kind) in cases {
        let ended = run(&mut asking.ask(model, &["How do you fail?"])).await;
        assert_eq!(ended.code, Some(code), "{model}: {ended:?}");
        assert!(ended.errors.contains(kind.sentence()), "{model}: {}", ended.errors);
        assert!(ended.errors.contains(kind.advice(true)), "{model}: {}", ended.errors);
        let keeps_text = ["demo/cut", "demo/midstream-documented-after-text"].contains(&model);
        assert_eq!(ended.output.ends_with('\n'), keeps_text, "{model}: {}", ended.output);
    }
    // After all attempts, which take some seconds.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    let ended = run(&mut runnel(&["ask", "--base-url", &base_url, "-m", "any", "Hello"])).await;
    assert_eq!(ended.code, Some(11), "{ended:?}");
    assert!(ended.errors.contains("(4 of 4)"), "{}", ended.errors);
}

/// `runnel ask` without a model, so that the first of the upstream's list is wanted.
async fn ask_any_model_of(base_url: &str, key: Option<&str>) -> Ended {
    let mut command = runnel(&["ask", "--base-url", base_url, "Anybody?"]);
    command.envs(key.map(|key| ("OPENROUTER_API_KEY", key)));
    run(&mut command).await
}

#[tokio::test]
async fn ask_says_why_there_is_no_list_to_choose_a_model_from() {
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    let unreachable = ask_any_model_of(&base_url, None).await;
    assert_eq!(unreachable.code, Some(11), "{unreachable:?}");
    assert!(unreachable.errors.contains(ProblemKind::Unreachable.sentence()), "{}", unreachable.errors);
    assert!(unreachable.errors.contains("OPENROUTER_BASE_URL"), "{}", unreachable.errors);

    let json = ["content-type: application/json"];
    let body = r#"{"error":{"code":401,"message":"User not found."}}"#;
    let upstream = RawUpstream::with_response("401 Unauthorized", &json, body).await;
    let refused = ask_any_model_of(&upstream.base_url(), Some(KEY)).await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(refused.errors.contains(ProblemKind::WrongKey.sentence()), "{}", refused.errors);
    assert!(refused.errors.contains("OPENROUTER_API_KEY"), "{}", refused.errors);

    for (status, body) in [("200 OK", r#"{"data":[]}"#), ("404 Not Found", r#"{"detail":"Not Found"}"#)] {
        let upstream = RawUpstream::with_response(status, &json, body).await;
        let unlisted = ask_any_model_of(&upstream.base_url(), None).await;
        assert_eq!(unlisted.code, Some(5), "{status}: {unlisted:?}");
        assert!(unlisted.errors.contains(&upstream.base_url()), "{status}: {}", unlisted.errors);
        assert!(unlisted.errors.contains("--model"), "{status}: {}", unlisted.errors);
    }
    for errors in [unreachable.errors, refused.errors] {
        assert!(!errors.contains("Choose a model") && !errors.contains("kept"), "{errors}");
    }
}

#[tokio::test]
async fn ask_says_that_what_was_written_is_kept_only_if_something_was() {
    let asking = Asking::start().await;
    for (model, is_kept) in [("demo/cut", true), ("demo/stall-first", false)] {
        let ended = run(&mut asking.ask(model, &["--idle-timeout", "0.3", "How much?"])).await;
        assert_eq!(ended.code, Some(12), "{model}: {ended:?}");
        assert!(ended.errors.contains("Try again."), "{model}: {}", ended.errors);
        assert_eq!(ended.errors.contains("What was written is kept."), is_kept, "{model}: {}", ended.errors);
    }
}

#[tokio::test]
async fn ask_tells_that_an_answer_was_cut_off_at_its_length() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/length", &["Tell me everything"])).await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.errors, "Cut off at the token limit.\n");
}

#[tokio::test]
async fn ask_gives_up_after_its_timeout_and_closes_the_upstream() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/stall", &["--timeout", "2", "How long?"])).await;
    assert_eq!(ended.code, Some(124), "{ended:?}");
    assert!(ended.output.starts_with(BEFORE_SILENCE), "{}", ended.output);
    assert!(!ended.errors.is_empty());
    eventually("the stream is closed", async || {
        let tally = asking.tally("How long?").await;
        (tally.open, tally.aborted) == (0, 1)
    })
    .await;
}

#[tokio::test]
async fn the_timeout_of_ask_holds_while_the_model_is_being_chosen_too() {
    let upstream = RawUpstream::silent().await;
    let ended =
        run(&mut runnel(&["ask", "--base-url", &upstream.base_url(), "--timeout", "1", "Anybody?"])).await;
    assert_eq!(ended.code, Some(124), "{ended:?}");
}

#[tokio::test]
async fn ctrl_c_ends_ask_with_130_and_closes_the_upstream() {
    let asking = Asking::start().await;
    for (model, text) in [("demo/stall", BEFORE_SILENCE), ("demo/hang", "")] {
        let prompt = format!("Never mind, {model}");
        let program = Program::start(&mut asking.ask(model, &[&prompt]));
        program.says(text).await;
        eventually("the stream is open", async || asking.tally(&prompt).await.open == 1).await;
        program.signal("INT");
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(130), "{ended:?}");
        assert_eq!(ended.output.trim_end(), text);
        eventually("the stream is closed", async || {
            let tally = asking.tally(&prompt).await;
            (tally.open, tally.aborted) == (0, 1)
        })
        .await;
    }
}

#[tokio::test]
async fn ctrl_c_ends_ask_although_nobody_reads_its_output() {
    let asking = Asking::start().await;
    // 100,000 characters: more than a pipe holds.
    let mut command = asking.ask("demo/many-tiny", &["Into the void"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let unread = child.stdout.take().unwrap();
    let mut program =
        Program { child, output: Pipe::read(std::io::empty()), errors: Pipe::read(std::io::empty()) };
    eventually("the stream is open", async || asking.tally("Into the void").await.open == 1).await;
    let (id, still) = (program.child.id(), Cell::new((None, 0)));
    eventually("the program stands still", async || {
        let (before, count) = still.get();
        let now = processor_time(id);
        still.set((now, if now == before { count + 1 } else { 0 }));
        still.get().1 > 50
    })
    .await;
    assert!(program.has_ended().is_none());
    program.signal("INT");
    let child = Mutex::new(&mut program.child);
    eventually("the program ends", async || child.lock().unwrap().try_wait().unwrap().is_some()).await;
    assert_eq!(program.has_ended().unwrap().code(), Some(130));
    drop(unread);
}

/// The processor time that a process has used, as the kernel counts it; nothing where that is not told.
fn processor_time(id: u32) -> Option<u64> {
    let line = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<_> = line.rsplit(") ").next()?.split(' ').collect();
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

#[tokio::test]
async fn stats_come_on_standard_error() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/echo", &["--stats", "What does this cost?"])).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "What does this cost?\n"));
    for word in
        ["model demo/echo", "provider Demo", "first token", "tokens", "cost $", "20 characters", "stop"]
    {
        assert!(ended.errors.contains(word), "{word}: {}", ended.errors);
    }
    let ended = run(&mut asking.ask("demo/echo", &["--stats", "[[characters=9]] Once"])).await;
    assert!(ended.errors.contains("4 characters in 1 chunk ·"), "{}", ended.errors);
    let ended = run(&mut asking.ask("demo/echo", &["--stats", "[[repeat=1000 characters=4]] Ofte"])).await;
    assert!(ended.errors.contains("4,000 characters in 1,000 chunks ·"), "{}", ended.errors);
}

#[tokio::test]
async fn without_key_and_base_url_ask_is_answered_by_the_demo() {
    let ended = run(&mut runnel(&["ask", "[[delta_ms=0]] What is this?"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output.starts_with("Welcome to Runnel. You asked:"), "{}", ended.output);
}

#[tokio::test]
async fn demo_upstream_prints_its_address_and_serves_there() {
    let program = Program::start(&mut runnel(&["demo-upstream", "--at", "127.0.0.1:0", "--delta-ms", "0"]));
    let base_url = program.address().await;
    let ended =
        run(&mut runnel(&["ask", "--base-url", &base_url, "-m", "demo/echo", "Through two programs"])).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "Through two programs\n"), "{ended:?}");
    program.signal("TERM");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn without_key_and_base_url_it_starts_in_demo_mode_and_answers() {
    let program = Program::start(&mut runnel(&["--listen", "127.0.0.1:0"]));
    let address = program.address().await;
    program.says("demo mode").await;
    program.says("OPENROUTER_API_KEY").await;
    let body = json!({"question": {"text": "[[delta_ms=0]] Are you a demo?"}});
    let response =
        http_client().post(format!("{address}/api/send_message")).json(&body).send().await.unwrap();
    let reader = Reader::new(response, AnswerId::now(), Seq::START).finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert!(
        reader.answer.text.starts_with("Welcome to Runnel. You asked:\n\n> Are you a demo?"),
        "{}",
        reader.answer.text
    );
    let page = http_client().get(&address).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Demo: answers come from Runnel itself"), "{page}");
}

#[tokio::test]
async fn it_stops_when_told_to_although_a_stream_is_open() {
    let asking = Asking::start().await;
    for (signal, prompt) in [("TERM", "Until SIGTERM"), ("INT", "Until SIGINT")] {
        let mut command = runnel(&["--listen", "127.0.0.1:0"]);
        command.env("OPENROUTER_BASE_URL", asking.demo.base_url()).env("RUNNEL_SHUTDOWN_GRACE", "0.1");
        let program = Program::start(&mut command);
        let address = program.address().await;
        let message = message("demo/stall", prompt);
        let request = http_client().post(format!("{address}/api/send_message")).json(&message);
        let mut reader = Reader::new(request.send().await.unwrap(), message.answer, Seq::START);
        reader.until(|answer| answer.text == BEFORE_SILENCE).await;
        program.signal(signal);
        let reader = reader.finished().await;
        assert_eq!((reader.status(), reader.answer.text.as_str()), (EndStatus::Interrupted, BEFORE_SILENCE));
        let ended = program.ended().await;
        assert_eq!((ended.code, ended.errors.as_str()), (Some(0), ""), "{signal}");
        eventually("the upstream stream is closed", async || asking.tally(prompt).await.aborted == 1).await;
    }
}

/// Two answers of 2 MB on a disk of 3 MB: neither the database nor the log has space for both.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_a_full_disk_did_not_take_is_told_and_not_lost_when_there_is_space() {
    let asking = Asking::start().await;
    let folder = tempfile::tempdir().unwrap();
    let Some(_disk) = Disk::mount(folder.path(), "size=3m") else { return };
    let start = |grace: &str| {
        let mut command = runnel(&["--listen", "127.0.0.1:0"]);
        command.env("OPENROUTER_BASE_URL", asking.demo.base_url()).env("RUNNEL_SHUTDOWN_GRACE", grace);
        Program::start(command.env("RUNNEL_DATABASE_URL", folder.path().join("runnel.db")))
    };
    let program = start("0.1");
    let address = program.address().await;
    let mut messages = Vec::new();
    for prompt in ["The first", "The second"] {
        let message = message("demo/long", &format!("[[delta_ms=0 characters=4096 repeat=176]] {prompt}"));
        let request = http_client().post(format!("{address}/api/send_message")).json(&message);
        let reader = Reader::new(request.send().await.unwrap(), message.answer, Seq::START).finished().await;
        assert_eq!(reader.status(), EndStatus::Complete);
        messages.push((message, reader));
    }
    assert!(messages[0].1.answer.text.len() > 1_900_000, "{}", messages[0].1.answer.text.len());
    let untold = messages.iter().filter(|(_, reader)| reader.end().unkept.is_none()).count();
    assert!(untold < 2, "the disk had space for both");
    program.signal("TERM");
    program.says("not kept yet").await;
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.errors.contains("Free some space, then start Runnel again"), "{}", ended.errors);

    // Nothing that was told to be kept is lost, and what the log has is there as soon as there is space.
    assert!(
        Command::new("mount").args(["-o", "remount,size=64m"]).arg(folder.path()).status().unwrap().success()
    );
    let program = start("30");
    let address = program.address().await;
    let mut found = 0;
    for (message, reader) in &messages {
        let url = format!("{address}/api/follow_answer?id={}", message.answer);
        let response = http_client().get(url).send().await.unwrap();
        let kept = Reader::new(response, message.answer, Seq::START).finished().await;
        if reader.end().unkept.is_none() {
            assert!(kept.answer.text == reader.answer.text, "what was told to be kept is lost");
        } else {
            assert!(reader.answer.text.starts_with(&kept.answer.text));
        }
        found += kept.answer.text.len();
    }
    assert!(found > 1_000_000, "{found} bytes: the log was dropped");

    // Told to stop while the disk is full, it goes on trying, and ends well once there is space.
    let ballast = fill(folder.path());
    let message = message("demo/echo", "Is there room now?");
    let request = http_client().post(format!("{address}/api/send_message")).json(&message);
    // The question itself finds no room.
    assert_eq!(request.send().await.unwrap().status(), 500);
    std::fs::remove_file(&ballast).unwrap();
    let stalled = crate::test_app::message("demo/stall", "Room for the question");
    let request = http_client().post(format!("{address}/api/send_message")).json(&stalled);
    let mut reader = Reader::new(request.send().await.unwrap(), stalled.answer, Seq::START);
    reader.until(|answer| answer.text == BEFORE_SILENCE).await;
    let ballast = fill(folder.path());
    let request =
        http_client().post(format!("{address}/api/stop_answer")).json(&json!({"id": stalled.answer}));
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert!(reader.finished().await.end().unkept.is_some());
    program.signal("TERM");
    program.says("not kept yet").await;
    std::fs::remove_file(ballast).unwrap();
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.errors);
}

#[tokio::test]
async fn a_port_is_address_enough() {
    let program = Program::start(&mut runnel(&["--listen", "0"]));
    assert!(program.address().await.starts_with("http://127.0.0.1:"));
    for bad in ["chat.example.com", "127.0.0.1", "99999"] {
        let ended = run(&mut runnel(&["--listen", bad])).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.errors.contains("such as 3000"), "{}", ended.errors);
    }
}

#[tokio::test]
async fn the_example_of_the_readme_works_in_demo_mode() {
    let program = Program::start(&mut runnel(&["--listen", "0"]));
    let address = program.address().await;
    let (_, example) = include_str!("../../README.md").split_once("/api/send_message").unwrap();
    let body = example.split('\'').nth(3).unwrap();
    let sent: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error} in {body}"));
    let request = http_client().post(format!("{address}/api/send_message")).json(&sent);
    let id = serde_json::from_value(sent["answer"].clone()).unwrap();
    let reader = Reader::new(request.send().await.unwrap(), id, Seq::START).finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
}

/// `runnel` in a shell that sets its limit of open files first, as `ulimit` does with these arguments.
fn runnel_with_files(ulimit: &str) -> Command {
    let serve = runnel(&[]);
    let script = format!("ulimit {ulimit} && exec \"$0\" --listen 0");
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script).arg(serve.get_program()).env_clear().stdin(Stdio::null());
    command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_system_allows() {
    let program = Program::start(&mut runnel_with_files("-Sn 64"));
    program.address().await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.child.id())).unwrap();
    let files: Vec<_> =
        limits.lines().find(|line| line.starts_with("Max open files")).unwrap().split_whitespace().collect();
    assert_eq!(files[3], files[4], "{limits}");
}

#[tokio::test]
async fn a_flood_of_unfinished_heads_takes_no_file_from_who_is_connected() {
    let program = Program::start(&mut runnel_with_files("-n 128"));
    let address = program.address().await;
    let address = address.strip_prefix("http://").unwrap();
    let mut connected = TcpStream::connect(address).await.unwrap();
    connected.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    read_until(&mut connected, "ok\n").await;
    let mut flood = Vec::new();
    for _ in 0..300 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // Whoever is refused may have been closed already.
        let _ = socket.write_all(b"GET / HTTP/1.1\r\nHost: local").await;
        flood.push(socket);
    }
    let body = json!({"question": {"text": "[[delta_ms=0]] Is there room for the store and the upstream?"}})
        .to_string();
    let request = format!(
        "POST /api/send_message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    connected.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut connected, "\"end\":").await;
    assert!(answer.contains("\"status\":\"complete\""), "{answer}");
    drop(flood);
    program.signal("TERM");
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended.errors.matches("too many connections").count();
    assert!((1..30).contains(&told), "the log tells of refusals, and not of each: {}", ended.errors);
    assert!(ended.errors.contains("128 open files"), "{}", ended.errors);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_large_requests_at_once_do_not_fill_the_memory() {
    let program = Program::start(&mut runnel(&["--listen", "0"]));
    let address = program.address().await;
    let id = program.child.id();
    let before = peak_memory(id);
    // A draft that is too long: it is read whole, and nothing is done with it.
    let draft = json!({"id": ConversationId::now(), "change": {"draft": "x".repeat((8 << 20) - 200)}});
    let body = bytes::Bytes::from(draft.to_string());
    let sending = (0..40).map(|_| {
        let request = http_client().post(format!("{address}/api/change_conversation"));
        request.header("content-type", "application/json").body(body.clone()).send()
    });
    for response in futures::future::join_all(sending).await {
        assert_eq!(response.unwrap().status(), 413);
    }
    let grown = (peak_memory(id) - before) >> 20;
    assert!(grown < 256, "40 requests of 8 MiB took {grown} MiB");
}

/// The most memory that a process has had, in bytes.
fn peak_memory(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// What comes up to these words and the end of their line.
async fn read_until(socket: &mut TcpStream, words: &str) -> String {
    let mut heard = String::new();
    while !heard.split_once(words).is_some_and(|(_, rest)| words.ends_with('\n') || rest.contains('\n')) {
        let mut piece = [0; 4096];
        let count = tokio::time::timeout(PATIENCE, socket.read(&mut piece)).await.expect("silence").unwrap();
        assert!(count > 0, "closed after {heard:?}");
        heard.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    heard
}

#[tokio::test]
async fn the_key_is_in_no_output_however_much_is_logged() {
    let asking = Asking::start().await;
    let mut command = runnel(&["--listen", "127.0.0.1:0"]);
    command.env("OPENROUTER_BASE_URL", asking.demo.base_url()).env("OPENROUTER_API_KEY", KEY);
    let program = Program::start(command.env("RUST_LOG", "trace"));
    let address = program.address().await;
    let mut seen = Vec::new();
    for model in ["demo/error-leak", "demo/echo", "demo/error-500-unknown", "demo/cut-reset"] {
        let message = message(model, "Do not tell");
        let request = http_client().post(format!("{address}/api/send_message")).json(&message);
        let response = request.send().await.unwrap();
        seen.push(format!("{:?}", response.headers()));
        let reader = Reader::new(response, message.answer, Seq::START).finished().await;
        seen.push(String::from_utf8(reader.body).unwrap());
        for path in [format!("/c/{}", message.conversation), "/".into()] {
            seen.push(
                http_client().get(format!("{address}{path}")).send().await.unwrap().text().await.unwrap(),
            );
        }
        let models = http_client().post(format!("{address}/api/list_models")).json(&json!({}));
        seen.push(models.send().await.unwrap().text().await.unwrap());
    }
    assert_eq!(asking.stats().await["last_request"]["headers"]["authorization"]["present"], true);
    program.signal("TERM");
    let ended = program.ended().await;
    assert!(ended.errors.contains("TRACE"), "{}", ended.errors);
    seen.extend([ended.output, ended.errors]);

    let mut command = asking.ask("demo/error-leak", &["--stats", "Do not tell"]);
    let ended = run(command.env("OPENROUTER_API_KEY", KEY).env("RUST_LOG", "trace")).await;
    assert_eq!(ended.code, Some(3));
    assert!(ended.errors.contains("[key]"), "{}", ended.errors);
    seen.extend([ended.output, ended.errors]);
    for text in seen {
        assert!(!text.contains(KEY), "{text}");
    }
}
