//! From the bytes of one response to the events of an answer. Pure: time comes in as an argument.
//!
//! The rules of the fold are the wire reference's (sections 2.5 to 2.7, 3.2 and 8): only choice 0 counts; the
//! first finish reason that is not null stands; the last usage stands; an error anywhere ends the answer as
//! failed, with what came before it kept; what follows `[DONE]` is ignored.

use std::time::SystemTime;

use super::classify::kind_of;
use super::failure::Failure;
use super::reasoning_details::ReasoningDetails;
use super::schema::{Chunk, Delta, WireError, WireToolCall, read_error, read_error_body};
use crate::chat::{AnswerEvent, Citation, End, EndStatus, Source, ToolCallPiece, Usage};
use crate::error::{AnswerError, AnswerErrorKind};
use crate::sse::{Decoder, Event, Frame};

/// An answer larger than this is a fault: the longest that models write are some hundred kilobytes.
const LARGEST_ANSWER_BYTES: usize = 64 << 20;
/// More calls than any model makes at once.
const MOST_TOOL_CALLS: usize = 256;
/// More pictures, and more files, than any model gives at once. Each is an element of the page.
const MOST_ATTACHMENTS: usize = 256;
/// A larger index is a mistake, and is passed over.
const LARGEST_TOOL_CALL_INDEX: u32 = 1 << 20;
/// The longest name, id, reason or title that is taken over, in characters: real ones fit a line or two, and a page
/// shows each of them whole.
const LONGEST_NAME: usize = 200;
const LONGEST_TITLE: usize = 1000;
/// The longest address of a source, in bytes; a longer one is no address that a browser opens. Cut, it would be
/// another one, so the source is left out.
const LONGEST_ADDRESS_BYTES: usize = 8 << 10;

/// Reads one answer from the bytes of a stream.
#[derive(Debug, Default)]
pub struct AnswerParser {
    decoder: Decoder,
    source: Source,
    tool_calls: Vec<KnownCall>,
    finish_reason: Option<String>,
    native_finish_reason: Option<String>,
    usage: Option<Usage>,
    failure: Option<Failure>,
    is_done: bool,
    has_content: bool,
    reasoning: Reasoning,
    details: ReasoningDetails,
    attachments: usize,
    is_waiting: bool,
    bytes: usize,
    unreadable_events: u64,
}

impl AnswerParser {
    /// A parser of a response with these headers' `X-Generation-Id`.
    #[must_use]
    pub fn new(generation_id: Option<String>) -> Self {
        Self { source: Source { generation_id, ..Source::default() }, ..Self::default() }
    }

    /// Reads the next bytes and gives each event that they complete to `on_event`.
    ///
    /// `elapsed_ms` is the time since the request was sent; `now` is the wall clock, for limits that name one.
    pub fn push(
        &mut self,
        bytes: &[u8],
        elapsed_ms: u64,
        now: SystemTime,
        on_event: &mut impl FnMut(AnswerEvent),
    ) {
        let mut decoder = std::mem::take(&mut self.decoder);
        let result = decoder.push(bytes, |frame| self.read_frame(frame, elapsed_ms, now, on_event));
        self.decoder = decoder;
        if let Err(error) = result
            && !self.has_ended()
        {
            self.failure =
                Some(Failure::lasting(AnswerErrorKind::Unreadable, format!("It sent too much: {error}.")));
        }
    }

    /// Reads an answer that came whole, as one JSON body (wire reference, section 3.3).
    pub fn read_whole(
        &mut self,
        body: &[u8],
        elapsed_ms: u64,
        now: SystemTime,
        on_event: &mut impl FnMut(AnswerEvent),
    ) {
        let Some(mut chunk) = Chunk::parse(body) else {
            self.failure = read_error_body(body).map(|error| Failure::from_error(error, None, now));
            return;
        };
        for choice in &mut chunk.choices {
            choice.use_whole_message();
        }
        self.read_chunk(&chunk, elapsed_ms, now, on_event);
        self.tell_details(true, on_event);
    }

    /// True once nothing that follows can matter: after `[DONE]` or an error.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.is_done || self.failure.is_some()
    }

    /// True once there was content that a person could see.
    #[must_use]
    pub const fn has_content(&self) -> bool {
        self.has_content
    }

    /// Events passed over because they were not JSON objects.
    #[must_use]
    pub const fn unreadable_events(&self) -> u64 {
        self.unreadable_events
    }

    /// The failure that the stream reported, if it did.
    #[must_use]
    pub(super) const fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// How the answer ended, when the input has ended after `duration_ms`.
    #[must_use]
    pub fn end(&self, duration_ms: u64) -> End {
        let (status, problem) = self.outcome();
        End {
            status,
            finish_reason: self.finish_reason.clone(),
            native_finish_reason: self.native_finish_reason.clone(),
            problem,
            usage: self.usage.clone(),
            duration_ms,
            unkept: None,
        }
    }

    fn outcome(&self) -> (EndStatus, Option<AnswerError>) {
        if let Some(failure) = &self.failure {
            return (EndStatus::Failed, Some(failure.problem.clone()));
        }
        match &self.finish_reason {
            Some(reason) if reason == "error" || self.is_broken_off_unsaid() => {
                (EndStatus::Failed, Some(self.unexplained_error()))
            }
            Some(_) => (EndStatus::Complete, None),
            None if self.is_done => (EndStatus::Complete, None),
            None => {
                let message = "The stream ended before the answer did.";
                (EndStatus::Interrupted, Some(AnswerError::new(AnswerErrorKind::CutOff, message)))
            }
        }
    }

    /// Some providers end a stream that broke within them with a harmless reason, no content, and the truth in their own
    /// word alone.
    fn is_broken_off_unsaid(&self) -> bool {
        !self.has_content && matches!(self.native_finish_reason.as_deref(), Some("network_error" | "error"))
    }

    /// `finish_reason: "error"` without an error object: the provider's own word is all there is.
    fn unexplained_error(&self) -> AnswerError {
        let message = self.native_finish_reason.as_ref().map_or_else(
            || "The provider gave no reason.".to_owned(),
            |reason| format!("The provider ended with \u{201c}{reason}\u{201d}."),
        );
        let kinds = self.native_finish_reason.iter().cloned().collect();
        let error = WireError { kinds, ..WireError::default() };
        AnswerError::new(kind_of(None, &error), message)
    }

    fn read_frame(
        &mut self,
        frame: Frame,
        elapsed_ms: u64,
        now: SystemTime,
        on_event: &mut impl FnMut(AnswerEvent),
    ) {
        if self.has_ended() {
            return;
        }
        match frame {
            Frame::Comment => {
                // One event for a run of comments: an endless run must not fill the log.
                if !self.is_waiting {
                    self.is_waiting = true;
                    if !self.has_content {
                        on_event(AnswerEvent::Waiting);
                    }
                }
            }
            Frame::ErrorField(message) => {
                let error = WireError { message, ..WireError::default() };
                self.failure = Some(Failure::from_error(error, None, now));
            }
            Frame::Event(event) => self.read_event(&event, elapsed_ms, now, on_event),
        }
    }

    fn read_event(
        &mut self,
        event: &Event,
        elapsed_ms: u64,
        now: SystemTime,
        on_event: &mut impl FnMut(AnswerEvent),
    ) {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.tell_details(true, on_event);
            self.is_done = true;
        } else if event.name == "error" {
            self.failure = Some(Failure::from_error(read_error_event(data), None, now));
        } else if let Some(chunk) = Chunk::parse(data.as_bytes()) {
            self.read_chunk(&chunk, elapsed_ms, now, on_event);
        } else {
            self.unreadable_events += 1;
        }
    }

    fn read_chunk(
        &mut self,
        chunk: &Chunk,
        elapsed_ms: u64,
        now: SystemTime,
        on_event: &mut impl FnMut(AnswerEvent),
    ) {
        self.read_source(chunk, on_event);
        self.usage = chunk.usage().or_else(|| self.usage.take());
        if let Some(choice) = chunk.choice() {
            if let Some(delta) = choice.content() {
                self.read_delta(delta, elapsed_ms, on_event);
            }
            self.tell_details(choice.finish_reason().is_some(), on_event);
            remember_first(&mut self.finish_reason, choice.finish_reason());
            remember_first(&mut self.native_finish_reason, choice.native_finish_reason());
        }
        if let Some(error) = chunk.error() {
            self.failure = Some(Failure::from_error(error, None, now));
        }
    }

    fn read_source(&mut self, chunk: &Chunk, on_event: &mut impl FnMut(AnswerEvent)) {
        let named = |text: &Option<String>| {
            text.as_deref().filter(|text| !text.is_empty()).map(|text| first_of(text, LONGEST_NAME))
        };
        let newer = Source {
            generation_id: None,
            id: named(&chunk.id).filter(|_| self.source.id.is_none()),
            model: named(&chunk.model),
            provider: named(&chunk.provider),
        };
        if self.source.update(&newer) {
            on_event(AnswerEvent::Source(self.source.clone()));
        }
    }

    fn read_delta(&mut self, delta: &Delta, elapsed_ms: u64, on_event: &mut impl FnMut(AnswerEvent)) {
        let mut events = Vec::new();
        let texts = [
            AnswerEvent::Reasoning(delta.reasoning()),
            AnswerEvent::Text(delta.text()),
            AnswerEvent::Refusal(delta.refusal().to_owned()),
        ];
        events.extend(texts.into_iter().filter(|event| event.size() > 0));
        for citation in delta.citations().filter(|citation| citation.url.len() <= LONGEST_ADDRESS_BYTES) {
            let title = citation.title.as_deref().filter(|title| !title.is_empty());
            let title = title.map(|title| first_of(title, LONGEST_TITLE));
            events.push(AnswerEvent::Citation(Citation { url: citation.url.clone(), title }));
        }
        let annotations = delta.file_annotations().map(|json| AnswerEvent::FileAnnotation(json.into()));
        let attachments = annotations.chain(delta.images().map(|url| AnswerEvent::Image(url.to_owned())));
        let before = events.len();
        events.extend(attachments.take(MOST_ATTACHMENTS - self.attachments));
        self.attachments += events.len() - before;
        for call in &delta.tool_calls {
            events.extend(self.number_tool_call(call).map(AnswerEvent::ToolCall));
        }
        for detail in &delta.reasoning_details {
            self.details.add(detail);
        }
        for event in events {
            self.emit(event, elapsed_ms, on_event);
        }
    }

    /// Tells the details that are complete; at the end all of them. Before there is anything to see none is told: the
    /// answer may be asked for once more.
    fn tell_details(&mut self, is_end: bool, on_event: &mut impl FnMut(AnswerEvent)) {
        if is_end {
            self.details.end();
        }
        if self.has_content {
            for detail in self.details.take() {
                self.bytes += detail.size();
                on_event(AnswerEvent::ReasoningDetail(detail));
            }
        }
    }

    fn emit(&mut self, event: AnswerEvent, elapsed_ms: u64, on_event: &mut impl FnMut(AnswerEvent)) {
        self.is_waiting = false;
        self.bytes += event.size();
        if self.bytes > LARGEST_ANSWER_BYTES {
            let message = format!("The answer is larger than {} MiB.", LARGEST_ANSWER_BYTES >> 20);
            self.failure.get_or_insert_with(|| Failure::lasting(AnswerErrorKind::Unreadable, message));
            return;
        }
        if !self.has_content {
            self.has_content = true;
            on_event(AnswerEvent::FirstToken { elapsed_ms });
        }
        let is_reasoning = matches!(event, AnswerEvent::Reasoning(_));
        if let Some(ms) = self.reasoning.note(is_reasoning, elapsed_ms) {
            on_event(AnswerEvent::Reasoned { ms });
        }
        on_event(event);
    }

    /// Which call a piece belongs to. Without an index it begins a new one; with the index of an earlier call
    /// but another id and a name it does too, since some servers give every call the index 0. A piece that adds
    /// nothing to its call is none.
    fn number_tool_call(&mut self, call: &WireToolCall) -> Option<ToolCallPiece> {
        let id = call.id.as_deref().filter(|id| !id.is_empty()).map(|id| first_of(id, LONGEST_NAME));
        let function = call.function.as_ref();
        let name = function.and_then(|function| function.name.as_deref()).unwrap_or_default();
        let name = first_of(name, LONGEST_NAME);
        let arguments = function.and_then(|function| function.arguments.clone()).unwrap_or_default();
        let known = call
            .index
            .and_then(|index| self.tool_calls.iter().rfind(|known| known.wire_index == Some(index)));
        let continues = known.filter(|known| name.is_empty() || id.is_none() || known.id == id);
        if continues.is_some() && name.is_empty() && arguments.is_empty() {
            return None;
        }
        let index = match continues {
            Some(known) => known.number,
            None if self.tool_calls.len() < MOST_TOOL_CALLS => self.begin_tool_call(call.index, id.clone()),
            None => return None,
        };
        Some(ToolCallPiece { index, id, name, arguments })
    }

    /// The number of a new call: the upstream's index, so that calls stand in its order in whatever order they come;
    /// if it has none, or gives one twice, the number after all others.
    fn begin_tool_call(&mut self, wire_index: Option<u32>, id: Option<String>) -> u32 {
        let taken = |number: u32| self.tool_calls.iter().any(|known| known.number == number);
        let last = self.tool_calls.iter().map(|known| known.number).max();
        let number = wire_index
            .filter(|index| !taken(*index) && *index < LARGEST_TOOL_CALL_INDEX)
            .unwrap_or_else(|| last.map_or(0, |last| last + 1));
        self.tool_calls.push(KnownCall { number, wire_index, id });
        number
    }
}

/// One of the answer's calls: its number here, and the index and the id that the upstream gave it.
#[derive(Debug)]
struct KnownCall {
    number: u32,
    wire_index: Option<u32>,
    id: Option<String>,
}

/// How long the model reasons: it may begin again after it has written something. Times are in milliseconds.
#[derive(Debug, Default)]
struct Reasoning {
    since: Option<u64>,
    before: u64,
}

impl Reasoning {
    /// Content came; tells the whole time if it is the first after reasoning.
    fn note(&mut self, is_reasoning: bool, elapsed_ms: u64) -> Option<u64> {
        if is_reasoning {
            self.since.get_or_insert(elapsed_ms);
            return None;
        }
        self.before += elapsed_ms.saturating_sub(self.since.take()?);
        Some(self.before)
    }
}

fn remember_first(known: &mut Option<String>, new: Option<&str>) {
    if known.is_none() {
        *known = new.map(|text| first_of(text, LONGEST_NAME));
    }
}

/// The data of an event named `error`: an envelope, a bare error, or plain words.
fn read_error_event(data: &str) -> WireError {
    read_error_body(data.as_bytes())
        .or_else(|| read_error(&serde_json::Value::String(data.to_owned())))
        .unwrap_or_default()
}

fn first_of(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::chat::{Answer, AnswerId, QuestionId};

    fn read(input: &str) -> (Answer, AnswerParser) {
        let mut parser = AnswerParser::new(Some("gen-1".into()));
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "m");
        let mut apply = |event: AnswerEvent| {
            answer.apply(answer.seq.next(), &event);
        };
        parser.push(input.as_bytes(), 5, SystemTime::UNIX_EPOCH, &mut apply);
        apply(AnswerEvent::End(parser.end(9)));
        (answer, parser)
    }

    #[test]
    fn the_time_of_reasoning_is_told_when_the_text_begins_and_summed_up() {
        let mut parser = AnswerParser::new(None);
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "m");
        let mut told = Vec::new();
        for (elapsed_ms, delta) in [
            (100, r#""reasoning":"hm""#),
            (900, r#""reasoning":"so""#),
            (1_500, r#""content":"a""#),
            (1_600, r#""content":"b""#),
            (2_000, r#""reasoning":"but""#),
            (2_100, r#""content":"c""#),
        ] {
            let event = format!("data: {{\"choices\":[{{\"delta\":{{{delta}}}}}]}}\n\n");
            parser.push(event.as_bytes(), elapsed_ms, SystemTime::UNIX_EPOCH, &mut |event| {
                answer.apply(answer.seq.next(), &event);
            });
            told.push(answer.content.reasoned_ms());
        }
        assert_eq!(told, [None, None, Some(1_400), Some(1_400), Some(1_400), Some(1_500)]);
    }

    #[test]
    fn details_of_reasoning_are_joined_as_they_are_wanted_back() {
        let chunk = |delta: &str| format!("data: {{\"choices\":[{{\"delta\":{{{delta}}}}}]}}\n\n");
        let detail = |detail: &str| format!(r#""reasoning_details":[{{{detail}}}]"#);
        let (answer, _) = read(
            &[
                chunk(&detail(r#""type":"reasoning.text","text":"I ","index":0,"format":"f""#)),
                chunk(&detail(r#""type":"reasoning.text","text":"think.","index":0"#)),
                chunk(r#""content":"So.""#),
                chunk(&detail(r#""type":"reasoning.text","signature":"s","index":0"#)),
                chunk(&detail(r#""type":"reasoning.text","text":"More.","index":1"#)),
                chunk(&detail(r#""type":"reasoning.encrypted","data":"x","id":"r1","index":2"#)),
                chunk(&detail(r#""type":"reasoning.encrypted","data":"y","id":"r1","index":2"#)),
                "data: [DONE]\n\n".to_owned(),
            ]
            .concat(),
        );
        let details = answer.content.reasoning_blocks().flat_map(|reasoning| &reasoning.details);
        let details: Vec<Value> = details.map(|raw| serde_json::from_str(raw.as_str()).unwrap()).collect();
        assert_eq!(
            details,
            [
                json!({"type": "reasoning.text", "text": "I think.", "index": 0, "format": "f", "signature": "s"}),
                json!({"type": "reasoning.text", "text": "More.", "index": 1}),
                json!({"type": "reasoning.encrypted", "data": "x", "id": "r1", "index": 2}),
                json!({"type": "reasoning.encrypted", "data": "y", "id": "r1", "index": 2}),
            ]
        );
        assert_eq!((answer.text().as_ref(), answer.reasoning().as_ref()), ("So.", "I think.More."));
    }

    #[test]
    fn hidden_reasoning_alone_shows_nothing_and_is_kept_with_the_first_thing_shown() {
        let hidden = r#"data: {"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"x"}]}}]}"#;
        let mut parser = AnswerParser::default();
        let mut events = Vec::new();
        parser.push(format!("{hidden}\n\n").as_bytes(), 1, SystemTime::UNIX_EPOCH, &mut |event| {
            events.push(event);
        });
        assert_eq!((events.len(), parser.has_content()), (0, false), "it may be asked for once more");
        let rest = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
        parser.push(rest.as_bytes(), 2, SystemTime::UNIX_EPOCH, &mut |event| events.push(event));
        assert!(matches!(events.last(), Some(AnswerEvent::ReasoningDetail(_))), "{events:?}");
    }

    fn status(input: &str) -> EndStatus {
        read(input).0.end().unwrap().status
    }

    #[test]
    fn an_answer_ends_complete_with_a_reason_or_a_terminator_and_else_interrupted() {
        let text = r#"data: {"choices":[{"delta":{"content":"a"}}]}"#;
        let reason = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        assert_eq!(status(&format!("{text}\n\n")), EndStatus::Interrupted);
        assert_eq!(status(&format!("{text}\n\n{reason}\n\n")), EndStatus::Complete);
        assert_eq!(status(&format!("{text}\n\ndata: [DONE]\n\n")), EndStatus::Complete);
        assert_eq!(status(""), EndStatus::Interrupted);
    }

    #[test]
    fn an_error_keeps_the_text_before_it_and_nothing_after() {
        let (answer, _) = read(
            "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
             data: {\"error\":{\"code\":502,\"message\":\"down\"},\"choices\":[]}\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n",
        );
        assert_eq!(answer.text(), "a");
        let end = answer.end().unwrap();
        assert_eq!(end.status, EndStatus::Failed);
        assert_eq!(end.problem.as_ref().unwrap().message, "down");
    }

    #[test]
    fn a_run_of_comments_is_one_event() {
        let mut parser = AnswerParser::default();
        let mut events = Vec::new();
        parser.push(": a\n\n: b\n\n: c\n\n".as_bytes(), 0, SystemTime::UNIX_EPOCH, &mut |event| {
            events.push(event);
        });
        assert_eq!(events, [AnswerEvent::Waiting]);
    }

    #[test]
    fn the_first_id_stands_and_the_model_may_become_more_precise() {
        let (answer, _) = read(
            "data: {\"id\":\"\",\"model\":\"\"}\n\n\
             data: {\"id\":\"one\",\"model\":\"a\"}\n\n\
             data: {\"id\":\"two\",\"model\":\"b\",\"provider\":\"P\"}\n\n",
        );
        assert_eq!(answer.source.id.as_deref(), Some("one"));
        assert_eq!(answer.source.model.as_deref(), Some("b"));
        assert_eq!(answer.source.provider.as_deref(), Some("P"));
    }

    #[test]
    fn parallel_calls_with_one_index_are_kept_apart() {
        let piece = |id: &str, name: &str| {
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{\"index\":0,\"id\":\"{id}\",\"function\":{{\"name\":\"{name}\",\"arguments\":\"{{}}\"}}}}]}}}}]}}\n\n"
            )
        };
        let (answer, _) = read(&(piece("1", "alpha") + &piece("2", "beta")));
        let names: Vec<_> = answer.content.tool_calls().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["alpha", "beta"]);
    }

    #[test]
    fn pieces_of_a_call_that_say_nothing_are_no_events() {
        let mut parser = AnswerParser::default();
        let mut events = 0;
        let piece = r#"data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{}}]}}]}"#;
        for _ in 0..100 {
            parser.push(format!("{piece}\n\n").as_bytes(), 0, SystemTime::UNIX_EPOCH, &mut |_| events += 1);
        }
        assert!(events <= 2, "{events}");
    }

    #[test]
    fn names_and_titles_of_any_length_are_taken_over_up_to_some() {
        let long = "é".repeat(10_000);
        let (answer, parser) = read(&format!(
            "data: {{\"id\":\"{long}\",\"model\":\"{long}\",\"provider\":\"{long}\",\"choices\":[{{\"delta\":{{\
             \"annotations\":[{{\"url_citation\":{{\"url\":\"https://example.org\",\"title\":\"{long}\"}}}},\
             {{\"url_citation\":{{\"url\":\"https://example.org/{long}\"}}}}],\
             \"tool_calls\":[{{\"id\":\"{long}\",\"function\":{{\"name\":\"{long}\"}}}}]}},\
             \"finish_reason\":\"{long}\",\"native_finish_reason\":\"{long}\"}}]}}\n\n"
        ));
        let mut names = vec![answer.content.tool_calls().next().unwrap().name.clone()];
        names.extend([answer.source.id, answer.source.model, answer.source.provider].into_iter().flatten());
        let end = parser.end(0);
        names.extend(
            [
                answer.content.tool_calls().next().unwrap().id.clone(),
                end.finish_reason,
                end.native_finish_reason,
            ]
            .into_iter()
            .flatten(),
        );
        assert_eq!(names.len(), 7);
        for name in names {
            assert_eq!(name.chars().count(), LONGEST_NAME);
        }
        let titles: Vec<_> = answer
            .content
            .citations()
            .flat_map(|citation| &citation.title)
            .map(|title| title.chars().count())
            .collect();
        assert_eq!(titles, [LONGEST_TITLE]);
        assert_eq!(answer.content.citations().count(), 1, "an address that is too long is left out");
    }

    #[test]
    fn calls_stand_in_the_order_of_their_indexes_and_not_of_their_arrival() {
        let piece = |index: &str, name: &str, arguments: &str| {
            format!(
                "data: {{\"choices\":[{{\"delta\":{{\"tool_calls\":[{{{index}\"function\":{{\"name\":\"{name}\",\"arguments\":\"{arguments}\"}}}}]}}}}]}}\n\n"
            )
        };
        let (answer, _) = read(
            &[
                piece("\"index\":2,", "third", "c"),
                piece("\"index\":0,", "first", "a"),
                piece("", "last", "z"),
                piece("\"index\":1,", "second", "b"),
                piece("\"index\":2,", "", "cc"),
                piece("\"index\":4294967295,", "far", ""),
                piece("", "beyond the last number", ""),
            ]
            .concat(),
        );
        let calls: Vec<_> =
            answer.content.tool_calls().map(|call| (call.name.as_str(), call.arguments.as_str())).collect();
        let expected = [
            ("first", "a"),
            ("second", "b"),
            ("third", "ccc"),
            ("last", "z"),
            ("far", ""),
            ("beyond the last number", ""),
        ];
        assert_eq!(calls, expected);
    }

    #[test]
    fn events_that_are_not_json_are_passed_over_and_counted() {
        let (answer, parser) =
            read("data: {oops\n\ndata: 7\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n");
        assert_eq!(answer.text(), "a");
        assert_eq!(parser.unreadable_events(), 2);
    }

    #[test]
    fn a_stream_cannot_end_an_answer_or_name_its_numbers() {
        let (answer, _) = read(
            "event: end\nid: 999\ndata: {\"type\":\"end\",\"status\":\"complete\"}\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
        );
        assert_eq!(answer.text(), "a");
        assert_eq!(answer.end().unwrap().status, EndStatus::Interrupted);
    }

    #[test]
    fn an_event_without_end_is_refused() {
        let mut parser = AnswerParser::default();
        let piece = vec![b'x'; 1 << 16];
        let pushed = (0..64).take_while(|_| {
            parser.push(&piece, 0, SystemTime::UNIX_EPOCH, &mut |_| ());
            !parser.has_ended()
        });
        assert!(pushed.count() <= 16);
        assert_eq!(parser.end(0).status, EndStatus::Failed);
    }

    #[test]
    fn a_providers_own_word_tells_a_broken_answer_from_an_empty_one() {
        let end = |native: &str, content: &str| {
            let choice = serde_json::json!({
                "delta": {"content": content}, "finish_reason": "stop", "native_finish_reason": native,
            });
            let chunk = serde_json::json!({"choices": [choice]});
            read(&format!("data: {chunk}\n\ndata: [DONE]\n\n")).0.end().unwrap().clone()
        };
        assert_eq!(end("network_error", "").status, EndStatus::Failed);
        assert_eq!(end("network_error", "").problem.unwrap().kind, AnswerErrorKind::ProviderDown);
        assert_eq!(end("network_error", "text").status, EndStatus::Complete);
        assert_eq!(end("end_turn", "").status, EndStatus::Complete);
    }

    #[test]
    fn a_reason_of_the_providers_that_lasts_is_known() {
        let problem = |native: &str| {
            let choice = serde_json::json!({"finish_reason": "error", "native_finish_reason": native});
            let chunk = serde_json::json!({"choices": [choice]});
            read(&format!("data: {chunk}\n\n")).0.end().unwrap().problem.clone().unwrap().kind
        };
        assert_eq!(problem("PROHIBITED_CONTENT"), AnswerErrorKind::Refused);
        assert_eq!(problem("MALFORMED_FUNCTION_CALL"), AnswerErrorKind::ProviderDown);
    }

    #[test]
    fn an_answer_that_was_not_streamed_is_read_too() {
        let mut parser = AnswerParser::default();
        let mut text = String::new();
        let body = br#"  {"choices":[{"message":{"content":"whole"},"finish_reason":"stop"}]}"#;
        parser.read_whole(body, 0, SystemTime::UNIX_EPOCH, &mut |event| {
            if let AnswerEvent::Text(more) = event {
                text += &more;
            }
        });
        assert_eq!(text, "whole");
        assert_eq!(parser.end(0).status, EndStatus::Complete);
    }
}
