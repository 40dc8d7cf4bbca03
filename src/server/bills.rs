//! Settling bills: a stream that was stopped or broke off says nothing about its cost, so the upstream is asked
//! afterwards (wire reference, sections 4 and 5).

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};

use super::openrouter::OpenRouter;
use super::revision::Revision;
use super::store::UsageStore;
use crate::chat::{Answer, AnswerId, Bill};

/// The upstream knows of an answer half a second or more after its end; some are later.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// With these pauses, a quarter of an hour.
const ATTEMPTS: u32 = 20;
const AT_ONCE: usize = 4;

/// The open bills. Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct Bills {
    client: OpenRouter,
    store: Arc<dyn UsageStore>,
    revision: Revision,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    news: Notify,
    in_hand: Mutex<HashSet<AnswerId>>,
    places: Semaphore,
}

impl Bills {
    #[must_use]
    pub fn new(client: OpenRouter, store: Arc<dyn UsageStore>, revision: Revision) -> Self {
        let places = Semaphore::new(AT_ONCE);
        let shared = Shared { news: Notify::new(), in_hand: Mutex::default(), places };
        Self { client, store, revision, shared: Arc::new(shared) }
    }

    /// There may be a new one.
    pub fn look(&self) {
        self.shared.news.notify_one();
    }

    /// Settles what there is, then waits for more.
    pub async fn settle_all(self) {
        loop {
            match self.store.list_open_bills().await {
                Ok(open) => open.into_iter().for_each(|answer| self.take_in_hand(answer)),
                Err(error) => tracing::warn!(%error, "the open bills cannot be read"),
            }
            self.shared.news.notified().await;
        }
    }

    fn take_in_hand(&self, answer: Answer) {
        let mut in_hand = self.shared.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if in_hand.insert(answer.id) {
            tokio::spawn(self.clone().settle(answer));
        }
    }

    async fn settle(self, answer: Answer) {
        let bill = self.ask(&answer).await;
        let noted = self.store.settle_bill(answer.id, &bill).await;
        self.shared.in_hand.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer.id);
        match noted {
            Ok(owner) => owner.into_iter().for_each(|owner| self.revision.bump(owner)),
            Err(error) => tracing::warn!(%error, answer = %answer.id, "a bill could not be noted"),
        }
    }

    async fn ask(&self, answer: &Answer) -> Bill {
        let Some(id) = &answer.source.generation_id else { return Bill::Unknown };
        let mut pause = FIRST_PAUSE;
        for _ in 0..ATTEMPTS {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            // Closed never: the semaphore lives as long as this.
            let _place = self.shared.places.acquire().await;
            match self.client.find_usage(id).await {
                Ok(Some(usage)) => return Bill::Settled(usage),
                Ok(None) => {}
                Err(problem) => tracing::debug!(%problem, "a bill could not be asked for"),
            }
        }
        Bill::Unknown
    }
}
