//! The browser's end of an answer: one reader, however many components show it.

use std::time::Duration;

use futures::StreamExt;
use futures::future::{Either, select};
use leptos::prelude::*;
use leptos::server_fn::codec::ByteStream;
use leptos::task::spawn_local;

use super::browser::{self, Backoff, LONGEST_PAUSE};
use super::chats::Chats;
use crate::api::answers::{SentMessage, follow_answer, send_message, stop_answer};
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::{Answer, AnswerEvent, AnswerId, ConversationId, Phase, QuestionId, Seq, State};
use crate::sse::{Decoder, Frame};

/// A Stop that got lost is tried again at least so often: meanwhile the answer is written on, and paid for.
const LONGEST_STOP_PAUSE: Duration = Duration::from_secs(4);

/// An answer as the page knows it.
#[derive(Clone, Copy, Debug)]
pub struct LiveAnswer {
    pub id: AnswerId,
    pub question: QuestionId,
    /// Changed at most once a frame.
    pub answer: RwSignal<Answer>,
    pub link: RwSignal<Link>,
    /// When the page began to wait for it, by [`browser::now_ms`]; `None` if it was there when the page came.
    pub began_ms: StoredValue<Option<u64>>,
    /// Whether its turn is filled: in a long chat, the old ones are later.
    pub is_filled: RwSignal<bool>,
    /// Whether its content is here: what is too long comes after the page.
    pub is_loaded: RwSignal<bool>,
    /// Events that wait for the next frame.
    arrived: StoredValue<Vec<(Seq, AnswerEvent)>>,
    is_reading: StoredValue<bool>,
    /// Whether the server has the question, as far as this page knows.
    is_asked: StoredValue<bool>,
}

/// The connection to the answer's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Up,
    /// Lost, and being made again.
    Down,
    /// A person asked to stop, and the answer has not ended yet.
    Stopping,
    /// The same, and the server could not be told yet.
    StopDelayed,
}

impl LiveAnswer {
    /// An answer that is there already, perhaps still running.
    pub fn new(answer: Answer) -> Self {
        Self {
            id: answer.id,
            question: answer.question,
            answer: RwSignal::new(answer),
            link: RwSignal::new(Link::Up),
            began_ms: StoredValue::new(None),
            is_filled: RwSignal::new(false),
            is_loaded: RwSignal::new(true),
            arrived: StoredValue::default(),
            is_reading: StoredValue::new(false),
            is_asked: StoredValue::new(true),
        }
    }

    /// An answer about to be asked for.
    pub fn begin(id: AnswerId, question: QuestionId, model: String) -> Self {
        let live = Self::new(Answer::new(id, question, model));
        live.began_ms.set_value(Some(browser::now_ms()));
        live.is_asked.set_value(false);
        live.is_filled.set(true);
        live
    }

    /// Takes over what the server kept, if that is more than what this page has heard: the content, the end, or the
    /// bill.
    pub fn correct(self, kept: &Answer) {
        let is_deferred = !self.is_loaded.get_untracked();
        let is_news = self.answer.with_untracked(|answer| {
            let unkept = |answer: &Answer| answer.end().is_some_and(|end| end.unkept.is_some());
            kept.end().is_some()
                && (answer.end().is_none() || answer.bill != kept.bill || unkept(answer) != unkept(kept))
        });
        if is_deferred || is_news {
            self.answer.set(kept.clone());
            self.is_loaded.set(true);
            self.set_link(Link::Up);
        }
    }

    pub fn is_running(self) -> bool {
        self.answer.with(|answer| answer.end().is_none())
    }

    /// Whether this page asked for it and the server has not said yet that it has the question.
    pub fn is_on_its_way(self) -> bool {
        !self.is_asked.get_value() && self.is_running_now()
    }

    /// Whether the server has it for sure: something of it has come from there.
    pub fn is_at_server(self) -> bool {
        self.began_ms.get_value().is_none() || self.seq() > Seq::START
    }

    /// Whether this page asked for it and it is being written.
    pub fn is_own_running(self) -> bool {
        self.began_ms.get_value().is_some() && self.is_running_now()
    }

    fn is_running_now(self) -> bool {
        self.answer.try_with_untracked(|answer| answer.end().is_none()) == Some(true)
    }

    /// Asks, and reads the answer to its end. A request that gets lost is sent again with the same ids, which
    /// joins the answer if the first one arrived. `on_refused` is told when the server says no.
    pub fn send(self, message: SentMessage, chats: Chats, on_refused: impl FnOnce(ApiError) + 'static) {
        self.is_reading.set_value(true);
        let conversation = message.conversation;
        spawn_local(async move {
            match self.read_to_end(Some(message), chats).await {
                Err(Failure::Refused(error)) => on_refused(error),
                result => self.finish_reading(result.is_ok(), conversation, chats),
            }
        });
    }

    /// Reads on if the answer is running and nobody reads it yet.
    pub fn follow(self, conversation: ConversationId, chats: Chats) {
        if !self.is_running_now() || self.is_reading.get_value() {
            return;
        }
        self.is_reading.set_value(true);
        spawn_local(async move {
            self.finish_reading(self.read_to_end(None, chats).await.is_ok(), conversation, chats);
        });
    }

    /// An answer that cannot be followed any more has ended while nobody read it (after a restart, perhaps with
    /// less text than was seen here), or was deleted: the whole conversation tells.
    fn finish_reading(self, is_read: bool, conversation: ConversationId, chats: Chats) {
        if !is_read {
            self.is_reading.try_set_value(false);
            chats.fetch(conversation);
        }
        chats.poll_soon();
    }

    /// Asks the server to stop. The end comes through the stream, like every other. If the question is still on
    /// its way, it is stopped once it has arrived.
    pub fn stop(self) {
        if !self.wants_stop() {
            self.link.set(Link::Stopping);
            if self.is_asked.get_value() {
                self.keep_stopping();
            }
        }
    }

    /// Tells the server to stop, until the answer has ended or is not there any more.
    fn keep_stopping(self) {
        spawn_local(async move {
            let mut backoff = Backoff::up_to(LONGEST_STOP_PAUSE);
            while self.is_running_now() {
                let is_told = match stop_answer(self.id).await {
                    Ok(_) => true,
                    Err(error) if error.kind == ApiErrorKind::NotFound => return,
                    Err(_) => false,
                };
                self.link.try_set(if is_told { Link::Stopping } else { Link::StopDelayed });
                backoff.wait().await;
            }
        });
    }

    async fn read_to_end(self, mut first: Option<SentMessage>, chats: Chats) -> Result<(), Failure> {
        let mut backoff = Backoff::up_to(LONGEST_PAUSE);
        loop {
            let before = self.seq();
            let opened = match &first {
                Some(message) => send_message(message.clone()).await,
                None => follow_answer(self.id, before.0).await,
            };
            match opened {
                Ok(stream) => {
                    if first.is_some() {
                        self.arrived_at_server(chats);
                    }
                    self.set_link(Link::Up);
                    // What says nothing may be a gateway's page: then the question is sent again.
                    let is_heard = self.read(stream).await;
                    first = first.filter(|_| !is_heard);
                }
                Err(error) if is_passing(&error, first.is_none()) => {
                    if first.is_some() && self.wants_stop() {
                        let stopped = "Stopped before the question was sent.";
                        return Err(Failure::Refused(ApiError::new(ApiErrorKind::Network, stopped)));
                    }
                }
                Err(error) if first.is_some() => return Err(Failure::Refused(error)),
                Err(_) => return Err(Failure::Gone),
            }
            if !self.is_running_now() {
                return Ok(());
            }
            if browser::is_hidden() {
                browser::until_hidden(false).await;
                continue;
            }
            self.set_link(Link::Down);
            if self.seq() > before {
                backoff.reset();
            }
            backoff.wait().await;
            // A page that is left is hidden, which ends the wait. It has nothing more to read.
            if first.is_none() {
                browser::until_hidden(false).await;
            }
        }
    }

    /// The server has the question: a Stop that was too early for it is due now.
    fn arrived_at_server(self, chats: Chats) {
        let was_asked = self.is_asked.try_update_value(|is_asked| std::mem::replace(is_asked, true));
        if was_asked == Some(false) {
            if self.wants_stop() {
                self.keep_stopping();
            }
            // The list has a chat more, or one that is running.
            chats.poll_soon();
        }
    }

    fn wants_stop(self) -> bool {
        matches!(self.link.try_get_untracked(), Some(Link::Stopping | Link::StopDelayed))
    }

    /// Reads one response until it ends or breaks off, or until nobody looks.
    ///
    /// A browser keeps six connections to a server and makes everything else wait, Stop included (HTTP/1.1). So
    /// a page in the background gives its own back; it goes on from its last event when it is looked at again.
    /// True if an event came.
    async fn read(self, stream: ByteStream<ApiError>) -> bool {
        let mut decoder = Decoder::default();
        let mut stream = stream.into_inner();
        let mut hidden = std::pin::pin!(browser::until_hidden(true));
        let mut is_heard = false;
        while let Either::Left((Some(Ok(bytes)), _)) = select(stream.next(), &mut hidden).await {
            let mut arrived = Vec::new();
            let result = decoder.push(&bytes, |frame| arrived.extend(read_frame(frame)));
            is_heard |= !arrived.is_empty();
            self.take_in(arrived);
            if result.is_err() {
                break;
            }
        }
        self.apply_arrived();
        is_heard
    }

    fn take_in(self, events: Vec<(Seq, AnswerEvent)>) {
        if events.is_empty() {
            return;
        }
        let was_empty = self.arrived.try_update_value(|arrived| {
            let was_empty = arrived.is_empty();
            arrived.extend(events);
            was_empty
        });
        if was_empty == Some(true) {
            browser::before_next_frame(move || self.apply_arrived());
        }
    }

    fn apply_arrived(self) {
        let arrived = self.arrived.try_update_value(std::mem::take).unwrap_or_default();
        if arrived.is_empty() {
            return;
        }
        self.answer.try_update(|answer| {
            for (seq, event) in &arrived {
                answer.apply(*seq, event);
            }
        });
    }

    fn seq(self) -> Seq {
        self.answer.try_with_untracked(|answer| answer.seq).unwrap_or_default()
    }

    fn set_link(self, link: Link) {
        if self.link.try_get_untracked() != Some(link) && !self.wants_stop() {
            self.link.try_set(link);
        }
    }
}

/// Why an answer cannot be read to its end.
enum Failure {
    /// The server did not take the question.
    Refused(ApiError),
    /// The server has the answer in another form, or not at all.
    Gone,
}

/// Whether the same request may succeed later. That a question cannot be kept is told. An answer that was begun is
/// there, whatever fails at the moment.
fn is_passing(error: &ApiError, is_begun: bool) -> bool {
    error.kind == ApiErrorKind::Network || is_begun && error.kind == ApiErrorKind::Internal
}

/// The phase of a running answer.
pub fn phase(answer: &Answer) -> Option<&Phase> {
    match &answer.state {
        State::Running(phase) => Some(phase),
        State::Ended(_) => None,
    }
}

fn read_frame(frame: Frame) -> Option<(Seq, AnswerEvent)> {
    let Frame::Event(event) = frame else { return None };
    let seq = event.id?.parse().ok()?;
    // A newer Runnel may say more about something known than this page can read. Left out, the event would be a gap, and
    // the page would ask for the rest for ever.
    let event = serde_json::from_slice(event.data.as_bytes()).unwrap_or(AnswerEvent::Unknown);
    Some((Seq(seq), event))
}
