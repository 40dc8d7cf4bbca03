//! Removed for good: what is deleted does not stay in any of the files.
//!
//! SQLite overwrites what is deleted (`secure_delete`), and the search index takes a removed text's words out at
//! once ('secure-delete' of FTS5). Two places are left. The write-ahead log holds older versions of pages until it
//! is emptied, and a database of an earlier Runnel holds what was removed before any of this was switched on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection};

use super::SqliteStore;

/// `PRAGMA user_version` of a database in which nothing stands that was removed.
const ERASED: i64 = 1;
/// A reader holds the write-ahead log for as long as it reads. Together, a second.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// `SQLITE_BUSY`: somebody else has the lock.
const BUSY: &str = "5";

/// Moves everything from the write-ahead log to the database and cuts the log to nothing, if it may hold what was
/// removed. If somebody reads all the while, it is left for the next time.
///
/// Not without need: for [`Store::was_changed_elsewhere`](super::Store::was_changed_elsewhere) it looks like a change.
pub async fn empty_write_ahead_log(store: &SqliteStore) {
    if !store.holds_removed.load(Ordering::Relaxed) {
        return;
    }
    for _ in 0..ATTEMPTS {
        match try_to_empty(store).await {
            Ok(true) => {
                store.holds_removed.store(false, Ordering::Relaxed);
                return;
            }
            Ok(false) => tokio::time::sleep(PAUSE).await,
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(BUSY) => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log cannot be emptied yet");
                return;
            }
        }
    }
    tracing::debug!("the write-ahead log is being read and is emptied later");
}

/// A connection of its own, which does not wait: while a connection waits for readers here it keeps writers out.
async fn try_to_empty(store: &SqliteStore) -> Result<bool, sqlx::Error> {
    let mut connection = store.options.clone().busy_timeout(Duration::ZERO).connect().await?;
    let is_busy = sqlx::query_scalar::<_, i64>("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection);
    let is_busy = is_busy.await;
    connection.close().await?;
    Ok(is_busy? == 0)
}

/// Writes the file anew if an earlier Runnel has removed things from it without overwriting them. A failure, such as
/// a disk without room for a second copy, costs nothing: the next start tries again.
pub async fn erase_earlier_removals(store: &SqliteStore) {
    match try_to_erase(store).await {
        Ok(()) => {}
        Err(error) => {
            tracing::warn!(%error, "what was removed by an earlier Runnel may still stand in the file");
        }
    }
}

async fn try_to_erase(store: &SqliteStore) -> Result<(), sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&store.writer).await?;
    if version >= ERASED {
        return Ok(());
    }
    sqlx::query("VACUUM").execute(&store.writer).await?;
    let done = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {ERASED}"));
    sqlx::query(done).execute(&store.writer).await?;
    Ok(())
}
