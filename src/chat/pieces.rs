//! Large events in pieces: a page reads events of up to a mebibyte.

use super::{Answer, AnswerEvent, ContentBlock, ToolCall, ToolCallPiece};

/// A piece of text becomes at most six times as long in JSON.
const LARGEST_PIECE_BYTES: usize = 64 << 10;

impl AnswerEvent {
    /// Bytes of text, names and addresses in it.
    #[must_use]
    pub fn size(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        match self {
            Self::Text(text) | Self::Reasoning(text) | Self::Refusal(text) | Self::Image(text) => text.len(),
            Self::Source(source) => [&source.generation_id, &source.id, &source.model, &source.provider]
                .into_iter()
                .map(length)
                .sum(),
            Self::ToolCall(piece) => length(&piece.id) + piece.name.len() + piece.arguments.len(),
            Self::ReasoningDetail(json) | Self::FileAnnotation(json) => json.size(),
            Self::Citation(citation) => citation.size(),
            Self::Retrying(retry) => retry.problem.message.len(),
            Self::Waiting
            | Self::FirstToken { .. }
            | Self::Reasoned { .. }
            | Self::Continuation
            | Self::End(_)
            | Self::Unknown => 0,
        }
    }

    /// The same as events of which none holds much text. They add up to the same answer, but for the count of
    /// pieces. A picture cannot be cut.
    #[must_use]
    pub fn into_pieces(self) -> Vec<Self> {
        if self.size() <= LARGEST_PIECE_BYTES {
            return vec![self];
        }
        match self {
            Self::Text(text) => all(&text, Self::Text),
            Self::Reasoning(text) => all(&text, Self::Reasoning),
            Self::Refusal(text) => all(&text, Self::Refusal),
            Self::ToolCall(ToolCallPiece { index, id, name, arguments }) => {
                let first = ToolCallPiece { index, id, name, arguments: String::new() };
                let more = |arguments| {
                    Self::ToolCall(ToolCallPiece { index, id: None, name: String::new(), arguments })
                };
                [vec![Self::ToolCall(first)], all(&arguments, more)].concat()
            }
            other => vec![other],
        }
    }
}

impl Answer {
    /// The events that add up to an answer like this one, for who has none of them. There are fewer than there
    /// were, and each is small enough to be sent as one.
    #[must_use]
    pub fn events(&self) -> Vec<AnswerEvent> {
        let mut events = vec![AnswerEvent::Source(self.source.clone())];
        events.extend(self.first_token_ms.map(|elapsed_ms| AnswerEvent::FirstToken { elapsed_ms }));
        let mut reasoned_ms = 0;
        let mut next_call = 0;
        for block in self.content.blocks() {
            match block {
                ContentBlock::Text(text) => events.extend(all(text, AnswerEvent::Text)),
                ContentBlock::Reasoning(reasoning) => {
                    events.extend(all(&reasoning.text, AnswerEvent::Reasoning));
                    events.extend(reasoning.details.iter().cloned().map(AnswerEvent::ReasoningDetail));
                    events.extend(reasoning.ms.map(|ms| {
                        reasoned_ms += ms;
                        AnswerEvent::Reasoned { ms: reasoned_ms }
                    }));
                }
                ContentBlock::Refusal(text) => events.extend(all(text, AnswerEvent::Refusal)),
                ContentBlock::ToolCall(call) => events.extend(tool_call_events(call, &mut next_call)),
                ContentBlock::Citations(citations) => {
                    events.extend(citations.iter().cloned().map(AnswerEvent::Citation));
                }
                ContentBlock::FileAnnotation(json) => {
                    events.push(AnswerEvent::FileAnnotation(json.clone()));
                }
                ContentBlock::Image(url) => events.push(AnswerEvent::Image(url.clone())),
                ContentBlock::Continuation => events.push(AnswerEvent::Continuation),
                // No event of an answer makes these.
                ContentBlock::File(_) | ContentBlock::ToolResult(_) | ContentBlock::Unknown(_) => {}
            }
        }
        events.extend(self.end().cloned().map(AnswerEvent::End));
        events
    }
}

fn tool_call_events(call: &ToolCall, next: &mut u32) -> Vec<AnswerEvent> {
    // Calls that were kept before they had an index all have the first.
    let index = call.index.max(*next);
    *next = index.saturating_add(1);
    let piece = ToolCallPiece {
        index,
        id: call.id.clone(),
        name: call.name.clone(),
        arguments: call.arguments.clone(),
    };
    AnswerEvent::ToolCall(piece).into_pieces()
}

/// The text in events, cut between characters.
fn all(text: &str, event: impl Fn(String) -> AnswerEvent) -> Vec<AnswerEvent> {
    let mut rest = text;
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(LARGEST_PIECE_BYTES));
        events.push(event(piece.to_owned()));
        rest = after;
    }
    events
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{AnswerId, End, EndStatus, QuestionId, Source};
    use crate::sse;

    fn answer() -> Answer {
        Answer::new(AnswerId(Uuid::nil()), QuestionId(Uuid::nil()), "demo/plain")
    }

    fn applied(events: impl IntoIterator<Item = AnswerEvent>) -> Answer {
        let mut answer = answer();
        for event in events {
            answer.apply(answer.seq.next(), &event);
        }
        answer
    }

    fn end() -> AnswerEvent {
        AnswerEvent::End(End {
            status: EndStatus::Complete,
            finish_reason: Some("stop".into()),
            native_finish_reason: None,
            problem: None,
            usage: None,
            duration_ms: 1500,
            unkept: None,
        })
    }

    fn call(index: u32, arguments: String) -> AnswerEvent {
        AnswerEvent::ToolCall(ToolCallPiece { index, id: Some("c".into()), name: "f".into(), arguments })
    }

    #[test]
    fn the_events_of_an_answer_add_up_to_it() {
        let source = Source { generation_id: Some("gen-1".into()), ..Source::default() };
        let long = "é".repeat(LARGEST_PIECE_BYTES);
        let detail = || serde_json::from_str(r#"{"signature": "s"}"#).unwrap();
        let answer = applied([
            AnswerEvent::Source(source),
            AnswerEvent::FirstToken { elapsed_ms: 3 },
            AnswerEvent::Reasoning("why".into()),
            AnswerEvent::ReasoningDetail(detail()),
            AnswerEvent::Reasoned { ms: 5 },
            AnswerEvent::Text("one".into()),
            AnswerEvent::Continuation,
            AnswerEvent::Text(long.clone()),
            AnswerEvent::Continuation,
            AnswerEvent::Text("three".into()),
            AnswerEvent::Reasoning("still".into()),
            AnswerEvent::Reasoned { ms: 7 },
            call(2, long.clone()),
            call(0, "{}".into()),
            AnswerEvent::FileAnnotation(detail()),
            AnswerEvent::Image("data:,".into()),
            AnswerEvent::Text("four".into()),
            AnswerEvent::Refusal("no".into()),
            end(),
        ]);
        let mut again = applied(answer.events());
        (again.seq, again.chunks) = (answer.seq, answer.chunks);
        assert_eq!(again, answer);
        assert_eq!(answer.content.texts().collect::<Vec<_>>(), ["one", &long, "three", "four"]);
    }

    #[test]
    fn calls_that_were_kept_without_an_index_stay_apart() {
        let mut answer = applied([call(0, "first".into()), call(1, "second".into())]);
        for block in answer.content.blocks_mut() {
            if let ContentBlock::ToolCall(call) = block {
                call.index = 0;
            }
        }
        let again = applied(answer.events());
        let arguments: Vec<_> = again.content.tool_calls().map(|call| call.arguments.as_str()).collect();
        assert_eq!(arguments, ["first", "second"]);
    }

    #[test]
    fn an_event_of_any_size_is_sent_in_pieces_that_a_page_can_read() {
        // Characters that need six bytes each in JSON.
        let long = "\u{1}".repeat(3 << 20);
        for event in [
            AnswerEvent::Text(long.clone()),
            AnswerEvent::Reasoning(long.clone()),
            AnswerEvent::Refusal(long.clone()),
            call(0, long),
        ] {
            let pieces = event.clone().into_pieces();
            let mut decoder = sse::Decoder::default();
            for (seq, piece) in (1..).zip(&pieces) {
                let frame = sse::encode(seq, &serde_json::to_string(piece).unwrap());
                decoder.push(frame.as_bytes(), |_| ()).unwrap();
            }
            let (whole, again) = (applied([event]), applied(pieces));
            assert_eq!(
                Answer { seq: whole.seq, chunks: whole.chunks, ..again },
                whole,
                "the pieces add up to the event"
            );
        }
    }
}
