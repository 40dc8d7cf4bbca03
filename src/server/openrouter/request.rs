//! What is asked of the upstream, as the body of `POST /chat/completions` (wire reference, section 1.2).

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::Dialect;
use crate::settings::{ProviderPreferences, ReasoningEffort, Settings};

/// A request for one answer.
#[derive(Clone, Debug, Default)]
pub struct AnswerRequest {
    pub model: String,
    pub messages: Vec<Message>,
    /// Everything but the model, which stands above, and the system prompt, which is a message.
    pub settings: Settings,
    /// A stable name for the person, best a hash: without it a provider's block can hit the whole account.
    pub user: Option<String>,
}

impl AnswerRequest {
    #[must_use]
    pub fn new(model: impl Into<String>) -> Self {
        Self { model: model.into(), ..Self::default() }
    }

    /// Adds a system prompt.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.message(Role::System, text)
    }

    /// Adds something that the person said.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.message(Role::User, text)
    }

    /// Adds something that the model said before.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.message(Role::Assistant, text)
    }

    fn message(mut self, role: Role, text: impl Into<String>) -> Self {
        self.messages.push(Message { role, parts: vec![Part::Text(text.into())] });
        self
    }

    pub(super) fn body(&self, dialect: Dialect) -> Vec<u8> {
        // A value of these types always serializes: they hold no maps with keys that are not strings.
        serde_json::to_vec(&Body::new(self, dialect)).unwrap_or_default()
    }
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    pub role: Role,
    #[serde(rename = "content", serialize_with = "parts_or_text")]
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// A web address or a data URL.
    Image {
        url: String,
    },
}

/// A single text goes as a string: every server takes that, not every one takes parts.
fn parts_or_text<S: Serializer>(parts: &[Part], serializer: S) -> Result<S::Ok, S::Error> {
    if let [Part::Text(text)] = parts {
        return serializer.serialize_str(text);
    }
    let mut sequence = serializer.serialize_seq(Some(parts.len()))?;
    for part in parts {
        sequence.serialize_element(&match part {
            Part::Text(text) => WirePart::Text { text },
            Part::Image { url } => WirePart::ImageUrl { image_url: ImageUrl { url } },
        })?;
    }
    sequence.end()
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    models: &'a [String],
    messages: &'a [Message],
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<ReasoningEffort>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a ProviderPreferences>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
}

/// Without effect on OpenRouter, which always sends usage; other servers send it only when asked.
#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Reasoning {
    effort: ReasoningEffort,
}

impl<'a> Body<'a> {
    /// OpenRouter's own fields go only to a server that knows them: some refuse what they do not know.
    fn new(request: &'a AnswerRequest, dialect: Dialect) -> Self {
        let knows_all = dialect == Dialect::OpenRouter;
        let settings = &request.settings;
        let effort = settings.reasoning_effort;
        Self {
            model: &request.model,
            models: if knows_all { &settings.fallback_models } else { &[] },
            messages: &request.messages,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
            temperature: settings.temperature.map(crate::settings::Temperature::get),
            top_p: settings.top_p.map(crate::settings::TopP::get),
            max_tokens: settings.max_tokens.map(crate::settings::MaxTokens::get),
            stop: &settings.stop[..settings.stop.len().min(4)],
            seed: settings.seed,
            reasoning: effort.filter(|_| knows_all).map(|effort| Reasoning { effort }),
            reasoning_effort: effort.filter(|_| !knows_all),
            provider: settings.provider.as_ref().filter(|_| knows_all),
            user: request.user.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn body(request: &AnswerRequest, dialect: Dialect) -> Value {
        serde_json::from_slice(&request.body(dialect)).unwrap()
    }

    #[test]
    fn a_plain_request_says_no_more_than_it_must() {
        let request = AnswerRequest::new("openai/gpt-4o").system("Be brief.").user("Hello");
        assert_eq!(
            body(&request, Dialect::OpenRouter),
            json!({
                "model": "openai/gpt-4o",
                "messages": [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": "Hello"},
                ],
                "stream": true,
                "stream_options": {"include_usage": true},
            })
        );
    }

    #[test]
    fn every_setting_reaches_the_wire() {
        let mut request = AnswerRequest::new("openai/gpt-4o").user("Hello");
        request.user = Some("person-1".into());
        request.settings = serde_json::from_value(json!({
            "temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "stop": ["\n"], "seed": 7,
            "reasoning_effort": "high", "fallback_models": ["a/b"],
            "provider": {"order": ["DeepInfra"], "allow_fallbacks": false, "sort": "price"},
        }))
        .unwrap();
        let expected = json!({
            "temperature": 0.5, "top_p": 0.9, "max_tokens": 100, "stop": ["\n"], "seed": 7,
            "reasoning": {"effort": "high"}, "models": ["a/b"], "user": "person-1",
            "provider": {"order": ["DeepInfra"], "allow_fallbacks": false, "sort": "price"},
        });
        let body = body(&request, Dialect::OpenRouter);
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&body[field], value, "{field}");
        }
    }

    #[test]
    fn another_server_is_spared_openrouters_own_fields() {
        let mut request = AnswerRequest::new("llama").user("Hello");
        request.settings = serde_json::from_value(json!({
            "reasoning_effort": "low", "fallback_models": ["a/b"], "provider": {"sort": "price"},
        }))
        .unwrap();
        let body = body(&request, Dialect::OpenAi);
        assert_eq!(body["reasoning_effort"], "low");
        for field in ["reasoning", "models", "provider"] {
            assert!(body.get(field).is_none(), "{field}");
        }
    }

    #[test]
    fn parts_are_sent_as_parts() {
        let mut request = AnswerRequest::new("m/m");
        let parts = vec![Part::Text("What is this?".into()), Part::Image { url: "https://a/b.png".into() }];
        request.messages.push(Message { role: Role::User, parts });
        assert_eq!(
            body(&request, Dialect::OpenRouter)["messages"][0]["content"],
            json!([
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
            ])
        );
    }
}
