//! Conversations in one SQLite file.
//!
//! Three pools: one connection that writes, so that writers queue here and not in SQLite's busy handler, a few that
//! read beside it (write-ahead log), and one that searches. Answers that are being written go to the [`FileLog`] in the
//! folder `<file>-log`, and into the database once, when they have ended.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use sqlx::types::Uuid;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use self::group::Gathering;
use self::lock::Lock;
use self::searcher::Searcher;
use super::file_log::{self, FileLog};
use super::{
    AnswerStore, Batch, Begun, Claimed, ConversationStore, EventLog, Job, JobKind, Jobs, NewAnswer, Store,
    StoreError, Untitled, UsageStore,
};
use crate::chat::{Answer, AnswerEvent, AnswerId, Bill, Conversation, ConversationId, Seq};
use crate::conversation_list::{ConversationChange, DailySpending, Listing, SearchHit, Spending};
use crate::user::{UserId, Viewer};

/// Sets the next version of a conversation. It starts with the time, as the revision does: after an older database was put
/// in this one's place, a page does not meet a number that it has seen for another state.
macro_rules! next_version {
    () => {
        "version = max(version + 1, CAST(unixepoch('subsec') * 1000 AS INTEGER))"
    };
}

mod answers;
mod content;
mod conversations;
mod erase;
mod group;
mod jobs;
mod lock;
mod open;
mod private;
mod searcher;
mod tree;
mod usage;

/// The store in a file. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    file: PathBuf,
    options: SqliteConnectOptions,
    writer: SqlitePool,
    read_pool: SqlitePool,
    searcher: Searcher,
    /// What `PRAGMA data_version` said last on the writer's connection.
    data_version: Arc<AtomicI64>,
    /// Whether the write-ahead log may hold what was removed.
    holds_removed: Arc<AtomicBool>,
    running: Arc<Running>,
    gathering: Gathering,
}

/// Where answers are kept while they are written.
#[derive(Debug)]
struct Running {
    /// `None` if another process may be writing answers: then none begin here.
    log: Option<FileLog>,
    log_folder: PathBuf,
    /// Held until the store is closed.
    lock: Mutex<Option<Lock>>,
}

impl SqliteStore {
    /// Opens the database at `file`, which is made if it is missing, and brings its schema up to date. Nobody
    /// else can open it so while it is open, by whatever name.
    ///
    /// # Errors
    /// A sentence about the file; nothing in it has changed then.
    pub async fn open(file: &Path) -> Result<Self, StoreError> {
        open::alone(file).await
    }

    /// Opens an existing database beside the Runnel that may be running with it, to read or add whole
    /// conversations. No answers can begin here.
    ///
    /// # Errors
    /// A sentence about the file, also if it is missing.
    pub async fn open_beside(file: &Path) -> Result<Self, StoreError> {
        open::beside(file).await
    }

    /// Bytes given to the log of running answers since the store was opened.
    #[must_use]
    pub fn log_bytes(&self) -> u64 {
        self.running.log.as_ref().map_or(0, FileLog::bytes_written)
    }

    /// Waits for everything to be written, closes the file and leaves it to others.
    pub async fn close(&self) {
        self.searcher.close().await;
        self.read_pool.close().await;
        self.writer.close().await;
        let lock = self.running.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        lock.into_iter().for_each(Lock::release);
    }

    /// The ids of all the viewer's conversations, as far as they can be read: for a database of which a part is damaged.
    /// Deleted ones may be among them, and those of other users.
    ///
    /// # Errors
    /// Their index cannot be read either.
    pub async fn list_readable_ids(&self, viewer: &Viewer) -> Result<Vec<ConversationId>, StoreError> {
        match self.list_ids(viewer).await {
            Err(StoreError::Damaged { .. }) => {
                conversations::list_indexed_ids(&self.read_pool).await.map_err(|error| self.error(error))
            }
            listed => listed,
        }
    }

    /// The title of a conversation of the viewer, deleted or not.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn find_title(
        &self,
        viewer: &Viewer,
        id: ConversationId,
    ) -> Result<Option<String>, StoreError> {
        conversations::find_title(&self.read_pool, viewer, id).await.map_err(|error| self.error(error))
    }

    /// Begins to write. Taking the lock at once, so that what was read stays true until the end.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(|error| self.error(error))
    }

    async fn commit(&self, transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        transaction.commit().await.map_err(|error| self.error(error))
    }

    fn error(&self, error: sqlx::Error) -> StoreError {
        open::database_error(&self.file, &error)
    }

    fn log(&self) -> Result<&FileLog, StoreError> {
        self.running.log.as_ref().ok_or_else(|| StoreError::InUse(self.file.clone()))
    }
}

#[async_trait]
impl ConversationStore for SqliteStore {
    async fn find_conversation(
        &self,
        viewer: &Viewer,
        id: ConversationId,
    ) -> Result<Option<Conversation>, StoreError> {
        let mut reader = self.read_pool.begin().await.map_err(|error| self.error(error))?;
        conversations::find(&mut reader, viewer, id).await.map_err(|error| self.error(error))
    }

    async fn list_conversations(&self, viewer: &Viewer, limit: u32) -> Result<Listing, StoreError> {
        conversations::list(&self.read_pool, viewer, limit).await.map_err(|error| self.error(error))
    }

    async fn list_ids(&self, viewer: &Viewer) -> Result<Vec<ConversationId>, StoreError> {
        conversations::list_ids(&self.read_pool, viewer).await.map_err(|error| self.error(error))
    }

    async fn search(&self, viewer: &Viewer, query: &str, limit: u32) -> Result<Vec<SearchHit>, StoreError> {
        self.searcher.search(viewer, query, limit).await.map_err(|failure| failure.into_error(self))
    }

    async fn change_conversation(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        change: &ConversationChange,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let is_there = conversations::change(&mut transaction, viewer, id, change, now_ms).await;
        let is_there = is_there.map_err(|error| self.error(error))?;
        self.commit(transaction).await?;
        Ok(is_there)
    }

    async fn find_untitled(&self, id: ConversationId) -> Result<Option<Untitled>, StoreError> {
        let mut reader = self.read_pool.begin().await.map_err(|error| self.error(error))?;
        conversations::find_untitled(&mut reader, id).await.map_err(|error| self.error(error))
    }

    async fn suggest_title(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        title: &str,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let changed = conversations::suggest_title(&mut transaction, viewer, id, title).await;
        let changed = changed.map_err(|error| self.error(error))?;
        self.commit(transaction).await?;
        Ok(changed)
    }

    async fn purge_deleted(&self, before_ms: u64) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let purged = conversations::purge(&mut transaction, before_ms).await;
        let purged = purged.map_err(|error| self.error(error))?;
        self.commit(transaction).await?;
        if purged > 0 {
            self.holds_removed.store(true, Ordering::Relaxed);
            if let Some(log) = &self.running.log {
                log.leave_segment().await;
            }
        }
        erase::empty_write_ahead_log(self).await;
        Ok(purged)
    }

    async fn fork(
        &self,
        viewer: &Viewer,
        leaf: AnswerId,
        new: ConversationId,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let forked = tree::fork(&mut transaction, viewer, leaf, new, now_ms).await;
        let forked = forked.map_err(|failure| failure.into_error(self))?;
        self.commit(transaction).await?;
        Ok(forked)
    }

    async fn import(&self, viewer: &Viewer, conversations: &[Conversation]) -> Result<u64, StoreError> {
        let mut transaction = self.begin().await?;
        let mut added = 0;
        for conversation in conversations {
            let is_new = tree::import(&mut transaction, viewer, conversation).await;
            added += u64::from(is_new.map_err(|failure| failure.into_error(self))?);
        }
        self.commit(transaction).await?;
        Ok(added)
    }
}

#[async_trait]
impl AnswerStore for SqliteStore {
    async fn begin_answer(&self, viewer: &Viewer, new: &NewAnswer) -> Result<Begun, StoreError> {
        self.log()?;
        self.change(&answers::Begin { viewer, new }).await
    }

    async fn finish_answer(&self, answer: &Answer, now_ms: u64) -> Result<(), StoreError> {
        self.log()?;
        self.change(&answers::Finish { answer, now_ms }).await
    }

    async fn list_running(&self) -> Result<Vec<Answer>, StoreError> {
        answers::running(&self.read_pool).await.map_err(|error| self.error(error))
    }

    async fn find_answer(
        &self,
        viewer: &Viewer,
        id: AnswerId,
    ) -> Result<Option<(ConversationId, Answer)>, StoreError> {
        answers::find_visible(&self.read_pool, viewer, id).await.map_err(|error| self.error(error))
    }
}

/// Read, it may be another process's; written, it is this one's.
#[async_trait]
impl EventLog for SqliteStore {
    async fn append_all(&self, batches: &[Batch]) -> Result<(), StoreError> {
        self.log()?.append_all(batches).await
    }

    async fn read(&self, wanted: &[(AnswerId, Seq)]) -> Result<Vec<Vec<AnswerEvent>>, StoreError> {
        file_log::read(&self.running.log_folder, &self.file, wanted)
    }

    async fn list_logged(&self) -> Result<Vec<AnswerId>, StoreError> {
        self.log()?.list_logged().await
    }

    async fn forget(&self, id: AnswerId) {
        if let Ok(log) = self.log() {
            log.forget(id).await;
        }
    }
}

#[async_trait]
impl UsageStore for SqliteStore {
    async fn list_open_bills(&self) -> Result<Vec<Answer>, StoreError> {
        usage::list_open(&self.read_pool).await.map_err(|error| self.error(error))
    }

    async fn find_open_bill(&self, id: AnswerId) -> Result<Option<Answer>, StoreError> {
        usage::find_open(&self.read_pool, id).await.map_err(|error| self.error(error))
    }

    async fn settle_bill(&self, id: AnswerId, bill: &Bill) -> Result<Option<UserId>, StoreError> {
        let mut transaction = self.begin().await?;
        let owner = usage::settle(&mut transaction, id, bill).await.map_err(|error| self.error(error))?;
        self.commit(transaction).await?;
        Ok(owner)
    }

    async fn spending_of(&self, viewer: &Viewer, id: ConversationId) -> Result<Spending, StoreError> {
        usage::spending_of(&self.read_pool, viewer, id).await.map_err(|error| self.error(error))
    }

    async fn daily_spending(&self, viewer: &Viewer, days: u32) -> Result<Vec<DailySpending>, StoreError> {
        usage::daily_spending(&self.read_pool, viewer, days).await.map_err(|error| self.error(error))
    }
}

#[async_trait]
impl Jobs for SqliteStore {
    async fn add_job(&self, kind: JobKind, subject: Uuid, due_ms: u64) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        jobs::add(&mut transaction, kind, subject, due_ms).await.map_err(|error| self.error(error))?;
        self.commit(transaction).await
    }

    async fn claim_jobs(&self, now_ms: u64, until_ms: u64, most: u32) -> Result<Claimed, StoreError> {
        // Nothing is written to find that there is nothing to do.
        let next_due_ms = jobs::next_due_ms(&self.read_pool).await.map_err(|error| self.error(error))?;
        if next_due_ms.is_none_or(|due_ms| due_ms > now_ms) {
            return Ok(Claimed { jobs: Vec::new(), next_due_ms });
        }
        let mut transaction = self.begin().await?;
        let claimed = jobs::claim(&mut transaction, now_ms, until_ms, most).await;
        let claimed = claimed.map_err(|error| self.error(error))?;
        self.commit(transaction).await?;
        Ok(claimed)
    }

    async fn postpone_job(&self, job: &Job, due_ms: u64) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        jobs::postpone(&mut transaction, job, due_ms).await.map_err(|error| self.error(error))?;
        self.commit(transaction).await
    }

    async fn finish_job(&self, job: &Job) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        jobs::finish(&mut transaction, job).await.map_err(|error| self.error(error))?;
        self.commit(transaction).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn was_changed_elsewhere(&self) -> Result<bool, StoreError> {
        // If somebody writes just now, whoever asks next is told.
        let Some(mut writer) = self.writer.try_acquire() else { return Ok(false) };
        let version = open::data_version(&mut writer).await.map_err(|error| self.error(error))?;
        Ok(self.data_version.swap(version, Ordering::Relaxed) != version)
    }

    async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        open::copy(self, file).await
    }
}

/// Why a transaction was given up.
enum Failure {
    Database(sqlx::Error),
    Store(StoreError),
}

impl Failure {
    fn into_error(self, store: &SqliteStore) -> StoreError {
        match self {
            Self::Database(error) => store.error(error),
            Self::Store(error) => error,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What an insertion is numbered by.
async fn last_number(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT last_insert_rowid()").fetch_one(connection).await
}

/// SQLite's integers are signed; times and counts stay below 2^63.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}
