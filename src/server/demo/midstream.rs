//! Errors inside a stream that began well, in all the shapes that have been seen (wire reference, section 3.2).
//!
//! Whether `[DONE]` follows an error is not settled either: it was seen both ways, and so it is here.

use serde_json::json;

use super::play::{Act, bytes};
use super::wire::Finish;

/// The documented shape: an error beside a choice that finishes with `error`.
pub fn documented() -> Vec<Act> {
    vec![Act::Chunk(json!({
        "error": {
            "code": 502,
            "message": "Provider disconnected unexpectedly",
            "metadata": {"error_type": "provider_unavailable"},
        },
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    }))]
}

/// What the wire really showed in 2026: no choices.
pub fn empty_choices() -> Vec<Act> {
    vec![Act::Chunk(json!({
        "choices": [],
        "error": {
            "code": 502,
            "message": "Upstream error from Demo: Service temporarily overloaded",
            "metadata": {"error_type": "provider_unavailable"},
        },
    }))]
}

/// The envelope of an error before the stream, as an event.
pub fn bare() -> Vec<Act> {
    let error = json!({
        "error": {
            "message": "Rate limit exceeded: free-models-per-day",
            "code": 429,
            "metadata": {
                "headers": {
                    "X-RateLimit-Limit": "200",
                    "X-RateLimit-Remaining": "0",
                    "X-RateLimit-Reset": "1743292800000",
                },
                "provider_name": "Demo",
            },
        },
        "user_id": "user_demo",
    });
    vec![Act::Event(error.to_string())]
}

/// The code is a string.
pub fn string_code() -> Vec<Act> {
    let error = Act::Chunk(json!({
        "error": {"code": "server_error", "message": "Provider disconnected unexpectedly"},
        "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}],
    }));
    vec![error, Act::Done]
}

/// The code is null, as OpenAI writes it, and there are no choices.
pub fn null_code() -> Vec<Act> {
    let error = json!({"error": {
        "message": "The server had an error processing your request. Sorry about that!",
        "type": "server_error",
        "param": null,
        "code": null,
    }});
    vec![Act::Event(error.to_string()), Act::Done]
}

/// The error sits in the choice.
pub fn choice() -> Vec<Act> {
    let error = Act::Chunk(json!({"choices": [{
        "index": 0,
        "delta": {"role": "assistant", "content": ""},
        "finish_reason": "error",
        "native_finish_reason": null,
        "error": {
            "code": 502,
            "message": "Provider disconnected mid-stream",
            "metadata": {"error_type": "provider_unavailable"},
        },
    }]}));
    vec![error, Act::Done]
}

/// The error is only a string.
pub fn string() -> Vec<Act> {
    vec![Act::Event(json!({"error": "The model is overloaded"}).to_string()), Act::Done]
}

/// A finish reason `error`, and no error to explain it.
pub fn finish_error() -> Vec<Act> {
    vec![Act::Finish(Finish::MALFORMED), Act::Done]
}

/// A line whose field is called `error`, which a strict parser ignores; then the stream just ends.
pub fn error_field() -> Vec<Act> {
    let message = "failed to decode, try again, increasing context size or reducing parallel";
    let error = json!({"detail": message, "error": {"message": message}});
    vec![bytes(format!("error: {error}\n\n"))]
}

/// A named event.
pub fn event_error() -> Vec<Act> {
    let error = json!({"error": {"message": "The model has crashed.", "code": 500}});
    vec![bytes(format!("event: error\ndata: {error}\n\n"))]
}

/// A rate limit that was hit only after the headers were sent.
pub fn rate_limit() -> Vec<Act> {
    let error = json!({
        "model": "unknown",
        "provider": "Stealth",
        "choices": [],
        "error": {
            "code": 429,
            "message": "Provider returned error",
            "metadata": {"error_type": "rate_limit_exceeded", "retry_after_seconds": 1},
        },
    });
    vec![Act::Event(error.to_string()), Act::Done]
}

/// A request that no attempt can mend, as OpenAI writes it: no number.
pub fn invalid_request() -> Vec<Act> {
    let error = json!({"error": {
        "message": "Invalid 'temperature': must be at most 1 for this model.",
        "type": "invalid_request_error",
        "param": "temperature",
        "code": null,
    }});
    vec![Act::Event(error.to_string()), Act::Done]
}

/// Too many tokens, under the name that all bad requests have.
pub fn context_length() -> Vec<Act> {
    let error = json!({"error": {
        "message": "This model's maximum context length is 8192 tokens. However, your messages have 9001 tokens.",
        "type": "invalid_request_error",
        "code": null,
    }});
    vec![Act::Event(error.to_string())]
}

/// Too many tokens, reported by a provider and passed on as the provider's fault; the reason is in `metadata.raw`.
pub fn raw_context_length() -> Vec<Act> {
    let raw = json!({"error": {"message": "prompt is too long: 210000 tokens > 200000 maximum", "type": "invalid_request_error"}});
    vec![Act::Chunk(json!({
        "choices": [],
        "error": {
            "code": 502,
            "message": "Provider returned error",
            "metadata": {"provider_name": "Demo", "raw": raw.to_string()},
        },
    }))]
}

/// No money left, in words alone.
pub fn quota() -> Vec<Act> {
    let message = "You exceeded your current quota, please check your plan and billing details.";
    vec![Act::Event(json!({"error": {"message": message}}).to_string()), Act::Done]
}

/// A key that was withdrawn while the stream began.
pub fn wrong_key() -> Vec<Act> {
    let error = json!({"message": "Incorrect API key provided.", "code": "invalid_api_key", "type": "invalid_request_error"});
    vec![bytes(format!("event: error\ndata: {}\n\n", json!({"error": error})))]
}

/// Stopped by moderation, without a number.
pub fn moderated() -> Vec<Act> {
    let error = json!({"error": {"message": "Your input was flagged for \"violence\".", "metadata": {"reasons": ["violence"]}}});
    vec![Act::Event(error.to_string()), Act::Done]
}

/// No such model, as a bare text.
pub fn unknown_model() -> Vec<Act> {
    let message = "The model `demo/gone` does not exist or you do not have access to it.";
    vec![Act::Event(json!({"error": message}).to_string()), Act::Done]
}
