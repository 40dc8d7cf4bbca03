//! Reading and checking a chat request (wire reference, section 1.2).

use std::time::Duration;

use serde_json::Value;

use super::{DEFAULT_MODEL, Pace, directives::Directives, errors::Failure, wire};

const ROLES: [&str; 5] = ["system", "developer", "user", "assistant", "tool"];

/// Sampling parameters with the range that OpenRouter accepts.
const RANGES: [(&str, f64, f64); 9] = [
    ("temperature", 0.0, 2.0),
    ("top_p", 0.0, 1.0),
    ("top_k", 0.0, f64::MAX),
    ("min_p", 0.0, 1.0),
    ("top_a", 0.0, 1.0),
    ("frequency_penalty", -2.0, 2.0),
    ("presence_penalty", -2.0, 2.0),
    ("repetition_penalty", 0.0, 2.0),
    ("top_logprobs", 0.0, 20.0),
];

/// A chat request that passed the checks.
#[derive(Debug)]
pub struct Question {
    /// The models in the order in which they are to be tried.
    pub models: Vec<String>,
    /// The text of the last user message, without directives.
    pub text: String,
    /// What is to be answered: the same, unless the last message asks to go on with a broken-off answer.
    pub asked: String,
    /// The answer to go on with, as far as it came.
    pub begun: String,
    /// How many messages a person has sent so far.
    pub turns: usize,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// The answer's limit in tokens.
    pub max_tokens: Option<usize>,
    /// The pace that this request wants.
    pub pace: Pace,
    /// How long comments are to come before the first token.
    pub first: Option<Duration>,
    /// How often each text is said.
    pub repeats: usize,
    /// The request as it came.
    pub body: Value,
}

impl Question {
    /// Reads a request body.
    ///
    /// # Errors
    ///
    /// What OpenRouter would say about it, always with status 400.
    pub fn read(body: &[u8], pace: &Pace) -> Result<Self, Failure> {
        let body: Value =
            serde_json::from_slice(body).map_err(|_| Failure::invalid("Invalid JSON in request body"))?;
        let messages = check_messages(&body)?;
        check_ranges(&body)?;
        let prompts = || messages.iter().filter(|message| message["role"] == "user");
        let prompt = prompts().next_back().map(|message| text_of(&message["content"])).unwrap_or_default();
        let (text, directives) = Directives::take_from(&prompt);
        let directives = directives.or(Directives::from_body(&body));
        let (asked, begun) = going_on(messages, &text).unwrap_or_else(|| (text.clone(), String::new()));
        Ok(Self {
            models: models_of(&body),
            turns: prompts().count() - usize::from(!begun.is_empty()),
            text,
            asked,
            begun,
            stream: body["stream"].as_bool().unwrap_or(false),
            max_tokens: max_tokens_of(&body)?,
            pace: directives.tune(pace),
            first: directives.first_ms.map(Duration::from_millis),
            repeats: directives.repeats(),
            body,
        })
    }

    /// The messages as they came.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// About how many tokens the messages have.
    pub fn prompt_tokens(&self) -> u32 {
        let characters = self.messages().iter().map(|message| text_of(&message["content"]).chars().count());
        wire::tokens(characters.sum())
    }
}

/// A question, an answer to it, and the request to go on with that answer: the question and the answer. How a
/// person's program words the request is not known here; it speaks of going on, or of continuing.
fn going_on(messages: &[Value], last: &str) -> Option<(String, String)> {
    let [.., asked, begun, _] = messages else { return None };
    let asks = last.to_lowercase();
    let goes_on = asks.contains("go on from") || asks.contains("continue from");
    let is_so = goes_on && asked["role"] == "user" && begun["role"] == "assistant";
    is_so.then(|| (Directives::take_from(&text_of(&asked["content"])).0, text_of(&begun["content"])))
}

fn check_messages(body: &Value) -> Result<&Vec<Value>, Failure> {
    let messages = body["messages"]
        .as_array()
        .filter(|messages| !messages.is_empty())
        .ok_or_else(|| Failure::invalid("Input required: specify \"prompt\" or \"messages\""))?;
    for (index, message) in messages.iter().enumerate() {
        if !message["role"].as_str().is_some_and(|role| ROLES.contains(&role)) {
            return Err(Failure::invalid(format!("messages[{index}].role: Invalid option")));
        }
        let content = &message["content"];
        if !(content.is_string() || content.is_array() || content.is_null()) {
            return Err(Failure::invalid(format!("messages[{index}].content: Invalid input")));
        }
    }
    Ok(messages)
}

fn check_ranges(body: &Value) -> Result<(), Failure> {
    for (name, least, most) in RANGES {
        let value = &body[name];
        if value.is_null() {
            continue;
        }
        let Some(number) = value.as_f64() else {
            return Err(Failure::invalid(format!("{name}: expected number")));
        };
        if !(least..=most).contains(&number) {
            return Err(Failure::invalid(format!("{name}: expected a number from {least} to {most}")));
        }
    }
    Ok(())
}

fn max_tokens_of(body: &Value) -> Result<Option<usize>, Failure> {
    for name in ["max_completion_tokens", "max_tokens"] {
        let value = &body[name];
        if value.is_null() {
            continue;
        }
        let tokens =
            value.as_u64().and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0);
        return match tokens {
            Some(tokens) => Ok(Some(tokens)),
            None => Err(Failure::invalid(format!("{name}: expected a number of at least 1"))),
        };
    }
    Ok(None)
}

/// `model` first, then the fallback list; without either, the account's default model.
fn models_of(body: &Value) -> Vec<String> {
    let fallbacks = body["models"].as_array().into_iter().flatten();
    let models: Vec<String> = std::iter::once(&body["model"])
        .chain(fallbacks)
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    if models.is_empty() { vec![DEFAULT_MODEL.to_owned()] } else { models }
}

/// The text of a message's content, which is a string or a list of parts.
fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Result<Question, Failure> {
        Question::read(body.to_string().as_bytes(), &Pace::default())
    }

    #[test]
    fn the_last_user_text_is_found_in_parts() {
        let body = json!({"model": "demo/echo", "messages": [
            {"role": "user", "content": "first"},
            {"role": "assistant", "content": "answer"},
            {"role": "user", "content": [{"type": "text", "text": "sec"}, {"type": "text", "text": "ond"}]},
        ]});
        let question = read(&body).expect("a valid request");
        assert_eq!(question.text, "second");
        assert_eq!(question.turns, 2);
    }

    #[test]
    fn bad_requests_are_refused() {
        let messages = json!([{"role": "user", "content": "hello"}]);
        for body in [
            json!({}),
            json!({"messages": []}),
            json!({"messages": [{"role": "robot", "content": "x"}]}),
            json!({"messages": [{"role": "user", "content": 7}]}),
            json!({"messages": messages, "temperature": 2.5}),
            json!({"messages": messages, "temperature": "hot"}),
            json!({"messages": messages, "max_tokens": 0}),
        ] {
            assert!(read(&body).is_err(), "{body}");
        }
        assert!(Question::read(b"{", &Pace::default()).is_err());
    }
}
