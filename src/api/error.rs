//! What a person may be told when a request fails.

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::{Bytes, Decodes};
use serde::{Deserialize, Serialize};

/// How much of what a request holds its refusal repeats, in bytes.
const LONGEST_DETAIL: usize = 400;

/// How nginx, Apache and others begin the title of their page for what is too large.
const TOO_LARGE_PAGE: &[u8] = b"<title>413";

/// An error at the edge. Its message is a sentence that says what to do; nothing internal is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub kind: ApiErrorKind,
    pub message: String,
}

/// What a caller does differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiErrorKind {
    /// The request is wrong and will stay so.
    BadRequest,
    /// Another site sent it.
    Forbidden,
    NotFound,
    /// It was there, and is kept in another form now.
    Gone,
    /// It contradicts what is there already.
    Conflict,
    TooLarge,
    /// It is not JSON.
    UnsupportedMediaType,
    /// The upstream could not be asked.
    Upstream,
    Internal,
    /// The server cannot be reached, or is about to stop. The same request may be sent again.
    Network,
}

impl ApiErrorKind {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Gone => 410,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::Upstream => 502,
            Self::Internal => 500,
            Self::Network => 503,
        }
    }
}

impl ApiError {
    #[must_use]
    pub fn new(kind: ApiErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::BadRequest, message)
    }

    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ApiErrorKind::NotFound, message)
    }

    /// What nobody expected and no sentence describes; whoever serves the request logs it.
    #[must_use]
    pub fn unexpected() -> Self {
        Self::new(ApiErrorKind::Internal, "Something went wrong inside Runnel. Its log says more.")
    }

    fn no_connection() -> Self {
        Self::new(ApiErrorKind::Network, "Runnel cannot be reached. Check the connection.")
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            // In the browser it is a response that cannot be read: a gateway's page, with whatever status.
            ServerFnErrorErr::Deserialization(_) if crate::IS_BROWSER => Self::no_connection(),
            ServerFnErrorErr::Args(detail)
            | ServerFnErrorErr::MissingArg(detail)
            | ServerFnErrorErr::Deserialization(detail) => Self::bad_request(format!(
                "The request cannot be read: {}",
                shortened(without_place(&detail))
            )),
            // In the browser these mean that no server, or another one, answered.
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => Self::no_connection(),
            _ => Self::unexpected(),
        }
    }

    /// An error that is not written as ours is somebody else's: a gateway answers for a Runnel that is away, with a
    /// page of its own and 502, 503 or 504.
    ///
    /// But a gateway that finds a question too long does so each time: its page says 413 in its title, and that is all
    /// that is known of its status here.
    fn de(body: Bytes) -> Self {
        JsonEncoding::decode(body.clone()).unwrap_or_else(|_| {
            if body.windows(TOO_LARGE_PAGE.len()).any(|part| part == TOO_LARGE_PAGE) {
                let words = "A gateway in front of Runnel refuses so long a question. Shorten it, or raise the gateway's limit.";
                return Self::new(ApiErrorKind::TooLarge, words);
            }
            Self::no_connection()
        })
    }
}

/// Where in the JSON something stands helps nobody who did not write it by hand.
fn without_place(detail: &str) -> &str {
    detail.rsplit_once(" at line ").map_or(detail, |(what, _)| what)
}

/// Begin and end of what quotes the request, which may have sent a megabyte where a word was expected.
fn shortened(detail: &str) -> String {
    if detail.len() <= LONGEST_DETAIL {
        return detail.to_owned();
    }
    let from = detail.floor_char_boundary(LONGEST_DETAIL / 2);
    let to = detail.ceil_char_boundary(detail.len() - LONGEST_DETAIL / 2);
    format!("{} \u{2026} {}", &detail[..from], &detail[to..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_quotes_no_more_than_is_read() {
        let long = "\u{e9}".repeat(64 << 10);
        let detail = format!("unknown field `{long}`, expected `text` at line 1 column 7");
        let error = ApiError::from_server_fn_error(ServerFnErrorErr::Args(detail));
        assert!(error.message.len() < 600, "{} bytes", error.message.len());
        assert!(error.message.starts_with("The request cannot be read: unknown field `\u{e9}"), "{error}");
        assert!(error.message.ends_with("`, expected `text`"), "{error}");
    }

    #[test]
    fn an_error_of_ours_arrives_as_it_was_sent() {
        let sent = ApiError::new(ApiErrorKind::Gone, "It has ended.");
        assert_eq!(ApiError::de(sent.ser()), sent);
    }

    #[test]
    fn an_error_page_of_a_gateway_means_that_runnel_cannot_be_reached() {
        let pages =
            ["", "<html><head><title>502 Bad Gateway</title></head></html>", "{}", "upstream error", "null"];
        for page in pages {
            let error = ApiError::de(Bytes::from_static(page.as_bytes()));
            assert_eq!(error.kind, ApiErrorKind::Network, "{page}");
            assert!(!error.message.contains("expected"), "{error}");
        }
    }

    #[test]
    fn a_gateway_that_finds_a_question_too_long_is_not_asked_again() {
        let page =
            "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>nginx</body></html>";
        assert_eq!(ApiError::de(Bytes::from_static(page.as_bytes())).kind, ApiErrorKind::TooLarge);
    }
}
