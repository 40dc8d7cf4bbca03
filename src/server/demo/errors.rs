//! Errors before the stream begins (wire reference, section 3.1).

use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use super::{texts, wire};

/// The one key that is always wrong.
const WRONG_KEY: &str = "sk-or-v1-wrong";

const CDN_PAGE: &str = "<!DOCTYPE html>\n<html class=\"no-js\" lang=\"en-US\">\n<head>\n\
    <title>Worker exceeded resource limits | openrouter.ai | Cloudflare</title>\n</head>\n\
    <body>Error 1102</body>\n</html>\n";

/// What a refusal may want to know about the request.
#[derive(Debug)]
pub struct Asked {
    /// The `Authorization` header as it came.
    authorization: String,
}

impl Asked {
    /// Checks the key. None at all is accepted: the demo is there for people who have none.
    ///
    /// # Errors
    ///
    /// The 401 that OpenRouter gives for a wrong key or a malformed header.
    pub fn new(headers: &HeaderMap) -> Result<Self, Failure> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(Self { authorization: String::new() });
        };
        let authorization = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match authorization.strip_prefix("Bearer ").map(str::trim) {
            Some(WRONG_KEY) => Err(Failure::new(401, "User not found.")),
            Some(key) if !key.is_empty() => Ok(Self { authorization }),
            _ => Err(Failure::new(401, "Missing Authentication header")),
        }
    }
}

/// An error in OpenRouter's envelope.
#[derive(Debug)]
pub struct Failure {
    status: u16,
    message: String,
    metadata: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
    names_user: bool,
}

impl Failure {
    /// Code and message, and nothing else.
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), metadata: Map::new(), headers: Vec::new(), names_user: false }
    }

    /// A request that makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, message).with("error_type", "invalid_request").naming_user()
    }

    /// A request that is too long.
    pub fn too_large() -> Self {
        Self::new(413, "Request payload too large").with("error_type", "payload_too_large")
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(name.to_owned(), value.into());
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn naming_user(self) -> Self {
        Self { names_user: true, ..self }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut error = json!({"code": self.status, "message": self.message});
        if !self.metadata.is_empty() {
            error["metadata"] = Value::Object(self.metadata);
        }
        let mut body = json!({"error": error});
        if self.names_user {
            body["user_id"] = json!("user_demo");
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A path that OpenRouter does not have.
pub async fn no_such_route() -> Failure {
    Failure::new(404, "Not Found")
}

/// A model that is not in the list: 400, not 404.
pub fn unknown_model(model: &str) -> Failure {
    Failure::new(400, format!("{model} is not a valid model ID")).naming_user()
}

pub fn bad_request(_: &Asked) -> Response {
    Failure::invalid("Invalid request parameters").into_response()
}

pub fn context_length(_: &Asked) -> Response {
    let message = "This endpoint's maximum context length is 8192 tokens. However, you requested about 9001 \
        tokens (9001 of text input). Please reduce the length of either one, or use the context-compression \
        plugin to compress your prompt automatically.";
    Failure::new(400, message)
        .with("error_type", "context_length_exceeded")
        .with("provider_name", Value::Null)
        .with("previous_errors", json!([{"code": 400, "message": message}]))
        .naming_user()
        .into_response()
}

pub fn unauthenticated(_: &Asked) -> Response {
    Failure::new(401, "User not found.").with("error_type", "authentication").into_response()
}

/// Some servers repeat the secret that they were given.
pub fn leaks_key(asked: &Asked) -> Response {
    let message = format!("Invalid credentials: '{}' is not known here", asked.authorization);
    Failure::new(401, message).with("error_type", "authentication").into_response()
}

pub fn payment_required(_: &Asked) -> Response {
    Failure::new(402, "Insufficient credits. Add more using https://openrouter.ai/credits")
        .with("error_type", "payment_required")
        .with("limit_source", "openrouter_credits")
        .naming_user()
        .into_response()
}

pub fn moderated(_: &Asked) -> Response {
    let message = "demo/error-403 requires moderation on Demo. Your input was flagged for \"violence\".";
    Failure::new(403, message)
        .with("reasons", json!(["violence"]))
        .with("flagged_input", "the first words of what was asked...")
        .with("provider_name", wire::PROVIDER)
        .with("model_slug", "demo/error-403")
        .naming_user()
        .into_response()
}

pub fn no_endpoints(_: &Asked) -> Response {
    let message = "No endpoints found that support tool use. To learn more about provider routing, visit: \
        https://openrouter.ai/docs/guides/routing/provider-selection";
    Failure::new(404, message).into_response()
}

pub fn operation_timed_out(_: &Asked) -> Response {
    Failure::new(408, "Operation timed out. Please try again later.").into_response()
}

pub fn too_large(_: &Asked) -> Response {
    Failure::too_large().into_response()
}

pub fn unprocessable(_: &Asked) -> Response {
    Failure::new(422, "Invalid argument").with("error_type", "unprocessable").into_response()
}

/// Says to come back in one second.
pub fn rate_limited(_: &Asked) -> Response {
    rate_limit().with("retry_after_seconds", 1).header("retry-after", "1").into_response()
}

/// Says to come back in an hour.
pub fn rate_limited_long(_: &Asked) -> Response {
    rate_limit().with("retry_after_seconds", 3600).header("retry-after", "3600").into_response()
}

/// Says when the limit ends: in 1.2 seconds, in Unix milliseconds, also as a copy in the body.
pub fn rate_limited_until(_: &Asked) -> Response {
    let reset = (wire::unix_ms() + 1200).to_string();
    let copies = json!({"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset});
    Failure::new(429, "Rate limit exceeded: free-models-per-min. ")
        .with("headers", copies)
        .header("x-ratelimit-limit", "20")
        .header("x-ratelimit-remaining", "0")
        .header("x-ratelimit-reset", reset)
        .naming_user()
        .into_response()
}

pub fn internal(_: &Asked) -> Response {
    Failure::new(500, "Internal Server Error").with("error_type", "server").into_response()
}

pub fn bad_gateway(_: &Asked) -> Response {
    Failure::new(502, "Provider returned error")
        .with("error_type", "provider_unavailable")
        .with("provider_name", wire::PROVIDER)
        .into_response()
}

/// The useful text is JSON within a string.
pub fn raw_in_metadata(_: &Asked) -> Response {
    let raw =
        json!({"error": {"message": "The model is being updated, back in five minutes.", "type": "server"}});
    Failure::new(502, "Provider returned error")
        .with("provider_name", wire::PROVIDER)
        .with("raw", raw.to_string())
        .with("is_byok", false)
        .naming_user()
        .into_response()
}

pub fn overloaded(_: &Asked) -> Response {
    Failure::new(503, "Service temporarily unavailable")
        .with("error_type", "provider_overloaded")
        .into_response()
}

/// A page from the network in front of OpenRouter.
pub fn html_page(_: &Asked) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Html(CDN_PAGE)).into_response()
}

pub fn gateway_timeout(_: &Asked) -> Response {
    Failure::new(504, "Provider timed out after 47709ms").with("error_type", "timeout").into_response()
}

pub fn request_timed_out(_: &Asked) -> Response {
    Failure::new(524, "Request timed out. Please try again later.").into_response()
}

pub fn provider_overloaded(_: &Asked) -> Response {
    Failure::new(529, "Provider returned error").with("provider_name", wire::PROVIDER).into_response()
}

/// Status 200, white space as keep-alive, and then an error (section 3.3).
pub fn error_with_status_200(_: &Asked) -> Response {
    let body = json!({"error": {"message": "Internal Server Error", "code": 500}, "user_id": "user_demo"});
    let padded = format!("{}{body}", " \n".repeat(64));
    ([(header::CONTENT_TYPE, "application/json")], padded).into_response()
}

/// Status 200 and a page, as from a captive portal.
pub fn page_with_status_200(_: &Asked) -> Response {
    Html("<!DOCTYPE html>\n<title>Welcome</title>\n<p>Please sign in to use this network.</p>\n")
        .into_response()
}

/// A message that a terminal obeys, and that forges a line of a log.
pub fn escapes(_: &Asked) -> Response {
    Failure::new(400, texts::ESCAPES).with("provider_name", "De\u{1b}[8mmo").into_response()
}

fn rate_limit() -> Failure {
    Failure::new(429, "Rate limit exceeded").with("error_type", "rate_limit_exceeded").naming_user()
}
