//! What goes wrong with a database's file: each is a sentence with something to do, and none costs anybody data.
//!
//! Disks here are real ones. Where a full or a read-only disk cannot be had (it takes the right to mount one),
//! the test says so and passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::slice;

use runnel::chat::{Answer, AnswerEvent, ConversationId};
use runnel::library::ConversationChange;
use runnel::server::store::{NewAnswer, SqliteStore, Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::store_contract::{
    MIDNIGHT, applied, begin, chat, ended, finish, load, load_answer, new_answer, say,
};

#[tokio::test]
async fn a_file_of_another_kind_is_refused_and_left_alone() {
    for content in
        [&b"Dear diary, today I wrote a file that is longer than any header is."[..], b"x", b"SQLit"]
    {
        let folder = Folder::new();
        fs::write(folder.file(), content).unwrap();
        folder.assert_refused_unchanged(StoreError::Foreign).await;
    }
}

#[tokio::test]
async fn a_header_with_nothing_behind_it_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::write(folder.file(), b"SQLite format 3\0").unwrap();
    folder.assert_refused_unchanged(StoreError::Foreign).await;
}

#[tokio::test]
async fn an_empty_file_is_a_new_database() {
    let folder = Folder::new();
    fs::write(folder.file(), b"").unwrap();
    let store = folder.open().await.unwrap();
    chat(&store, "Why?", "Because.").await;
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let ways = [
        ("one table", "CREATE TABLE notes (text)"),
        ("many tables", "CREATE TABLE a (b); CREATE TABLE c (d); CREATE TABLE e (f PRIMARY KEY)"),
        ("an id of its own", "PRAGMA application_id = 42; CREATE TABLE notes (text)"),
        ("an id and nothing else", "PRAGMA application_id = 42; CREATE TABLE a (b); DROP TABLE a"),
        (
            "tables of our names",
            "CREATE TABLE conversations (id); CREATE TABLE questions (id); CREATE TABLE answers (id)",
        ),
        (
            "migrations of its own",
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on \
             TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, success BOOLEAN NOT NULL, checksum BLOB NOT NULL, \
             execution_time BIGINT NOT NULL); INSERT INTO _sqlx_migrations VALUES (1, 'theirs', 0, 1, x'00', 0); \
             CREATE TABLE notes (text)",
        ),
    ];
    for (way, sql) in ways {
        let folder = Folder::new();
        run_sql(&folder.file(), sql).await;
        folder.assert_foreign(way).await;
    }
}

#[tokio::test]
async fn a_newer_runnels_database_is_refused_and_left_alone() {
    let folder = Folder::with_a_chat().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'from the future', 1, x'00', 0)";
    run_sql(&folder.file(), newer).await;
    let before = fs::read(folder.file()).unwrap();
    assert_sentence(&folder.open().await.unwrap_err(), StoreError::Newer(folder.file()));
    let beside = SqliteStore::open_beside(&folder.file()).await;
    assert_sentence(&beside.unwrap_err(), StoreError::Newer(folder.file()));
    assert!(fs::read(folder.file()).unwrap() == before, "the file has changed");
    run_sql(&folder.file(), "DELETE FROM _sqlx_migrations WHERE version = 9999").await;
    folder.assert_whole_chat().await;
}

#[tokio::test]
async fn of_two_who_open_it_the_first_goes_on_and_the_second_is_told() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let new = new_answer(ConversationId::now(), None, "Why?");
    begin(&store, &new).await;
    let mut answer = new.answer;
    for piece in ["Be", "cau", "se."] {
        assert_sentence(&folder.open().await.unwrap_err(), StoreError::InUse(folder.file()));
        let events = [AnswerEvent::Text(piece.to_owned())];
        store.append_events(answer.id, answer.seq, events.to_vec()).await.unwrap();
        answer = applied(&answer, &events);
    }
    store.close().await;
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), [answer.clone()]);
    store.finish_answer(&ended(&answer, ""), MIDNIGHT).await.unwrap();
    drop(store);
    let store = folder.open().await.unwrap();
    assert_eq!(load_answer(&store, answer.id).await.text, "Because.");
}

#[tokio::test]
async fn beside_a_running_one_everything_is_read_and_no_answer_begins() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let (id, answer) = chat(&store, "Why?", "Because.").await;
    let beside = SqliteStore::open_beside(&folder.file()).await.unwrap();
    assert_eq!(load(&beside, id).await, load(&store, id).await);
    assert_eq!(beside.search("because", 9).await.unwrap().len(), 1);

    let new = new_answer(id, Some(answer.id), "And?");
    let in_use = || StoreError::InUse(folder.file());
    assert_sentence(&beside.begin_answer(&new).await.unwrap_err(), in_use());
    let events = vec![AnswerEvent::Seam];
    assert_sentence(&beside.append_events(answer.id, answer.seq, events).await.unwrap_err(), in_use());
    assert_sentence(&beside.finish_answer(&answer, MIDNIGHT).await.unwrap_err(), in_use());
    assert_sentence(&beside.recover().await.unwrap_err(), in_use());

    begin(&store, &new).await;
    assert_eq!(load(&beside, id).await.answers.len(), 2, "what comes later is seen");
}

#[tokio::test]
async fn beside_nothing_there_is_nothing_to_open_and_nothing_is_made() {
    let folder = Folder::new();
    let missing = SqliteStore::open_beside(&folder.file()).await.unwrap_err();
    assert!(matches!(missing, StoreError::Open { .. }), "{missing:?}");
    assert!(missing.to_string().contains(&folder.file().display().to_string()), "{missing}");
    assert_eq!(folder.content(), BTreeMap::new());
}

#[tokio::test]
async fn folders_and_files_are_made_for_their_owner_only() {
    let folder = Folder::new();
    let file = folder.0.path().join("not/yet/there/runnel.db");
    let store = SqliteStore::open(&file).await.unwrap();
    chat(&store, "Why?", "Because.").await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for made in ["not", "not/yet", "not/yet/there", "not/yet/there/runnel.db-log"] {
            assert_eq!(mode(&folder.0.path().join(made)), 0o700, "{made}");
        }
        for made in ["runnel.db", "runnel.db-wal", "runnel.db-shm"] {
            assert_eq!(mode(&file.with_file_name(made)), 0o600, "{made}");
        }
        let backup = file.with_file_name("backup.db");
        SqliteStore::open_beside(&file).await.unwrap();
        if store.backup(&backup).await.is_ok() {
            assert_eq!(mode(&backup), 0o600);
        }
    }
}

#[tokio::test]
async fn a_place_that_cannot_hold_a_file_is_told_with_the_systems_reason() {
    let folder = Folder::new();
    fs::write(folder.0.path().join("file"), "").unwrap();
    fs::create_dir(folder.file()).unwrap();
    for place in
        [folder.0.path().join("file/runnel.db"), folder.0.path().join("file/deep/runnel.db"), folder.file()]
    {
        let error = SqliteStore::open(&place).await.unwrap_err();
        let StoreError::Open { file, error: reason } = &error else { panic!("{error:?}") };
        assert_eq!(*file, place);
        assert_sentence(
            &error,
            StoreError::Open { file: place, error: std::io::Error::other(reason.to_string()) },
        );
    }
}

#[tokio::test]
async fn a_read_only_folder_or_file_is_told() {
    for what in [ReadOnly::Folder, ReadOnly::File] {
        let folder = Folder::with_a_chat().await;
        let Some(guard) = what.make(&folder) else { continue };
        assert_sentence(&folder.open().await.unwrap_err(), StoreError::ReadOnly(folder.file()));
        if matches!(what, ReadOnly::Folder) {
            let new = folder.0.path().join("new.db");
            assert_sentence(&SqliteStore::open(&new).await.unwrap_err(), StoreError::ReadOnly(new));
        }
        drop(guard);
        folder.assert_whole_chat().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_costs_nothing_and_is_forgotten_when_there_is_space() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let store = folder.open().await.unwrap();
    let (id, first) = chat(&store, "Why?", "Because.").await;
    let running = new_answer(id, Some(first.id), "Running?");
    begin(&store, &running).await;
    let long = "long ".repeat(2000);
    let events = [AnswerEvent::Text(long.clone())];
    store.append_events(running.answer.id, running.answer.seq, events.to_vec()).await.unwrap();
    let written = applied(&running.answer, &events);
    let before = load(&store, id).await;

    let ballast = fill(folder.0.path());
    let full = || StoreError::DiskFull(folder.file());
    let more = new_answer(ConversationId::now(), None, &long);
    let finished = ended(&written, &long);
    for _ in 0..3 {
        assert_sentence(&store.begin_answer(&more).await.unwrap_err(), full());
        let refused = store.append_events(written.id, written.seq, events.to_vec()).await;
        assert_sentence(&refused.unwrap_err(), full());
        assert_sentence(&store.finish_answer(&finished, MIDNIGHT).await.unwrap_err(), full());
        let draft = ConversationChange::Draft(long.clone());
        assert_sentence(&store.change_conversation(id, &draft, MIDNIGHT).await.unwrap_err(), full());
        assert_sentence(&store.import(&[unsaved(&long)]).await.unwrap_err(), full());
    }
    assert_eq!(load(&store, id).await, before);
    assert_eq!(store.list_ids().await.unwrap(), [id]);
    assert_eq!(store.logged_answers().await.unwrap(), slice::from_ref(&written));

    fs::remove_file(ballast).unwrap();
    store.append_events(written.id, written.seq, events.to_vec()).await.unwrap();
    let written = applied(&written, &events);
    assert_eq!(store.logged_answers().await.unwrap(), slice::from_ref(&written));
    begin(&store, &more).await;
    store.finish_answer(&ended(&more.answer, "More."), MIDNIGHT).await.unwrap();
    let finished = ended(&written, "");
    store.finish_answer(&finished, MIDNIGHT).await.unwrap();
    store.close().await;

    assert_eq!(integrity(&folder.file()).await, "ok");
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), []);
    assert_eq!(load(&store, id).await.answers, [first, finished]);
    assert_eq!(load_answer(&store, more.answer.id).await.text, "More.");
    store.close().await;
}

#[tokio::test]
async fn a_disk_that_fills_up_keeps_all_that_was_acknowledged() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let store = folder.open().await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let new = new_answer(ConversationId::now(), None, &"long ".repeat(1000));
        if let Err(error) = store.begin_answer(&new).await {
            break error;
        }
        let answer = ended(&new.answer, &"answer ".repeat(500));
        let outcome = store.finish_answer(&answer, MIDNIGHT).await;
        kept.push(if outcome.is_ok() { answer } else { new.answer });
        if let Err(error) = outcome {
            break error;
        }
        assert!(kept.len() < 1000, "the disk does not fill up");
    };
    assert_sentence(&refused, StoreError::DiskFull(folder.file()));
    for answer in &kept {
        assert_eq!(load_answer(&store, answer.id).await, *answer);
    }
    store.close().await;
    assert_eq!(integrity(&folder.file()).await, "ok");
}

#[tokio::test]
async fn opening_on_a_full_disk_is_told_and_works_when_there_is_space() {
    let folder = Folder::new();
    let Some(_disk) = Disk::mount(folder.0.path(), "size=1m") else { return };
    let ballast = fill(folder.0.path());
    assert_sentence(&folder.open().await.unwrap_err(), StoreError::DiskFull(folder.file()));
    fs::remove_file(ballast).unwrap();
    let store = folder.open().await.unwrap();
    let (_, answer) = chat(&store, "Why?", "Because.").await;
    store.close().await;

    let ballast = fill(folder.0.path());
    match folder.open().await {
        Ok(store) => store.close().await,
        Err(error) => assert_sentence(&error, StoreError::DiskFull(folder.file())),
    }
    fs::remove_file(ballast).unwrap();
    let store = folder.open().await.unwrap();
    assert_eq!(load_answer(&store, answer.id).await, answer);
    store.close().await;
}

#[tokio::test]
async fn a_backup_onto_a_full_disk_is_told_and_leaves_the_original_alone() {
    let folder = Folder::with_a_chat().await;
    let other = Folder::new();
    let Some(_disk) = Disk::mount(other.0.path(), "size=16k") else { return };
    let store = folder.open().await.unwrap();
    let refused = store.backup(&other.file()).await.unwrap_err();
    assert_sentence(&refused, StoreError::DiskFull(other.file()));
    store.close().await;
    folder.assert_whole_chat().await;
}

/// Every page in turn: what is read of the rest is right or an error, and nobody panics.
#[tokio::test]
async fn damage_anywhere_is_told_when_it_is_met() {
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    for number in 0..8 {
        let text = format!("needle {number} {}", "hay ".repeat(100 * number));
        chat(&store, &text, &text).await;
    }
    store.close().await;
    let sound = fs::read(folder.file()).unwrap();
    let page = page_bytes(&sound);
    let mut met = 0;
    for at in (0..sound.len()).step_by(page) {
        // The header says what the file is; without it, it is somebody else's.
        let from = if at == 0 { 100 } else { at };
        let mut damaged = sound.clone();
        damaged[from..at + page].fill(0xa5);
        fs::write(folder.file(), &damaged).unwrap();
        for error in use_everything(&folder).await {
            let sentence = error.to_string();
            match error {
                StoreError::Damaged { file, .. } => {
                    met += 1;
                    assert_eq!(file, folder.file());
                    for word in ["is damaged", "Restore a backup", "--data"] {
                        assert!(sentence.contains(word), "{sentence}");
                    }
                }
                StoreError::Foreign(_) => assert_eq!(at, 0, "{sentence}"),
                other => panic!("{other:?} is not what page {} has", at / page),
            }
        }
    }
    assert!(met > 10, "damage was met {met} times");
    fs::write(folder.file(), &sound).unwrap();
    folder.assert_whole_chat().await;
}

#[tokio::test]
async fn a_file_that_was_cut_short_is_told() {
    let folder = Folder::with_a_chat().await;
    let sound = fs::read(folder.file()).unwrap();
    for length in [50, 100, 1000, sound.len() / 2, sound.len() - 1] {
        fs::write(folder.file(), &sound[..length]).unwrap();
        let errors = use_everything(&folder).await;
        assert!(!errors.is_empty(), "{length} of {} bytes are taken for all", sound.len());
        for error in errors {
            let is_told = matches!(error, StoreError::Damaged { .. } | StoreError::Foreign(_));
            assert!(is_told, "{length} bytes: {error:?}");
        }
    }
}

/// What a crash leaves when the last writes did not reach the disk.
#[tokio::test]
async fn of_a_write_ahead_log_that_is_cut_off_a_prefix_is_there() {
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    let mut told = Vec::new();
    for number in 0..12 {
        let new = new_answer(ConversationId::now(), None, &format!("needle {number}"));
        let answer = finish(&store, &new, &format!("needle {number} {}", "hay ".repeat(500))).await;
        told.push((new, answer));
    }
    let running = new_answer(ConversationId::now(), None, "Running?");
    begin(&store, &running).await;
    let events = [AnswerEvent::Text("half".to_owned())];
    store.append_events(running.answer.id, running.answer.seq, events.to_vec()).await.unwrap();
    let left = folder.content();
    drop(store);

    let wal = left.keys().find(|name| name.ends_with("-wal")).unwrap();
    let length = left[wal].len();
    let mut seen = Vec::new();
    // A step that meets every part of a frame.
    for cut in (0..=length).rev().step_by((length / 60) | 1) {
        let crashed = Folder::new();
        crashed.put(&left);
        fs::write(crashed.0.path().join(wal), &left[wal][..cut]).unwrap();
        seen.push(crashed.assert_prefix(&told, &applied(&running.answer, &events)).await);
    }
    assert_eq!((seen[0], *seen.last().unwrap()), (told.len() + 1, 0), "of the whole log, and of none of it");
    assert!(seen.is_sorted_by(|longer, shorter| longer >= shorter), "{seen:?}");
}

#[test]
fn every_sentence_names_the_file_and_says_what_to_do() {
    let file = || PathBuf::from("/data/runnel.db");
    let error = std::io::Error::other("the reason");
    let sentences = [
        (StoreError::DiskFull(file()), &["full", "Free some space"][..]),
        (StoreError::ReadOnly(file()), &["cannot be written", "read-only", "Allow writing", "--data"]),
        (StoreError::InUse(file()), &["in use by another Runnel", "Stop that one", "--data"]),
        (
            StoreError::Newer(file()),
            &["newer Runnel", "Install that version", "--data", "Nothing was changed"],
        ),
        (StoreError::Foreign(file()), &["not Runnel's database", "Choose another file", "--data", "Nothing"]),
        (
            StoreError::Damaged { file: file(), detail: "the detail".to_owned() },
            &["is damaged", "the detail", "Restore a backup", "runnel backup", "--data"],
        ),
        (
            StoreError::Open { file: file(), error },
            &["cannot be opened", "the reason", "Choose another", "--data"],
        ),
    ];
    for (error, words) in sentences {
        let sentence = error.to_string();
        assert!(sentence.contains("/data/runnel.db"), "{sentence}");
        for word in words {
            assert!(sentence.contains(word), "{sentence}");
        }
    }
}

/// The folder of one database.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a conversation that was closed in order.
    async fn with_a_chat() -> Self {
        let folder = Self::new();
        let store = folder.open().await.unwrap();
        let (id, first) = chat(&store, "Why?", "Because.").await;
        say(&store, id, Some(first.id), "And?", "So.").await;
        store.close().await;
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("runnel.db")
    }

    async fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&self.file()).await
    }

    /// Opens it and finds what [`with_a_chat`](Self::with_a_chat) left.
    async fn assert_whole_chat(&self) {
        let store = self.open().await.unwrap();
        let id = store.list_ids().await.unwrap()[0];
        let texts: Vec<_> = load(&store, id).await.answers.into_iter().map(|answer| answer.text).collect();
        assert_eq!(texts, ["Because.", "So."]);
        store.close().await;
    }

    /// Every file by its path in here.
    fn content(&self) -> BTreeMap<String, Vec<u8>> {
        let mut content = BTreeMap::new();
        let mut folders = vec![self.0.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.0.path()).unwrap().display().to_string();
                    // Where readers and writers meet; it is made anew from the rest.
                    if !name.ends_with("-shm") {
                        content.insert(name, fs::read(&path).unwrap());
                    }
                }
            }
        }
        content
    }

    fn put(&self, content: &BTreeMap<String, Vec<u8>>) {
        for (name, bytes) in content {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    async fn assert_refused_unchanged(&self, why: impl Fn(PathBuf) -> StoreError) {
        let before = self.content();
        assert_sentence(&self.open().await.unwrap_err(), why(self.file()));
        let after = self.content();
        assert!(after[RUNNEL_DB] == before[RUNNEL_DB], "the file has changed");
        assert_eq!(
            after.keys().collect::<Vec<_>>(),
            before.keys().collect::<Vec<_>>(),
            "nothing is left beside it"
        );
    }

    /// That the first of `told` are here, as they were told, and of the next at most the question. Gives how
    /// many conversations there are, but for the first.
    async fn assert_prefix(&self, told: &[(NewAnswer, Answer)], running: &Answer) -> usize {
        let store = self.open().await.unwrap();
        let unfinished = store.recover().await.unwrap();
        let ids = store.list_ids().await.unwrap();
        let there = ids.len() - 1;
        assert!(unfinished.len() <= 1, "{unfinished:?}");
        for ((new, answer), id) in told.iter().zip(&ids[1..]) {
            let conversation = load(&store, *id).await;
            assert_eq!(conversation.questions, slice::from_ref(&new.question));
            let is_kept = unfinished.iter().all(|unfinished| unfinished.id != answer.id);
            let expected = if is_kept { answer } else { &new.answer };
            assert_eq!(conversation.answers, slice::from_ref(expected));
            assert!(is_kept || *id == ids[there], "only the last may be unfinished");
        }
        if there > told.len() {
            assert_eq!(unfinished, slice::from_ref(running));
        }
        let words = store.search("needle", 1000).await.unwrap().len();
        let asked = there.min(told.len());
        assert!(words == 3 * asked || words == 3 * asked - 1, "{words} words of {asked}");
        for answer in unfinished {
            store.finish_answer(&ended(&answer, ""), MIDNIGHT).await.unwrap();
        }
        chat(&store, "It goes on?", "It does.").await;
        store.close().await;
        assert_eq!(integrity(&self.file()).await, "ok");
        there
    }
}

const RUNNEL_DB: &str = "runnel.db";

/// That an error is the one expected, to the word.
fn assert_sentence(error: &StoreError, expected: StoreError) {
    assert_eq!(error.to_string(), expected.to_string(), "{error:?}");
}

fn unsaved(text: &str) -> runnel::chat::Conversation {
    let new = new_answer(ConversationId::now(), None, text);
    runnel::chat::Conversation {
        id: new.conversation,
        title: text.to_owned(),
        is_title_chosen: false,
        is_pinned: false,
        is_archived: false,
        created_ms: MIDNIGHT,
        updated_ms: MIDNIGHT,
        version: 0,
        draft: String::new(),
        leaf: None,
        questions: vec![new.question],
        answers: vec![ended(&new.answer, text)],
    }
}

/// Opens the database and does a bit of everything that a person does; gives what went wrong.
async fn use_everything(folder: &Folder) -> Vec<StoreError> {
    let store = match folder.open().await {
        Ok(store) => store,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    let ids = store.list_ids().await.unwrap_or_else(|error| {
        errors.push(error);
        Vec::new()
    });
    errors.extend(store.recover().await.err());
    errors.extend(store.list_conversations(100).await.err());
    for id in &ids {
        errors.extend(store.find_conversation(*id).await.err());
        errors.extend(store.spending_of(*id).await.err());
        errors.extend(store.change_conversation(*id, &ConversationChange::Read, MIDNIGHT).await.err());
    }
    errors.extend(store.search("needle", 100).await.err());
    errors.extend(store.list_open_bills().await.err());
    errors.extend(store.daily_spending(100).await.err());
    let new = new_answer(ConversationId::now(), None, "A new needle?");
    match store.begin_answer(&new).await {
        Ok(_) => errors.extend(store.finish_answer(&ended(&new.answer, "Here."), MIDNIGHT).await.err()),
        Err(error) => errors.push(error),
    }
    for id in ids {
        errors.extend(store.change_conversation(id, &ConversationChange::Deleted(true), 0).await.err());
    }
    errors.extend(store.purge_deleted(1).await.err());
    store.close().await;
    errors
}

/// A size of 1 stands for 65,536 (<https://sqlite.org/fileformat.html#page_size>).
fn page_bytes(database: &[u8]) -> usize {
    match u16::from_be_bytes([database[16], database[17]]) {
        1 => 65_536,
        bytes => bytes.into(),
    }
}

/// The database as any program sees it.
pub async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).create_if_missing(true).connect().await.unwrap()
}

/// Does something to a database that no Runnel does.
pub async fn run_sql(file: &Path, sql: &str) {
    let mut connection = connect(file).await;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// `ok`, or what SQLite finds wrong.
pub async fn integrity(file: &Path) -> String {
    let mut connection = connect(file).await;
    let verdict = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    verdict
}

/// Writes a file as long as there is space; gives its path.
fn fill(folder: &Path) -> PathBuf {
    use std::io::Write;
    let path = folder.join("ballast");
    let mut ballast = fs::File::create(&path).unwrap();
    let error = std::iter::repeat_with(|| ballast.write_all(&[0; 512])).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    path
}

/// A small disk of its own, until it is dropped.
struct Disk(PathBuf);

impl Disk {
    fn mount(folder: &Path, options: &str) -> Option<Self> {
        let mounted = run("mount", &["-t", "tmpfs", "-o", options, "none", &folder.to_string_lossy()]);
        if !mounted {
            skip("no disk can be mounted here");
        }
        mounted.then(|| Self(folder.to_owned()))
    }

    /// Puts a file or folder where it is, but read-only.
    fn mount_read_only(path: &Path) -> Option<Self> {
        let name = path.to_string_lossy();
        let mounted = run("mount", &["--bind", &name, &name]).then(|| Self(path.to_owned()))?;
        run("mount", &["-o", "remount,bind,ro", &name]).then_some(mounted)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: threads of a store that was dropped may still be closing their files.
        run("umount", &["--lazy", &self.0.to_string_lossy()]);
    }
}

/// True if there is such a program, and it did it.
fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[derive(Clone, Copy)]
enum ReadOnly {
    Folder,
    File,
}

impl ReadOnly {
    /// Makes it read-only until what is given back is dropped; root needs a mount for that.
    fn make(self, folder: &Folder) -> Option<Writable> {
        let path = match self {
            Self::Folder => folder.0.path().to_owned(),
            Self::File => folder.file(),
        };
        let before = fs::metadata(&path).unwrap().permissions();
        let mut permissions = before.clone();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions).unwrap();
        let restored = Writable::Permissions(path.clone(), before);
        let probe = match self {
            Self::Folder => fs::write(path.join("probe"), ""),
            Self::File => fs::OpenOptions::new().append(true).open(&path).map(drop),
        };
        if probe.is_err() {
            return Some(restored);
        }
        drop(restored);
        let mounted = Disk::mount_read_only(&path);
        if mounted.is_none() {
            skip("this user may write everything, and nothing can be mounted");
        }
        mounted.map(Writable::Mount)
    }
}

/// Makes a file or folder writable again when it is dropped.
enum Writable {
    Permissions(PathBuf, fs::Permissions),
    Mount(#[expect(dead_code, reason = "held until it is dropped")] Disk),
}

impl Drop for Writable {
    fn drop(&mut self) {
        if let Self::Permissions(path, permissions) = self {
            fs::set_permissions(path, permissions.clone()).unwrap();
        }
    }
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}
