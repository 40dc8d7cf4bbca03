//! Databases of earlier versions, which are kept in `fixtures`, and upgrades that break off.
//!
//! A new migration needs a fixture of its version, written by the version that brings it:
//! `cargo test --features ssr --test integration -- --ignored writes_the_fixture`. After that it stays as it is,
//! as the databases that people have do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;

use runnel::chat::{
    Answer, AnswerEvent, AnswerId, Conversation, ConversationId, Question, QuestionId, Source, Usage,
};
use runnel::library::{ConversationChange, FoundIn};
use runnel::server::store::{Begun, NewAnswer, SqliteStore, Store};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;
use uuid::Uuid;

use crate::store_contract::{MIDNIGHT, MODEL, applied, chat, complete, ended, load, load_answer};
use crate::store_faults::{connect, integrity};

#[test]
fn every_migration_has_a_fixture_of_its_version() {
    assert_eq!(
        migrations(),
        fixtures().into_keys().collect(),
        "the migrations and the fixtures; see the documentation of this file"
    );
}

#[tokio::test]
async fn a_database_of_every_earlier_version_opens_with_all_that_is_in_it() {
    for (version, fixture) in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let file = copy_of(&fixture, folder.path());
        assert_eq!(version_of(&file).await, Some(version), "{}", fixture.display());
        let store = SqliteStore::open(&file).await.unwrap();
        assert_whole_story(&store).await;
        chat(&store, "It goes on?", "It does.").await;
        store.close().await;
        assert_eq!(integrity(&file).await, "ok");
        assert_eq!(version_of(&file).await, migrations().last().copied());
    }
}

#[tokio::test]
async fn every_earlier_version_becomes_what_a_new_database_is() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new.db");
    SqliteStore::open(&new).await.unwrap().close().await;
    for (version, fixture) in fixtures() {
        let folder = tempfile::tempdir().unwrap();
        let file = copy_of(&fixture, folder.path());
        SqliteStore::open(&file).await.unwrap().close().await;
        assert_eq!(schema_of(&file).await, schema_of(&new).await, "version {version}");
    }
}

#[tokio::test]
async fn a_database_whose_making_broke_off_is_made_anew() {
    let first = fs::read_to_string(migration_file(1)).unwrap();
    let migrations_table = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
        installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, \
        checksum BLOB NOT NULL, execution_time BIGINT NOT NULL);";
    let before = ["", migrations_table];
    for before in before {
        for broken_off in ["", &first] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("runnel.db");
            let left = break_off(&file, before, broken_off).await;
            for file in [file, left.path().join("runnel.db")] {
                let store = SqliteStore::open(&file).await.unwrap();
                assert_eq!(store.list_ids().await.unwrap(), []);
                tell_story(&store).await;
                assert_whole_story(&store).await;
                store.close().await;
                assert_eq!(integrity(&file).await, "ok");
            }
        }
    }
}

#[tokio::test]
async fn an_upgrade_that_breaks_off_leaves_the_version_before() {
    let (version, fixture) = fixtures().pop_last().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = copy_of(&fixture, folder.path());
    let upgrade = format!(
        "ALTER TABLE conversations ADD COLUMN mood TEXT NOT NULL DEFAULT ''; \
         UPDATE conversations SET title = 'half upgraded', mood = 'torn'; \
         DELETE FROM answers; \
         INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES ({}, 'mood', 1, x'00', 0);",
        version + 1
    );
    let left = break_off(&file, "", &upgrade).await;
    for file in [file, left.path().join(fixture.file_name().unwrap())] {
        let store = SqliteStore::open(&file).await.unwrap();
        assert_whole_story(&store).await;
        store.close().await;
        assert_eq!(version_of(&file).await, Some(version));
        assert_eq!(integrity(&file).await, "ok");
    }
}

#[tokio::test]
#[ignore = "writes a file of the repository: to be run once, when a migration is added"]
async fn writes_the_fixture_of_the_newest_version() {
    let newest = *migrations().last().unwrap();
    let file = fixture_folder().join(format!("schema-{newest:04}.db"));
    assert!(!file.exists(), "{} is there already", file.display());
    let store = SqliteStore::open(&file).await.unwrap();
    tell_story(&store).await;
    store.close().await;
    fs::remove_file(log_folder(&file).join("lock")).unwrap();
}

/// What every fixture holds: versions of questions and answers, titles, a pin, a draft, bills, something deleted,
/// and an answer that was being written.
struct Story {
    /// As they are found.
    conversations: Vec<Conversation>,
    deleted: Conversation,
    running: (Conversation, Vec<AnswerEvent>),
}

impl Story {
    fn new() -> Self {
        let usage = Usage {
            prompt_tokens: Some(11),
            completion_tokens: Some(22),
            cost: Some(0.125),
            ..Usage::default()
        };
        let first = question(11, None, "What colours has the rainbow?");
        let answers = [
            answer(21, &first, "Seven, said Newton.", Some(usage)),
            answer(22, &first, "As many as you care to name.", None),
        ];
        let second = question(12, Some(&answers[0]), "Which of them is the first?");
        let other_second = question(13, Some(&answers[0]), "Which of them is the last?");
        let [one, other_one] = answers;
        let two = answer(23, &second, "Red: naïve, but **warm**.\n\n- 🟥", None);
        let other_two = answer(24, &other_second, "Violet.", None);
        let pinned = Conversation {
            title: "Colours".to_owned(),
            is_title_chosen: true,
            is_pinned: true,
            draft: "And what is".to_owned(),
            leaf: Some(two.id),
            ..conversation(1, vec![first, second, other_second], vec![one, other_one, two, other_two])
        };

        let asked = question(14, None, "What does it cost?");
        let source = Source { generation_id: Some("gen-1".to_owned()), ..Source::default() };
        let events = [
            AnswerEvent::Source(source),
            AnswerEvent::Reasoning("Nobody knows.".to_owned()),
            AnswerEvent::Text("That will be told later.".to_owned()),
            AnswerEvent::End(complete(None)),
        ];
        let open = applied(&new_answer(25, &asked), &events);
        let archived = Conversation { is_archived: true, ..conversation(2, vec![asked], vec![open]) };

        let asked = question(15, None, "Will this be deleted?");
        let answered = answer(26, &asked, "It was.", None);
        let deleted = conversation(3, vec![asked], vec![answered]);

        let asked = question(16, None, "Are you still writing?");
        let begun = new_answer(27, &asked);
        let written = vec![
            AnswerEvent::Waiting,
            AnswerEvent::Text("Yes, ".to_owned()),
            AnswerEvent::Text("but I was inter".to_owned()),
        ];
        let running = conversation(4, vec![asked], vec![begun]);
        Self { conversations: vec![pinned, archived], deleted, running: (running, written) }
    }
}

/// Everything in a story has a number of its own.
const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn question(number: u128, after: Option<&Answer>, text: &str) -> Question {
    let after = after.map(|answer| answer.id);
    Question { id: QuestionId(id(number)), after, text: text.to_owned(), asked_ms: MIDNIGHT }
}

fn new_answer(number: u128, question: &Question) -> Answer {
    Answer { begun_ms: MIDNIGHT, ..Answer::new(AnswerId(id(number)), question.id, MODEL) }
}

fn answer(number: u128, question: &Question, text: &str, usage: Option<Usage>) -> Answer {
    let events = [AnswerEvent::Text(text.to_owned()), AnswerEvent::End(complete(usage))];
    applied(&new_answer(number, question), &events)
}

fn conversation(number: u128, questions: Vec<Question>, answers: Vec<Answer>) -> Conversation {
    Conversation {
        id: ConversationId(id(number)),
        title: questions[0].text.clone(),
        is_title_chosen: false,
        is_pinned: false,
        is_archived: false,
        created_ms: MIDNIGHT,
        updated_ms: MIDNIGHT,
        version: 0,
        draft: String::new(),
        leaf: answers.last().map(|answer| answer.id),
        questions,
        answers,
    }
}

async fn tell_story(store: &SqliteStore) {
    let story = Story::new();
    for conversation in story.conversations.iter().chain([&story.deleted]) {
        tell(store, conversation).await;
    }
    change(store, &story.deleted, ConversationChange::Deleted(true)).await;
    let (running, written) = story.running;
    begin(store, &running, &running.answers[0]).await;
    store.append_events(running.answers[0].id, running.answers[0].seq, written).await.unwrap();
}

/// Makes a conversation as a person does, step by step.
async fn tell(store: &SqliteStore, conversation: &Conversation) {
    for answer in &conversation.answers {
        begin(store, conversation, answer).await;
        store.finish_answer(answer, MIDNIGHT).await.unwrap();
    }
    if conversation.is_title_chosen {
        change(store, conversation, ConversationChange::Title(conversation.title.clone())).await;
    }
    change(store, conversation, ConversationChange::Pinned(conversation.is_pinned)).await;
    change(store, conversation, ConversationChange::Archived(conversation.is_archived)).await;
    change(store, conversation, ConversationChange::Draft(conversation.draft.clone())).await;
    if let Some(leaf) = conversation.leaf {
        change(store, conversation, ConversationChange::Leaf(leaf)).await;
    }
}

async fn begin(store: &SqliteStore, conversation: &Conversation, answer: &Answer) {
    let question = conversation.questions.iter().find(|question| question.id == answer.question).unwrap();
    let begun = Answer { begun_ms: answer.begun_ms, ..Answer::new(answer.id, question.id, MODEL) };
    let new = NewAnswer {
        conversation: conversation.id,
        question: question.clone(),
        answer: begun,
        now_ms: MIDNIGHT,
    };
    assert!(matches!(store.begin_answer(&new).await.unwrap(), Begun::New(_)));
}

async fn change(store: &SqliteStore, conversation: &Conversation, change: ConversationChange) {
    assert!(store.change_conversation(conversation.id, &change, MIDNIGHT).await.unwrap(), "{change:?}");
}

/// Finds everything, and goes on with what a story leaves open.
async fn assert_whole_story(store: &SqliteStore) {
    let story = Story::new();
    let (running, written) = &story.running;
    let written = applied(&running.answers[0], written);
    assert_eq!(store.recover().await.unwrap(), slice::from_ref(&written));
    store.finish_answer(&ended(&written, "rupted."), MIDNIGHT).await.unwrap();
    assert_eq!(load_answer(store, written.id).await.text, "Yes, but I was interrupted.");

    let [pinned, archived] = &story.conversations[..] else { unreachable!() };
    assert_eq!(store.list_ids().await.unwrap(), [pinned.id, archived.id, running.id]);
    for conversation in [pinned, archived] {
        assert_told(store, conversation).await;
    }
    let listing = store.list_conversations(9).await.unwrap();
    assert_eq!((listing.conversations.len(), listing.conversations[0].id), (3, pinned.id));
    let open: Vec<_> = store.list_open_bills().await.unwrap().iter().map(|answer| answer.id).collect();
    assert_eq!(open, [archived.answers[0].id]);
    let spending = store.spending_of(pinned.id).await.unwrap();
    assert_eq!((spending.prompt_tokens, spending.completion_tokens, spending.answers), (11, 22, 4));
    let days = store.daily_spending(9).await.unwrap();
    assert_eq!(days.iter().map(|day| day.day.as_str()).collect::<Vec<_>>(), ["2026-11-21"]);

    for (words, message) in [
        ("colours", FoundIn::Title),
        ("rainbow", FoundIn::Question(pinned.questions[0].id)),
        ("naive warm", FoundIn::Answer(pinned.answers[2].id)),
        ("interrupted", FoundIn::Answer(written.id)),
    ] {
        let hits = store.search(words, 9).await.unwrap();
        assert_eq!(hits.first().map(|hit| hit.message), Some(message), "{words}");
    }
    assert_eq!(store.search("deleted", 9).await.unwrap(), []);
    change(store, &story.deleted, ConversationChange::Deleted(false)).await;
    assert_told(store, &story.deleted).await;
}

async fn assert_told(store: &SqliteStore, expected: &Conversation) {
    let found = load(store, expected.id).await;
    assert_eq!(found, Conversation { version: found.version, ..expected.clone() });
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn fixture_folder() -> PathBuf {
    source().join("tests/fixtures")
}

/// The files of a folder that are named for a version.
fn versions_in(folder: &Path, version: impl Fn(&str) -> Option<i64>) -> BTreeMap<i64, PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter_map(|path| Some((version(path.file_name()?.to_str()?)?, path))).collect()
}

/// `schema-0001.db` and so on.
fn fixtures() -> BTreeMap<i64, PathBuf> {
    versions_in(&fixture_folder(), |name| name.strip_prefix("schema-")?.strip_suffix(".db")?.parse().ok())
}

/// `0001_conversations.sql` and so on.
fn migration_files() -> BTreeMap<i64, PathBuf> {
    let folder = source().join("server/store/migrations");
    versions_in(&folder, |name| name.strip_suffix(".sql")?.split_once('_')?.0.parse().ok())
}

fn migrations() -> BTreeSet<i64> {
    migration_files().into_keys().collect()
}

fn migration_file(version: i64) -> PathBuf {
    migration_files().remove(&version).unwrap()
}

/// Copies a database and its log; gives the copy.
fn copy_of(file: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(file.file_name().unwrap());
    fs::copy(file, &copy).unwrap();
    fs::create_dir(log_folder(&copy)).unwrap();
    for entry in fs::read_dir(log_folder(file)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, log_folder(&copy).join(path.file_name().unwrap())).unwrap();
    }
    copy
}

fn log_folder(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap().to_str().unwrap();
    file.with_file_name(format!("{name}-log"))
}

/// The schema's version that a database has.
async fn version_of(file: &Path) -> Option<i64> {
    let mut connection = connect(file).await;
    let query = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations");
    query.fetch_one(&mut connection).await.unwrap()
}

/// What a database is made of.
async fn schema_of(file: &Path) -> Vec<(String, String, Option<String>)> {
    let mut connection = connect(file).await;
    let query = sqlx::query_as("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
    query.fetch_all(&mut connection).await.unwrap()
}

/// Does `committed` to a database, and `sql` up to just before the end of its transaction. Gives the files as
/// they are on the disk then, as a machine leaves them that loses its power; in `file`'s own folder they are as
/// a process leaves them that is killed.
async fn break_off(file: &Path, committed: &str, sql: &str) -> TempDir {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What does not fit into memory is written before the transaction ends.
        .pragma("cache_size", "1");
    let mut connection = options.connect().await.unwrap();
    execute(&mut connection, committed).await;
    execute(&mut connection, "BEGIN IMMEDIATE").await;
    execute(&mut connection, sql).await;
    let ballast = "CREATE TABLE ballast (bytes); INSERT INTO ballast VALUES (zeroblob(500000))";
    execute(&mut connection, ballast).await;

    let left = tempfile::tempdir().unwrap();
    let name = file.file_name().unwrap();
    if log_folder(file).exists() {
        copy_of(file, left.path());
    } else {
        fs::copy(file, left.path().join(name)).unwrap();
    }
    let wal = format!("{}-wal", name.to_str().unwrap());
    let written = fs::copy(file.with_file_name(&wal), left.path().join(&wal)).unwrap();
    assert!(written > 100_000, "{written} bytes of the transaction are on the disk");
    drop(connection);
    left
}

async fn execute(connection: &mut SqliteConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(connection).await.unwrap();
}
