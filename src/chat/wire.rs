//! Reading an event: what a newer Runnel tells must not end an older reader.
//!
//! The derived reader would refuse a name that it does not know. A reader that leaves an event out finds a gap before
//! the next one and asks for the rest again, for ever. So an event of an unknown name is an event like any other.

use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::AnswerEvent;

impl<'de> Deserialize<'de> for AnswerEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EventVisitor)
    }
}

struct EventVisitor;

impl<'de> Visitor<'de> for EventVisitor {
    type Value = AnswerEvent;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event: its name, or an object with its name as the one key")
    }

    /// An event without content.
    fn visit_str<E>(self, name: &str) -> Result<AnswerEvent, E> {
        Ok(match name {
            "waiting" => AnswerEvent::Waiting,
            // "seam" is what logs of earlier versions have.
            "continuation" | "seam" => AnswerEvent::Continuation,
            _ => AnswerEvent::Unknown,
        })
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<AnswerEvent, M::Error> {
        let Some(name) = map.next_key::<String>()? else { return Ok(AnswerEvent::Unknown) };
        let event = match name.as_str() {
            "retrying" => AnswerEvent::Retrying(map.next_value()?),
            "source" => AnswerEvent::Source(map.next_value()?),
            "first_token" => {
                let FirstToken { elapsed_ms } = map.next_value()?;
                AnswerEvent::FirstToken { elapsed_ms }
            }
            "text" => AnswerEvent::Text(map.next_value()?),
            "reasoning" => AnswerEvent::Reasoning(map.next_value()?),
            "reasoning_detail" => AnswerEvent::ReasoningDetail(map.next_value()?),
            "reasoned" => {
                let Reasoned { ms } = map.next_value()?;
                AnswerEvent::Reasoned { ms }
            }
            "refusal" => AnswerEvent::Refusal(map.next_value()?),
            "tool_call" => AnswerEvent::ToolCall(map.next_value()?),
            "citation" => AnswerEvent::Citation(map.next_value()?),
            "file_annotation" => AnswerEvent::FileAnnotation(map.next_value()?),
            "image" => AnswerEvent::Image(map.next_value()?),
            "end" => AnswerEvent::End(map.next_value()?),
            _ => {
                map.next_value::<IgnoredAny>()?;
                AnswerEvent::Unknown
            }
        };
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(event)
    }
}

#[derive(Deserialize)]
struct FirstToken {
    elapsed_ms: u64,
}

#[derive(Deserialize)]
struct Reasoned {
    ms: u64,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::chat::{
        Answer, AnswerId, Applied, Citation, End, EndStatus, QuestionId, Retry, Seq, Source, ToolCallPiece,
    };
    use crate::error::{AnswerError, AnswerErrorKind};

    fn read(json: &str) -> AnswerEvent {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_event_survives_its_wire_form() {
        let problem = AnswerError::new(AnswerErrorKind::RateLimited, "Slow down.");
        let piece =
            ToolCallPiece { index: 1, id: Some("c".into()), name: "f".into(), arguments: "{}".into() };
        let end = End {
            status: EndStatus::Stopped,
            finish_reason: None,
            native_finish_reason: None,
            problem: Some(problem.clone()),
            usage: None,
            duration_ms: 9,
            unkept: None,
        };
        for event in [
            AnswerEvent::Waiting,
            AnswerEvent::Retrying(Retry { attempt: 2, attempts: 4, wait_ms: 5, problem }),
            AnswerEvent::Source(Source { model: Some("m".into()), ..Source::default() }),
            AnswerEvent::FirstToken { elapsed_ms: 7 },
            AnswerEvent::Text("a\n\"é".into()),
            AnswerEvent::Reasoning("b".into()),
            AnswerEvent::Reasoned { ms: 8 },
            AnswerEvent::Refusal("c".into()),
            AnswerEvent::ToolCall(piece),
            AnswerEvent::Citation(Citation { url: "https://example.org".into(), title: None }),
            AnswerEvent::Image("data:,".into()),
            AnswerEvent::ReasoningDetail(serde_json::from_str(r#"{"signature": "s"}"#).unwrap()),
            AnswerEvent::FileAnnotation(serde_json::from_str("{}").unwrap()),
            AnswerEvent::Continuation,
            AnswerEvent::End(end),
            AnswerEvent::Unknown,
        ] {
            let json = serde_json::to_string(&event).unwrap();
            assert_eq!(read(&json), event, "{json}");
        }
    }

    #[test]
    fn an_event_of_an_unknown_name_counts_and_changes_nothing() {
        let mut answer = Answer::new(AnswerId(Uuid::nil()), QuestionId(Uuid::nil()), "demo/plain");
        answer.apply(Seq(1), &AnswerEvent::Text("before".into()));
        let before = answer.clone();
        for (json, seq) in [
            (r#""thinking_hard""#, 2),
            (r#"{"weather":{"sky":["blue",{"deep":null}]}}"#, 3),
            (r#"{"audio":"AAAA","format":"wav"}"#, 4),
            (r"{}", 5),
        ] {
            assert_eq!(answer.apply(Seq(seq), &read(json)), Applied::New, "{json}");
        }
        assert_eq!(answer.seq, Seq(5));
        answer.seq = before.seq;
        assert_eq!(answer, before);
    }

    #[test]
    fn what_is_no_event_is_an_error() {
        for json in ["7", "null", "[]", r#"{"text":7}"#, r#"{"text":"#] {
            assert!(serde_json::from_str::<AnswerEvent>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_known_event_may_come_with_more_than_is_known() {
        assert_eq!(read(r#"{"text":"a","language":"en"}"#), AnswerEvent::Text("a".into()));
        assert_eq!(read(r#""seam""#), AnswerEvent::Continuation, "its name in earlier versions");
        assert_eq!(
            read(r#"{"first_token":{"elapsed_ms":3,"queue_ms":1}}"#),
            AnswerEvent::FirstToken { elapsed_ms: 3 }
        );
    }
}
