//! Databases of earlier versions, which are kept in `fixtures`, and upgrades that break off.
//!
//! A new migration needs a fixture of its version, written by the version that brings it:
//! `cargo test --features ssr --test integration -- --ignored writes_the_fixture`. After that it stays as it is,
//! as the databases that people have do.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use runnel::chat::Bill;
use runnel::conversation_list::ConversationChange;
use runnel::server::store::{ConversationStore, SqliteStore, UsageStore};
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tempfile::TempDir;

use crate::store_contract::{ME, MIDNIGHT, chat, load_answer};
use crate::store_faults::{connect, integrity, run_sql};

mod story;

use story::{assert_whole_story, tell_story};

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

/// The first version knew of a copied answer only that it ended without a time, and took any version.
#[tokio::test]
async fn what_the_first_version_did_not_say_is_said_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = copy_of(&fixtures()[&1], folder.path());
    let changes = "UPDATE answers SET ended_ms = NULL, cost = NULL, prompt_tokens = NULL, completion_tokens = NULL \
                   WHERE cost IS NOT NULL; \
                   UPDATE answers SET ended_ms = NULL, rest = 'damaged' WHERE number = 2; \
                   UPDATE conversations SET version = 9223372036854775807";
    run_sql(&file, changes).await;
    let store = SqliteStore::open(&file).await.unwrap();
    let mut connection = connect(&file).await;
    let copies = "SELECT count(*) FROM answers WHERE json_valid(metadata) AND metadata ->> 'is_copy'";
    let copies: i64 = sqlx::query_scalar(copies).fetch_one(&mut connection).await.unwrap();
    assert_eq!(copies, 1);
    for id in store.list_ids(&ME).await.unwrap() {
        let pinned = ConversationChange::Pinned(true);
        assert!(store.change_conversation(&ME, id, &pinned, MIDNIGHT).await.unwrap());
    }
    store.close().await;
}

/// The third version kept refusals, calls, sources and pictures beside the figures, and where a text went on.
#[tokio::test]
async fn what_the_third_version_kept_in_fields_is_content_in_order_now() {
    let folder = tempfile::tempdir().unwrap();
    let file = copy_of(&fixtures()[&3], folder.path());
    let fields = r#"{"refusal": "No.", "tool_calls": [{"id": "c", "name": "f", "arguments": "{}"}], "seams": [6],
        "citations": [{"url": "https://example.org"}], "images": ["data:,"], "reasoned_ms": 7}"#;
    let changes = format!(
        "UPDATE answers SET rest = json_patch(rest, '{fields}') WHERE number = 1; \
         UPDATE texts SET reasoning = 'Hm.' WHERE answer = 1"
    );
    run_sql(&file, &changes).await;
    let store = SqliteStore::open(&file).await.unwrap();
    let id = story::id_of_first_answer();
    let content = load_answer(&store, id).await.content;
    let json = serde_json::to_value(&content).unwrap();
    assert_eq!(
        json,
        json!([
            {"reasoning": {"text": "Hm.", "ms": 7}},
            {"text": "Seven,"}, "continuation", {"text": " said Newton."},
            {"refusal": "No."}, {"image": "data:,"},
            {"tool_call": {"id": "c", "name": "f", "arguments": "{}"}},
            {"citations": [{"url": "https://example.org"}]},
        ])
    );
    // What changes a part of it loses nothing of the rest.
    store.settle_bill(id, &Bill::Unknown).await.unwrap();
    assert_eq!(load_answer(&store, id).await.content, content);
    store.close().await;
    assert_eq!(integrity(&file).await, "ok");
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
                assert_eq!(store.list_ids(&ME).await.unwrap(), []);
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
    fs::create_dir_all(fixture_folder()).unwrap();
    let newest = *migrations().last().unwrap();
    let file = fixture_folder().join(format!("schema-{newest:04}.db"));
    assert!(!file.exists(), "{} is there already", file.display());
    let store = SqliteStore::open(&file).await.unwrap();
    tell_story(&store).await;
    store.close().await;
    fs::remove_file(log_folder(&file).join("lock")).unwrap();
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
