//! Asking, following and stopping answers.
//!
//! `send_message` and `follow_answer` respond with the answer's live event stream: `text/event-stream` frames
//! whose `id` is the event's [`Seq`] and whose `data` is the JSON of an [`AnswerEvent`]. The stream ends after
//! the event `end`; if it ends before, it was cut, and following from the last `id` goes on without a gap.
//!
//! [`AnswerEvent`]: crate::chat::AnswerEvent
//! [`Seq`]: crate::chat::Seq

#![allow(
    clippy::unused_async,
    reason = "a server function is asynchronous where it is called, in the browser"
)]

use leptos::prelude::*;
use leptos::server_fn::codec::{ByteStream, GetUrl, Json, Streaming};
use serde::{Deserialize, Serialize};

use super::ApiError;
use crate::chat::{AnswerId, ConversationId, EndStatus, Question, QuestionId, Seq};
use crate::settings::Settings;

/// A question, and how it is to be answered. Ids left out are made by the server; a client that may send twice
/// makes them itself, since the same ids sent again join the answer that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentMessage {
    #[serde(default = "ConversationId::now")]
    pub conversation: ConversationId,
    pub question: SentQuestion,
    #[serde(default = "AnswerId::now")]
    pub answer: AnswerId,
    /// An earlier answer to the same question that broke off: this one goes on from its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<AnswerId>,
    #[serde(default)]
    pub settings: Settings,
    /// Several answers to the question, in place of the one that `answer`, `continues` and `settings` ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<SentAnswer>,
}

impl SentMessage {
    /// A message for each of the answers.
    #[must_use]
    pub fn one_by_one(self) -> Vec<Self> {
        let Self { conversation, question, answers, .. } = self;
        let one = |SentAnswer { id, continues, settings }| Self {
            conversation,
            question: question.clone(),
            answer: id,
            continues,
            settings,
            answers: Vec::new(),
        };
        answers.into_iter().map(one).collect()
    }
}

/// One of several answers that are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentAnswer {
    #[serde(default = "AnswerId::now")]
    pub id: AnswerId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<AnswerId>,
    #[serde(default)]
    pub settings: Settings,
}

/// An answer that is followed after one of its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerPosition {
    pub id: AnswerId,
    #[serde(default)]
    pub after: Seq,
}

/// A [`Question`] as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentQuestion {
    #[serde(default = "QuestionId::now")]
    pub id: QuestionId,
    /// The answer that it follows; left out in a new conversation.
    #[serde(default)]
    pub after: Option<AnswerId>,
    pub text: String,
}

impl From<Question> for SentQuestion {
    fn from(question: Question) -> Self {
        Self { id: question.id, after: question.after, text: question.text().into_owned() }
    }
}

/// Asks, and streams the answer from its first event. The answer goes on when the reader goes away.
///
/// If `answers` are asked for, all of them are streamed, and the `id` of each frame is its answer's and the event's number:
/// `<answer>:<number>`. What keeps one of them from beginning, once the first has begun, is a frame with the event name
/// `error` and the answer's `id`.
///
/// # Errors
/// 400 for an empty question or settings that cannot be, 404 for an unknown `after`, 409 for ids that are in
/// use for something else, 413 for a question over 1 MiB. Nothing has been sent upstream then.
#[server(prefix = "/api", endpoint = "send_message", input = Json, output = Streaming)]
pub async fn send_message(#[server(flatten)] message: SentMessage) -> Result<ByteStream<ApiError>, ApiError> {
    use crate::server::request;
    let (app, viewer) = request::asked()?;
    if message.answers.is_empty() {
        let live = app.answers().send(&viewer, message).await?;
        return Ok(request::event_stream(live, Seq::START));
    }
    Ok(request::event_streams(app.answers().send_several(&viewer, message).await?))
}

/// Streams the answer's events after number `after`, from the log and then live; or after the number that the header
/// `Last-Event-ID` names, if that is later.
///
/// # Errors
/// 404 for an unknown id, 400 for an `after` beyond the answer's last event. 410 for an answer that ended a while
/// ago, if `after` is not 0: its events are not kept one by one then, and following it from the start, or loading
/// its conversation, gives all of it.
#[server(prefix = "/api", endpoint = "follow_answer", input = Json, output = Streaming)]
pub async fn follow_answer(
    id: AnswerId,
    #[server(default)] after: u64,
) -> Result<ByteStream<ApiError>, ApiError> {
    use crate::server::request;
    let (app, viewer) = request::asked()?;
    let after = request::last_event_id().unwrap_or_default().max(Seq(after));
    let live = app.answers().find(&viewer, id, after).await?;
    Ok(request::event_stream(live, after))
}

/// The same with GET, for programs and for an `EventSource`. The page does not use it: in Firefox a second GET for the
/// same address waits until the first has ended, even with `no-store`. Of two tabs, one showed nothing until the answer
/// had ended.
///
/// # Errors
/// As [`follow_answer`].
#[server(prefix = "/api", endpoint = "follow_answer", input = GetUrl, output = Streaming)]
pub async fn follow_answer_by_get(
    id: AnswerId,
    #[server(default)] after: u64,
) -> Result<ByteStream<ApiError>, ApiError> {
    follow_answer(id, after).await
}

/// Streams the events of several answers, each after its number, in one response; the frames are those of several answers
/// to one question (see [`send_message`]).
///
/// # Errors
/// 400 if none, or too many, are asked for. What is wrong with one of them, as in [`follow_answer`], is a frame with the
/// event name `error`.
#[server(prefix = "/api", endpoint = "follow_answers", input = Json, output = Streaming)]
pub async fn follow_answers(answers: Vec<AnswerPosition>) -> Result<ByteStream<ApiError>, ApiError> {
    use crate::server::request;
    let (app, viewer) = request::asked()?;
    let wanted: Vec<_> = answers.iter().map(|position| (position.id, position.after)).collect();
    Ok(request::event_streams(app.answers().find_several(&viewer, &wanted).await?))
}

/// Stops an answer and closes the upstream's connection. Says how the answer ended, which may be earlier and
/// otherwise than by this call.
///
/// # Errors
/// 404 for an unknown id.
#[server(prefix = "/api", endpoint = "stop_answer", input = Json)]
pub async fn stop_answer(id: AnswerId) -> Result<EndStatus, ApiError> {
    let (app, viewer) = crate::server::request::asked()?;
    app.answers().stop(&viewer, id).await
}
