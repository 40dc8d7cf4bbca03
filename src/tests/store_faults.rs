//! What goes wrong with a database's file: each is a sentence with something to do, and none costs anybody data.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use runnel::chat::{AnswerEvent, ConversationId};
use runnel::server::store::{AnswerStore, ConversationStore, EventLog, SqliteStore, Store, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::store_contract::{ME, MIDNIGHT, applied, begin, chat, ended, load, load_answer, new_answer, say};

mod damage;
pub mod disks;
mod erased;
mod names;

#[tokio::test]
async fn a_file_of_another_kind_is_refused_and_left_alone() {
    for content in
        [&b"Dear diary, today I wrote a file that is longer than any header is."[..], b"x", b"SQLit"]
    {
        let folder = Folder::new();
        fs::write(folder.file(), content).unwrap();
        folder.assert_foreign("a text").await;
    }
}

#[tokio::test]
async fn a_header_with_nothing_behind_it_is_refused_and_left_alone() {
    let folder = Folder::new();
    fs::write(folder.file(), b"SQLite format 3\0").unwrap();
    folder.assert_foreign("a header").await;
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
        store.append(answer.id, answer.seq, events.to_vec()).await.unwrap();
        answer = applied(&answer, &events);
    }
    store.close().await;
    let store = folder.open().await.unwrap();
    assert_eq!(store.recover().await.unwrap(), [answer.clone()]);
    store.finish_answer(&ended(&answer, ""), MIDNIGHT).await.unwrap();
    drop(store);
    let store = folder.open().await.unwrap();
    assert_eq!(load_answer(&store, answer.id).await.text(), "Because.");
}

#[tokio::test]
async fn beside_a_running_one_everything_is_read_and_no_answer_begins() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    let (id, answer) = chat(&store, "Why?", "Because.").await;
    let beside = SqliteStore::open_beside(&folder.file()).await.unwrap();
    assert_eq!(load(&beside, id).await, load(&store, id).await);
    assert_eq!(beside.search(&ME, "because", 9).await.unwrap().len(), 1);

    let new = new_answer(id, Some(answer.id), "And?");
    let in_use = || StoreError::InUse(folder.file());
    assert_sentence(&beside.begin_answer(&ME, &new).await.unwrap_err(), in_use());
    let events = vec![AnswerEvent::Continuation];
    assert_sentence(&beside.append(answer.id, answer.seq, events).await.unwrap_err(), in_use());
    assert_sentence(&beside.finish_answer(&answer, MIDNIGHT).await.unwrap_err(), in_use());
    assert_sentence(&beside.recover().await.unwrap_err(), in_use());

    begin(&store, &new).await;
    assert_eq!(load(&beside, id).await.answers.len(), 2, "what comes later is seen");
}

#[tokio::test]
async fn what_another_process_changes_is_noticed_once() {
    let folder = Folder::new();
    let store = folder.open().await.unwrap();
    chat(&store, "Why?", "Because.").await;
    assert!(!store.was_changed_elsewhere().await.unwrap(), "it was changed here");
    let beside = SqliteStore::open_beside(&folder.file()).await.unwrap();
    let elsewhere = Folder::with_a_chat().await;
    let other = elsewhere.open().await.unwrap();
    let id = other.list_ids(&ME).await.unwrap()[0];
    assert_eq!(beside.import(&ME, &[load(&other, id).await]).await.unwrap(), 1);
    assert!(store.was_changed_elsewhere().await.unwrap());
    assert!(!store.was_changed_elsewhere().await.unwrap());
    chat(&store, "And?", "So.").await;
    assert!(!store.was_changed_elsewhere().await.unwrap());
    assert!(beside.was_changed_elsewhere().await.unwrap());
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
        store.backup(&backup).await.unwrap();
        assert_eq!(mode(&backup), 0o600);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn files_that_others_may_read_are_taken_from_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    let new = new_answer(ConversationId::now(), None, "Running?");
    begin(&store, &new).await;
    let event = AnswerEvent::Text("half".to_owned());
    store.append(new.answer.id, new.answer.seq, vec![event]).await.unwrap();
    // As a machine leaves them that loses its power, and a copy that made them readable.
    let left = Folder::new();
    left.put(&folder.content());
    for name in left.content().into_keys().chain(["runnel.db-log".to_owned()]) {
        let path = left.0.path().join(name);
        let mode = if path.is_dir() { 0o755 } else { 0o664 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let store = left.open().await.unwrap();
    chat(&store, "Why?", "Because.").await;
    let mode = |name: &str| fs::metadata(left.0.path().join(name)).unwrap().permissions().mode() & 0o777;
    for name in left.content().into_keys() {
        assert_eq!(mode(&name), 0o600, "{name}");
    }
    assert_eq!((mode("runnel.db-shm"), mode("runnel.db-log")), (0o600, 0o700));
    let recovered = store.recover().await.unwrap();
    assert_eq!((recovered.len(), recovered[0].text().as_ref()), (1, "half"));
}

#[tokio::test]
async fn a_backup_touches_nothing_but_what_it_makes() {
    let folder = Folder::with_a_chat().await;
    let store = folder.open().await.unwrap();
    let backup = folder.0.path().join("copy.db");
    let unfinished = folder.0.path().join("copy.db.unfinished");
    fs::write(&unfinished, "mine").unwrap();
    store.backup(&backup).await.unwrap();
    assert_eq!(fs::read(&unfinished).unwrap(), b"mine");
    assert_eq!(integrity(&backup).await, "ok");
    let refused = store.backup(&backup).await.unwrap_err();
    assert!(matches!(refused, StoreError::Copy { .. }), "{refused:?}");
    let mut others: Vec<_> =
        folder.content().into_keys().filter(|name| !name.starts_with("runnel.db")).collect();
    others.sort();
    assert_eq!(others, ["copy.db", "copy.db.unfinished"]);
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

#[test]
fn every_sentence_names_the_file_and_says_what_to_do() {
    let file = || PathBuf::from("/data/runnel.db");
    let error = std::io::Error::other("the reason");
    let sentences = [
        (StoreError::DiskFull(file()), &["full", "Free some space"][..]),
        (StoreError::ReadOnly(file()), &["cannot be written", "read-only", "Allow writing", "--data"]),
        (StoreError::Busy(file()), &["Another program is writing", "Try again"]),
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
        let id = store.list_ids(&ME).await.unwrap()[0];
        let texts: Vec<_> =
            load(&store, id).await.answers.into_iter().map(|answer| answer.text().into_owned()).collect();
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

    /// That what is here is refused as somebody else's, and stays as it is.
    async fn assert_foreign(&self, what: &str) {
        let before = self.content();
        let refused = [self.open().await.err(), SqliteStore::open_beside(&self.file()).await.err()];
        let after = self.content();
        for error in refused {
            assert_sentence(&error.expect(what), StoreError::Foreign(self.file()));
        }
        assert!(after["runnel.db"] == before["runnel.db"], "{what}: the file has changed");
        let names = |content: &BTreeMap<String, _>| content.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before), "{what}: nothing is left beside it");
    }
}

/// That an error is the one expected, to the word.
fn assert_sentence(error: &StoreError, expected: StoreError) {
    assert_eq!(error.to_string(), expected.to_string(), "{error:?}");
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
