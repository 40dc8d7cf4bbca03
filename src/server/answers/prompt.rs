//! From what was said to what is asked upstream.

use std::collections::HashSet;

use crate::chat::{Answer, Content, ContentBlock, Question, ToolResult, markdown_of};
use crate::models::ModelId;
use crate::server::openrouter::{AnswerRequest, Message, Part, Role};
use crate::settings::Settings;

/// What is said to a model whose answer broke off. Providers differ in whether they go on from an unfinished turn
/// of the model's own; being asked, all of them do.
const GO_ON: &str = "Your answer broke off here. Go on from exactly where it stopped, in the middle of the word if \
                     need be. Repeat nothing, and say nothing about the break.";

/// The request for an answer to `question`, after `history` (oldest first); or for the rest of it, after `begun`.
///
/// An answer without text (it failed, or only refused) is left out: a model that sees an empty turn of its own
/// tends to write another.
pub fn request(
    model: &ModelId,
    history: &[(Question, Answer)],
    question: &Content,
    begun: &str,
    settings: &Settings,
) -> AnswerRequest {
    let mut request = AnswerRequest::new(model.as_str());
    let system_prompt = settings.system_prompt.as_deref().map(str::trim).filter(|prompt| !prompt.is_empty());
    if let Some(system_prompt) = system_prompt {
        request = request.system(system_prompt);
    }
    for (question, answer) in history {
        request.messages.push(user_turn(&question.content));
        // One model's signatures are none to another.
        let is_own = answer.requested_model == model.as_str();
        request.messages.extend(assistant_turns(&answer.content, is_own));
    }
    request.settings = settings.clone();
    request.messages.push(user_turn(question));
    if begun.is_empty() { request } else { request.assistant(begun).user(GO_ON) }
}

fn user_turn(content: &Content) -> Message {
    let parts = content.blocks().iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(Part::Text(text.clone())),
        ContentBlock::Image(url) => Some(Part::Image { url: url.clone() }),
        ContentBlock::File(file) => Some(Part::File { name: file.name.clone(), url: file.url.clone() }),
        ContentBlock::Reasoning(_)
        | ContentBlock::Refusal(_)
        | ContentBlock::ToolCall(_)
        | ContentBlock::ToolResult(_)
        | ContentBlock::Citations(_)
        | ContentBlock::FileAnnotation(_)
        | ContentBlock::Continuation
        | ContentBlock::Unknown(_) => None,
    });
    Message::new(Role::User, parts.collect())
}

/// What the model said, in turns: each result of a tool ends one.
fn assistant_turns(content: &Content, is_own: bool) -> Vec<Message> {
    let results = content.blocks().iter().filter_map(result_of).map(|result| result.call.as_str());
    let has_result: HashSet<&str> = results.collect();
    let turns = content.blocks().split_inclusive(|block| result_of(block).is_some());
    let messages = turns.flat_map(|blocks| {
        let turn = assistant_turn(blocks, is_own, &has_result);
        let result = blocks.last().and_then(result_of).map(tool_turn);
        [Some(turn).filter(|turn| !turn.is_empty()), result]
    });
    messages.flatten().collect()
}

fn assistant_turn(blocks: &[ContentBlock], is_own: bool, has_result: &HashSet<&str>) -> Message {
    let text = markdown_of(blocks);
    let parts = if text.is_empty() { Vec::new() } else { vec![Part::Text(text)] };
    let mut turn = Message::new(Role::Assistant, parts);
    for block in blocks {
        match block {
            ContentBlock::Reasoning(reasoning) if is_own => {
                turn.reasoning_details.extend(reasoning.details.iter().cloned());
            }
            // A call without its result is an error for most upstreams.
            ContentBlock::ToolCall(call) if call.id.as_deref().is_some_and(|id| has_result.contains(id)) => {
                turn.tool_calls.push(call.clone());
            }
            ContentBlock::FileAnnotation(annotation) => turn.annotations.push(annotation.clone()),
            // The text is there already; of the rest a model wants nothing back.
            ContentBlock::Text(_)
            | ContentBlock::Reasoning(_)
            | ContentBlock::ToolCall(_)
            | ContentBlock::ToolResult(_)
            | ContentBlock::Refusal(_)
            | ContentBlock::Image(_)
            | ContentBlock::File(_)
            | ContentBlock::Citations(_)
            | ContentBlock::Continuation
            | ContentBlock::Unknown(_) => {}
        }
    }
    turn
}

fn tool_turn(result: &ToolResult) -> Message {
    let tool_call_id = Some(result.call.clone());
    Message { tool_call_id, ..Message::new(Role::Tool, vec![Part::Text(result.text.clone())]) }
}

const fn result_of(block: &ContentBlock) -> Option<&ToolResult> {
    match block {
        ContentBlock::ToolResult(result) => Some(result),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::{AnswerId, AttachedFile, Citation, QuestionId, RawJson, Reasoning, ToolCall};
    use crate::models::ModelRule;
    use crate::server::openrouter::Dialect;

    fn turn(question: &str, answer: &str) -> (Question, Answer) {
        let question = Question::of_text(QuestionId::now(), None, question, 0);
        let mut told = Answer::new(AnswerId::now(), question.id, "m");
        told.content = Content::of_text(answer);
        (question, told)
    }

    fn model() -> ModelId {
        ModelId::parse("demo/plain", ModelRule::VendorPrefixed).unwrap()
    }

    fn messages_of(request: &AnswerRequest) -> serde_json::Value {
        serde_json::from_slice::<serde_json::Value>(&request.body(Dialect::OpenRouter)).unwrap()["messages"]
            .take()
    }

    fn messages(history: &[(Question, Answer)], system_prompt: Option<&str>) -> serde_json::Value {
        let settings = Settings { system_prompt: system_prompt.map(str::to_owned), ..Settings::default() };
        messages_of(&request(&model(), history, &Content::of_text("now"), "", &settings))
    }

    #[test]
    fn the_history_stands_between_the_system_prompt_and_the_question() {
        assert_eq!(
            messages(&[turn("one", "first"), turn("two", "")], Some(" Be brief. ")),
            json!([
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "one"},
                {"role": "assistant", "content": "first"},
                {"role": "user", "content": "two"},
                {"role": "user", "content": "now"},
            ])
        );
    }

    #[test]
    fn an_answer_that_goes_on_is_asked_for_after_its_beginning() {
        let request = request(&model(), &[], &Content::of_text("now"), "Once upon", &Settings::default());
        let messages = messages_of(&request);
        assert_eq!(messages[1], json!({"role": "assistant", "content": "Once upon"}));
        assert_eq!(messages[2], json!({"role": "user", "content": GO_ON}));
    }

    #[test]
    fn a_blank_system_prompt_is_not_sent() {
        assert_eq!(messages(&[], Some("  ")), json!([{"role": "user", "content": "now"}]));
    }

    #[test]
    fn each_kind_of_block_goes_upstream_as_its_kind_wants_it() {
        let raw = |value: serde_json::Value| RawJson::from(&value);
        let call = |id: &str, index| ToolCall {
            index,
            id: Some(id.into()),
            name: "f".into(),
            arguments: "{}".into(),
        };
        let thought = |detail: &str| {
            let details = vec![raw(json!({"type": "reasoning.text", "text": detail, "signature": "s"}))];
            ContentBlock::Reasoning(Reasoning { text: detail.into(), ms: Some(1), details })
        };
        let asked = Content::new(vec![
            ContentBlock::Text("What is this?".into()),
            ContentBlock::Image("data:image/png;base64,AA==".into()),
            ContentBlock::File(AttachedFile {
                name: "a.pdf".into(),
                url: "data:application/pdf;base64,AA==".into(),
            }),
        ]);
        let (mut question, mut answer) = turn("", "");
        question.content = asked;
        answer.requested_model = "demo/plain".into();
        answer.content = Content::new(vec![
            thought("first"),
            ContentBlock::Text("I look. ".into()),
            ContentBlock::ToolCall(call("c1", 0)),
            ContentBlock::ToolResult(ToolResult { call: "c1".into(), text: "a cat".into() }),
            thought("second"),
            ContentBlock::Text("It is ".into()),
            ContentBlock::Continuation,
            ContentBlock::Text("a cat.".into()),
            ContentBlock::Citations(vec![Citation { url: "https://example.org".into(), title: None }]),
            ContentBlock::FileAnnotation(raw(json!({"type": "file", "file": {"hash": "h"}}))),
            ContentBlock::Refusal("no".into()),
            ContentBlock::Image("data:,".into()),
            ContentBlock::ToolCall(call("c2", 0)),
            serde_json::from_value(json!({"hologram": 1})).unwrap(),
        ]);
        let expected = json!([
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            ]},
            {"role": "assistant", "content": "I look. ",
             "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
             "reasoning_details": [{"type": "reasoning.text", "text": "first", "signature": "s"}]},
            {"role": "tool", "content": "a cat", "tool_call_id": "c1"},
            {"role": "assistant", "content": "It is a cat.",
             "reasoning_details": [{"type": "reasoning.text", "text": "second", "signature": "s"}],
             "annotations": [{"type": "file", "file": {"hash": "h"}}]},
            {"role": "user", "content": "now"},
        ]);
        assert_eq!(messages(&[(question.clone(), answer.clone())], None), expected);
        answer.requested_model = "another/model".into();
        let to_another = messages(&[(question, answer)], None);
        assert_eq!(
            to_another[1].get("reasoning_details"),
            None,
            "one model's signatures are none to another"
        );
        assert_eq!(to_another[1]["content"], expected[1]["content"]);
    }
}
