//! The writer of one answer: takes the upstream's events, gives them to whoever watches, and keeps them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use super::live::{Interruption, LiveAnswer};
use crate::chat::{AnswerEvent, AnswerId, End, EndStatus, Seq};
use crate::problem::{Problem, ProblemKind};
use crate::server::openrouter::AnswerStream;
use crate::server::store::Store;

/// How long events gather before they are written. With the write itself it stays below 50 ms, which is the most
/// that a crash may take; each write is a sync of the disk, so that fewer are better.
const GATHERING: Duration = Duration::from_millis(20);
/// The pause before a write that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Reads the stream to its end, or until somebody ends it, and says how it ended. Everything before the end is in
/// `live` then, after `prelude`; the upstream's connection is closed.
pub async fn record(
    live: LiveAnswer,
    prelude: Vec<AnswerEvent>,
    mut stream: AnswerStream,
    store: Arc<dyn Store>,
) -> End {
    let journal = Journal::start(live.id(), store);
    journal.keep(prelude.iter().cloned());
    live.append(prelude);
    let end = loop {
        tokio::select! {
            biased;
            why = live.interrupted() => break end_because(&live, why),
            event = stream.next() => {
                let ready = event.into_iter().chain(std::iter::from_fn(|| stream.next_ready()));
                let mut end = None;
                let events: Vec<_> = ready.map_while(|event| before_end(event, &mut end)).collect();
                let is_over = events.is_empty() && end.is_none();
                journal.keep(events.iter().cloned());
                live.append(events);
                if is_over {
                    tracing::error!("a stream ended without an end");
                    end = Some(failed(&live));
                }
                if let Some(end) = end {
                    break end;
                }
            }
        }
    };
    // Closed before the end is told: who reads "stopped" may rely on it.
    drop(stream);
    journal.close().await;
    end
}

/// The end of an answer whose writer panicked.
pub fn failed(live: &LiveAnswer) -> End {
    let problem = Problem::new(ProblemKind::Internal, "Its writer failed.");
    live.end_now(EndStatus::Interrupted, Some(problem))
}

fn before_end(event: AnswerEvent, end: &mut Option<End>) -> Option<AnswerEvent> {
    match event {
        AnswerEvent::End(last) => {
            *end = Some(last);
            None
        }
        event => Some(event),
    }
}

fn end_because(live: &LiveAnswer, why: Interruption) -> End {
    match why {
        Interruption::Stop => live.end_now(EndStatus::Stopped, None),
        Interruption::Shutdown => {
            let problem = Problem::new(ProblemKind::Internal, "Runnel was stopped.");
            live.end_now(EndStatus::Interrupted, Some(problem))
        }
    }
}

/// Writes events to the store's log, a little behind the live answer and never in its way.
struct Journal {
    events: UnboundedSender<AnswerEvent>,
    writing: tokio::task::JoinHandle<()>,
}

impl Journal {
    fn start(id: AnswerId, store: Arc<dyn Store>) -> Self {
        let (events, arriving) = mpsc::unbounded_channel();
        Self { events, writing: tokio::spawn(write(id, store, arriving)) }
    }

    fn keep(&self, events: impl IntoIterator<Item = AnswerEvent>) {
        for event in events {
            // The writer lives as long as the sender.
            let _ = self.events.send(event);
        }
    }

    /// What is not written yet is not written any more: the whole answer is about to be kept.
    async fn close(self) {
        drop(self.events);
        let _ = self.writing.await;
    }
}

async fn write(id: AnswerId, store: Arc<dyn Store>, mut arriving: UnboundedReceiver<AnswerEvent>) {
    let mut after = Seq::START;
    let mut batch = Vec::new();
    while let Some(event) = arriving.recv().await {
        batch.push(event);
        tokio::time::sleep(GATHERING).await;
        batch.extend(std::iter::from_fn(|| arriving.try_recv().ok()));
        while !arriving.is_closed() {
            match store.append_events(id, after, batch.clone()).await {
                Ok(()) => {
                    after = Seq(after.0 + batch.len() as u64);
                    batch.clear();
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, answer = %id, "a running answer cannot be written to the disk");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    batch.extend(std::iter::from_fn(|| arriving.try_recv().ok()));
                }
            }
        }
        if arriving.is_closed() {
            return;
        }
    }
}
