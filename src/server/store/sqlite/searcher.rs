//! Searching, on a connection of its own and within a time.
//!
//! A query can make the index look at every place of every word. So a search has its own connection, for which only
//! other searches wait, and an end: when its time is over, or nobody waits for it any more, SQLite is told to
//! interrupt it. What is done with long texts is done off the threads that serve requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteRow};
use sqlx::types::Uuid;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::{Failure, StoreError};
use crate::chat::{AnswerId, ConversationId, QuestionId};
use crate::conversation_list::{FoundIn, SearchHit};
use crate::server::store::search::{excerpt, match_expression};
use crate::user::Viewer;

/// How long a search may take, waiting for others included.
const TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite asks whether to go on after so many of its steps. Within the index it is asked about every 5 ms.
const STEPS: i32 = 1000;

/// Clones share the connection.
#[derive(Clone, Debug)]
pub struct Searcher {
    pool: SqlitePool,
    is_over: Arc<AtomicBool>,
    timeout: Duration,
}

impl Searcher {
    pub async fn connect(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let is_over = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&is_over);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| {
                let asked = Arc::clone(&asked);
                Box::pin(async move {
                    let goes_on = move || !asked.load(Ordering::Relaxed);
                    connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
                    Ok(())
                })
            })
            // The next search does not begin before the last one has ended.
            .after_release(|connection, _| {
                Box::pin(async move {
                    sqlx::Connection::ping(connection).await?;
                    Ok(true)
                })
            })
            .connect_with(options)
            .await?;
        Ok(Self { pool, is_over, timeout: TIMEOUT })
    }

    /// See [`Store::search`](crate::server::store::ConversationStore::search).
    pub async fn search(&self, viewer: &Viewer, typed: &str, limit: u32) -> Result<Vec<SearchHit>, Failure> {
        let Some(expression) = match_expression(typed) else { return Ok(Vec::new()) };
        let searching = self.find(viewer, &expression, typed, limit);
        match tokio::time::timeout(self.timeout, searching).await {
            Ok(found) => found,
            Err(_) => Err(StoreError::SearchTooLong.into()),
        }
    }

    /// Ends the search that is under way, and begins none.
    pub async fn close(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.pool.close().await;
    }

    async fn find(
        &self,
        viewer: &Viewer,
        expression: &str,
        typed: &str,
        limit: u32,
    ) -> Result<Vec<SearchHit>, Failure> {
        let mut turn = self.turn().await?;
        let rows = sqlx::query(FIND_WORDS).bind(expression).bind(viewer.user.0).bind(limit);
        let rows = rows.fetch_all(turn.connection()).await?;
        let mut hits = Vec::with_capacity(rows.len());
        for row in &rows {
            // One text at a time: any of them may be as long as an answer gets.
            let text = find_text(turn.connection(), row).await?;
            hits.push(hit(row, make_excerpt(text, typed).await)?);
        }
        Ok(hits)
    }

    async fn turn(&self) -> Result<Turn, sqlx::Error> {
        let connection = self.pool.acquire().await?;
        self.is_over.store(false, Ordering::Relaxed);
        Ok(Turn { is_over: Arc::clone(&self.is_over), connection })
    }
}

/// The right to search. When it is dropped, whatever runs on the connection is interrupted.
struct Turn {
    is_over: Arc<AtomicBool>,
    connection: PoolConnection<Sqlite>,
}

impl Turn {
    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

impl Drop for Turn {
    /// Before the connection goes back to the pool.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Each row of the index is one of three things; the columns of the other two are NULL. The texts are not among the
/// columns: all rows are sorted before the first is given.
const FIND_WORDS: &str = "SELECT fts.rowid, c.id, c.title, q.id, a.id FROM fts \
    LEFT JOIN answers a ON fts.rowid % 3 = 2 AND a.number = fts.rowid / 3 \
    LEFT JOIN questions q ON (fts.rowid % 3 = 1 AND q.number = fts.rowid / 3) OR q.number = a.question \
    JOIN conversations c ON (fts.rowid % 3 = 0 AND c.number = fts.rowid / 3) OR c.number = q.conversation \
    WHERE fts MATCH ? AND c.owner = ? AND c.deleted_ms IS NULL \
    ORDER BY fts.rowid % 3 > 0, c.updated_ms DESC, fts.rowid DESC LIMIT ?";

/// The text that a row was found in; nothing for a title, or if it was removed since.
async fn find_text(
    connection: &mut SqliteConnection,
    row: &SqliteRow,
) -> Result<Option<String>, sqlx::Error> {
    let indexed: i64 = row.try_get(0)?;
    let query = match indexed % 3 {
        1 => "SELECT text FROM questions WHERE number = ?",
        2 => "SELECT text FROM texts WHERE answer = ?",
        _ => return Ok(None),
    };
    sqlx::query_scalar(query).bind(indexed / 3).fetch_optional(connection).await
}

async fn make_excerpt(text: Option<String>, typed: &str) -> String {
    let Some(text) = text else { return String::new() };
    let typed = typed.to_owned();
    tokio::task::spawn_blocking(move || excerpt(&text, &typed)).await.unwrap_or_default()
}

fn hit(row: &SqliteRow, excerpt: String) -> Result<SearchHit, sqlx::Error> {
    let question: Option<Uuid> = row.try_get(3)?;
    let answer: Option<Uuid> = row.try_get(4)?;
    let message = match (question, answer) {
        (_, Some(answer)) => FoundIn::Answer(AnswerId(answer)),
        (Some(question), None) => FoundIn::Question(QuestionId(question)),
        (None, None) => FoundIn::Title,
    };
    let conversation = ConversationId(row.try_get::<Uuid, _>(1)?);
    Ok(SearchHit { conversation, title: row.try_get(2)?, message, excerpt })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

    async fn searcher(folder: &tempfile::TempDir) -> Searcher {
        let options = SqliteConnectOptions::new().filename(folder.path().join("any.db"));
        Searcher::connect(options.create_if_missing(true)).await.unwrap()
    }

    /// Without an interruption this test does not end.
    #[tokio::test]
    async fn a_search_that_nobody_waits_for_is_interrupted_and_the_next_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let searcher = searcher(&folder).await;
        for _ in 0..3 {
            let endless = async {
                let mut turn = searcher.turn().await.unwrap();
                sqlx::query(ENDLESS).fetch_all(turn.connection()).await.unwrap();
            };
            tokio::time::timeout(Duration::from_millis(20), endless).await.unwrap_err();
            let mut turn = searcher.turn().await.unwrap();
            let one: i64 = sqlx::query_scalar("SELECT 1").fetch_one(turn.connection()).await.unwrap();
            assert_eq!(one, 1);
        }
    }

    /// Closing waits for the connection: without an interruption this test does not end.
    #[tokio::test]
    async fn closing_interrupts_the_search_that_is_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let searcher = searcher(&folder).await;
        let endless = {
            let mut turn = searcher.turn().await.unwrap();
            async move { sqlx::query(ENDLESS).fetch_all(turn.connection()).await.map(drop) }
        };
        let endless = tokio::spawn(endless);
        searcher.close().await;
        let error = endless.await.unwrap().unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
            Some("9")
        );
        assert!(searcher.turn().await.is_err());
    }

    #[tokio::test]
    async fn a_search_without_time_is_told_to_be_more_specific() {
        let folder = tempfile::tempdir().unwrap();
        let searcher = Searcher { timeout: Duration::ZERO, ..searcher(&folder).await };
        // Somebody else searches.
        let _turn = searcher.turn().await.unwrap();
        let outcome = searcher.search(&Viewer::LOCAL, "anything", 9).await;
        let Err(Failure::Store(error)) = outcome else { panic!("it has found something") };
        assert_eq!(error.to_string(), "The search took too long. Try more specific words.");
    }
}
