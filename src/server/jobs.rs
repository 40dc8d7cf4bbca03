//! Work that is done later: what answers cost, titles, and what was deleted. What is to be done stands in the store
//! ([`Jobs`](super::store::Jobs)), so that it outlives this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::clock;
use super::services::Services;
use super::store::{Job, JobKind, Store, StoreError};
use super::titles::Titles;
use super::usage::UsageLookup;
use crate::chat::{AnswerId, ConversationId};

const AT_ONCE: usize = 4;
/// How long one try may take.
const LONGEST_TRY: Duration = Duration::from_mins(5);
/// How long a job is claimed: a process that has not said more by then is taken for dead.
const CLAIM: Duration = Duration::from_mins(6);
/// How long nobody looks, unless there is news. Another process may add a job.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
/// How long a deletion can be undone.
const DELETED_FOR: Duration = Duration::from_hours(1);
const PURGE_INTERVAL: Duration = Duration::from_mins(10);

/// Where jobs are added. Clones are handles of the same list.
#[derive(Clone, Debug)]
pub struct JobList {
    store: Arc<dyn Store>,
    news: Arc<Notify>,
}

impl JobList {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, news: Arc::default() }
    }

    /// Has it done after a while, unless that is to be done already.
    pub async fn add(&self, kind: JobKind, subject: Uuid, after: Duration) {
        match self.store.add_job(kind, subject, from_now(after)).await {
            Ok(()) => self.news.notify_one(),
            // The next start finds an open bill; a title is no loss.
            Err(error) => tracing::warn!(%error, ?kind, %subject, "a job cannot be noted"),
        }
    }
}

/// Who does the jobs.
#[derive(Clone, Debug)]
pub struct JobRunner {
    list: JobList,
    usage: UsageLookup,
    titles: Titles,
    tasks: TaskTracker,
}

/// What became of a try.
enum Outcome {
    Done,
    /// To be tried again after this.
    Again(Duration),
}

impl JobRunner {
    /// Each try is one of the `tasks`.
    #[must_use]
    pub fn new(services: &Services, tasks: TaskTracker) -> Self {
        let usage =
            UsageLookup::new(services.client.clone(), services.store.clone(), services.revision.clone());
        Self { list: services.jobs.clone(), usage, titles: services.titles.clone(), tasks }
    }

    /// Does what is due, then waits for more.
    pub async fn run(self, stop: CancellationToken) {
        self.note_what_is_open().await;
        let places = Arc::new(Semaphore::new(AT_ONCE));
        loop {
            // Closed never: the semaphore lives as long as this.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let now_ms = clock::now_ms();
            let claimed = self.list.store.claim_jobs(now_ms, from_now(CLAIM), 1).await;
            let next_due_ms = match claimed {
                Ok(mut claimed) => match claimed.jobs.pop() {
                    Some(job) => {
                        let done = self.clone().do_job(job, place);
                        self.tasks.spawn(stop.clone().run_until_cancelled_owned(done));
                        continue;
                    }
                    None => claimed.next_due_ms,
                },
                Err(error) => {
                    tracing::warn!(%error, "what is to be done cannot be read");
                    None
                }
            };
            drop(place);
            let until_due =
                next_due_ms.map(|due_ms| Duration::from_millis(due_ms.saturating_sub(now_ms).max(1)));
            tokio::select! {
                () = tokio::time::sleep(until_due.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP)) => {}
                () = self.list.news.notified() => {}
            }
        }
    }

    /// What a process that was killed had no time to note.
    async fn note_what_is_open(&self) {
        self.list.add(JobKind::Purge, Uuid::nil(), Duration::ZERO).await;
        match self.list.store.list_open_bills().await {
            Ok(open) => {
                for answer in open {
                    self.list.add(JobKind::Bill, answer.id.0, Duration::ZERO).await;
                }
            }
            Err(error) => tracing::warn!(%error, "the open bills cannot be read"),
        }
    }

    async fn do_job(self, job: Job, _place: OwnedSemaphorePermit) {
        let done = tokio::time::timeout(LONGEST_TRY, self.try_job(&job)).await;
        // A title that takes so long is not worth a second one; a bill may be told later.
        let given_up =
            if job.kind == JobKind::Title { Outcome::Done } else { Outcome::Again(PURGE_INTERVAL) };
        let noted = match done.unwrap_or(Ok(given_up)) {
            Ok(Outcome::Done) => self.list.store.finish_job(&job).await,
            Ok(Outcome::Again(after)) => self.list.store.postpone_job(&job, from_now(after)).await,
            // It stays claimed for a while, and is tried again then.
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            tracing::warn!(%error, ?job, "a job could not be done");
        }
        self.list.news.notify_one();
    }

    async fn try_job(&self, job: &Job) -> Result<Outcome, StoreError> {
        match job.kind {
            JobKind::Bill => self
                .usage
                .settle(AnswerId(job.subject), job.tries)
                .await
                .map(|pause| pause.map_or(Outcome::Done, Outcome::Again)),
            JobKind::Title => {
                self.titles.suggest(ConversationId(job.subject)).await?;
                Ok(Outcome::Done)
            }
            JobKind::Purge => {
                let before_ms = clock::now_ms().saturating_sub(millis(DELETED_FOR));
                if let Err(error) = self.list.store.purge_deleted(before_ms).await {
                    tracing::warn!(%error, "deleted conversations could not be removed");
                }
                Ok(Outcome::Again(PURGE_INTERVAL))
            }
        }
    }
}

fn from_now(after: Duration) -> u64 {
    clock::now_ms().saturating_add(millis(after))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
