//! The writer of one answer: takes the upstream's events, and gives them to the log.

use super::live::{Interruption, LiveAnswer};
use crate::chat::EndStatus;
use crate::problem::{Problem, ProblemKind};
use crate::server::openrouter::AnswerStream;

/// Writes the answer to its end. Returning drops the stream, which closes the upstream's connection.
pub async fn record(live: LiveAnswer, mut stream: AnswerStream) {
    let seal = Seal(&live);
    loop {
        tokio::select! {
            biased;
            why = live.interrupted() => {
                // Closed before the end is told: who reads "stopped" may rely on it.
                drop(stream);
                seal.because(why);
                return;
            }
            event = stream.next() => {
                let Some(event) = event else { return };
                let ready = std::iter::from_fn(|| stream.next_ready());
                live.append(std::iter::once(event).chain(ready));
            }
        }
    }
}

/// Makes sure that the answer ends, also when the task that writes it panics or is dropped.
struct Seal<'a>(&'a LiveAnswer);

impl Seal<'_> {
    fn because(&self, why: Interruption) {
        match why {
            Interruption::Stop => self.0.end_with(EndStatus::Stopped, None),
            Interruption::Shutdown => {
                let problem = Problem::new(ProblemKind::Internal, "Runnel was stopped.");
                self.0.end_with(EndStatus::Interrupted, Some(problem));
            }
        }
    }
}

impl Drop for Seal<'_> {
    fn drop(&mut self) {
        if self.0.is_running() {
            tracing::error!("the writer of an answer ended before the answer");
            let problem = Problem::new(ProblemKind::Internal, "Its writer failed.");
            self.0.end_with(EndStatus::Interrupted, Some(problem));
        }
    }
}
