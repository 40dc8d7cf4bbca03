//! The vocabulary of a chat, the same on both sides of the network.
//!
//! A [`Conversation`] is a tree of questions and answers. An [`Answer`] is what its [`AnswerEvent`]s add up
//! to: the event is what the upstream's client yields, what the log keeps, what is sent to each viewer and
//! what the page applies. [`Answer::apply`] is the only place where an event changes an answer, so a stored
//! answer, a server-rendered one and a live one cannot differ.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::conversation_list::clean_title;
use crate::error::{AnswerError, AnswerErrorKind};
use crate::settings::TypedSettings;
use crate::tree::Tree;

mod content;
mod pieces;
mod raw_json;
mod wire;

pub use content::{AttachedFile, Content, ContentBlock, Reasoning, ToolResult, UnknownBlock, markdown_of};
pub use raw_json::RawJson;

/// Ids are made by whoever creates the thing (for questions and answers: the browser), so that a request
/// sent twice names the same thing twice.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id, ordered by time (UUID version 7).
            #[must_use]
            pub fn now() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// Names a [`Conversation`].
    ConversationId
);
id!(
    /// Names a [`Question`].
    QuestionId
);
id!(
    /// Names an [`Answer`].
    AnswerId
);

/// Everything said in one chat: a tree, whose questions and answers stand in the order in which they were begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conversation {
    pub id: ConversationId,
    pub title: String,
    /// True once a person chose the title: nothing else may change it then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_title_chosen: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_pinned: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_archived: bool,
    /// Milliseconds since 1970, as all times here.
    pub created_ms: u64,
    pub updated_ms: u64,
    /// Changes with every change to it here; it means nothing elsewhere.
    #[serde(default)]
    pub version: u64,
    /// What was typed and not yet sent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub draft: String,
    /// What is set for its next question; `None` in chats from before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<TypedSettings>,
    /// The end of the branch that is shown; `None` for the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<AnswerId>,
    /// The ends of the branches that are shown beside each other, if there are several; `leaf` is the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<AnswerId>,
    pub questions: Vec<Question>,
    pub answers: Vec<Answer>,
}

impl Conversation {
    /// Who follows whom.
    #[must_use]
    pub fn tree(&self) -> Tree {
        Tree {
            questions: self.questions.iter().map(|question| (question.id, question.after)).collect(),
            answers: self.answers.iter().map(|answer| (answer.id, answer.question)).collect(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// The first words of a text, as a [clean title](clean_title): a title until there is a better one.
#[must_use]
pub fn first_words(text: &str) -> String {
    let line = text.lines().find_map(clean_title).unwrap_or_default();
    match line.char_indices().nth(LONGEST_FIRST_WORDS) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

/// In characters: what fits a line of the sidebar.
const LONGEST_FIRST_WORDS: usize = 48;

/// What a person asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub id: QuestionId,
    /// The answer that it follows; `None` for the first question of a conversation.
    pub after: Option<AnswerId>,
    pub content: Content,
    #[serde(default)]
    pub asked_ms: u64,
}

impl Question {
    /// A question of text alone.
    #[must_use]
    pub fn of_text(id: QuestionId, after: Option<AnswerId>, text: impl Into<String>, asked_ms: u64) -> Self {
        Self { id, after, content: Content::of_text(text), asked_ms }
    }

    /// All of its text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.content.text()
    }
}

/// The number of an event in its answer's log: 1, 2, 3, … without a gap. 0 stands before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The number that follows this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One thing that happened to an answer.
///
/// The last event of every answer is [`AnswerEvent::End`], and there is exactly one. As JSON it is an object
/// with the event's name as its one key, such as `{"text":"Hello"}`; an event without content is its name.
/// `chat/wire.rs` reads it; a new event has a line there.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerEvent {
    /// The upstream said that it is still there (a comment), and nothing else yet.
    Waiting,
    /// An attempt failed before anything was shown; the next one comes after a pause.
    Retrying(Retry),
    /// Who is answering. Comes again when more is known; see [`Source::update`].
    Source(Source),
    /// The first text, reasoning or other content is about to follow.
    FirstToken {
        /// Since the request was sent, retries included.
        elapsed_ms: u64,
    },
    /// More of the answer's text.
    Text(String),
    /// More of the model's reasoning.
    Reasoning(String),
    /// A part of the model's reasoning as the upstream wants it back.
    ReasoningDetail(RawJson),
    /// The reasoning is done, for now.
    Reasoned {
        /// How long the model has reasoned so far, altogether.
        ms: u64,
    },
    /// More of the model's refusal.
    Refusal(String),
    /// A piece of a tool call; pieces with one index are joined.
    ToolCall(ToolCallPiece),
    /// A source that the text rests on.
    Citation(Citation),
    /// What the upstream read in a file, as it wants it back.
    FileAnnotation(RawJson),
    /// A picture made by the model.
    Image(String),
    /// What came so far is an earlier answer's; what follows was asked for later, to go on from there.
    Continuation,
    /// Nothing follows.
    End(End),
    /// An event that only a newer Runnel knows. It has its number, and changes nothing.
    Unknown,
}

/// An attempt that will be made, and why the last one was not enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// The attempt to come, from 2.
    pub attempt: u32,
    /// How many there are at most.
    pub attempts: u32,
    /// The pause before it.
    pub wait_ms: u64,
    pub problem: AnswerError,
}

/// Who answers, as far as the upstream says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The response header `X-Generation-Id`: the key of `GET /generation`, also after an abort.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
    /// The chunks' own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The model that answers. For display: it may be a dated form of the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl Source {
    /// Takes over each part that `newer` knows. True if anything changed.
    pub fn update(&mut self, newer: &Self) -> bool {
        let before = self.clone();
        let parts = [
            (&mut self.generation_id, &newer.generation_id),
            (&mut self.id, &newer.id),
            (&mut self.model, &newer.model),
            (&mut self.provider, &newer.provider),
        ];
        for (mine, theirs) in parts {
            if theirs.is_some() {
                mine.clone_from(theirs);
            }
        }
        *self != before
    }
}

/// A piece of a tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCallPiece {
    /// Which of the answer's calls it belongs to, from 0. Calls stand in the order of their indexes, in whatever
    /// order they come.
    pub index: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
}

/// A call that the model asks for. The arguments are what the model wrote: not always JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Its place among the answer's calls; there may be gaps.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub index: u32,
    pub id: Option<String>,
    pub name: String,
    pub arguments: String,
}

impl ToolCall {
    /// Adds a piece of it.
    fn join(&mut self, piece: &ToolCallPiece) {
        if self.id.is_none() {
            self.id.clone_from(&piece.id);
        }
        self.name.push_str(&piece.name);
        self.arguments.push_str(&piece.arguments);
    }
}

/// A page that the answer cites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl Citation {
    /// Bytes of text in it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.url.len() + self.title.as_ref().map_or(0, String::len)
    }
}

/// How an answer ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    pub status: EndStatus,
    /// OpenRouter's word for the reason: `stop`, `length`, `tool_calls`, `content_filter`, `error`, or newer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The provider's own word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_finish_reason: Option<String>,
    /// What went wrong, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<AnswerError>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// From sending the request to the end, retries included.
    pub duration_ms: u64,
    /// Why the answer is not kept yet, as a sentence; `None` once it is. An older page passes over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unkept: Option<String>,
}

/// The four ways in which an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndStatus {
    /// The upstream said that it is done.
    Complete,
    /// A person stopped it.
    Stopped,
    /// The upstream reported an error.
    Failed,
    /// The stream broke off or fell silent.
    Interrupted,
}

/// What the upstream counted and charged. Sums are not checked: upstreams disagree with themselves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: Option<u64>,
    pub completion_tokens: Option<u64>,
    pub total_tokens: Option<u64>,
    /// US dollars.
    pub cost: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<u64>,
}

/// Whether what an answer cost is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bill {
    /// The end of the stream says all that there is to say.
    #[default]
    Stated,
    /// The stream broke off before its figures; the upstream can be asked for them.
    Open,
    /// The upstream was asked.
    Settled(Usage),
    /// The upstream was asked long enough and does not know.
    Unknown,
}

/// Where an answer stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Running(Phase),
    Ended(End),
}

/// What a running answer is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The request is on its way.
    Sending,
    /// The upstream is there and has nothing yet.
    Waiting,
    /// The last attempt failed; another follows.
    Retrying(Retry),
    /// Content is arriving.
    Answering,
}

/// What an answer's events add up to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    pub id: AnswerId,
    pub question: QuestionId,
    /// The model that was asked for.
    pub requested_model: String,
    /// The last event applied.
    pub seq: Seq,
    pub state: State,
    pub content: Content,
    pub source: Source,
    pub first_token_ms: Option<u64>,
    /// Pieces of text received.
    pub chunks: u64,
    /// Unicode scalar values of text received.
    pub characters: u64,
    #[serde(default)]
    pub bill: Bill,
    #[serde(default)]
    pub begun_ms: u64,
    /// True in a fork: what it cost is counted at the answer that it was copied from.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_copy: bool,
}

/// What became of an event given to [`Answer::apply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was the next one.
    New,
    /// It was there already, or the answer has ended. Nothing changed.
    Old,
    /// One before it is missing. Nothing changed.
    Gap,
}

impl Answer {
    /// An answer to which nothing has happened yet.
    #[must_use]
    pub fn new(id: AnswerId, question: QuestionId, requested_model: impl Into<String>) -> Self {
        Self {
            id,
            question,
            requested_model: requested_model.into(),
            seq: Seq::START,
            state: State::Running(Phase::Sending),
            content: Content::default(),
            source: Source::default(),
            first_token_ms: None,
            chunks: 0,
            characters: 0,
            bill: Bill::Stated,
            begun_ms: 0,
            is_copy: false,
        }
    }

    /// The answer without its content, which may be megabytes and is not copied.
    #[must_use]
    pub fn without_content(&self) -> Self {
        Self {
            id: self.id,
            question: self.question,
            requested_model: self.requested_model.clone(),
            seq: self.seq,
            state: self.state.clone(),
            content: Content::default(),
            source: self.source.clone(),
            first_token_ms: self.first_token_ms,
            chunks: self.chunks,
            characters: self.characters,
            bill: self.bill.clone(),
            begun_ms: self.begun_ms,
            is_copy: self.is_copy,
        }
    }

    /// Applies the event with number `seq`. Only the next number counts; an event given twice changes nothing.
    pub fn apply(&mut self, seq: Seq, event: &AnswerEvent) -> Applied {
        if seq <= self.seq || self.end().is_some() {
            return Applied::Old;
        }
        if seq != self.seq.next() {
            return Applied::Gap;
        }
        self.seq = seq;
        match event {
            AnswerEvent::Waiting => self.enter(Phase::Waiting),
            AnswerEvent::Retrying(retry) => self.enter(Phase::Retrying(retry.clone())),
            AnswerEvent::Source(source) => {
                self.source.update(source);
            }
            AnswerEvent::FirstToken { elapsed_ms } => {
                self.first_token_ms = Some(*elapsed_ms);
                self.enter(Phase::Answering);
            }
            AnswerEvent::Text(text) => {
                self.content.push_text(text);
                self.chunks += 1;
                self.characters += text.chars().count() as u64;
                self.enter(Phase::Answering);
            }
            AnswerEvent::Reasoning(text) => {
                self.content.push_reasoning(text);
                self.enter(Phase::Answering);
            }
            AnswerEvent::ReasoningDetail(detail) => self.content.push_reasoning_detail(detail.clone()),
            AnswerEvent::Reasoned { ms } => self.content.note_reasoned(*ms),
            AnswerEvent::Refusal(text) => self.content.push_refusal(text),
            AnswerEvent::ToolCall(piece) => self.content.push_tool_call(piece),
            AnswerEvent::Citation(citation) => self.content.push_citation(citation.clone()),
            AnswerEvent::FileAnnotation(json) => {
                self.content.push(ContentBlock::FileAnnotation(json.clone()));
            }
            AnswerEvent::Image(url) => self.content.push(ContentBlock::Image(url.clone())),
            AnswerEvent::Continuation => self.content.push(ContentBlock::Continuation),
            AnswerEvent::End(end) => {
                if end.usage.is_none() && self.source.generation_id.is_some() {
                    self.bill = Bill::Open;
                }
                self.state = State::Ended(end.clone());
            }
            AnswerEvent::Unknown => {}
        }
        Applied::New
    }

    /// How it ended, if it has.
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        match &self.state {
            State::Ended(end) => Some(end),
            State::Running(_) => None,
        }
    }

    /// All of its text; see [`Content::text`].
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        self.content.text()
    }

    /// All that the model thought.
    #[must_use]
    pub fn reasoning(&self) -> Cow<'_, str> {
        self.content.reasoning()
    }

    /// True if the answer holds anything that a person can see.
    #[must_use]
    pub fn has_content(&self) -> bool {
        self.content.is_visible()
    }

    /// What the upstream counted: as the end of the stream said, or as it was asked for later.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        match &self.bill {
            Bill::Settled(usage) => Some(usage),
            _ => self.end()?.usage.as_ref(),
        }
    }

    /// Ends an answer whose writer is gone, and says why. One that has ended stays as it is.
    pub fn interrupt(&mut self, why: &str) {
        let end = End {
            status: EndStatus::Interrupted,
            finish_reason: None,
            native_finish_reason: None,
            problem: Some(AnswerError::new(AnswerErrorKind::Internal, why)),
            usage: None,
            // When it broke off is not known; the first token is the last time that was noted.
            duration_ms: self.first_token_ms.unwrap_or_default(),
            unkept: None,
        };
        self.apply(self.seq.next(), &AnswerEvent::End(end));
    }

    /// Tokens written a second, from the first token to the end.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts and milliseconds are far below 2^52")]
    pub fn tokens_per_second(&self) -> Option<f64> {
        let end = self.end()?;
        let tokens = self.usage()?.completion_tokens?;
        let writing_ms = end.duration_ms.checked_sub(self.first_token_ms?)?;
        (writing_ms > 0 && tokens > 0).then(|| tokens as f64 * 1000.0 / writing_ms as f64)
    }

    fn enter(&mut self, phase: Phase) {
        self.state = State::Running(phase);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> AnswerEvent {
        AnswerEvent::Text(text.to_owned())
    }

    fn answer() -> Answer {
        Answer::new(AnswerId(Uuid::nil()), QuestionId(Uuid::nil()), "demo/plain")
    }

    fn end() -> End {
        End {
            status: EndStatus::Complete,
            finish_reason: Some("stop".into()),
            native_finish_reason: None,
            problem: None,
            usage: Some(Usage { completion_tokens: Some(50), ..Usage::default() }),
            duration_ms: 1500,
            unkept: None,
        }
    }

    #[test]
    fn an_event_applied_twice_changes_nothing() {
        let mut answer = answer();
        assert_eq!(answer.apply(Seq(1), &text("a")), Applied::New);
        let before = answer.clone();
        assert_eq!(answer.apply(Seq(1), &text("a")), Applied::Old);
        assert_eq!(answer, before);
    }

    #[test]
    fn an_event_after_a_gap_changes_nothing() {
        let mut answer = answer();
        let before = answer.clone();
        assert_eq!(answer.apply(Seq(2), &text("b")), Applied::Gap);
        assert_eq!(answer, before);
    }

    #[test]
    fn nothing_is_applied_after_the_end() {
        let mut answer = answer();
        answer.apply(Seq(1), &AnswerEvent::End(end()));
        assert_eq!(answer.apply(Seq(2), &text("late")), Applied::Old);
        assert_eq!(answer.content.text(), "");
    }

    #[test]
    fn pieces_of_a_tool_call_are_joined_by_index() {
        let mut answer = answer();
        let piece = |index, name: &str, arguments: &str| {
            AnswerEvent::ToolCall(ToolCallPiece {
                index,
                id: None,
                name: name.into(),
                arguments: arguments.into(),
            })
        };
        answer.apply(Seq(1), &piece(0, "weather", ""));
        answer.apply(Seq(2), &piece(0, "", "{\"a\""));
        answer.apply(Seq(3), &piece(4_000_000_000, "far", "{}"));
        answer.apply(Seq(4), &piece(0, "", ":1}"));
        let calls: Vec<_> = answer.content.tool_calls().collect();
        assert_eq!(calls.len(), 2, "a number far out of line costs no memory");
        assert_eq!(calls[0].arguments, "{\"a\":1}");
    }

    #[test]
    fn the_rate_counts_from_the_first_token_to_the_end() {
        let mut answer = answer();
        answer.apply(Seq(1), &AnswerEvent::FirstToken { elapsed_ms: 500 });
        answer.apply(Seq(2), &AnswerEvent::End(end()));
        assert_eq!(answer.tokens_per_second(), Some(50.0));
    }

    #[test]
    fn an_answer_is_interrupted_with_what_it_has_and_only_while_it_runs() {
        let mut answer = answer();
        answer.apply(Seq(1), &text("half"));
        answer.interrupt("The lights went out.");
        let before = answer.clone();
        answer.interrupt("Again.");
        assert_eq!(answer, before);
        let end = answer.end().unwrap();
        assert_eq!((end.status, answer.content.text().as_ref()), (EndStatus::Interrupted, "half"));
        assert_eq!(end.problem.as_ref().unwrap().message, "The lights went out.");
    }

    #[test]
    fn a_stream_that_broke_off_leaves_its_bill_open() {
        let mut answer = answer();
        let source = Source { generation_id: Some("gen-1".into()), ..Source::default() };
        answer.apply(Seq(1), &AnswerEvent::Source(source));
        answer.apply(Seq(2), &AnswerEvent::End(End { usage: None, ..end() }));
        assert_eq!((&answer.bill, answer.usage()), (&Bill::Open, None));
        answer.bill = Bill::Settled(Usage { completion_tokens: Some(7), ..Usage::default() });
        assert_eq!(answer.usage().unwrap().completion_tokens, Some(7));
    }

    #[test]
    fn first_words_are_cut_between_characters() {
        assert_eq!(first_words("\n  Hello  \nworld"), "Hello");
        assert_eq!(first_words(&"é".repeat(60)), format!("{}…", "é".repeat(48)));
        assert_eq!(first_words(" \n"), "");
        assert_eq!(first_words("\u{200b}\n\u{202e}Hel\u{0}lo"), "Hel lo");
    }

    #[test]
    fn an_event_is_written_as_its_name_with_its_content() {
        let event = AnswerEvent::End(end());
        let json = serde_json::to_string(&event).unwrap();
        assert!(json.starts_with(r#"{"end":{"status":"complete""#), "{json}");
        assert_eq!(serde_json::to_string(&text("a")).unwrap(), r#"{"text":"a"}"#);
        assert_eq!(serde_json::to_string(&AnswerEvent::Waiting).unwrap(), r#""waiting""#);
    }
}
