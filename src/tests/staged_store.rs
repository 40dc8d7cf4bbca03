//! A store on a stage: it stops where a test wants it to, and refuses what a test wants refused.
//!
//! What happens between two steps of the server happens in nanoseconds. Here a step takes as long as the test needs
//! to do something else in between.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use runnel::chat::{Answer, AnswerEvent, AnswerId, Bill, Conversation, ConversationId, Seq};
use runnel::conversation_list::{ConversationChange, DailySpending, Listing, SearchHit, Spending};
use runnel::server::store::{
    AnswerStore, Batch, Begun, Claimed, ConversationStore, EventLog, Job, JobKind, Jobs, NewAnswer,
    SqliteStore, Store, StoreError, Untitled, UsageStore,
};
use runnel::user::{UserId, Viewer};
use tokio::sync::oneshot;
use tokio::time::timeout;
use uuid::Uuid;

use crate::test_app::PATIENCE;

/// Where a store can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// Before an answer is noted.
    BeforeBegin,
    /// After it was noted, before anybody is told.
    AfterBegin,
    AfterChange,
    AfterFork,
}

/// Clones are handles of the same store.
#[derive(Clone, Debug)]
pub struct StagedStore {
    store: SqliteStore,
    stage: Arc<Stage>,
}

#[derive(Debug, Default)]
struct Stage {
    gates: Mutex<HashMap<Point, Gate>>,
    /// As if the disk were full.
    keeps_nothing: AtomicBool,
    refused: AtomicU64,
    /// The next answer is noted, and the server is told that it was not.
    forgets_to_say: AtomicBool,
}

/// Stops whoever comes first.
#[derive(Debug)]
struct Gate {
    reached: oneshot::Sender<()>,
    opened: oneshot::Receiver<()>,
}

/// The test's side of a [`Gate`]; it opens when this is dropped.
pub struct Pause {
    reached: oneshot::Receiver<()>,
    open: oneshot::Sender<()>,
}

impl Pause {
    /// Waits until somebody has been stopped.
    pub async fn reached(&mut self) {
        timeout(PATIENCE, &mut self.reached).await.expect("nobody comes here").unwrap();
    }

    pub fn go_on(self) {
        self.open.send(()).unwrap();
    }
}

impl StagedStore {
    pub fn new(store: SqliteStore) -> Self {
        Self { store, stage: Arc::default() }
    }

    /// The next one who comes here waits.
    pub fn pause_at(&self, point: Point) -> Pause {
        let (reached, is_reached) = oneshot::channel();
        let (open, opened) = oneshot::channel();
        self.stage.gates.lock().unwrap().insert(point, Gate { reached, opened });
        Pause { reached: is_reached, open }
    }

    /// From now on neither the database nor the log takes anything of an answer, or both do again.
    pub fn keep_nothing(&self, keeps_nothing: bool) {
        self.stage.keeps_nothing.store(keeps_nothing, Ordering::SeqCst);
    }

    /// How often an answer was refused at its end.
    pub fn refused(&self) -> u64 {
        self.stage.refused.load(Ordering::SeqCst)
    }

    /// Notes the next answer and says that it did not.
    pub fn forget_to_say(&self) {
        self.stage.forgets_to_say.store(true, Ordering::SeqCst);
    }

    async fn pass(&self, point: Point) {
        let gate = self.stage.gates.lock().unwrap().remove(&point);
        if let Some(gate) = gate {
            gate.reached.send(()).unwrap();
            // Opened, or the test is over.
            let _ = gate.opened.await;
        }
    }

    fn check_space(&self) -> Result<(), StoreError> {
        if self.stage.keeps_nothing.load(Ordering::SeqCst) {
            return Err(StoreError::DiskFull(PathBuf::from("a/full/disk")));
        }
        Ok(())
    }
}

#[async_trait]
impl ConversationStore for StagedStore {
    async fn find_conversation(
        &self,
        viewer: &Viewer,
        id: ConversationId,
    ) -> Result<Option<Conversation>, StoreError> {
        self.store.find_conversation(viewer, id).await
    }

    async fn list_conversations(&self, viewer: &Viewer, limit: u32) -> Result<Listing, StoreError> {
        self.store.list_conversations(viewer, limit).await
    }

    async fn list_ids(&self, viewer: &Viewer) -> Result<Vec<ConversationId>, StoreError> {
        self.store.list_ids(viewer).await
    }

    async fn search(&self, viewer: &Viewer, query: &str, limit: u32) -> Result<Vec<SearchHit>, StoreError> {
        self.store.search(viewer, query, limit).await
    }

    async fn change_conversation(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        change: &ConversationChange,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let changed = self.store.change_conversation(viewer, id, change, now_ms).await;
        self.pass(Point::AfterChange).await;
        changed
    }

    async fn find_untitled(&self, id: ConversationId) -> Result<Option<Untitled>, StoreError> {
        self.store.find_untitled(id).await
    }

    async fn suggest_title(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        title: &str,
    ) -> Result<bool, StoreError> {
        self.store.suggest_title(viewer, id, title).await
    }

    async fn purge_deleted(&self, before_ms: u64) -> Result<u64, StoreError> {
        self.store.purge_deleted(before_ms).await
    }

    async fn fork(
        &self,
        viewer: &Viewer,
        leaf: AnswerId,
        new: ConversationId,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let forked = self.store.fork(viewer, leaf, new, now_ms).await;
        self.pass(Point::AfterFork).await;
        forked
    }

    async fn import(&self, viewer: &Viewer, conversations: &[Conversation]) -> Result<u64, StoreError> {
        self.store.import(viewer, conversations).await
    }
}

#[async_trait]
impl AnswerStore for StagedStore {
    async fn begin_answer(&self, viewer: &Viewer, new: &NewAnswer) -> Result<Begun, StoreError> {
        self.pass(Point::BeforeBegin).await;
        let begun = self.store.begin_answer(viewer, new).await;
        self.pass(Point::AfterBegin).await;
        if self.stage.forgets_to_say.swap(false, Ordering::SeqCst) {
            return Err(StoreError::Other("as the test wants it".to_owned()));
        }
        begun
    }

    async fn finish_answer(&self, answer: &Answer, now_ms: u64) -> Result<(), StoreError> {
        self.check_space().inspect_err(|_| {
            self.stage.refused.fetch_add(1, Ordering::SeqCst);
        })?;
        self.store.finish_answer(answer, now_ms).await
    }

    async fn list_running(&self) -> Result<Vec<Answer>, StoreError> {
        self.store.list_running().await
    }

    async fn find_answer(
        &self,
        viewer: &Viewer,
        id: AnswerId,
    ) -> Result<Option<(ConversationId, Answer)>, StoreError> {
        self.store.find_answer(viewer, id).await
    }
}

#[async_trait]
impl EventLog for StagedStore {
    async fn append_all(&self, batches: &[Batch]) -> Result<(), StoreError> {
        self.check_space()?;
        self.store.append_all(batches).await
    }

    async fn read(&self, wanted: &[(AnswerId, Seq)]) -> Result<Vec<Vec<AnswerEvent>>, StoreError> {
        self.store.read(wanted).await
    }

    async fn list_logged(&self) -> Result<Vec<AnswerId>, StoreError> {
        self.store.list_logged().await
    }

    async fn forget(&self, id: AnswerId) {
        self.store.forget(id).await;
    }
}

#[async_trait]
impl UsageStore for StagedStore {
    async fn list_open_bills(&self) -> Result<Vec<Answer>, StoreError> {
        self.store.list_open_bills().await
    }

    async fn find_open_bill(&self, id: AnswerId) -> Result<Option<Answer>, StoreError> {
        self.store.find_open_bill(id).await
    }

    async fn settle_bill(&self, id: AnswerId, bill: &Bill) -> Result<Option<UserId>, StoreError> {
        self.store.settle_bill(id, bill).await
    }

    async fn spending_of(&self, viewer: &Viewer, id: ConversationId) -> Result<Spending, StoreError> {
        self.store.spending_of(viewer, id).await
    }

    async fn daily_spending(&self, viewer: &Viewer, days: u32) -> Result<Vec<DailySpending>, StoreError> {
        self.store.daily_spending(viewer, days).await
    }
}

#[async_trait]
impl Jobs for StagedStore {
    async fn add_job(&self, kind: JobKind, subject: Uuid, due_ms: u64) -> Result<(), StoreError> {
        self.store.add_job(kind, subject, due_ms).await
    }

    async fn claim_jobs(&self, now_ms: u64, until_ms: u64, most: u32) -> Result<Claimed, StoreError> {
        self.store.claim_jobs(now_ms, until_ms, most).await
    }

    async fn postpone_job(&self, job: &Job, due_ms: u64) -> Result<(), StoreError> {
        self.store.postpone_job(job, due_ms).await
    }

    async fn finish_job(&self, job: &Job) -> Result<(), StoreError> {
        self.store.finish_job(job).await
    }
}

#[async_trait]
impl Store for StagedStore {
    async fn was_changed_elsewhere(&self) -> Result<bool, StoreError> {
        self.store.was_changed_elsewhere().await
    }

    async fn backup(&self, file: &Path) -> Result<(), StoreError> {
        self.store.backup(file).await
    }
}
