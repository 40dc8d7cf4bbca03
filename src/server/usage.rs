//! Settling bills: a stream that was stopped or broke off says nothing about its cost, so the upstream is asked
//! afterwards (wire reference, sections 4 and 5).

use std::sync::Arc;
use std::time::Duration;

use super::backoff::doubling;
use super::openrouter::OpenRouter;
use super::revision::Revision;
use super::store::{StoreError, UsageStore};
use crate::chat::{Answer, AnswerId, Bill};

/// The upstream knows of an answer half a second or more after its end; some are later.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// With these pauses, a quarter of an hour.
const ATTEMPTS: u32 = 20;

/// The open bills. Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct UsageLookup {
    client: OpenRouter,
    store: Arc<dyn UsageStore>,
    revision: Revision,
}

impl UsageLookup {
    #[must_use]
    pub fn new(client: OpenRouter, store: Arc<dyn UsageStore>, revision: Revision) -> Self {
        Self { client, store, revision }
    }

    /// Asks for the `tries`-th time what an answer cost, if that is open still. Gives the time after which to ask again.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn settle(&self, id: AnswerId, tries: u32) -> Result<Option<Duration>, StoreError> {
        let Some(answer) = self.store.find_open_bill(id).await? else { return Ok(None) };
        let bill = match self.ask(&answer).await {
            Some(bill) => bill,
            None if tries < ATTEMPTS => return Ok(Some(pause_after(tries))),
            None => Bill::Unknown,
        };
        if let Some(owner) = self.store.settle_bill(id, &bill).await? {
            self.revision.bump(owner);
        }
        Ok(None)
    }

    /// `None` if it may be known later.
    async fn ask(&self, answer: &Answer) -> Option<Bill> {
        let Some(id) = &answer.source.generation_id else { return Some(Bill::Unknown) };
        match self.client.find_usage(id).await {
            Ok(usage) => usage.map(Bill::Settled),
            Err(problem) => {
                tracing::debug!(%problem, "a bill could not be asked for");
                None
            }
        }
    }
}

/// The first pause is before the first try.
fn pause_after(tries: u32) -> Duration {
    doubling(FIRST_PAUSE, LONGEST_PAUSE).nth(tries as usize).unwrap_or(LONGEST_PAUSE)
}
