//! What is asked of the upstream, as the body of `POST /chat/completions` (wire reference, section 1.2).

use serde::Serialize;

use super::Dialect;
use crate::chat::{RawJson, ToolCall};
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
        self.messages.push(Message::new(role, vec![Part::Text(text.into())]));
        self
    }

    pub(crate) fn body(&self, dialect: Dialect) -> Vec<u8> {
        // A value of these types always serializes: they hold no maps with keys that are not strings.
        serde_json::to_vec(&Body::new(self, dialect)).unwrap_or_default()
    }
}

/// One turn of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub role: Role,
    pub parts: Vec<Part>,
    /// What an assistant called; each has a message with its result.
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message is the result of.
    pub tool_call_id: Option<String>,
    /// How an assistant came to its turn, as OpenRouter sent it (wire reference, section 10).
    pub reasoning_details: Vec<RawJson>,
    /// What OpenRouter read in files, as it sent it: else it reads them, and charges for it, with each turn.
    pub annotations: Vec<RawJson>,
}

impl Message {
    #[must_use]
    pub const fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            parts,
            tool_calls: Vec::new(),
            tool_call_id: None,
            reasoning_details: Vec::new(),
            annotations: Vec::new(),
        }
    }

    /// True if it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.tool_calls.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(String),
    /// A web address or a data URL.
    Image {
        url: String,
    },
    File {
        name: String,
        /// A data URL or a web address.
        url: String,
    },
}

/// A message as it is sent.
#[derive(Serialize)]
struct WireMessage<'a> {
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<WireContent<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<WireToolCall<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[RawJson]>::is_empty")]
    reasoning_details: &'a [RawJson],
    #[serde(skip_serializing_if = "<[RawJson]>::is_empty")]
    annotations: &'a [RawJson],
}

/// A single text goes as a string: every server takes that, not every one takes parts.
#[derive(Serialize)]
#[serde(untagged)]
enum WireContent<'a> {
    Text(&'a str),
    Parts(Vec<WirePart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WirePart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
    File { file: WireFile<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: &'a str,
}

#[derive(Serialize)]
struct WireFile<'a> {
    filename: &'a str,
    file_data: &'a str,
}

#[derive(Serialize)]
struct WireToolCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: WireFunction<'a>,
}

#[derive(Serialize)]
struct WireFunction<'a> {
    name: &'a str,
    arguments: &'a str,
}

impl<'a> WireMessage<'a> {
    fn new(message: &'a Message, dialect: Dialect) -> Self {
        let knows_all = dialect == Dialect::OpenRouter;
        let content = match message.parts.as_slice() {
            [] if !message.tool_calls.is_empty() => None,
            [] => Some(WireContent::Text("")),
            [Part::Text(text)] => Some(WireContent::Text(text)),
            parts => Some(WireContent::Parts(parts.iter().map(WirePart::new).collect())),
        };
        Self {
            role: message.role,
            content,
            tool_calls: message.tool_calls.iter().map(WireToolCall::new).collect(),
            tool_call_id: message.tool_call_id.as_deref(),
            reasoning_details: if knows_all { &message.reasoning_details } else { &[] },
            annotations: if knows_all { &message.annotations } else { &[] },
        }
    }
}

impl<'a> WirePart<'a> {
    fn new(part: &'a Part) -> Self {
        match part {
            Part::Text(text) => Self::Text { text },
            Part::Image { url } => Self::ImageUrl { image_url: ImageUrl { url } },
            Part::File { name, url } => Self::File { file: WireFile { filename: name, file_data: url } },
        }
    }
}

impl<'a> WireToolCall<'a> {
    fn new(call: &'a ToolCall) -> Self {
        let function = WireFunction { name: &call.name, arguments: &call.arguments };
        Self { id: call.id.as_deref().unwrap_or_default(), kind: "function", function }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    models: &'a [String],
    messages: Vec<WireMessage<'a>>,
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
            messages: request.messages.iter().map(|message| WireMessage::new(message, dialect)).collect(),
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
        request.messages.push(Message::new(Role::User, parts));
        assert_eq!(
            body(&request, Dialect::OpenRouter)["messages"][0]["content"],
            json!([
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
            ])
        );
    }

    #[test]
    fn a_turn_goes_back_with_its_calls_and_with_what_openrouter_wants_back_unchanged() {
        let raw = |json: &str| serde_json::from_str::<RawJson>(json).unwrap();
        let mut turn = Message::new(Role::Assistant, Vec::new());
        turn.tool_calls =
            vec![ToolCall { index: 0, id: Some("c1".into()), name: "f".into(), arguments: "{}".into() }];
        turn.reasoning_details =
            vec![raw(r#"{"type": "reasoning.text", "text": "a", "signature": "s", "x": 1.50}"#)];
        turn.annotations = vec![raw(r#"{"type":"file","file":{"hash":"h"}}"#)];
        let mut result = Message::new(Role::Tool, vec![Part::Text("sunny".into())]);
        result.tool_call_id = Some("c1".into());
        let mut request = AnswerRequest::new("m/m");
        request.messages = vec![turn, result];
        let text = String::from_utf8(request.body(Dialect::OpenRouter)).unwrap();
        assert!(
            text.contains(r#"[{"type": "reasoning.text", "text": "a", "signature": "s", "x": 1.50}]"#),
            "{text}"
        );
        assert_eq!(
            body(&request, Dialect::OpenAi)["messages"],
            json!([
                {"role": "assistant", "tool_calls":
                    [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "content": "sunny", "tool_call_id": "c1"},
            ])
        );
    }
}
