//! Opening the file: who may, which schema, and what to say if it cannot be.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqlSafeStr, SqliteConnection};

use super::group::Gathering;
use super::lock::{self, Lock};
use super::private::{self, make_folder, make_private};
use super::searcher::Searcher;
use super::{FileLog, Running, SqliteStore, Store, StoreError, answers, erase, jobs};
use crate::server::clock;
use crate::server::files;

/// `PRAGMA application_id`: "RUNL" in ASCII. Set by the first migration.
const APPLICATION_ID: i64 = 0x5255_4e4c;
/// How long a write of another process may take. An import writes in short transactions and lets others write between
/// them; a disk may be slow.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for the first look at a file, which may be anybody's.
const FIRST_LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long whoever needs a connection waits for it: longer than SQLite waits for others.
pub const LONGEST_WAIT: Duration = Duration::from_mins(1);
const READ_CONNECTIONS: u32 = 4;
/// A page is the least that SQLite writes. Beginning and keeping an answer of 95 KB writes 2.4 bytes for each of its
/// own with pages of 4 KiB, 1.7 with these.
const PAGE_BYTES: u32 = 1024;
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// The schema's versions. Each runs in a transaction: one that breaks off leaves the version before.
fn migrator() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "conversations", include_str!("../migrations/0001_conversations.sql")),
        migration(2, "removed for good", include_str!("../migrations/0002_removed_for_good.sql")),
        migration(3, "settings", include_str!("../migrations/0003_settings.sql")),
        migration(4, "content", include_str!("../migrations/0004_content.sql")),
        migration(5, "owner", include_str!("../migrations/0005_owner.sql")),
        migration(6, "jobs", include_str!("../migrations/0006_jobs.sql")),
    ])
}

pub async fn alone(named: &Path) -> Result<SqliteStore, StoreError> {
    let failed = |error| StoreError::of_io(named, error);
    make_private(named).map_err(failed)?;
    check_kind(named)?;
    let file = fs::canonicalize(named).map_err(failed)?;
    let in_use = || StoreError::InUse(named.to_owned());
    let lock = Lock::of_file(&file).map_err(failed)?.ok_or_else(in_use)?;
    check_application(named).await?;
    let log_folder = log_folder(&file);
    if !take_over_log_folder(named, &log_folder).map_err(failed)? {
        return Err(in_use());
    }
    make_folder(&log_folder).map_err(failed)?;
    let lock = lock.and_folder(&log_folder).map_err(failed)?.ok_or_else(in_use)?;
    private::keep_from_others(&file, &log_folder);
    let log = FileLog::open(&log_folder, named)?;
    let lock = Mutex::new(Some(lock));
    let running = Running { log: Some(log), log_folder, lock };
    let store = connect(named, &file, running).await?;
    migrator().run(&store.writer).await.map_err(|error| migration_error(named, error))?;
    if let Err(error) = jobs::take_over(&store.writer).await {
        // On a full disk, say. They are due in some minutes at the latest.
        tracing::warn!(%error, "what an earlier process had put off stays put off");
    }
    erase::erase_earlier_removals(&store).await;
    erase::empty_write_ahead_log(&store).await;
    // What was done here on other connections is no news.
    store.was_changed_elsewhere().await?;
    Ok(store)
}

pub async fn beside(named: &Path) -> Result<SqliteStore, StoreError> {
    let failed = |error| StoreError::of_io(named, error);
    if fs::metadata(named).is_ok_and(|known| known.len() == 0) {
        return Err(StoreError::Foreign(named.to_owned()));
    }
    check_kind(named)?;
    let file = fs::canonicalize(named).map_err(failed)?;
    let log_folder = log_folder(&file);
    if lock::is_held_by_another_name(&file, &log_folder).map_err(failed)? {
        return Err(StoreError::InUse(named.to_owned()));
    }
    check_application(named).await?;
    let store = connect(named, &file, Running::beside(log_folder)).await?;
    let applied: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&store.read_pool).await;
    let newest = migrator().iter().map(|migration| migration.version).max();
    match applied.map_err(|error| database_error(named, &error))? {
        applied if applied == newest => Ok(store),
        applied if applied > newest => Err(StoreError::Newer(named.to_owned())),
        _ => Err(StoreError::Other(format!(
            "{} was made by an older Runnel. Start this one with it once, then try again.",
            named.display()
        ))),
    }
}

/// Copies the database to `file`, and ends the answers that are being written in the copy, as far as their log
/// tells: a copy has no log. The file is there once all of it is, and has another name until then.
pub async fn copy(store: &SqliteStore, file: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::Copy { file: file.to_owned(), error };
    files::refuse_existing(file).map_err(failed)?;
    let unfinished = with_suffix(file, &format!(".{}.unfinished", clock::new_id()));
    let copied = match write_copy(store, &unfinished, file).await {
        Ok(()) => files::give_name(&unfinished, file).map_err(failed),
        Err(error) => Err(error),
    };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        // What cannot be removed was perhaps never made.
        let _ = fs::remove_file(with_suffix(&unfinished, suffix));
    }
    copied
}

/// Errors name the file that was asked for.
async fn write_copy(store: &SqliteStore, file: &Path, named: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::Copy { file: named.to_owned(), error };
    make_private(file).map_err(failed)?;
    let vacuum = sqlx::query("VACUUM INTO ?").bind(file.to_string_lossy().into_owned());
    vacuum.execute(&store.read_pool).await.map_err(|error| database_error(named, &error))?;
    let copied = connect(named, file, Running::beside(log_folder(file))).await?;
    end_running(store, &copied).await?;
    // One file, without a write-ahead log beside it. That takes the last connection.
    copied.searcher.close().await;
    copied.read_pool.close().await;
    let one_file = sqlx::query("PRAGMA journal_mode = DELETE").execute(&copied.writer).await;
    one_file.map_err(|error| copied.error(error))?;
    copied.close().await;
    File::open(file).and_then(|file| file.sync_all()).map_err(failed)
}

/// The log is read before the original is asked: what has not ended there by then has its text in the log.
async fn end_running(store: &SqliteStore, copied: &SqliteStore) -> Result<(), StoreError> {
    let mut logged = store.logged_answers().await?;
    for answer in answers::running(&copied.read_pool).await.map_err(|error| copied.error(error))? {
        let original =
            answers::find(&store.read_pool, answer.id).await.map_err(|error| store.error(error))?;
        let ended = original.map(|(_, answer)| answer).filter(|answer| answer.end().is_some());
        let in_log = logged.iter().position(|logged| logged.id == answer.id);
        let mut answer = ended.or_else(|| in_log.map(|at| logged.swap_remove(at))).unwrap_or(answer);
        answer.interrupt("The backup was made while it was being written.");
        let mut transaction = copied.begin().await?;
        let finished = answers::finish(&mut transaction, &answer, answer.begun_ms).await;
        finished.map_err(|error| copied.error(error))?;
        copied.commit(transaction).await?;
    }
    Ok(())
}

/// Errors name the file as it was `named`.
async fn connect(named: &Path, file: &Path, running: Running) -> Result<SqliteStore, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(running.log.is_some())
        .page_size(PAGE_BYTES)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is deleted is overwritten with zeros.
        .pragma("secure_delete", "ON")
        .busy_timeout(BUSY_TIMEOUT);
    // A connection stays as long as the store.
    let pool = |size| {
        SqlitePoolOptions::new()
            .max_connections(size)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(LONGEST_WAIT)
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
    };
    let failed = |error| database_error(named, &error);
    let writer: SqlitePool = pool(1).connect_with(options.clone()).await.map_err(failed)?;
    let version = data_version(&mut *writer.acquire().await.map_err(failed)?).await.map_err(failed)?;
    let read_pool = pool(READ_CONNECTIONS).connect_with(options.clone()).await.map_err(failed)?;
    let searcher = Searcher::connect(options.clone()).await.map_err(failed)?;
    let data_version = Arc::new(AtomicI64::new(version));
    let running = Arc::new(running);
    // What an earlier process removed last may be there still.
    let holds_removed = Arc::new(AtomicBool::new(true));
    let file = named.to_owned();
    let gathering = Gathering::default();
    Ok(SqliteStore {
        file,
        options,
        writer,
        read_pool,
        searcher,
        data_version,
        holds_removed,
        running,
        gathering,
    })
}

/// A number that changes when another connection has changed the database. On the connection that writes for this
/// process that is another process, or a checkpoint.
pub async fn data_version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

impl Running {
    /// Nothing is written here: another process may do that.
    fn beside(log_folder: PathBuf) -> Self {
        Self { log: None, log_folder, lock: Mutex::default() }
    }
}

/// Earlier versions put the log beside a symbolic link and not beside the file: it may hold what a crash left. False
/// if one of them is running with it.
fn take_over_log_folder(named: &Path, log_folder: &Path) -> io::Result<bool> {
    let earlier = self::log_folder(named);
    if log_folder.exists() || !earlier.is_dir() {
        return Ok(true);
    }
    if lock::is_folder_in_use(&earlier)? {
        return Ok(false);
    }
    match fs::rename(&earlier, log_folder) {
        Err(error) if error.kind() == ErrorKind::CrossesDevices => move_folder(&earlier, log_folder)?,
        renamed => renamed?,
    }
    Ok(true)
}

/// Moves a folder of files to another file system. If it breaks off, the folder stays where it was.
fn move_folder(from: &Path, to: &Path) -> io::Result<()> {
    let unfinished = with_suffix(to, ".unfinished");
    make_folder(&unfinished)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = unfinished.join(entry.file_name());
        fs::copy(entry.path(), &copy)?;
        File::open(copy)?.sync_all()?;
    }
    fs::rename(&unfinished, to)?;
    fs::remove_dir_all(from)
}

/// What is not a database is left alone.
fn check_kind(file: &Path) -> Result<(), StoreError> {
    let mut start = Vec::new();
    let opened = File::open(file).map_err(|error| StoreError::of_io(file, error))?;
    opened
        .take(SQLITE_MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|error| StoreError::of_io(file, error))?;
    if start.is_empty() || start == SQLITE_MAGIC { Ok(()) } else { Err(StoreError::Foreign(file.to_owned())) }
}

/// Another program's database is left alone too: nothing is set on this connection.
async fn check_application(file: &Path) -> Result<(), StoreError> {
    let failed = |error| database_error(file, &error);
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(FIRST_LOOK_TIMEOUT);
    let mut connection = options.connect().await.map_err(failed)?;
    // The table of migrations is there before the first of them has run.
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE tbl_name <> '_sqlx_migrations'")
            .fetch_one(&mut connection)
            .await
            .map_err(failed)?;
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    let is_new = tables == 0 && application == 0;
    if is_new || application == APPLICATION_ID { Ok(()) } else { Err(StoreError::Foreign(file.to_owned())) }
}

fn log_folder(file: &Path) -> PathBuf {
    with_suffix(file, "-log")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// By SQLite's primary result codes (<https://sqlite.org/rescode.html>).
pub fn database_error(file: &Path, error: &sqlx::Error) -> StoreError {
    let path = file.to_owned();
    let database = match error {
        sqlx::Error::Database(database) => database,
        // What was written here can be read, unless something else wrote over it.
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            return StoreError::Damaged { file: path, detail: error.to_string() };
        }
        sqlx::Error::PoolTimedOut => return StoreError::Busy(path),
        other => return StoreError::Other(other.to_string()),
    };
    let code = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    match code & 0xff {
        5 | 6 => StoreError::Busy(path),
        9 => StoreError::SearchTooLong,
        3 | 8 => StoreError::ReadOnly(path),
        11 => StoreError::Damaged { file: path, detail: database.message().to_owned() },
        1 if database.message().contains("fts5") => {
            StoreError::Damaged { file: path, detail: database.message().to_owned() }
        }
        13 => StoreError::DiskFull(path),
        // No space for the memory that connections share (SQLITE_IOERR_SHMSIZE).
        10 if code == 4874 => StoreError::DiskFull(path),
        // The disk could not read a page (SQLITE_IOERR_READ), or says that it is not what was written
        // (SQLITE_IOERR_DATA, SQLITE_IOERR_CORRUPTFS).
        10 if matches!(code, 266 | 8202 | 8458) => {
            StoreError::Damaged { file: path, detail: database.message().to_owned() }
        }
        14 => StoreError::Open { file: path, error: io::Error::other(database.message().to_owned()) },
        26 => StoreError::Foreign(path),
        _ => StoreError::Other(database.message().to_owned()),
    }
}

fn migration_error(file: &Path, error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(_)
        | MigrateError::VersionMismatch(_)
        | MigrateError::VersionTooNew(..) => StoreError::Newer(file.to_owned()),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            database_error(file, &error)
        }
        other => StoreError::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;

    #[tokio::test]
    async fn a_database_that_somebody_writes_to_is_busy_and_not_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteConnectOptions::new().filename(folder.path().join("any.db"));
        let options = options.create_if_missing(true).busy_timeout(Duration::ZERO);
        let mut connections = [options.connect().await.unwrap(), options.connect().await.unwrap()];
        let begin = || AssertSqlSafe("BEGIN IMMEDIATE");
        sqlx::query(begin()).execute(&mut connections[0]).await.unwrap();
        let refused = sqlx::query(begin()).execute(&mut connections[1]).await.unwrap_err();
        let errors = [refused, sqlx::Error::PoolTimedOut];
        for error in errors.map(|error| database_error(Path::new("/data/runnel.db"), &error)) {
            assert!(matches!(error, StoreError::Busy(_)), "{error:?}");
            let sentence = error.to_string();
            assert!(sentence.contains("/data/runnel.db") && sentence.contains("Try again"), "{sentence}");
        }
    }
}
