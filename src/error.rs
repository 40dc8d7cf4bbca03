//! What went wrong, in a form that a person can act on.

use serde::{Deserialize, Serialize};

/// Something that kept an answer from being given or finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerError {
    pub kind: AnswerErrorKind,
    /// What the upstream said, or our own words where it said nothing. Never holds the API key.
    pub message: String,
    /// The upstream's status, from HTTP or from the error's `code`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider behind the upstream that the error names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// How long the upstream asks to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The kinds of problem that a person, or a caller, treats differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerErrorKind {
    /// The key is missing, wrong or withdrawn.
    WrongKey,
    /// No money left, or a spending limit reached.
    NoCredit,
    /// No such model, or nobody serves it as asked.
    UnknownModel,
    /// Too many requests.
    RateLimited,
    /// The provider is overloaded, broken or too slow.
    ProviderDown,
    /// The conversation is longer than the model can read.
    TooLong,
    /// Moderation or a guardrail refused it.
    Refused,
    /// The upstream did not accept the request.
    BadRequest,
    /// No connection to the upstream.
    Unreachable,
    /// The upstream is there and fell silent.
    Stalled,
    /// The stream ended in the middle.
    CutOff,
    /// What the upstream sent is not what a chat server sends.
    Unreadable,
    /// The answer grew beyond what Runnel takes; what came before is kept.
    TooLarge,
    /// Runnel itself stopped or failed.
    Internal,
    /// A kind that only a newer Runnel knows. Its message tells.
    #[serde(other)]
    Other,
}

impl AnswerErrorKind {
    /// What happened, as a sentence.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::WrongKey => "The API key was not accepted.",
            Self::NoCredit => "There is not enough credit for this.",
            Self::UnknownModel => "This model is not available.",
            Self::RateLimited => "Too many requests right now.",
            Self::ProviderDown => "The provider is overloaded or down.",
            Self::TooLong => "This conversation is too long for the model.",
            Self::Refused => "The request was refused by moderation.",
            Self::BadRequest => "The model's server did not accept the request.",
            Self::Unreachable => "The model's server cannot be reached.",
            Self::Stalled => "The model stopped responding.",
            Self::CutOff => "The connection to the model was lost.",
            Self::Unreadable => "The model's server sent a response that Runnel cannot read.",
            Self::TooLarge => "Cut off: the answer is too large.",
            Self::Internal => "Runnel could not finish this answer.",
            Self::Other => "This answer could not be finished.",
        }
    }

    /// The one thing to do about it. `has_text` tells whether some of the answer was written.
    #[must_use]
    pub const fn advice(self, has_text: bool) -> &'static str {
        match self {
            Self::WrongKey => {
                "Check OPENROUTER_API_KEY where Runnel runs (create a key at openrouter.ai/keys), then restart Runnel."
            }
            Self::NoCredit => {
                "Add credit at openrouter.ai/credits, ask for fewer tokens, or choose a free model."
            }
            Self::UnknownModel => {
                "Check the name: it has the form vendor/name, such as openai/gpt-4o-mini. Or choose another model."
            }
            Self::RateLimited => "Wait a little, then try again, or choose another model.",
            Self::ProviderDown => "Try again in a moment, or choose another model.",
            Self::TooLong => {
                "Start a new chat, shorten the question, or choose a model with a larger context."
            }
            Self::Refused => "Change the wording, or choose another model.",
            Self::BadRequest => "Check the chat settings, or choose another model.",
            Self::Unreachable => {
                "Check the network and OPENROUTER_BASE_URL where Runnel runs, then try again."
            }
            Self::Stalled | Self::CutOff if has_text => "What was written is kept. Try again.",
            Self::Stalled | Self::CutOff => "Try again.",
            Self::Unreadable => {
                "Check OPENROUTER_BASE_URL where Runnel runs: it must be the address of a chat API. Then try again."
            }
            Self::TooLarge => {
                "What came before is kept. Ask for less at once, or set RUNNEL_ANSWER_LIMIT higher where Runnel runs."
            }
            Self::Internal => "Try again. If it happens again, look at Runnel's log.",
            Self::Other => "Reload the page, then try again.",
        }
    }
}

impl AnswerError {
    /// A problem in our own words.
    #[must_use]
    pub fn new(kind: AnswerErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, provider: None, retry_after_ms: None }
    }
}

impl std::fmt::Display for AnswerError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.kind.sentence())?;
        if !self.message.is_empty() && self.message != self.kind.sentence() {
            write!(formatter, " {}", self.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for AnswerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_a_newer_version_is_read_as_another() {
        let problem: AnswerError =
            serde_json::from_str(r#"{"kind":"too_sleepy","message":"Later."}"#).unwrap();
        assert_eq!(problem, AnswerError::new(AnswerErrorKind::Other, "Later."));
        assert_eq!(serde_json::to_string(&AnswerErrorKind::CutOff).unwrap(), r#""cut_off""#);
    }
}
