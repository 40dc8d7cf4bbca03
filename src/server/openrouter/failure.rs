//! From what went wrong on the wire to a [`Problem`], and whether trying again makes sense.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Response;
use reqwest::header::HeaderMap;

use super::OpenRouter;
use super::schema::{WireError, read_error_body};
use crate::problem::{Problem, ProblemKind};

/// Errors are a few hundred bytes; a page of HTML from a proxy may be some kilobytes.
const LARGEST_ERROR_BYTES: usize = 64 << 10;
/// What a person is shown of a message. Longer ones are stack traces or pages.
const LONGEST_MESSAGE: usize = 600;
/// For reading the body of an error.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// An attempt that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub problem: Problem,
    /// True if the same request may succeed later (wire reference, section 3.1).
    pub is_transient: bool,
}

impl Failure {
    /// A failure that another attempt would meet again.
    pub fn lasting(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { problem: Problem::new(kind, message), is_transient: false }
    }

    /// A failure that may pass.
    pub fn passing(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { problem: Problem::new(kind, message), is_transient: true }
    }

    /// An error object, from a body or from inside the stream. `http_status` is the response's own.
    pub fn from_error(error: WireError, http_status: Option<u16>, now: SystemTime) -> Self {
        let status = http_status.filter(|status| *status >= 400).or(error.status);
        let kind = kind_of(status, error.kind.as_deref(), &error.message);
        let from_reset = error.reset_at_ms.map(|at_ms| until(at_ms, now));
        let retry_after = error.retry_after_seconds.map(Duration::from_secs).or(from_reset);
        Self {
            is_transient: is_transient(status, kind),
            problem: Problem {
                kind,
                message: error.message,
                status,
                provider: error.provider,
                retry_after_ms: retry_after.map(millis),
            },
        }
    }
}

impl OpenRouter {
    /// Reads a response that is not a stream: an error status, or a success with an error in it.
    pub(super) async fn read_failure(&self, response: Response) -> Failure {
        let status = response.status().as_u16();
        let now = SystemTime::now();
        let asked = asked_wait(response.headers(), now);
        let body = read_bounded(response, LARGEST_ERROR_BYTES, ERROR_BODY_TIMEOUT).await;
        let failure = match read_error_body(&body) {
            Some(error) => Failure::from_error(error, Some(status), now),
            None if status < 400 => {
                Failure::lasting(ProblemKind::Unreadable, message_without_json(status, &body))
            }
            None => {
                let message = message_without_json(status, &body);
                Failure::from_error(WireError { message, ..WireError::default() }, Some(status), now)
            }
        };
        let mut failure = self.redacted(failure);
        if asked.is_some() {
            failure.problem.retry_after_ms = asked.map(millis);
        }
        failure
    }

    /// No response at all, or one that broke off.
    pub(super) fn connection_failure(&self, error: &reqwest::Error) -> Failure {
        let cause = innermost(error);
        let failure = if error.is_timeout() {
            Failure::passing(ProblemKind::Unreachable, "It did not accept the connection in time.")
        } else if error.is_connect() {
            Failure::passing(ProblemKind::Unreachable, format!("The connection could not be made: {cause}."))
        } else {
            Failure::passing(ProblemKind::CutOff, format!("The connection was lost: {cause}."))
        };
        self.redacted(failure)
    }

    /// Without the key, and only then cut to size: a cut might leave a part of it.
    pub(super) fn redacted(&self, mut failure: Failure) -> Failure {
        failure.problem.message = shorten(&self.redact(&failure.problem.message));
        failure
    }
}

/// The body, cut at `limit` bytes and when `patience` is over.
pub async fn read_bounded(mut response: Response, limit: usize, patience: Duration) -> Vec<u8> {
    let mut body = Vec::new();
    let deadline = tokio::time::Instant::now() + patience;
    while let Ok(Ok(Some(chunk))) = tokio::time::timeout_at(deadline, response.chunk()).await {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == limit {
            break;
        }
    }
    body
}

/// Which kind of problem it is. The type says more than the status, and the status more than the words.
fn kind_of(status: Option<u16>, error_type: Option<&str>, message: &str) -> ProblemKind {
    error_type
        .and_then(kind_of_type)
        .or_else(|| kind_of_message(status, message))
        .or_else(|| status.and_then(kind_of_status))
        .unwrap_or(ProblemKind::ProviderDown)
}

/// OpenRouter's `error_type` (wire reference, section 3.1) and OpenAI's `code` and `type`.
fn kind_of_type(error_type: &str) -> Option<ProblemKind> {
    Some(match error_type {
        "authentication" | "invalid_api_key" | "authentication_error" => ProblemKind::WrongKey,
        "payment_required" | "insufficient_quota" => ProblemKind::NoCredit,
        "not_found" | "model_not_found" => ProblemKind::UnknownModel,
        "rate_limit_exceeded" | "rate_limit_error" => ProblemKind::RateLimited,
        "context_length_exceeded"
        | "exceed_context_size_error"
        | "max_tokens_exceeded"
        | "token_limit_exceeded"
        | "string_too_long"
        | "payload_too_large" => ProblemKind::TooLong,
        "content_policy_violation" | "refusal" | "content_filter" => ProblemKind::Refused,
        "provider_unavailable"
        | "provider_overloaded"
        | "timeout"
        | "server"
        | "server_error"
        | "overloaded_error"
        | "unmapped" => ProblemKind::ProviderDown,
        _ => return None,
    })
}

fn kind_of_message(status: Option<u16>, message: &str) -> Option<ProblemKind> {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if matches!(status, Some(400 | 404 | 422)) && says(&["valid model", "model not found", "no such model"]) {
        return Some(ProblemKind::UnknownModel);
    }
    if matches!(status, Some(400 | 413))
        && says(&["context length", "context window", "context size", "token limit", "too long"])
    {
        return Some(ProblemKind::TooLong);
    }
    None
}

fn kind_of_status(status: u16) -> Option<ProblemKind> {
    Some(match status {
        401 => ProblemKind::WrongKey,
        402 => ProblemKind::NoCredit,
        403 => ProblemKind::Refused,
        404 => ProblemKind::UnknownModel,
        413 => ProblemKind::TooLong,
        429 => ProblemKind::RateLimited,
        408 | 500..=599 => ProblemKind::ProviderDown,
        400..=499 => ProblemKind::BadRequest,
        _ => return None,
    })
}

fn is_transient(status: Option<u16>, kind: ProblemKind) -> bool {
    match status {
        Some(status) if status >= 400 => matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 524 | 529),
        // Inside a stream an error may come without a number: then its kind decides.
        _ => matches!(kind, ProblemKind::RateLimited | ProblemKind::ProviderDown),
    }
}

/// `Retry-After` in seconds or as a date, else `X-RateLimit-Reset` in Unix milliseconds (wire reference, section 3.1).
fn asked_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    if let Some(seconds) = number("retry-after") {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if let Some(date) =
        headers.get("retry-after").and_then(|value| httpdate::parse_http_date(value.to_str().ok()?).ok())
    {
        return Some(date.duration_since(now).unwrap_or_default());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to int cast saturates"
    )]
    number("x-ratelimit-reset").map(|at_ms| until(at_ms as u64, now))
}

fn until(at_ms: u64, now: SystemTime) -> Duration {
    let now_ms = now.duration_since(UNIX_EPOCH).map(millis).unwrap_or_default();
    Duration::from_millis(at_ms.saturating_sub(now_ms))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A page of HTML is not for reading; its status is.
fn message_without_json(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let is_page = text.starts_with('<');
    match (text.is_empty() || is_page, status) {
        (false, _) => text.to_owned(),
        (true, 200..=299) if is_page => "It answered with a web page instead of an answer.".to_owned(),
        (true, 200..=299) => "It answered with nothing.".to_owned(),
        (true, 300..=399) => format!("It redirects elsewhere (status {status}), which is not followed."),
        (true, _) => format!("It answered with status {status}."),
    }
}

fn shorten(message: &str) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// The cause at the bottom: the errors above it repeat the URL and say "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        let error = read_error_body(body.as_bytes()).unwrap();
        Failure::from_error(error, Some(status), UNIX_EPOCH)
    }

    #[test]
    fn each_status_has_its_kind_and_only_passing_ones_are_tried_again() {
        use ProblemKind::*;
        for (status, kind, is_transient) in [
            (400, BadRequest, false),
            (401, WrongKey, false),
            (402, NoCredit, false),
            (403, Refused, false),
            (404, UnknownModel, false),
            (408, ProviderDown, true),
            (412, BadRequest, false),
            (413, TooLong, false),
            (422, BadRequest, false),
            (429, RateLimited, true),
            (500, ProviderDown, true),
            (502, ProviderDown, true),
            (503, ProviderDown, true),
            (504, ProviderDown, true),
            (524, ProviderDown, true),
            (529, ProviderDown, true),
        ] {
            let failure = failure(status, r#"{"error":{"message":"no"}}"#);
            assert_eq!((failure.problem.kind, failure.is_transient), (kind, is_transient), "{status}");
        }
    }

    #[test]
    fn words_tell_an_unknown_model_and_a_long_context_apart() {
        let unknown = failure(400, r#"{"error":{"code":400,"message":"x is not a valid model ID"}}"#);
        assert_eq!(unknown.problem.kind, ProblemKind::UnknownModel);
        let long = failure(
            400,
            r#"{"error":{"message":"This endpoint's maximum context length is 200000 tokens."}}"#,
        );
        assert_eq!(long.problem.kind, ProblemKind::TooLong);
        let llama = failure(
            400,
            r#"{"error":{"message":"request (4031 tokens) exceeds it","type":"exceed_context_size_error"}}"#,
        );
        assert_eq!(llama.problem.kind, ProblemKind::TooLong);
    }

    #[test]
    fn an_error_without_a_number_is_judged_by_its_type() {
        let error = |kind: &str| WireError { kind: Some(kind.into()), ..WireError::default() };
        assert!(Failure::from_error(error("server_error"), Some(200), UNIX_EPOCH).is_transient);
        assert!(!Failure::from_error(error("context_length_exceeded"), Some(200), UNIX_EPOCH).is_transient);
    }

    #[test]
    fn the_wait_asked_for_is_read_from_headers() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let wait = |name: &'static str, value: &'static str| {
            asked_wait(&HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))]), now)
        };
        assert_eq!(wait("retry-after", "60"), Some(Duration::from_mins(1)));
        assert_eq!(wait("x-ratelimit-reset", "1007000"), Some(Duration::from_secs(7)));
        assert_eq!(wait("x-ratelimit-reset", "1"), Some(Duration::ZERO));
        assert_eq!(wait("retry-after", "Thu, 01 Jan 1970 00:17:00 GMT"), Some(Duration::from_secs(20)));
        assert_eq!(wait("retry-after", "-1"), None);
        assert_eq!(wait("retry-after", "soon"), None);
    }

    #[test]
    fn the_wait_asked_for_is_read_from_the_body() {
        let failure = failure(
            429,
            r#"{"error":{"code":429,"message":"free-models-per-day","metadata":{"headers":{"X-RateLimit-Reset":"5000"}}}}"#,
        );
        assert_eq!(failure.problem.retry_after_ms, Some(5000));
    }

    #[test]
    fn a_page_of_html_is_not_shown() {
        assert_eq!(message_without_json(503, b"<!DOCTYPE html><html>..."), "It answered with status 503.");
        assert_eq!(message_without_json(500, b"out of memory"), "out of memory");
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let long = "é".repeat(LONGEST_MESSAGE + 10);
        assert_eq!(shorten(&long).chars().count(), LONGEST_MESSAGE + 1);
    }
}
