//! What is written of a running answer to the store's log, a little behind the live answer and never in its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::chat::{AnswerEvent, AnswerId, Seq};
use crate::server::store::{EventLog, StoreError};

/// How long events gather before they are written. With the write itself it stays below 50 ms, which is the most
/// that a crash may take; each write is a sync of the disk, so that fewer are better.
const GATHERING: Duration = Duration::from_millis(20);
/// The pause before a write that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The most events of one write: they are held more than once while they are written.
const MOST_EVENTS_A_WRITE: usize = 4096;
/// The most that one write has of text and the like, in bytes, unless a single event is larger.
const LARGEST_WRITE_BYTES: usize = 1 << 20;

/// The writer of one answer's log.
#[derive(Debug)]
pub struct Journal {
    events: UnboundedSender<AnswerEvent>,
    pause: CancellationToken,
    writing: JoinHandle<Unwritten>,
}

impl Journal {
    #[must_use]
    pub fn start(id: AnswerId, log: Arc<dyn EventLog>) -> Self {
        let (events, arriving) = mpsc::unbounded_channel();
        let pause = CancellationToken::new();
        let unwritten = Unwritten { id, log, after: Seq::START, batch: Vec::new(), arriving };
        Self { events, pause: pause.clone(), writing: tokio::spawn(unwritten.write_while_running(pause)) }
    }

    /// Where the answer's writer puts its events, in their order.
    #[must_use]
    pub fn input(&self) -> JournalInput {
        JournalInput(self.events.clone())
    }

    /// Ends the writing where it is; what is not in the log yet is given back. `None` if the writer failed.
    pub async fn close(self) -> Option<Unwritten> {
        self.pause.cancel();
        self.writing.await.ok()
    }
}

/// A handle that gives events to a [`Journal`].
#[derive(Clone, Debug)]
pub struct JournalInput(UnboundedSender<AnswerEvent>);

impl JournalInput {
    pub fn keep(&self, events: impl IntoIterator<Item = AnswerEvent>) {
        for event in events {
            // The journal of an answer that has ended takes no more; nothing comes then.
            let _ = self.0.send(event);
        }
    }
}

/// The events that the log does not have yet, and where they belong.
#[derive(Debug)]
pub struct Unwritten {
    id: AnswerId,
    log: Arc<dyn EventLog>,
    /// The last event in the log.
    after: Seq,
    batch: Vec<AnswerEvent>,
    arriving: UnboundedReceiver<AnswerEvent>,
}

impl Unwritten {
    /// Writes all of it, and `end` behind it.
    ///
    /// # Errors
    /// The log did not take it; what it did take is no longer here, so that the same call goes on where it was.
    pub async fn write_to_end(&mut self, end: &mut Option<AnswerEvent>) -> Result<(), StoreError> {
        loop {
            self.fill();
            if self.batch.is_empty() {
                let Some(end) = end.take() else { return Ok(()) };
                self.batch.push(end);
            }
            self.write().await?;
        }
    }

    async fn write_while_running(mut self, pause: CancellationToken) -> Self {
        tokio::select! {
            () = pause.cancelled() => {}
            () = self.write_all() => {}
        }
        self
    }

    /// Can be dropped wherever it waits: a batch is taken off only once it is written, and writing it twice is
    /// writing it once.
    async fn write_all(&mut self) {
        while let Some(event) = self.arriving.recv().await {
            self.batch.push(event);
            tokio::time::sleep(GATHERING).await;
            while self.fill() {
                if let Err(error) = self.write().await {
                    let id = self.id;
                    tracing::error!(%error, answer = %id, "a running answer cannot be written to the disk");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            }
        }
    }

    /// Adds to the batch what has arrived, as much as one write may hold. True if there is anything.
    fn fill(&mut self) -> bool {
        let mut bytes: usize = self.batch.iter().map(AnswerEvent::size).sum();
        while self.batch.len() < MOST_EVENTS_A_WRITE && bytes < LARGEST_WRITE_BYTES {
            let Ok(event) = self.arriving.try_recv() else { break };
            bytes += event.size();
            self.batch.push(event);
        }
        !self.batch.is_empty()
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        self.log.append(self.id, self.after, self.batch.clone()).await?;
        self.after = Seq(self.after.0 + self.batch.len() as u64);
        self.batch.clear();
        Ok(())
    }
}
