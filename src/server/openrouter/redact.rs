//! The API key must not reach a person or a log, not even when the upstream repeats it: neither in an error nor in
//! the name of a model or of a provider. Everything that leaves the client comes through here.

use secrecy::ExposeSecret;

use super::OpenRouter;
use crate::chat::{AnswerEvent, Citation, End, Retry, Source, ToolCallPiece};
use crate::error::AnswerError;
use crate::models::ModelInfo;

/// Servers of one's own take any word for a key, such as `ollama` or `sk-no-key-required` (18 characters). Those are no
/// secret, and must not be taken out of names and answers; in errors they are replaced too.
const SHORTEST_SECRET: usize = 20;
const PLACEHOLDER: &str = "[key]";

impl OpenRouter {
    /// A message without the key.
    pub(super) fn redact(&self, message: &str) -> String {
        match self.key().filter(|key| !key.is_empty()) {
            Some(key) => message.replace(key, PLACEHOLDER),
            None => message.to_owned(),
        }
    }

    /// The event without the key. A key that arrives in several pieces of text is not found.
    pub(super) fn redacted_event(&self, mut event: AnswerEvent) -> AnswerEvent {
        let Some(secret) = self.secret() else { return event };
        if let AnswerEvent::ReasoningDetail(json) | AnswerEvent::FileAnnotation(json) = &mut event {
            json.replace(secret, PLACEHOLDER);
        }
        for text in texts_of(&mut event) {
            if text.contains(secret) {
                *text = text.replace(secret, PLACEHOLDER);
            }
        }
        event
    }

    pub(super) fn redacted_model(&self, mut model: ModelInfo) -> ModelInfo {
        if let Some(secret) = self.secret() {
            for text in [&mut model.id, &mut model.name] {
                *text = text.replace(secret, PLACEHOLDER);
            }
        }
        model
    }

    fn key(&self) -> Option<&str> {
        self.config().api_key.as_ref().map(ExposeSecret::expose_secret)
    }

    fn secret(&self) -> Option<&str> {
        self.key().filter(|key| key.len() >= SHORTEST_SECRET)
    }
}

/// Every string of an event. Taken apart field by field, so that a new one cannot be forgotten here.
fn texts_of(event: &mut AnswerEvent) -> Vec<&mut String> {
    match event {
        AnswerEvent::Waiting
        | AnswerEvent::FirstToken { elapsed_ms: _ }
        | AnswerEvent::Reasoned { ms: _ }
        | AnswerEvent::Continuation
        // These are JSON, and are looked through whole.
        | AnswerEvent::ReasoningDetail(_)
        | AnswerEvent::FileAnnotation(_)
        | AnswerEvent::Unknown => Vec::new(),
        AnswerEvent::Text(text)
        | AnswerEvent::Reasoning(text)
        | AnswerEvent::Refusal(text)
        | AnswerEvent::Image(text) => vec![text],
        AnswerEvent::Source(Source { generation_id, id, model, provider }) => {
            [generation_id, id, model, provider].into_iter().flatten().collect()
        }
        AnswerEvent::ToolCall(ToolCallPiece { index: _, id, name, arguments }) => {
            id.iter_mut().chain([name, arguments]).collect()
        }
        AnswerEvent::Citation(Citation { url, title }) => title.iter_mut().chain([url]).collect(),
        AnswerEvent::Retrying(Retry { attempt: _, attempts: _, wait_ms: _, problem }) => {
            texts_of_problem(problem)
        }
        AnswerEvent::End(End {
            status: _,
            finish_reason,
            native_finish_reason,
            problem,
            usage: _,
            duration_ms: _,
            // Why the store did not take it; said on this side.
            unkept: _,
        }) => {
            let reasons = [finish_reason, native_finish_reason].into_iter().flatten();
            reasons.chain(problem.iter_mut().flat_map(texts_of_problem)).collect()
        }
    }
}

fn texts_of_problem(problem: &mut AnswerError) -> Vec<&mut String> {
    let AnswerError { kind: _, message, status: _, provider, retry_after_ms: _ } = problem;
    provider.iter_mut().chain([message]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{ClientConfig, OPENROUTER_BASE_URL};
    use super::*;
    use crate::chat::EndStatus;
    use crate::error::AnswerErrorKind;

    fn client(key: &str) -> OpenRouter {
        let mut config = ClientConfig::new(OPENROUTER_BASE_URL).unwrap();
        config.api_key = Some(key.into());
        OpenRouter::new(config).unwrap()
    }

    #[test]
    fn the_key_is_in_no_string_of_any_event() {
        let key = "sk-or-v1-secret-0123456789";
        let client = client(key);
        let echo = || format!("<{key}>");
        let some = || Some(echo());
        let problem = AnswerError { provider: some(), ..AnswerError::new(AnswerErrorKind::WrongKey, echo()) };
        let source = Source { generation_id: some(), id: some(), model: some(), provider: some() };
        let end = End {
            status: EndStatus::Failed,
            finish_reason: some(),
            native_finish_reason: some(),
            problem: Some(problem.clone()),
            usage: None,
            duration_ms: 0,
            unkept: None,
        };
        for event in [
            AnswerEvent::Retrying(Retry { attempt: 2, attempts: 4, wait_ms: 1, problem }),
            AnswerEvent::Source(source),
            AnswerEvent::Text(echo()),
            AnswerEvent::Reasoning(echo()),
            AnswerEvent::Refusal(echo()),
            AnswerEvent::ToolCall(ToolCallPiece { index: 0, id: some(), name: echo(), arguments: echo() }),
            AnswerEvent::Citation(Citation { url: echo(), title: some() }),
            AnswerEvent::Image(echo()),
            AnswerEvent::End(end),
        ] {
            let strings = serde_json::to_string(&event).unwrap().matches(key).count();
            let redacted = serde_json::to_string(&client.redacted_event(event)).unwrap();
            assert!(strings > 0 && !redacted.contains(key), "{redacted}");
            assert_eq!(redacted.matches("<[key]>").count(), strings, "{redacted}");
        }
    }

    #[test]
    fn a_word_that_stands_for_a_key_is_only_taken_out_of_errors() {
        let client = client("ollama");
        let text = AnswerEvent::Text("ollama runs models".into());
        assert_eq!(client.redacted_event(text.clone()), text);
        assert_eq!(client.redact("bad key ollama"), "bad key [key]");
    }
}
