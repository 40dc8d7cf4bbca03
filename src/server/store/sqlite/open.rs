//! Opening the file: who may, which schema, and what to say if it cannot be.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};

use super::{EventLog, Running, SqliteStore, StoreError, answers, erase};

/// `PRAGMA application_id`: "RUNL" in ASCII. Set by the first migration.
const APPLICATION_ID: i64 = 0x5255_4e4c;
/// How long a write of another process may take.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const READERS: u32 = 4;
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
    ])
}

pub async fn alone(file: &Path) -> Result<SqliteStore, StoreError> {
    make_private(file).map_err(|error| io_error(file, error))?;
    check_kind(file)?;
    check_application(file).await?;
    let log_folder = log_folder(file);
    make_folder(&log_folder).map_err(|error| io_error(file, error))?;
    let lock = lock(file, &log_folder)?;
    let log = EventLog::open(&log_folder).map_err(|error| io_error(file, error))?;
    let lock = Mutex::new(Some(lock));
    let running = Running { log: Some(log), log_folder, recovered: Mutex::default(), lock };
    let store = connect(file, running).await?;
    migrator().run(&store.writer).await.map_err(|error| migration_error(file, error))?;
    erase::erase_earlier_removals(&store).await;
    Ok(store)
}

pub async fn beside(file: &Path) -> Result<SqliteStore, StoreError> {
    if fs::metadata(file).is_ok_and(|known| known.len() == 0) {
        return Err(StoreError::Foreign(file.to_owned()));
    }
    check_kind(file)?;
    check_application(file).await?;
    let running = Running {
        log: None,
        log_folder: log_folder(file),
        recovered: Mutex::default(),
        lock: Mutex::default(),
    };
    let store = connect(file, running).await?;
    let applied: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&store.readers).await;
    let newest = migrator().iter().map(|migration| migration.version).max();
    match applied.map_err(|error| database_error(file, &error))? {
        applied if applied == newest => Ok(store),
        applied if applied > newest => Err(StoreError::Newer(file.to_owned())),
        _ => Err(StoreError::Other(format!(
            "{} was made by an older Runnel. Start this one with it once, then try again.",
            file.display()
        ))),
    }
}

/// Copies the database to `file`, and ends the answers that are being written in the copy, as far as their log
/// tells: a copy has no log. The file is there once all of it is.
pub async fn copy(store: &SqliteStore, file: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::Copy { file: file.to_owned(), error };
    if file.exists() {
        return Err(failed(io::Error::new(ErrorKind::AlreadyExists, "there is a file already")));
    }
    let unfinished = with_suffix(file, ".unfinished");
    let copied = match write_copy(store, &unfinished, file).await {
        Ok(()) => fs::rename(&unfinished, file).map_err(failed),
        Err(error) => Err(error),
    };
    if copied.is_err() {
        // What cannot be removed was perhaps never made.
        let _ = fs::remove_file(&unfinished);
    }
    copied
}

/// Errors name the file that was asked for.
async fn write_copy(store: &SqliteStore, file: &Path, named: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::Copy { file: named.to_owned(), error };
    // An earlier try may have been broken off.
    if let Err(error) = fs::remove_file(file)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(failed(error));
    }
    make_private(file).map_err(failed)?;
    let vacuum = sqlx::query("VACUUM INTO ?").bind(file.to_string_lossy().into_owned());
    vacuum.execute(&store.readers).await.map_err(|error| database_error(named, &error))?;
    let running = Running {
        log: None,
        log_folder: log_folder(file),
        recovered: Mutex::default(),
        lock: Mutex::default(),
    };
    let copied = connect(file, running).await?;
    end_running(store, &copied).await?;
    // One file, without a write-ahead log beside it. That takes the last connection.
    copied.readers.close().await;
    let one_file = sqlx::query("PRAGMA journal_mode = DELETE").execute(&copied.writer).await;
    one_file.map_err(|error| copied.error(error))?;
    copied.close().await;
    File::open(file).and_then(|file| file.sync_all()).map_err(failed)
}

/// The log is read before the original is asked: what has not ended there by then has its text in the log.
async fn end_running(store: &SqliteStore, copied: &SqliteStore) -> Result<(), StoreError> {
    let mut logged = store.logged_answers().await?;
    for answer in answers::running(&copied.readers).await.map_err(|error| copied.error(error))? {
        let original = answers::find(&store.readers, answer.id).await.map_err(|error| store.error(error))?;
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

async fn connect(file: &Path, running: Running) -> Result<SqliteStore, StoreError> {
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
    let pool = |size| {
        SqlitePoolOptions::new().max_connections(size).min_connections(1).after_release(|connection, _| {
            Box::pin(async move {
                connection.ping().await?;
                Ok(!connection.is_in_transaction())
            })
        })
    };
    let failed = |error| database_error(file, &error);
    let writer: SqlitePool = pool(1).connect_with(options.clone()).await.map_err(failed)?;
    let readers = pool(READERS).connect_with(options.clone()).await.map_err(failed)?;
    Ok(SqliteStore { file: file.to_owned(), options, writer, readers, running: Arc::new(running) })
}

/// Makes the file, and the folders on the way to it, readable for their owner alone.
fn make_private(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        make_folder(folder)?;
    }
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What is not a database is left alone.
fn check_kind(file: &Path) -> Result<(), StoreError> {
    let mut start = Vec::new();
    let opened = File::open(file).map_err(|error| io_error(file, error))?;
    opened.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut start).map_err(|error| io_error(file, error))?;
    if start.is_empty() || start == SQLITE_MAGIC { Ok(()) } else { Err(StoreError::Foreign(file.to_owned())) }
}

/// Another program's database is left alone too: nothing is set on this connection.
async fn check_application(file: &Path) -> Result<(), StoreError> {
    let failed = |error| database_error(file, &error);
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT);
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

/// Two processes that write answers would take each other's for left over.
fn lock(file: &Path, log_folder: &Path) -> Result<File, StoreError> {
    let opened = OpenOptions::new().create(true).append(true).open(log_folder.join("lock"));
    let lock = opened.map_err(|error| io_error(file, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(file.to_owned())),
        Err(TryLockError::Error(error)) => Err(io_error(file, error)),
    }
}

pub fn io_error(file: &Path, error: io::Error) -> StoreError {
    let file = file.to_owned();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::DiskFull(file),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => StoreError::ReadOnly(file),
        _ => StoreError::Open { file, error },
    }
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
        other => return StoreError::Other(other.to_string()),
    };
    let code = database.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    match code & 0xff {
        5 | 6 => StoreError::InUse(path),
        3 | 8 => StoreError::ReadOnly(path),
        11 => StoreError::Damaged { file: path, detail: database.message().to_owned() },
        1 if database.message().contains("fts5") => {
            StoreError::Damaged { file: path, detail: database.message().to_owned() }
        }
        13 => StoreError::DiskFull(path),
        // No space for the memory that connections share (SQLITE_IOERR_SHMSIZE).
        10 if code == 4874 => StoreError::DiskFull(path),
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
