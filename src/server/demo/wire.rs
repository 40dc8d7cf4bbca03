//! The provider's JSON and its framing (wire reference, sections 2.2 to 2.7).

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// The keep-alive comment, without its line ends.
pub const COMMENT: &str = ": OPENROUTER PROCESSING";

/// The provider that all answers claim to come from.
pub const PROVIDER: &str = "Demo";

const CHARACTERS_PER_TOKEN: usize = 4;

/// The four shapes that the end of a stream has had (section 2.6). Today's is D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    /// November 2024: raw finish reasons, three token counts.
    A,
    /// 2025: cost and details, the usage chunk's finish reason is null.
    B,
    /// Early March 2026: the usage chunk has no choices.
    C,
    /// Since 16 March 2026: the usage chunk repeats the finish reason.
    D,
}

/// Why an answer ended, in OpenRouter's word and in the provider's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    pub reason: &'static str,
    pub native: &'static str,
}

impl Finish {
    pub const STOP: Self = Self { reason: "stop", native: "end_turn" };
    pub const LENGTH: Self = Self { reason: "length", native: "max_output_tokens" };
    pub const FILTERED: Self = Self { reason: "content_filter", native: "SAFETY" };
    pub const TOOL_CALLS: Self = Self { reason: "tool_calls", native: "tool_use" };
    pub const MALFORMED: Self = Self { reason: "error", native: "MALFORMED_FUNCTION_CALL" };
}

/// What a model costs, as `/models` lists it: decimal strings, US dollars per token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    pub prompt: &'static str,
    pub completion: &'static str,
}

impl Price {
    pub const FREE: Self = Self { prompt: "0", completion: "0" };
}

/// Token counts and what they cost (section 2.7).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub reasoning_tokens: u32,
    /// US dollars.
    pub prompt_cost: f64,
    /// US dollars.
    pub completion_cost: f64,
}

impl Usage {
    /// What these counts cost at this price.
    pub fn new(prompt_tokens: u32, completion_tokens: u32, reasoning_tokens: u32, price: Price) -> Self {
        Self {
            prompt_tokens,
            completion_tokens,
            reasoning_tokens,
            prompt_cost: cost(prompt_tokens, price.prompt),
            completion_cost: cost(completion_tokens, price.completion),
        }
    }

    /// US dollars, for the whole answer.
    pub fn total_cost(&self) -> f64 {
        rounded(self.prompt_cost + self.completion_cost)
    }

    /// The `usage` object as it was in that era.
    pub fn json(&self, era: Era) -> Value {
        let mut usage = json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        });
        if era != Era::A {
            let details = json!({
                "cost": self.total_cost(),
                "is_byok": false,
                "prompt_tokens_details":
                    {"cached_tokens": 0, "cache_write_tokens": 0, "audio_tokens": 0, "video_tokens": 0},
                "cost_details": {
                    "upstream_inference_cost": self.total_cost(),
                    "upstream_inference_prompt_cost": self.prompt_cost,
                    "upstream_inference_completions_cost": self.completion_cost,
                },
                "completion_tokens_details":
                    {"reasoning_tokens": self.reasoning_tokens, "image_tokens": 0, "audio_tokens": 0},
            });
            extend(&mut usage, details);
        }
        usage
    }
}

/// What all chunks of one answer have in common.
#[derive(Clone, Debug)]
pub struct Stamp {
    /// `gen-<unix seconds>-<20 characters>`
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answers.
    pub model: String,
    pub era: Era,
}

impl Stamp {
    /// A new answer's stamp, with the time of now.
    pub fn new(model: String, era: Era) -> Self {
        let created = unix_ms() / 1000;
        let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(20).collect();
        Self { id: format!("gen-{created}-{random}"), created, model, era }
    }

    /// A chunk that carries a delta.
    pub fn delta(&self, delta: &Value) -> Value {
        self.chunk(json!({"choices": [self.choice(delta, None)]}))
    }

    /// The chunk that says why the answer ended.
    pub fn finish(&self, finish: Finish) -> Value {
        self.chunk(json!({"choices": [self.choice(&silent(), Some(finish))]}))
    }

    /// The chunk with the usage, the last before `[DONE]`.
    pub fn usage(&self, finish: Finish, usage: &Usage) -> Value {
        let choices = match self.era {
            Era::A | Era::B => json!([self.choice(&silent(), None)]),
            Era::C => json!([]),
            Era::D => json!([self.choice(&silent(), Some(finish))]),
        };
        let mut chunk = self.chunk(json!({"choices": choices, "usage": usage.json(self.era)}));
        if self.era == Era::D {
            extend(&mut chunk, json!({"service_tier": null}));
        }
        chunk
    }

    /// A chunk with these fields beside the common ones.
    pub fn chunk(&self, fields: Value) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "provider": PROVIDER,
        });
        extend(&mut chunk, fields);
        chunk
    }

    fn choice(&self, delta: &Value, finish: Option<Finish>) -> Value {
        let mut choice = json!({"index": 0, "delta": delta, "finish_reason": finish.map(|it| it.reason)});
        if self.era == Era::A {
            // In that era the provider's own word was passed on.
            extend(&mut choice, json!({"finish_reason": finish.map(|it| it.native)}));
        } else {
            extend(&mut choice, json!({"native_finish_reason": finish.map(|it| it.native)}));
        }
        if matches!(self.era, Era::A | Era::B) {
            extend(&mut choice, json!({"logprobs": null}));
        }
        choice
    }
}

/// One event: `data: <payload>` and a blank line.
pub fn event(payload: &str, line_end: &str) -> String {
    format!("data: {payload}{line_end}{line_end}")
}

/// One keep-alive comment and a blank line.
pub fn comment(line_end: &str) -> String {
    format!("{COMMENT}{line_end}{line_end}")
}

/// About how many tokens so many characters are.
pub fn tokens(characters: usize) -> u32 {
    u32::try_from(characters.div_ceil(CHARACTERS_PER_TOKEN)).unwrap_or(u32::MAX)
}

/// How many characters fit into so many tokens.
pub fn characters(tokens: usize) -> usize {
    tokens.saturating_mul(CHARACTERS_PER_TOKEN)
}

/// Milliseconds since 1970.
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Adds the fields of one object to another.
pub fn extend(object: &mut Value, fields: Value) {
    if let (Value::Object(object), Value::Object(fields)) = (object, fields) {
        object.extend::<Map<String, Value>>(fields);
    }
}

fn silent() -> Value {
    json!({"role": "assistant", "content": ""})
}

fn cost(tokens: u32, price: &str) -> f64 {
    rounded(f64::from(tokens) * price.parse::<f64>().unwrap_or(0.0))
}

/// Binary fractions leave tails such as 0.00030000000000000003, which no bill shows.
fn rounded(dollars: f64) -> f64 {
    (dollars * 1e10).round() / 1e10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(era: Era) -> Stamp {
        Stamp { id: "gen-1-x".to_owned(), created: 1, model: "demo/plain".to_owned(), era }
    }

    #[test]
    fn ids_have_the_documented_form() {
        let stamp = Stamp::new("demo/plain".to_owned(), Era::D);
        let parts: Vec<&str> = stamp.id.split('-').collect();
        assert_eq!((parts[0], parts[1].parse(), parts[2].len()), ("gen", Ok(stamp.created), 20));
    }

    #[test]
    fn today_the_usage_chunk_repeats_the_reason() {
        let usage = Usage::new(10, 20, 0, Price { prompt: "0.000001", completion: "0.00001" });
        let chunk = stamp(Era::D).usage(Finish::STOP, &usage);
        assert_eq!(chunk["choices"][0]["finish_reason"], "stop");
        assert_eq!(chunk["usage"]["cost"], 0.00021);
    }

    #[test]
    fn older_eras_end_in_their_own_way() {
        let usage = Usage::default();
        let a = stamp(Era::A);
        assert_eq!(a.finish(Finish::STOP)["choices"][0]["finish_reason"], "end_turn");
        assert_eq!(a.usage(Finish::STOP, &usage)["usage"].as_object().map(Map::len), Some(3));
        let b = stamp(Era::B).usage(Finish::STOP, &usage);
        assert_eq!(
            (&b["choices"][0]["finish_reason"], &b["choices"][0]["logprobs"]),
            (&Value::Null, &Value::Null)
        );
        assert_eq!(stamp(Era::C).usage(Finish::STOP, &usage)["choices"], json!([]));
    }

    #[test]
    fn an_event_is_one_line_and_a_blank_one() {
        assert_eq!(event("{}", "\r\n"), "data: {}\r\n\r\n");
        assert_eq!(comment("\n"), ": OPENROUTER PROCESSING\n\n");
    }

    #[test]
    fn tokens_are_rounded_up() {
        assert_eq!((tokens(0), tokens(1), tokens(4), tokens(5)), (0, 1, 1, 2));
    }
}
