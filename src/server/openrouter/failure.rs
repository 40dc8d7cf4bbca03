//! From what went wrong on the wire to a [`AnswerError`], and whether trying again makes sense.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap, RETRY_AFTER};

use super::OpenRouter;
use super::classify::{is_transient, kind_of};
use super::retry_after::{parse_rate_limit_reset, parse_retry_after};
use super::schema::{WireError, read_error_body};
use crate::error::{AnswerError, AnswerErrorKind};

/// Errors are a few hundred bytes; a page of HTML from a proxy may be some kilobytes.
const LARGEST_ERROR_BYTES: usize = 64 << 10;
/// What a person is shown of a message. Longer ones are stack traces or pages.
const LONGEST_MESSAGE: usize = 600;
/// For reading the body of an error.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// A limit that ends later than this is a mistake of the upstream's, and no help to a person.
const LONGEST_WAIT_TOLD: Duration = Duration::from_hours(31 * 24);

/// An attempt that came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub problem: AnswerError,
    /// True if the same request may succeed later (wire reference, section 3.1).
    pub is_transient: bool,
    /// How long the upstream asks to wait; [`Duration::MAX`] for a number that is too large.
    pub asked_wait: Option<Duration>,
}

impl Failure {
    /// A failure that another attempt would meet again.
    pub fn lasting(kind: AnswerErrorKind, message: impl Into<String>) -> Self {
        Self { problem: AnswerError::new(kind, message), is_transient: false, asked_wait: None }
    }

    /// A failure that may pass.
    pub fn passing(kind: AnswerErrorKind, message: impl Into<String>) -> Self {
        Self { problem: AnswerError::new(kind, message), is_transient: true, asked_wait: None }
    }

    /// An error object, from a body or from inside the stream. `http_status` is the response's own.
    pub fn from_error(error: WireError, http_status: Option<u16>, now: SystemTime) -> Self {
        let status = http_status.filter(|status| *status >= 400).or(error.status);
        let kind = kind_of(status, &error);
        let asked = error.retry_after.as_deref().and_then(|text| parse_retry_after(text, now));
        let reset = error.rate_limit_reset.as_deref().and_then(|text| parse_rate_limit_reset(text, now));
        Self {
            is_transient: is_transient(status, kind, &error),
            problem: AnswerError {
                kind,
                message: error.message,
                status,
                provider: error.provider,
                retry_after_ms: None,
            },
            asked_wait: None,
        }
        .asking_to_wait(asked.or(reset))
    }

    fn asking_to_wait(mut self, wait: Option<Duration>) -> Self {
        let told = wait.filter(|wait| !wait.is_zero() && *wait <= LONGEST_WAIT_TOLD);
        self.problem.retry_after_ms = told.and_then(|wait| u64::try_from(wait.as_millis()).ok());
        self.asked_wait = wait;
        self
    }
}

impl OpenRouter {
    /// Reads a response that is not a stream: an error status, or a success with an error in it.
    pub(super) async fn read_failure(&self, response: Response) -> Failure {
        let status = response.status().as_u16();
        let now = SystemTime::now();
        let asked = asked_wait(response.headers(), now);
        let failure = if let Some(compression) = compression(response.headers()) {
            let message = format!("{} {}", message_without_json(status, &[]), compressed(&compression));
            Failure::from_error(WireError { message, ..WireError::default() }, Some(status), now)
        } else {
            let (body, _) = read_bounded(response, LARGEST_ERROR_BYTES, ERROR_BODY_TIMEOUT).await;
            failure_from_body(status, &body, now)
        };
        let failure = if asked.is_some() { failure.asking_to_wait(asked) } else { failure };
        self.redacted(failure)
    }

    /// The whole body of a success, which must be `limit` bytes at most and there within `timeout`.
    ///
    /// # Errors
    /// It is compressed, larger, slower, or broke off.
    pub(super) async fn read_body(
        &self,
        response: Response,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<u8>, Failure> {
        refuse_compression(response.headers())?;
        match read_bounded(response, limit, timeout).await {
            (body, BodyEnd::Whole) => Ok(body),
            (_, BodyEnd::TooLarge) => Err(Failure::lasting(
                AnswerErrorKind::Unreadable,
                format!("It sent more than {} MiB.", limit >> 20),
            )),
            (_, BodyEnd::TooSlow) => {
                Err(Failure::lasting(AnswerErrorKind::Stalled, "It did not send all of it in time."))
            }
            (_, BodyEnd::Broken(error)) => Err(self.connection_failure(&error)),
        }
    }

    /// No response at all, or one that broke off.
    pub(super) fn connection_failure(&self, error: &reqwest::Error) -> Failure {
        let cause = innermost(error);
        let failure = if error.is_connect() && error.is_timeout() {
            Failure::passing(AnswerErrorKind::Unreachable, "It did not accept the connection in time.")
        } else if error.is_timeout() {
            Failure::passing(AnswerErrorKind::Unreachable, "It did not answer in time.")
        } else if error.is_connect() {
            Failure::passing(
                AnswerErrorKind::Unreachable,
                format!("The connection could not be made: {cause}."),
            )
        } else {
            Failure::passing(AnswerErrorKind::CutOff, format!("The connection was lost: {cause}."))
        };
        self.redacted(failure)
    }

    /// Without the key, and only then cut to size: a cut might leave a part of it.
    pub(super) fn redacted(&self, mut failure: Failure) -> Failure {
        let problem = &mut failure.problem;
        problem.message = shorten(&self.redact(&problem.message));
        problem.provider = problem.provider.as_ref().map(|provider| shorten(&self.redact(provider)));
        failure
    }
}

/// Whether there was more of a body than was read.
pub enum BodyEnd {
    Whole,
    TooLarge,
    TooSlow,
    Broken(reqwest::Error),
}

/// The body, cut at `limit` bytes and when `timeout` is over.
pub async fn read_bounded(mut response: Response, limit: usize, timeout: Duration) -> (Vec<u8>, BodyEnd) {
    let mut body = Vec::new();
    let deadline = tokio::time::Instant::now() + timeout;
    loop {
        match tokio::time::timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => {
                let room = limit - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (body, BodyEnd::TooLarge);
                }
            }
            Ok(Ok(None)) => return (body, BodyEnd::Whole),
            Ok(Err(error)) => return (body, BodyEnd::Broken(error)),
            Err(_) => return (body, BodyEnd::TooSlow),
        }
    }
}

/// A body that is compressed cannot be read. It is asked not to be; some proxies compress all the same.
///
/// # Errors
/// It is compressed.
pub fn refuse_compression(headers: &HeaderMap) -> Result<(), Failure> {
    compression(headers)
        .map_or(Ok(()), |name| Err(Failure::lasting(AnswerErrorKind::Unreadable, compressed(&name))))
}

/// The name of the compression, in a form that can be shown.
fn compression(headers: &HeaderMap) -> Option<String> {
    let name = headers.get(CONTENT_ENCODING)?.to_str().unwrap_or("unknown").trim().to_ascii_lowercase();
    (!name.is_empty() && name != "identity").then_some(name)
}

fn compressed(name: &str) -> String {
    format!(
        "What it sent is compressed ({name}), although it was asked not to compress. Turn that off in the server, or in \
         the proxy in front of it."
    )
}

fn failure_from_body(status: u16, body: &[u8], now: SystemTime) -> Failure {
    match read_error_body(body) {
        Some(error) => Failure::from_error(error, Some(status), now),
        None if status < 400 => {
            Failure::lasting(AnswerErrorKind::Unreadable, message_without_json(status, body))
        }
        None => {
            let message = message_without_json(status, body);
            Failure::from_error(WireError { message, ..WireError::default() }, Some(status), now)
        }
    }
}

/// `Retry-After`, else `X-RateLimit-Reset`.
fn asked_wait(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    text(RETRY_AFTER.as_str())
        .and_then(|text| parse_retry_after(text, now))
        .or_else(|| parse_rate_limit_reset(text("x-ratelimit-reset")?, now))
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
        (true, 300..=399) => {
            format!("It redirects to another address (status {status}), which Runnel does not follow.")
        }
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
    use std::time::UNIX_EPOCH;

    use reqwest::header::HeaderValue;

    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        let error = read_error_body(body.as_bytes()).unwrap();
        Failure::from_error(error, Some(status), UNIX_EPOCH)
    }

    #[test]
    fn each_status_has_its_kind_and_only_passing_ones_are_tried_again() {
        use AnswerErrorKind::*;
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
        assert_eq!(unknown.problem.kind, AnswerErrorKind::UnknownModel);
        let long = failure(
            400,
            r#"{"error":{"message":"This endpoint's maximum context length is 200000 tokens."}}"#,
        );
        assert_eq!(long.problem.kind, AnswerErrorKind::TooLong);
        let llama = failure(
            400,
            r#"{"error":{"message":"request (4031 tokens) exceeds it","type":"exceed_context_size_error"}}"#,
        );
        assert_eq!(llama.problem.kind, AnswerErrorKind::TooLong);
    }

    #[test]
    fn an_error_without_a_number_is_judged_by_its_type() {
        let error = |kind: &str| WireError { kinds: vec![kind.into()], ..WireError::default() };
        assert!(Failure::from_error(error("server_error"), Some(200), UNIX_EPOCH).is_transient);
        assert!(!Failure::from_error(error("context_length_exceeded"), Some(200), UNIX_EPOCH).is_transient);
    }

    #[test]
    fn the_wait_asked_for_is_read_from_headers() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_514_401);
        let wait = |headers: &[(&'static str, &'static str)]| {
            let headers =
                headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            asked_wait(&headers.collect(), now)
        };
        assert_eq!(wait(&[("retry-after", "60")]), Some(Duration::from_mins(1)));
        assert_eq!(wait(&[("x-ratelimit-reset", "1795514408000")]), Some(Duration::from_secs(7)));
        let both = [("x-ratelimit-reset", "1795514408"), ("retry-after", "9")];
        assert_eq!(wait(&both), Some(Duration::from_secs(9)));
        let one_makes_no_sense = [("x-ratelimit-reset", "1795514408"), ("retry-after", "soon")];
        assert_eq!(wait(&one_makes_no_sense), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn the_wait_asked_for_is_read_from_the_body() {
        for (metadata, told, asked) in [
            (r#"{"headers":{"X-RateLimit-Reset":"5"}}"#, Some(5000), Some(Duration::from_secs(5))),
            (r#"{"headers":{"x-ratelimit-reset":1000000005}}"#, Some(5000), Some(Duration::from_secs(5))),
            (r#"{"headers":{"Retry-After":"2.5"}}"#, Some(2500), Some(Duration::from_millis(2500))),
            (r#"{"retry_after_seconds":7.5}"#, Some(7500), Some(Duration::from_millis(7500))),
            (r#"{"retry_after_seconds":1e300}"#, None, Some(Duration::MAX)),
            (r#"{"retry_after_seconds":0}"#, None, Some(Duration::ZERO)),
            (r#"{"retry_after_seconds":null}"#, None, None),
        ] {
            let body = format!(r#"{{"error":{{"code":429,"message":"slow down","metadata":{metadata}}}}}"#);
            let error = read_error_body(body.as_bytes()).unwrap();
            let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
            let failure = Failure::from_error(error, Some(429), now);
            assert_eq!((failure.problem.retry_after_ms, failure.asked_wait), (told, asked), "{metadata}");
        }
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
