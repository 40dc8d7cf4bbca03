//! A running answer and everyone who watches it.
//!
//! The log is one growing run of bytes, in the very form in which it is sent: an event is encoded once, however
//! many watch. A watcher holds no queue, only the number of the last event it has; it is woken when there is
//! more and reads the log from there at its own pace. So joining, falling behind and coming back are one thing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::bounds::{Bounds, Exceeded};
use super::frames::{Frame, Frames, Naming};
use crate::api::ApiError;
use crate::chat::{Answer, AnswerEvent, AnswerId, Applied, End, EndStatus, Seq};
use crate::error::AnswerError;
use crate::sse;

/// Proxies cut a connection after 30 to 60 s of silence.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// An answer that can be written, watched and stopped. Clones are handles of the same answer.
#[derive(Clone, Debug)]
pub struct LiveAnswer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    id: AnswerId,
    started: Instant,
    log: Mutex<Log>,
    /// The last event, for those who wait for the next.
    last: watch::Sender<Seq>,
    stop: CancellationToken,
    interrupt: CancellationToken,
    keeping: watch::Sender<Keeping>,
    keep_now: Notify,
}

#[derive(Debug)]
struct Log {
    answer: Answer,
    /// False once the store has the whole answer and its content is no longer held here.
    has_content: bool,
    frames: Frames,
}

/// Why an answer has to end before its stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// A person stopped it.
    Stop,
    /// The server is about to stop.
    Shutdown,
}

/// Whether the store has the whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Keeping {
    /// It has not been asked yet.
    Pending,
    /// It was asked so many times, and failed for this reason.
    Refused(u32, ApiError),
    Kept,
}

impl LiveAnswer {
    /// An answer to which nothing has happened yet.
    #[must_use]
    pub fn new(answer: Answer) -> Self {
        let shared = Shared {
            id: answer.id,
            started: Instant::now(),
            last: watch::Sender::new(answer.seq),
            log: Mutex::new(Log { answer, has_content: true, frames: Frames::default() }),
            stop: CancellationToken::new(),
            interrupt: CancellationToken::new(),
            keeping: watch::Sender::new(Keeping::Pending),
            keep_now: Notify::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// An answer that ended a while ago: its log holds fewer events than came at the time.
    #[must_use]
    pub fn replay(answer: &Answer) -> Self {
        let mut first = Answer::new(answer.id, answer.question, &answer.requested_model);
        first.begun_ms = answer.begun_ms;
        let live = Self::new(first);
        live.append(&answer.events());
        live.kept();
        live
    }

    #[must_use]
    pub fn id(&self) -> AnswerId {
        self.shared.id
    }

    /// The last event's number.
    #[must_use]
    pub fn seq(&self) -> Seq {
        *self.shared.last.borrow()
    }

    #[must_use]
    pub fn is_running(&self) -> bool {
        self.log().answer.end().is_none()
    }

    /// The answer as it stands; `None` once only the store has it.
    #[must_use]
    pub fn snapshot(&self) -> Option<Answer> {
        let log = self.log();
        log.has_content.then(|| log.answer.clone())
    }

    /// What `read` makes of the text so far.
    pub fn with_text<T>(&self, read: impl FnOnce(&str) -> T) -> T {
        read(&self.log().answer.text())
    }

    /// Lets go of the answer's content, which the store has. The events stay.
    pub fn release(&self) {
        let mut log = self.log();
        let bare = Answer::new(log.answer.id, log.answer.question, "");
        let answer = Answer { seq: log.answer.seq, state: log.answer.state.clone(), ..bare };
        log.answer = answer;
        log.has_content = false;
        log.frames.shrink();
    }

    /// Bytes of the events that are held.
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        self.log().frames.size()
    }

    /// The store has the whole answer.
    pub fn kept(&self) {
        self.shared.keeping.send_replace(Keeping::Kept);
    }

    /// The store was asked to keep the answer and did not.
    pub fn not_kept(&self, why: ApiError) {
        self.shared.keeping.send_modify(|keeping| {
            let attempts = if let Keeping::Refused(attempts, _) = keeping { *attempts } else { 0 };
            *keeping = Keeping::Refused(attempts + 1, why);
        });
    }

    #[must_use]
    pub fn is_kept(&self) -> bool {
        *self.shared.keeping.borrow() == Keeping::Kept
    }

    /// Has the writer of an answer that has ended ask the store once more, and waits for what comes of it.
    ///
    /// # Errors
    /// The store did not keep it.
    pub async fn keep_now(&self) -> Result<(), ApiError> {
        let mut keeping = self.shared.keeping.subscribe();
        let before = keeping.borrow_and_update().clone();
        self.shared.keep_now.notify_one();
        // The sender lives as long as this handle.
        let now = keeping.wait_for(|now| *now == Keeping::Kept || *now != before).await;
        match now.map(|now| now.clone()) {
            Ok(Keeping::Refused(_, why)) => Err(why),
            _ => Ok(()),
        }
    }

    /// Waits until somebody wants the answer to be kept now.
    pub async fn wanted_now(&self) {
        self.shared.keep_now.notified().await;
    }

    /// Asks the writer to end the answer as stopped. Without effect once it has ended.
    pub fn stop(&self) {
        self.shared.stop.cancel();
    }

    /// Asks the writer to end the answer as interrupted. Without effect once it has ended.
    pub fn interrupt(&self) {
        self.shared.interrupt.cancel();
    }

    /// Waits until somebody wants the answer to end.
    pub async fn interrupted(&self) -> Interruption {
        tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => Interruption::Stop,
            () = self.shared.interrupt.cancelled() => Interruption::Shutdown,
        }
    }

    /// Waits for the end.
    pub async fn ended(&self) -> EndStatus {
        let mut last = self.shared.last.subscribe();
        loop {
            last.mark_unchanged();
            if let Some(end) = self.log().answer.end() {
                return end.status;
            }
            // The sender lives as long as this handle.
            let _ = last.changed().await;
        }
    }

    /// Appends events to the log and wakes the watchers once. What comes after the end is dropped.
    pub fn append(&self, events: &[AnswerEvent]) {
        self.append_within(Bounds::NONE, events).1.ok();
    }

    /// The same, up to the first event that would pass the bounds. Says how many were appended, and which bound kept
    /// it from more.
    pub fn append_within(&self, bounds: Bounds, events: &[AnswerEvent]) -> (usize, Result<(), Exceeded>) {
        let mut log = self.log();
        let mut count = 0;
        let outcome = events.iter().try_for_each(|event| {
            log.append(bounds, event)?;
            count += 1;
            Ok(())
        });
        let seq = log.answer.seq;
        drop(log);
        self.shared.last.send_replace(seq);
        (count, outcome)
    }

    /// An end of now that did not come from the upstream.
    #[must_use]
    pub fn end_now(&self, status: EndStatus, problem: Option<AnswerError>) -> End {
        let duration_ms = u64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        End {
            status,
            finish_reason: None,
            native_finish_reason: None,
            problem,
            usage: None,
            duration_ms,
            unkept: None,
        }
    }

    /// The frames after event `after`, up to the end and then no more. Ready frames come in one piece; while
    /// there are none, a comment comes now and then.
    pub fn follow(self, after: Seq) -> impl Stream<Item = Bytes> + Send + 'static {
        self.follow_as(Naming::Number, after)
    }

    /// The same, each frame named by its answer too: `id: <answer>:<number>`.
    pub fn follow_by_name(self, after: Seq) -> impl Stream<Item = Bytes> + Send + 'static {
        let naming = Naming::AnswerAndNumber(self.shared.id);
        self.follow_as(naming, after)
    }

    fn follow_as(self, naming: Naming, after: Seq) -> impl Stream<Item = Bytes> + Send + 'static {
        let last = self.shared.last.subscribe();
        futures::stream::unfold((self, last, after), move |(live, mut last, after)| async move {
            loop {
                // Marked before the log is read: an event that comes in between wakes the wait below.
                last.mark_unchanged();
                match live.tail(naming, after) {
                    Tail::Frames(bytes, seq) => return Some((bytes, (live, last, seq))),
                    Tail::Ended => return None,
                    Tail::NothingYet => {}
                }
                if tokio::time::timeout(KEEP_ALIVE_INTERVAL, last.changed()).await.is_err() {
                    let comment = Bytes::from_static(sse::KEEP_ALIVE.as_bytes());
                    return Some((comment, (live, last, after)));
                }
            }
        })
    }

    fn tail(&self, naming: Naming, after: Seq) -> Tail {
        let log = self.log();
        match log.frames.after(after, naming) {
            Some((bytes, seq)) => Tail::Frames(bytes, seq),
            None if log.answer.end().is_some() => Tail::Ended,
            None => Tail::NothingYet,
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // An event is applied and encoded before it counts: after a panic the log still ends at a whole event.
        self.shared.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Tail {
    /// Frames, and the number of the last one.
    Frames(Bytes, Seq),
    NothingYet,
    Ended,
}

impl Log {
    fn append(&mut self, bounds: Bounds, event: &AnswerEvent) -> Result<(), Exceeded> {
        let seq = self.answer.seq.next();
        // Left out, it leaves the numbers whole.
        let Some(frame) = Frame::of(seq, event) else { return Ok(()) };
        self.frames.check(bounds, &frame)?;
        if self.answer.apply(seq, event) == Applied::New {
            self.frames.push(&frame);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;
    use crate::api::ApiErrorKind;
    use crate::chat::{Citation, QuestionId};
    use crate::server::answers::frames::LARGEST_WRITE_BYTES;
    use crate::sse::{self, Decoder};

    fn live() -> LiveAnswer {
        LiveAnswer::new(Answer::new(AnswerId::now(), QuestionId::now(), "demo/plain"))
    }

    fn end(live: &LiveAnswer, status: EndStatus) {
        live.append(&[AnswerEvent::End(live.end_now(status, None))]);
    }

    fn text(text: &str) -> AnswerEvent {
        AnswerEvent::Text(text.into())
    }

    async fn read(live: &LiveAnswer, after: Seq) -> Answer {
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "demo/plain");
        answer.seq = after;
        let mut decoder = Decoder::default();
        let mut stream = std::pin::pin!(live.clone().follow(after));
        while let Some(bytes) = stream.next().await {
            decoder
                .push(&bytes, |frame| {
                    let sse::Frame::Event(event) = frame else { return };
                    let seq = Seq(event.id.unwrap().parse().unwrap());
                    assert_eq!(answer.apply(seq, &serde_json::from_str(&event.data).unwrap()), Applied::New);
                })
                .unwrap();
        }
        answer
    }

    #[tokio::test]
    async fn following_from_any_number_gives_the_rest() {
        let live = live();
        live.append(&["a", "b", "c", "d"].map(text));
        end(&live, EndStatus::Stopped);
        for (after, rest) in [(0, "abcd"), (1, "bcd"), (4, ""), (5, "")] {
            assert_eq!(read(&live, Seq(after)).await.text(), rest, "after {after}");
        }
    }

    #[tokio::test]
    async fn a_watcher_that_joins_in_the_middle_gets_log_and_tail_without_gap() {
        let live = live();
        live.append(&[text("a")]);
        let watcher = tokio::spawn({
            let live = live.clone();
            async move { read(&live, Seq::START).await }
        });
        for _ in 0..100 {
            live.append(&[text("b")]);
            tokio::task::yield_now().await;
        }
        end(&live, EndStatus::Stopped);
        assert_eq!(watcher.await.unwrap().text(), format!("a{}", "b".repeat(100)));
    }

    #[tokio::test]
    async fn a_long_log_comes_in_bounded_pieces() {
        let live = live();
        live.append(&vec![text(&"x".repeat(5000)); 100]);
        end(&live, EndStatus::Stopped);
        let pieces: Vec<_> = live.clone().follow(Seq::START).collect().await;
        assert!(pieces.len() > 5);
        assert!(pieces.iter().all(|piece| piece.len() <= LARGEST_WRITE_BYTES));
        assert_eq!(read(&live, Seq::START).await.text().len(), 500_000);
    }

    #[tokio::test]
    async fn an_event_larger_than_a_write_is_sent_whole() {
        let live = live();
        live.append(&[text(&"x".repeat(200_000)), text("y")]);
        end(&live, EndStatus::Stopped);
        assert_eq!(read(&live, Seq::START).await.text().len(), 200_001);
    }

    #[tokio::test]
    async fn what_the_upstream_wants_back_is_kept_and_counted_and_not_told() {
        let detail = || serde_json::from_str(&format!("\"{}\"", "s".repeat(700))).unwrap();
        let bounds = Bounds { bytes: 1000, events: 9 };
        let live = live();
        let events =
            [text("a"), AnswerEvent::ReasoningDetail(detail()), AnswerEvent::FileAnnotation(detail())];
        assert_eq!(live.append_within(bounds, &events), (2, Err(Exceeded::Bytes(1000))));
        assert_eq!(live.snapshot().unwrap().content.reasoning_blocks().count(), 1);
        end(&live, EndStatus::Stopped);
        let told = read(&live, Seq::START).await;
        assert_eq!((told.seq, told.text().as_ref()), (Seq(3), "a"));
        assert_eq!(told.content.reasoning_blocks().count(), 0);
        assert!(live.encoded_bytes() < 500);
    }

    #[tokio::test]
    async fn the_log_stops_before_the_event_that_would_pass_a_bound() {
        let citation = |title: &str| {
            AnswerEvent::Citation(Citation { url: "https://example.org".into(), title: Some(title.into()) })
        };
        let bounds = Bounds { bytes: 1000, events: 5 };
        let large = live();
        let events = [text("a"), citation(&"t".repeat(700)), citation(&"t".repeat(300)), text("b")];
        assert_eq!(large.append_within(bounds, &events), (2, Err(Exceeded::Bytes(1000))));
        assert!(large.encoded_bytes() <= 1000);
        assert_eq!(large.append_within(bounds, &[text("b")]), (1, Ok(())), "what is small enough still fits");
        let many = live();
        assert_eq!(many.append_within(bounds, &vec![AnswerEvent::Waiting; 9]), (5, Err(Exceeded::Events(5))));
        end(&many, EndStatus::Interrupted);
        assert_eq!(many.seq(), Seq(6), "an end always fits");
    }

    #[tokio::test]
    async fn what_the_store_has_is_let_go_and_its_events_stay() {
        let live = live();
        live.append(&[text("kept")]);
        end(&live, EndStatus::Complete);
        live.release();
        assert_eq!((live.snapshot(), live.is_running()), (None, false));
        assert_eq!(live.ended().await, EndStatus::Complete);
        assert_eq!(read(&live, Seq::START).await.text(), "kept");
    }

    #[tokio::test]
    async fn whoever_wants_an_answer_kept_now_is_told_what_came_of_it() {
        let live = live();
        let why = ApiError::new(ApiErrorKind::Internal, "full");
        live.not_kept(why.clone());
        let writer = tokio::spawn({
            let (live, why) = (live.clone(), why.clone());
            async move {
                live.wanted_now().await;
                live.not_kept(why);
                live.wanted_now().await;
                live.kept();
            }
        });
        assert_eq!(live.keep_now().await, Err(why));
        assert!(!live.is_kept());
        assert_eq!(live.keep_now().await, Ok(()));
        assert_eq!(live.keep_now().await, Ok(()), "it stays kept");
        writer.await.unwrap();
    }

    #[tokio::test]
    async fn there_is_one_end() {
        let live = live();
        end(&live, EndStatus::Complete);
        end(&live, EndStatus::Stopped);
        assert_eq!(live.ended().await, EndStatus::Complete);
        assert_eq!(live.seq(), Seq(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_says_that_it_is_alive() {
        let mut stream = std::pin::pin!(live().follow(Seq::START));
        assert_eq!(stream.next().await.unwrap(), sse::KEEP_ALIVE);
    }
}
