//! The writer of one answer: takes the upstream's events, gives them to whoever watches, and has them logged.

use super::bounds::{Bounds, Exceeded};
use super::live::{Interruption, LiveAnswer};
use super::pulse::Journal;
use crate::chat::{AnswerEvent, End, EndStatus};
use crate::error::{AnswerError, AnswerErrorKind};
use crate::server::openrouter::AnswerStream;

/// Reads the stream to its end, or until somebody ends it, and says how it ended. Everything before the end is in
/// `live` then, after `prelude`; the upstream's connection is closed.
pub async fn record(
    live: LiveAnswer,
    prelude: Vec<AnswerEvent>,
    mut stream: AnswerStream,
    bounds: Bounds,
    journal: Journal,
) -> End {
    let recorder = Recorder { live, bounds, journal };
    // What was kept once is taken over whole.
    recorder.live.append(&prelude);
    recorder.journal.keep(prelude);
    let end = loop {
        tokio::select! {
            biased;
            why = recorder.live.interrupted() => break recorder.end_because(why),
            event = stream.next() => {
                let Some(event) = event else {
                    tracing::error!("a stream ended without an end");
                    break failed(&recorder.live);
                };
                let ready = std::iter::once(event).chain(std::iter::from_fn(|| stream.next_ready()));
                if let Some(end) = recorder.take(ready) {
                    break end;
                }
            }
        }
    };
    // Closed before the end is told: who reads "stopped" may rely on it.
    drop(stream);
    end
}

/// The end of an answer whose writer panicked.
pub fn failed(live: &LiveAnswer) -> End {
    let problem = AnswerError::new(AnswerErrorKind::Internal, "Its writer failed.");
    live.end_now(EndStatus::Interrupted, Some(problem))
}

struct Recorder {
    live: LiveAnswer,
    bounds: Bounds,
    journal: Journal,
}

impl Recorder {
    /// Takes in what is there, each event in pieces that a page can read; gives the end if there is one.
    fn take(&self, ready: impl Iterator<Item = AnswerEvent>) -> Option<End> {
        let mut end = None;
        let events: Vec<_> =
            ready.map_while(|event| before_end(event, &mut end)).flat_map(AnswerEvent::into_pieces).collect();
        let (count, outcome) = self.live.append_within(self.bounds, &events);
        self.journal.keep(events.into_iter().take(count));
        outcome.err().map(|exceeded| self.end_at(exceeded)).or(end)
    }

    fn end_at(&self, exceeded: Exceeded) -> End {
        let problem = AnswerError::from(exceeded);
        tracing::warn!(answer = %self.live.id(), %problem, "an answer was cut off");
        self.live.end_now(EndStatus::Interrupted, Some(problem))
    }

    fn end_because(&self, why: Interruption) -> End {
        match why {
            Interruption::Stop => self.live.end_now(EndStatus::Stopped, None),
            Interruption::Shutdown => {
                let problem = AnswerError::new(AnswerErrorKind::Internal, "Runnel was stopped.");
                self.live.end_now(EndStatus::Interrupted, Some(problem))
            }
        }
    }
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
