//! What is written of running answers to the store's log, a little behind them and never in their way.
//!
//! All of them share one pulse: what came since the last one goes to the disk in one write and one sync, however many
//! answers run. Between two pulses an event costs a push to a list, and nobody is woken.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chat::{AnswerEvent, AnswerId, Seq};
use crate::server::store::{Batch, EventLog, StoreError};

/// The time between the starts of two writes. With the write itself it stays below 50 ms, which is the most that a crash
/// may take; each write is a sync of the disk, so that fewer are better.
const INTERVAL: Duration = Duration::from_millis(30);
/// The pause before a write that failed is tried again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The most events of one answer in one write: the log reads no more as one record.
const MOST_EVENTS: usize = 4096;
/// The most that one write has of text and the like, in bytes, unless a single event is larger.
const LARGEST_WRITE_BYTES: usize = 1 << 20;

/// The writer of all answers' events. Clones are handles of the same one.
#[derive(Clone, Debug)]
pub struct Pulse {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    log: Arc<dyn EventLog>,
    state: Mutex<State>,
    /// Told after each write, whatever came of it.
    was_written: Notify,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<AnswerId, Backlog>,
    /// The answers that have events and none of them under way, whoever waits longest first.
    waiting: VecDeque<AnswerId>,
    /// True while there is a task that writes.
    is_beating: bool,
}

/// The events of one answer that the log does not have yet.
#[derive(Debug, Default)]
struct Backlog {
    /// The last event that the log has, or is being given.
    after: Seq,
    events: VecDeque<AnswerEvent>,
    is_under_way: bool,
    /// Nothing more is written of it.
    is_closing: bool,
    /// So many were in a write that failed. The log may have them all the same: a shorter write from the same event
    /// would not count.
    at_least: usize,
}

impl Pulse {
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { shared: Arc::new(Shared { log, state: Mutex::default(), was_written: Notify::new() }) }
    }

    /// Where the writer of an answer, of which the log has nothing yet, puts its events.
    #[must_use]
    pub fn journal(&self, answer: AnswerId) -> Journal {
        self.shared.state().answers.insert(answer, Backlog::default());
        Journal { answer, shared: Arc::clone(&self.shared) }
    }
}

/// Gives the events of one answer to a [`Pulse`].
#[derive(Clone, Debug)]
pub struct Journal {
    answer: AnswerId,
    shared: Arc<Shared>,
}

impl Journal {
    /// Has the next events written, in their order. Those of a closed journal are dropped.
    pub fn keep(&self, events: impl IntoIterator<Item = AnswerEvent>) {
        let mut state = self.shared.state();
        let State { answers, waiting, is_beating } = &mut *state;
        let Some(backlog) = answers.get_mut(&self.answer) else { return };
        let was_empty = backlog.events.is_empty();
        backlog.events.extend(events);
        if was_empty && !backlog.events.is_empty() && !backlog.is_under_way {
            waiting.push_back(self.answer);
        }
        let begins = !waiting.is_empty() && !std::mem::replace(is_beating, true);
        // Where a runtime is ending, a task is dropped as it is spawned.
        drop(state);
        if begins {
            tokio::spawn(Arc::clone(&self.shared).beat());
        }
    }

    /// Ends the writing where it is; what is not in the log is given back. Nothing of this answer comes to the log
    /// after it.
    pub async fn close(self) -> Unwritten {
        loop {
            let written = self.shared.was_written.notified();
            if let Some(backlog) = self.shared.close(self.answer) {
                return Unwritten { answer: self.answer, log: Arc::clone(&self.shared.log), backlog };
            }
            written.await;
        }
    }
}

/// What the log does not have of an answer, and where it belongs.
#[derive(Debug)]
pub struct Unwritten {
    answer: AnswerId,
    log: Arc<dyn EventLog>,
    backlog: Backlog,
}

impl Unwritten {
    /// Writes all of it, and `end` behind it.
    ///
    /// # Errors
    /// The log did not take it; what it did take is no longer here, so that the same call goes on where it was.
    pub async fn write_to_end(&mut self, end: &mut Option<AnswerEvent>) -> Result<(), StoreError> {
        loop {
            if self.backlog.events.is_empty() {
                let Some(end) = end.take() else { return Ok(()) };
                self.backlog.events.push_back(end);
            }
            let mut room = LARGEST_WRITE_BYTES;
            let batch = self.backlog.take(self.answer, &mut room);
            let outcome = self.log.append_all(std::slice::from_ref(&batch)).await;
            if outcome.is_err() {
                self.backlog.put_back(batch);
                return outcome;
            }
        }
    }
}

impl Shared {
    /// Writes, as long as there is anything to write.
    async fn beat(self: Arc<Self>) {
        let mut next = Instant::now() + INTERVAL;
        // After a failure each answer is written by itself: on a disk that is nearly full, the short ones fit still.
        let mut singly = false;
        loop {
            tokio::time::sleep_until(next).await;
            let started = Instant::now();
            let (batches, is_all) = self.take();
            let (written, failure) = self.write(&batches, singly).await;
            if let Some(error) = &failure {
                let answers = written.iter().filter(|written| !**written).count();
                tracing::error!(%error, answers, "running answers cannot be written to the disk");
            }
            if self.settle(batches, &written) {
                return;
            }
            singly = failure.is_some();
            next = match failure {
                Some(_) => Instant::now() + AFTER_FAILURE,
                None if is_all => started + INTERVAL,
                None => started,
            };
        }
    }

    /// Takes what waits, as much as one write may hold, and says whether that is all.
    fn take(&self) -> (Vec<Batch>, bool) {
        let mut state = self.state();
        let State { answers, waiting, .. } = &mut *state;
        let (mut batches, mut room, mut is_all) = (Vec::new(), LARGEST_WRITE_BYTES, true);
        while room > 0
            && let Some(answer) = waiting.pop_front()
        {
            // One that was closed meanwhile has nothing here.
            let Some(backlog) = answers.get_mut(&answer).filter(|backlog| !backlog.is_closing) else {
                continue;
            };
            batches.push(backlog.take(answer, &mut room));
            backlog.is_under_way = true;
            is_all &= backlog.events.is_empty();
        }
        (batches, is_all && waiting.is_empty())
    }

    /// Says of each batch whether it is in the log, and what the last failure was.
    async fn write(&self, batches: &[Batch], singly: bool) -> (Vec<bool>, Option<StoreError>) {
        let (mut written, mut failure) = (Vec::new(), None);
        for group in batches.chunks(if singly { 1 } else { batches.len().max(1) }) {
            // If the log panics, that is one more way to fail.
            let outcome = AssertUnwindSafe(self.log.append_all(group)).catch_unwind().await;
            let outcome = outcome.unwrap_or_else(|_| Err(StoreError::Other("the log panicked".to_owned())));
            written.extend(std::iter::repeat_n(outcome.is_ok(), group.len()));
            failure = outcome.err().or(failure);
        }
        (written, failure)
    }

    /// What was under way is in the log, or waits again. True if nothing waits: there is no task any more then.
    fn settle(&self, batches: Vec<Batch>, written: &[bool]) -> bool {
        let mut state = self.state();
        let State { answers, waiting, is_beating } = &mut *state;
        for (batch, is_written) in batches.into_iter().zip(written) {
            let answer = batch.answer;
            let Some(backlog) = answers.get_mut(&answer) else { continue };
            backlog.is_under_way = false;
            if *is_written {
                backlog.at_least = 0;
            } else {
                backlog.put_back(batch);
            }
            if !backlog.events.is_empty() && !backlog.is_closing {
                waiting.push_back(answer);
            }
        }
        *is_beating = !waiting.is_empty();
        let has_ended = !*is_beating;
        drop(state);
        self.was_written.notify_waiters();
        has_ended
    }

    /// Writes no more of the answer, and gives back what is not written. `None` while some of it is under way.
    fn close(&self, answer: AnswerId) -> Option<Backlog> {
        let mut state = self.state();
        if let Some(backlog) = state.answers.get_mut(&answer)
            && backlog.is_under_way
        {
            backlog.is_closing = true;
            return None;
        }
        Some(state.answers.remove(&answer).unwrap_or_default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // An event that is half noted after a panic would be one that no list can hold: memory has run out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backlog {
    /// Takes the first events, as many as one write may have, at least one if there is any; what they are of `room` in
    /// bytes is taken off it. Not fewer than were in a write that failed.
    fn take(&mut self, answer: AnswerId, room: &mut usize) -> Batch {
        let mut events = Vec::with_capacity(self.events.len().min(MOST_EVENTS));
        while events.len() < MOST_EVENTS
            && (*room > 0 || events.len() < self.at_least)
            && let Some(event) = self.events.pop_front()
        {
            *room = room.saturating_sub(event.size());
            events.push(event);
        }
        let batch = Batch { answer, after: self.after, events };
        self.after = Seq(self.after.0 + batch.events.len() as u64);
        batch
    }

    fn put_back(&mut self, batch: Batch) {
        self.after = batch.after;
        self.at_least = self.at_least.max(batch.events.len());
        for event in batch.events.into_iter().rev() {
            self.events.push_front(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use async_trait::async_trait;
    use tokio::sync::Semaphore;

    use super::*;

    /// A log in memory that can be held up, refuse, and panic.
    #[derive(Debug)]
    struct Log {
        writes: Mutex<Vec<Vec<Batch>>>,
        /// One permit a write.
        gate: Semaphore,
        refuses: AtomicBool,
        /// Refuses what it has written all the same, as after a sync that failed.
        forgets_to_say: AtomicBool,
        panics: AtomicBool,
    }

    impl Log {
        fn new(open_gates: usize) -> Arc<Self> {
            let gate = Semaphore::new(open_gates);
            Arc::new(Self {
                writes: Mutex::default(),
                gate,
                refuses: AtomicBool::new(false),
                forgets_to_say: AtomicBool::new(false),
                panics: AtomicBool::new(false),
            })
        }

        fn writes(&self) -> Vec<Vec<Batch>> {
            self.writes.lock().unwrap().clone()
        }

        /// Each batch has to go on where the one before ended, or to repeat it and be as long.
        fn written(&self, answer: AnswerId) -> Vec<AnswerEvent> {
            let (mut before, mut events) = (0, Vec::new());
            for batch in self.writes().into_iter().flatten().filter(|batch| batch.answer == answer) {
                let after = usize::try_from(batch.after.0).unwrap();
                if after == before {
                    assert!(after + batch.events.len() >= events.len(), "a repetition is shorter");
                    events.truncate(before);
                }
                assert_eq!(after, events.len());
                before = after;
                events.extend(batch.events);
            }
            events
        }

        async fn has_writes(&self, count: usize) {
            while self.writes().len() < count {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    #[async_trait]
    impl EventLog for Log {
        async fn append_all(&self, batches: &[Batch]) -> Result<(), StoreError> {
            self.gate.acquire().await.unwrap().forget();
            assert!(!self.panics.swap(false, Ordering::SeqCst), "as the test wants it");
            if self.refuses.swap(false, Ordering::SeqCst) {
                return Err(StoreError::Other("as the test wants it".to_owned()));
            }
            self.writes.lock().unwrap().push(batches.to_vec());
            if self.forgets_to_say.swap(false, Ordering::SeqCst) {
                return Err(StoreError::Other("as the test wants it".to_owned()));
            }
            Ok(())
        }

        async fn read(&self, _: &[(AnswerId, Seq)]) -> Result<Vec<Vec<AnswerEvent>>, StoreError> {
            unreachable!("a pulse only writes")
        }

        async fn list_logged(&self) -> Result<Vec<AnswerId>, StoreError> {
            unreachable!("a pulse only writes")
        }

        async fn forget(&self, _: AnswerId) {}
    }

    fn text(text: impl Into<String>) -> AnswerEvent {
        AnswerEvent::Text(text.into())
    }

    fn numbered(numbers: std::ops::Range<usize>) -> Vec<AnswerEvent> {
        numbers.map(|number| text(number.to_string())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_events_of_many_answers_share_a_write() {
        let log = Log::new(9);
        let pulse = Pulse::new(log.clone());
        let journals: Vec<_> = (0..50).map(|_| pulse.journal(AnswerId::now())).collect();
        for number in 0..20 {
            for journal in &journals {
                journal.keep([text(number.to_string())]);
            }
        }
        log.has_writes(1).await;
        assert_eq!(log.writes()[0].len(), 50);
        for journal in journals {
            assert_eq!(log.written(journal.answer), numbered(0..20));
            assert!(journal.close().await.backlog.events.is_empty());
        }
        assert_eq!(log.writes().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_while_a_write_is_under_way_goes_with_the_next() {
        let log = Log::new(0);
        let pulse = Pulse::new(log.clone());
        let (first, second) = (pulse.journal(AnswerId::now()), pulse.journal(AnswerId::now()));
        first.keep(numbered(0..2));
        tokio::time::sleep(2 * INTERVAL).await;
        first.keep(numbered(2..5));
        second.keep(numbered(0..1));
        log.gate.add_permits(2);
        log.has_writes(2).await;
        assert_eq!(log.writes().iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(log.written(first.answer), numbered(0..5));
        assert_eq!(log.written(second.answer), numbered(0..1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_is_closed_after_the_write_under_way_and_gives_back_the_rest() {
        let log = Log::new(0);
        let pulse = Pulse::new(log.clone());
        let journal = pulse.journal(AnswerId::now());
        journal.keep(numbered(0..2));
        tokio::time::sleep(2 * INTERVAL).await;
        journal.keep(numbered(2..4));
        let mut close = Box::pin(journal.clone().close());
        assert!(futures::poll!(&mut close).is_pending());
        log.gate.add_permits(1);
        let mut unwritten = close.await;
        journal.keep(numbered(4..5));
        assert_eq!(log.written(journal.answer), numbered(0..2));
        log.gate.add_permits(9);
        unwritten.write_to_end(&mut Some(text("end"))).await.unwrap();
        let whole = [numbered(0..4), vec![text("end")]].concat();
        tokio::time::sleep(2 * AFTER_FAILURE).await;
        assert_eq!(log.written(journal.answer), whole, "nothing comes after it was closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_fails_is_made_again_with_what_has_come_since() {
        let log = Log::new(9);
        let pulse = Pulse::new(log.clone());
        let journal = pulse.journal(AnswerId::now());
        log.refuses.store(true, Ordering::SeqCst);
        journal.keep(numbered(0..2));
        tokio::time::sleep(2 * INTERVAL).await;
        journal.keep(numbered(2..3));
        log.has_writes(1).await;
        assert_eq!(log.written(journal.answer), numbered(0..3));
        log.refuses.store(true, Ordering::SeqCst);
        journal.keep(numbered(3..4));
        tokio::time::sleep(2 * INTERVAL).await;
        let mut unwritten = journal.clone().close().await;
        unwritten.write_to_end(&mut None).await.unwrap();
        assert_eq!(log.written(journal.answer), numbered(0..4));
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_written_is_not_repeated_in_part() {
        let log = Log::new(0);
        let pulse = Pulse::new(log.clone());
        let (first, second) = (pulse.journal(AnswerId::now()), pulse.journal(AnswerId::now()));
        let large = vec![text("x".repeat(200_000)); 5];
        log.forgets_to_say.store(true, Ordering::SeqCst);
        first.keep(large.clone());
        tokio::time::sleep(2 * INTERVAL).await;
        second.keep(large.clone());
        first.keep(numbered(0..3));
        log.gate.add_permits(99);
        let whole = [large.clone(), numbered(0..3)].concat();
        while log.written(first.answer).len() < whole.len() || log.written(second.answer).len() < large.len()
        {
            tokio::time::sleep(INTERVAL).await;
        }
        assert_eq!(log.written(first.answer), whole);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_each_answer_is_written_by_itself() {
        let log = Log::new(9);
        let pulse = Pulse::new(log.clone());
        let journals = [pulse.journal(AnswerId::now()), pulse.journal(AnswerId::now())];
        log.refuses.store(true, Ordering::SeqCst);
        for number in 0..2 {
            for journal in &journals {
                journal.keep([text(number.to_string())]);
            }
            log.has_writes(3 * number).await;
            tokio::time::sleep(2 * AFTER_FAILURE).await;
        }
        assert_eq!(log.writes().iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 2]);
        for journal in journals {
            assert_eq!(log.written(journal.answer), numbered(0..2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_longer_than_a_write_is_written_in_parts() {
        let log = Log::new(99);
        let pulse = Pulse::new(log.clone());
        let (long, many) = (pulse.journal(AnswerId::now()), pulse.journal(AnswerId::now()));
        let large = vec![text("x".repeat(400_000)); 5];
        long.keep(large.clone());
        many.keep(numbered(0..10_000));
        while log.written(long.answer).len() < 5 || log.written(many.answer).len() < 10_000 {
            tokio::time::sleep(INTERVAL).await;
        }
        assert_eq!(log.written(long.answer), large);
        assert_eq!(log.written(many.answer), numbered(0..10_000));
        for batches in log.writes() {
            let size: usize = batches.iter().flat_map(|batch| &batch.events).map(AnswerEvent::size).sum();
            assert!(size < LARGEST_WRITE_BYTES + 400_000, "{size}");
            assert!(batches.iter().all(|batch| batch.events.len() <= MOST_EVENTS));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_panics_takes_nothing_with_it() {
        let log = Log::new(9);
        let pulse = Pulse::new(log.clone());
        let journal = pulse.journal(AnswerId::now());
        log.panics.store(true, Ordering::SeqCst);
        journal.keep(numbered(0..2));
        tokio::time::sleep(2 * INTERVAL).await;
        journal.keep(numbered(2..3));
        log.has_writes(1).await;
        assert_eq!(log.written(journal.answer), numbered(0..3));
    }
}
