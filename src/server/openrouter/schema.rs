//! The provider's JSON, read with patience: a field that is missing, null or of another type is a field that
//! is not there, and what is unknown is passed over (wire reference, sections 2.4, 2.7, 3 and 7).

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::chat::Usage;
use crate::models::{ModelId, ModelInfo, Price};

/// OpenRouter lists some hundred.
const MOST_MODELS: usize = 10_000;
/// In characters. The longest in use has about 60.
const LONGEST_MODEL_NAME: usize = 200;

/// One event of the stream, or the whole body of an answer that was not streamed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Chunk {
    #[serde(deserialize_with = "lenient")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub model: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub provider: Option<String>,
    #[serde(deserialize_with = "lenient_list")]
    pub choices: Vec<Choice>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<WireUsage>,
    #[serde(deserialize_with = "lenient")]
    x_groq: Option<GroqExtra>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    #[serde(deserialize_with = "lenient")]
    index: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    delta: Option<Delta>,
    /// In place of `delta` where the answer was not streamed.
    #[serde(deserialize_with = "lenient")]
    message: Option<Delta>,
    #[serde(deserialize_with = "lenient")]
    finish_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    native_finish_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Delta {
    #[serde(deserialize_with = "lenient")]
    content: Option<Content>,
    #[serde(deserialize_with = "lenient")]
    reasoning: Option<String>,
    #[serde(deserialize_with = "lenient")]
    reasoning_content: Option<String>,
    #[serde(deserialize_with = "lenient_list")]
    pub reasoning_details: Vec<Value>,
    #[serde(deserialize_with = "lenient_list")]
    pub tool_calls: Vec<WireToolCall>,
    #[serde(deserialize_with = "lenient_list")]
    annotations: Vec<Value>,
    #[serde(deserialize_with = "lenient_list")]
    images: Vec<WireImage>,
    #[serde(deserialize_with = "lenient")]
    refusal: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

/// Mistral sends `text` and `thinking` parts; some servers send images this way.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContentPart {
    #[serde(deserialize_with = "lenient")]
    text: Option<String>,
    #[serde(deserialize_with = "lenient_list")]
    thinking: Vec<ContentPart>,
    #[serde(deserialize_with = "lenient")]
    image_url: Option<ImageUrl>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireToolCall {
    #[serde(deserialize_with = "lenient")]
    pub index: Option<u32>,
    #[serde(deserialize_with = "lenient")]
    pub id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub function: Option<WireFunction>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireFunction {
    #[serde(deserialize_with = "lenient")]
    pub name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub arguments: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct UrlCitation {
    pub url: String,
    #[serde(deserialize_with = "lenient")]
    pub title: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireImage {
    #[serde(deserialize_with = "lenient")]
    image_url: Option<ImageUrl>,
}

#[derive(Debug, Deserialize)]
struct ImageUrl {
    url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroqExtra {
    #[serde(deserialize_with = "lenient")]
    usage: Option<WireUsage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireUsage {
    #[serde(deserialize_with = "lenient")]
    prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    completion_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    total_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    cost: Option<f64>,
    #[serde(deserialize_with = "lenient")]
    prompt_tokens_details: Option<TokenDetails>,
    #[serde(deserialize_with = "lenient")]
    completion_tokens_details: Option<TokenDetails>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TokenDetails {
    #[serde(deserialize_with = "lenient")]
    cached_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    reasoning_tokens: Option<u64>,
}

/// An error object, wherever it stood.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WireError {
    pub message: String,
    /// A number, from `code` or `status`.
    pub status: Option<u16>,
    /// Words for what went wrong, the most precise first: from `metadata`, `code`, `type` and `status`, then from what
    /// the provider itself said.
    pub kinds: Vec<String>,
    pub provider: Option<String>,
    /// Whose limit was reached: `metadata.limit_source`.
    pub limit_source: Option<String>,
    /// As in the header `Retry-After`.
    pub retry_after: Option<String>,
    /// As in the header `X-RateLimit-Reset`, which the metadata repeats.
    pub rate_limit_reset: Option<String>,
}

impl Chunk {
    /// Reads one event's data. `None` if it is not a JSON object.
    #[must_use]
    pub fn parse(data: &[u8]) -> Option<Self> {
        serde_json::from_slice(data).ok()
    }

    /// The error that this chunk reports, at its top or in its first choice.
    #[must_use]
    pub fn error(&self) -> Option<WireError> {
        let of_choice = self.choice().and_then(|choice| choice.error.as_ref());
        self.error.as_ref().and_then(read_error).or_else(|| of_choice.and_then(read_error))
    }

    /// Only the first choice counts.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        self.choices.iter().find(|choice| choice.index.unwrap_or(0) == 0)
    }

    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let usage = self
            .usage
            .as_ref()
            .or_else(|| self.choice().and_then(|choice| choice.usage.as_ref()))
            .or_else(|| self.x_groq.as_ref().and_then(|extra| extra.usage.as_ref()))?;
        let prompt_details = usage.prompt_tokens_details.as_ref();
        let completion_details = usage.completion_tokens_details.as_ref();
        Some(Usage {
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            total_tokens: usage.total_tokens,
            cost: usage.cost,
            reasoning_tokens: completion_details.and_then(|details| details.reasoning_tokens),
            cached_tokens: prompt_details.and_then(|details| details.cached_tokens),
        })
    }
}

impl Choice {
    /// What is new.
    #[must_use]
    pub const fn content(&self) -> Option<&Delta> {
        self.delta.as_ref()
    }

    /// In an answer that was not streamed, the message is all there is. In a stream it only repeats the deltas.
    pub fn use_whole_message(&mut self) {
        if self.delta.is_none() {
            self.delta = self.message.take();
        }
    }

    #[must_use]
    pub fn finish_reason(&self) -> Option<&str> {
        self.finish_reason.as_deref().filter(|reason| !reason.is_empty())
    }

    #[must_use]
    pub fn native_finish_reason(&self) -> Option<&str> {
        self.native_finish_reason.as_deref().filter(|reason| !reason.is_empty())
    }
}

impl Delta {
    #[must_use]
    pub fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
        }
    }

    /// `reasoning`, else `reasoning_content`, else the details: they repeat each other.
    #[must_use]
    pub fn reasoning(&self) -> String {
        let plain = [&self.reasoning, &self.reasoning_content];
        if let Some(text) = plain.into_iter().flatten().find(|text| !text.is_empty()) {
            return text.clone();
        }
        let details = self.reasoning_details.iter();
        let from_details: String =
            details.filter_map(|detail| detail["text"].as_str().or(detail["summary"].as_str())).collect();
        if from_details.is_empty() { self.thinking() } else { from_details }
    }

    #[must_use]
    pub fn refusal(&self) -> &str {
        self.refusal.as_deref().unwrap_or_default()
    }

    pub fn citations(&self) -> impl Iterator<Item = UrlCitation> {
        self.annotations
            .iter()
            .filter_map(|annotation| UrlCitation::deserialize(&annotation["url_citation"]).ok())
    }

    /// What was read in files, to be sent back.
    pub fn file_annotations(&self) -> impl Iterator<Item = &Value> {
        self.annotations.iter().filter(|annotation| annotation["type"] == "file")
    }

    pub fn images(&self) -> impl Iterator<Item = &str> {
        let of_parts = match &self.content {
            Some(Content::Parts(parts)) => parts.as_slice(),
            _ => &[],
        };
        let own = self.images.iter().filter_map(|image| image.image_url.as_ref());
        own.chain(of_parts.iter().filter_map(|part| part.image_url.as_ref())).map(|image| image.url.as_str())
    }

    fn thinking(&self) -> String {
        let Some(Content::Parts(parts)) = &self.content else { return String::new() };
        parts.iter().flat_map(|part| &part.thinking).filter_map(|part| part.text.as_deref()).collect()
    }
}

/// Reads an error that may be an object, an object that holds one, or a bare text. `None` if it says nothing.
#[must_use]
pub fn read_error(value: &Value) -> Option<WireError> {
    match value {
        Value::String(text) if !text.is_empty() => {
            Some(WireError { message: text.clone(), ..WireError::default() })
        }
        Value::Object(fields) if !fields.is_empty() => {
            let metadata = &value["metadata"];
            let headers = &metadata["headers"];
            Some(WireError {
                message: error_message(fields.get("message"), metadata),
                status: status(&value["code"]).or_else(|| status(&value["status"])),
                kinds: error_kinds(value),
                provider: word(&metadata["provider_name"]),
                limit_source: word(&metadata["limit_source"]),
                retry_after: number_or_text(&metadata["retry_after_seconds"])
                    .or_else(|| number_or_text(&value["availability"]["retry_after"]))
                    .or_else(|| header(headers, "retry-after")),
                rate_limit_reset: header(headers, "x-ratelimit-reset"),
            })
        }
        _ => None,
    }
}

/// Reads the error in the body of a response: OpenRouter's envelope, Gemini's array of one, or a bare object.
#[must_use]
pub fn read_error_body(body: &[u8]) -> Option<WireError> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let value = if let Value::Array(mut items) = value { items.drain(..).next()? } else { value };
    match value.get("error") {
        Some(error) => read_error(error),
        None if value.get("message").is_some() => read_error(&value),
        // FastAPI's form, which many self-hosted servers have.
        None => value.get("detail").and_then(read_error),
    }
}

/// Reads `GET /models`: OpenRouter's list, or the bare array that some servers send. `None` if it is neither. An entry
/// that is not a model, or has no name that can be asked for, is passed over.
#[must_use]
pub fn read_models(body: &[u8]) -> Option<Vec<ModelInfo>> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
    }
    let bare = serde_json::from_slice::<Vec<&RawValue>>(body).ok();
    let entries = bare.or_else(|| Some(serde_json::from_slice::<List<'_>>(body).ok()?.data))?;
    let models = entries.iter().filter_map(|entry| read_model(&serde_json::from_str(entry.get()).ok()?));
    Some(models.take(MOST_MODELS).collect())
}

/// Reads `GET /generation`. `None` if it is not a bill at all. The native counts are the ones that are charged.
#[must_use]
pub fn read_generation(body: &[u8]) -> Option<Usage> {
    let bill: Value = serde_json::from_slice(body).ok()?;
    let bill = bill.get("data").filter(|data| data.is_object())?;
    let count = |native: &str, other: &str| bill[native].as_u64().or_else(|| bill[other].as_u64());
    let prompt_tokens = count("native_tokens_prompt", "tokens_prompt");
    let completion_tokens = count("native_tokens_completion", "tokens_completion");
    Some(Usage {
        prompt_tokens,
        completion_tokens,
        total_tokens: prompt_tokens.zip(completion_tokens).map(|(prompt, completion)| prompt + completion),
        cost: bill["total_cost"].as_f64().or_else(|| bill["usage"].as_f64()),
        reasoning_tokens: bill["native_tokens_reasoning"].as_u64(),
        cached_tokens: bill["native_tokens_cached"].as_u64(),
    })
}

fn read_model(entry: &Value) -> Option<ModelInfo> {
    let id = entry["id"].as_str().filter(|id| !id.is_empty() && id.len() <= ModelId::MAX_LENGTH)?;
    let name = entry["name"].as_str().filter(|name| !name.trim().is_empty()).unwrap_or(id);
    let price = |key: &str| price(&entry["pricing"][key]);
    Some(ModelInfo {
        id: id.to_owned(),
        name: name.chars().take(LONGEST_MODEL_NAME).collect(),
        context_length: entry["context_length"].as_u64(),
        price: price("prompt")
            .zip(price("completion"))
            .map(|(prompt, completion)| Price { prompt, completion }),
    })
}

/// A decimal string; some servers send a number. What is not finite would become `null` on its way to the page, and a
/// price that is `null` would cost the page the whole list.
fn price(value: &Value) -> Option<f64> {
    let price = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    price.is_finite().then_some(price)
}

/// The words that name a fault. A number is no word, not even one in a string.
fn error_kinds(error: &Value) -> Vec<String> {
    let metadata = &error["metadata"];
    let said = raw_error(&metadata["raw"]);
    let said = said.as_ref().unwrap_or(&Value::Null);
    let words = [
        &metadata["error_type"],
        &metadata["provider_code"],
        &error["code"],
        &error["type"],
        &error["status"],
        &said["code"],
        &said["type"],
        &said["status"],
    ];
    words.into_iter().filter_map(word).filter(|word| word.parse::<f64>().is_err()).collect()
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number_or_text(value: &Value) -> Option<String> {
    value.as_number().map(ToString::to_string).or_else(|| word(value))
}

/// Names of headers are written in more than one case.
fn header(headers: &Value, name: &str) -> Option<String> {
    let (_, value) = headers.as_object()?.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    number_or_text(value)
}

/// "Provider returned error" says nothing: then what the provider itself said is the message.
fn error_message(message: Option<&Value>, metadata: &Value) -> String {
    let message = message.and_then(Value::as_str).unwrap_or_default();
    if !message.is_empty() && message != "Provider returned error" {
        return message.to_owned();
    }
    raw_message(&metadata["raw"]).unwrap_or_else(|| message.to_owned())
}

/// `metadata.raw` is a sentence, JSON in a string, or an object.
fn raw_message(raw: &Value) -> Option<String> {
    match raw {
        Value::String(text) => {
            let inner = serde_json::from_str::<Value>(text).ok();
            inner.as_ref().and_then(raw_message).or_else(|| (!text.is_empty()).then(|| text.clone()))
        }
        Value::Object(_) => {
            let nested = raw.get("error").unwrap_or(raw);
            nested.as_str().or_else(|| nested["message"].as_str()).map(str::to_owned)
        }
        _ => None,
    }
}

/// The error object that `metadata.raw` is, or holds, or holds as JSON in a string.
fn raw_error(raw: &Value) -> Option<Value> {
    match raw {
        Value::String(text) => raw_error(&serde_json::from_str::<Value>(text).ok()?),
        Value::Object(_) => Some(raw.get("error").unwrap_or(raw).clone()),
        _ => None,
    }
}

fn status(code: &Value) -> Option<u16> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (100..1000).contains(status))
}

/// A value of another type than expected counts as absent.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Value::deserialize(deserializer).map(|value| T::deserialize(value).ok())
}

/// Items of another form than expected are left out; so is a list that is not one.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Value::deserialize(deserializer).map(|value| match value {
        Value::Array(items) => items.into_iter().filter_map(|item| T::deserialize(item).ok()).collect(),
        _ => Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(value: Value) -> WireError {
        read_error(&value).unwrap()
    }

    #[test]
    fn fields_of_another_type_count_as_absent() {
        let chunk = Chunk::parse(
            br#"{"id":7,"choices":[null,{"index":0,"delta":{"content":{"a":1},"tool_calls":{},"images":[3]}}],"usage":"none"}"#,
        )
        .unwrap();
        assert_eq!(chunk.id, None);
        assert_eq!(chunk.choice().unwrap().content().unwrap().text(), "");
        assert_eq!(chunk.usage(), None);
    }

    #[test]
    fn what_is_not_an_object_is_no_chunk() {
        for bad in ["", "7", "nonsense", "[DONE", "\"text\""] {
            assert!(Chunk::parse(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(Chunk::parse("[".repeat(100_000).as_bytes()).is_none());
        assert!(
            Chunk::parse(format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000)).as_bytes())
                .is_none()
        );
    }

    #[test]
    fn an_error_is_an_object_or_a_text_and_empty_ones_are_none() {
        assert_eq!(error(json!("overloaded")).message, "overloaded");
        assert_eq!(error(json!({"code": 429, "message": "slow down"})).status, Some(429));
        assert_eq!(error(json!({"code": "server_error", "message": "x"})).kinds, ["server_error"]);
        assert_eq!(error(json!({"code": null, "type": "server_error"})).kinds, ["server_error"]);
        assert_eq!(error(json!({"code": "429", "message": "x"})).kinds, [""; 0], "a number is no word");
        for empty in [json!(null), json!(""), json!({}), json!(false)] {
            assert_eq!(read_error(&empty), None);
        }
    }

    #[test]
    fn the_providers_own_words_replace_an_empty_phrase() {
        for raw in [
            json!("try later"),
            json!({"error": {"message": "try later"}}),
            json!({"message": "try later"}),
            json!("{\"error\":{\"message\":\"try later\"}}"),
            json!({"error": "try later"}),
        ] {
            let value = json!({"message": "Provider returned error", "metadata": {"raw": raw}});
            assert_eq!(error(value).message, "try later");
        }
        assert_eq!(error(json!({"message": "Provider returned error"})).message, "Provider returned error");
    }

    #[test]
    fn a_bill_counts_what_is_charged() {
        let body = br#"{"data":{"id":"gen-1","tokens_prompt":9,"tokens_completion":30,"native_tokens_prompt":10,
            "native_tokens_completion":25,"native_tokens_reasoning":5,"total_cost":0.0015,"cancelled":true}}"#;
        let usage = read_generation(body).unwrap();
        assert_eq!((usage.prompt_tokens, usage.completion_tokens), (Some(10), Some(25)));
        assert_eq!((usage.total_tokens, usage.reasoning_tokens), (Some(35), Some(5)));
        assert_eq!(usage.cost, Some(0.0015));
        assert_eq!(read_generation(br#"{"data":[]}"#), None);
        assert_eq!(read_generation(b"<html>"), None);
    }

    #[test]
    fn models_without_prices_or_names_are_listed_all_the_same() {
        let body = br#"{"data":[{"id":"a/b","name":"A","pricing":{"prompt":"0.1","completion":"0.2"},"context_length":10},{"id":"c"},{"name":"no id"}]}"#;
        let models = read_models(body).unwrap();
        assert_eq!(models.len(), 2);
        assert_eq!(models[0].price, Some(Price { prompt: 0.1, completion: 0.2 }));
        assert_eq!(models[1].name, "c");
        assert_eq!(read_models(b"<html>"), None);
    }

    #[test]
    fn an_entry_that_is_malformed_costs_no_other_its_place() {
        let good = json!({"id": "a/b", "name": "A", "pricing": {"prompt": 0.5, "completion": "1"}});
        let long = "x".repeat(1_000_000);
        let number = r#"{"data": [{"id": "c", "pricing": {"prompt": 1e999}}, {"id": "a/b"}]}"#;
        assert_eq!(read_models(number.as_bytes()).unwrap().len(), 1, "a number out of range");
        for bad in [
            json!(null),
            json!(7),
            json!([]),
            json!({"id": 7}),
            json!({"id": ""}),
            json!({"id": long}),
            json!({"name": "no id"}),
        ] {
            let list = json!({"data": [bad, good]});
            let models = read_models(list.to_string().as_bytes()).unwrap();
            assert_eq!(models.len(), 1, "{}", &list.to_string()[..40]);
            assert_eq!(models[0].price, Some(Price { prompt: 0.5, completion: 1.0 }));
        }
        for odd in [
            json!({"id": "c", "name": long, "pricing": {"prompt": "NaN", "completion": "inf"}}),
            json!({"id": "c", "name": {}, "pricing": [], "context_length": "long"}),
            json!({"id": "c", "name": " ", "pricing": {"prompt": "1e999", "completion": "1"}}),
        ] {
            let models = read_models(json!([odd, good]).to_string().as_bytes()).unwrap();
            assert_eq!(models.len(), 2);
            assert_eq!(models[0].price, None);
            let sent = serde_json::to_string(&models).unwrap();
            assert!(sent.len() < 1000, "{} bytes", sent.len());
            assert_eq!(serde_json::from_str::<Vec<ModelInfo>>(&sent).unwrap(), models);
        }
    }
}
