//! Which kind of problem an upstream's error is, and whether the same request may succeed later (wire reference,
//! sections 3.1, 3.2 and 7). An error inside a stream often has no status, and servers name their errors in many
//! ways, so an error is judged by the first of these that says something: a word for exactly this fault, the
//! sentence, a general word, the status.

use super::schema::WireError;
use crate::error::AnswerErrorKind;

/// Words for the key's shortcomings, wherever "key" or "authentication" stands beside them.
const KEY_FAULTS: [&str; 7] =
    ["invalid", "incorrect", "not valid", "missing", "expired", "revoked", "no auth"];

/// The kind of an error. `status` is the response's own, or the one in the error.
#[must_use]
pub fn kind_of(status: Option<u16>, error: &WireError) -> AnswerErrorKind {
    if let Some(kind) = error.limit_source.as_deref().and_then(kind_of_limit) {
        return kind;
    }
    let words = || error.kinds.iter().map(|word| word.to_ascii_lowercase());
    words()
        .find_map(|word| kind_of_exact_word(&word))
        .or_else(|| kind_of_sentence(status, &error.message))
        .or_else(|| words().find_map(|word| kind_of_general_word(&word)))
        .or_else(|| status.and_then(kind_of_status))
        .unwrap_or(AnswerErrorKind::ProviderDown)
}

/// True if the same request may succeed later.
#[must_use]
pub fn is_transient(status: Option<u16>, kind: AnswerErrorKind, error: &WireError) -> bool {
    match kind {
        AnswerErrorKind::RateLimited => true,
        // Of the server's own faults, 501 and 505 stay.
        AnswerErrorKind::ProviderDown => {
            !status.is_some_and(|status| (500..600).contains(&status) && !passes(status))
        }
        // A provider that lost a model; another may have it.
        AnswerErrorKind::UnknownModel => status == Some(404) && error.provider.is_some(),
        _ => false,
    }
}

const fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 524 | 529)
}

/// OpenRouter's `limit_source`. The key's own limit comes as a 403 or as a 402.
fn kind_of_limit(source: &str) -> Option<AnswerErrorKind> {
    match source {
        // Other answers hold the credit; it is free again when they end.
        "openrouter_in_flight_budget" => Some(AnswerErrorKind::RateLimited),
        "openrouter_credits" | "openrouter_key_limit" => Some(AnswerErrorKind::NoCredit),
        _ => source.ends_with("_budget").then_some(AnswerErrorKind::NoCredit),
    }
}

/// OpenRouter's `error_type`, OpenAI's `code` and `type`, Anthropic's `type`, Gemini's `status`, and providers' own
/// reasons for ending.
fn kind_of_exact_word(word: &str) -> Option<AnswerErrorKind> {
    Some(match word {
        "authentication"
        | "authentication_error"
        | "authenticationerror"
        | "invalid_api_key"
        | "invalid_authentication"
        | "unauthenticated"
        | "unauthorized" => AnswerErrorKind::WrongKey,
        "payment_required"
        | "insufficient_quota"
        | "insufficient_credits"
        | "insufficient_balance"
        | "insufficient_user_quota"
        | "billing_error"
        | "billing_hard_limit_reached"
        | "billing_not_active" => AnswerErrorKind::NoCredit,
        "model_not_found" | "model_not_available" => AnswerErrorKind::UnknownModel,
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "ratelimiterror"
        | "too_many_requests"
        | "resource_exhausted" => AnswerErrorKind::RateLimited,
        "context_length_exceeded"
        | "context_window_exceeded"
        | "contextwindowexceedederror"
        | "exceed_context_size_error"
        | "max_tokens_exceeded"
        | "payload_too_large"
        | "prompt_too_long"
        | "request_too_large"
        | "string_above_max_length"
        | "string_too_long"
        | "token_limit_exceeded" => AnswerErrorKind::TooLong,
        "content_filter"
        | "content_policy_violation"
        | "moderation"
        | "moderation_blocked"
        | "prohibited_content"
        | "recitation"
        | "refusal"
        | "safety" => AnswerErrorKind::Refused,
        "provider_unavailable"
        | "provider_overloaded"
        | "overloaded_error"
        | "engine_overloaded"
        | "service_unavailable"
        | "unavailable"
        | "timeout"
        | "timeout_error"
        | "deadline_exceeded" => AnswerErrorKind::ProviderDown,
        _ => return None,
    })
}

/// Words that many faults share; the sentence beside them may say which.
fn kind_of_general_word(word: &str) -> Option<AnswerErrorKind> {
    Some(match word {
        "permission_denied" | "permission_error" => AnswerErrorKind::Refused,
        "not_found" | "not_found_error" | "notfounderror" => AnswerErrorKind::UnknownModel,
        "bad_request"
        | "bad_request_error"
        | "badrequesterror"
        | "failed_precondition"
        | "image_download_failed"
        | "image_not_found"
        | "image_too_large"
        | "image_too_small"
        | "missing_required_parameter"
        | "out_of_range"
        | "precondition_failed"
        | "unknown_parameter"
        | "unprocessable"
        | "unprocessable_entity"
        | "unprocessable_entity_error"
        | "validation_error" => AnswerErrorKind::BadRequest,
        _ if word.starts_with("invalid_") || word.starts_with("unsupported_") => AnswerErrorKind::BadRequest,
        "api_error"
        | "internal"
        | "internal_error"
        | "internal_server_error"
        | "internalservererror"
        | "server"
        | "server_error"
        | "unmapped" => AnswerErrorKind::ProviderDown,
        _ => return None,
    })
}

/// Sentences count where they may be the caller's fault: a server's own fault (5xx) may speak of anything.
fn kind_of_sentence(status: Option<u16>, message: &str) -> Option<AnswerErrorKind> {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    let may_be = |statuses: &[u16]| status.is_none_or(|status| statuses.contains(&status));
    // Said by providers under any status, since what they refused reaches us as a fault of theirs.
    if status != Some(429)
        && says(&["maximum context length", "exceeds the context window", "prompt is too long"])
    {
        return Some(AnswerErrorKind::TooLong);
    }
    if may_be(&[]) && says(&["rate limit", "rate-limit", "too many requests"]) {
        return Some(AnswerErrorKind::RateLimited);
    }
    if may_be(&[400, 413])
        && says(&["context length", "context window", "token limit", "input is too long", "too many tokens"])
        || may_be(&[]) && says(&["exceeds the available context size"])
        || matches!(status, Some(400 | 413)) && says(&["context size", "too long"])
    {
        return Some(AnswerErrorKind::TooLong);
    }
    if may_be(&[400, 403])
        && says(&[
            "current quota",
            "insufficient credit",
            "insufficient balance",
            "insufficient quota",
            "more credits",
            "credit balance",
            "out of credits",
            "key limit exceeded",
        ])
    {
        return Some(AnswerErrorKind::NoCredit);
    }
    if may_be(&[400, 403]) && says(&["api key", "api-key", "authentication"]) && says(&KEY_FAULTS)
        || may_be(&[]) && says(&["no auth credentials", "unauthorized", "user not found"])
    {
        return Some(AnswerErrorKind::WrongKey);
    }
    if may_be(&[400, 404, 422])
        && (says(&["valid model", "model not found", "no such model"])
            || says(&["model"]) && says(&["does not exist", "not found"])
            || status.is_none() && says(&["no endpoints found"]))
    {
        return Some(AnswerErrorKind::UnknownModel);
    }
    if may_be(&[400, 422])
        && says(&[
            "moderation",
            "was flagged",
            "content policy",
            "content management policy",
            "content filter",
            "safety system",
            "usage polic",
            "request blocked",
        ])
    {
        return Some(AnswerErrorKind::Refused);
    }
    let is_unacceptable = [
        "bad request",
        "does not support",
        "invalid argument",
        "invalid input",
        "invalid parameter",
        "invalid prompt",
        "invalid request",
        "invalid type",
        "invalid value",
        "is not supported",
        "missing required",
        "unknown parameter",
        "unrecognized request",
        "unsupported",
    ];
    (may_be(&[]) && says(&is_unacceptable)).then_some(AnswerErrorKind::BadRequest)
}

fn kind_of_status(status: u16) -> Option<AnswerErrorKind> {
    Some(match status {
        401 => AnswerErrorKind::WrongKey,
        402 => AnswerErrorKind::NoCredit,
        403 => AnswerErrorKind::Refused,
        404 => AnswerErrorKind::UnknownModel,
        413 => AnswerErrorKind::TooLong,
        429 => AnswerErrorKind::RateLimited,
        408 | 500..=599 => AnswerErrorKind::ProviderDown,
        400..=499 => AnswerErrorKind::BadRequest,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::schema::read_error;
    use super::AnswerErrorKind::*;
    use super::*;

    /// The kind of an error without a status of its response, as it comes inside a stream, and whether it may pass.
    fn judge(error: &Value) -> (AnswerErrorKind, bool) {
        let error = read_error(error).unwrap();
        let kind = kind_of(error.status, &error);
        (kind, is_transient(error.status, kind, &error))
    }

    #[test]
    fn lasting_errors_are_known_by_their_words_where_there_is_no_status() {
        for (kind, error) in [
            (
                BadRequest,
                json!({"type": "invalid_request_error", "message": "Temperature must be lower", "code": null}),
            ),
            (BadRequest, json!({"code": "unsupported_parameter", "message": "No"})),
            (BadRequest, json!({"type": "BadRequestError", "message": "No"})),
            (BadRequest, json!({"status": "INVALID_ARGUMENT", "message": "No"})),
            (BadRequest, json!("Invalid request: messages.0.role is not supported")),
            (
                TooLong,
                json!({"type": "invalid_request_error", "code": null, "message": "This model's maximum context length is 8192 tokens."}),
            ),
            (
                TooLong,
                json!({"code": "server_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"}),
            ),
            (
                TooLong,
                json!({"message": "the request exceeds the available context size, try increasing it"}),
            ),
            (
                TooLong,
                json!({"code": 502, "message": "Upstream error: This endpoint's maximum context length is 8192 tokens."}),
            ),
            (
                TooLong,
                json!({"metadata": {"error_type": "unmapped", "provider_code": "context_length_exceeded"}, "message": "No"}),
            ),
            (
                NoCredit,
                json!({"message": "You exceeded your current quota, please check your plan and billing details."}),
            ),
            (NoCredit, json!({"type": "insufficient_quota", "code": 429, "message": "No"})),
            (NoCredit, json!({"message": "Your credit balance is too low to access the API."})),
            (NoCredit, json!({"code": 403, "message": "Key limit exceeded (monthly limit)."})),
            (
                NoCredit,
                json!({"code": 403, "message": "No", "metadata": {"limit_source": "openrouter_key_limit"}}),
            ),
            (WrongKey, json!({"type": "invalid_request_error", "code": "invalid_api_key", "message": "No"})),
            (
                WrongKey,
                json!({"type": "invalid_request_error", "message": "Incorrect API key provided: sk-x."}),
            ),
            (
                WrongKey,
                json!({"status": "INVALID_ARGUMENT", "code": 400, "message": "API key not valid. Please pass a valid API key."}),
            ),
            (WrongKey, json!("No auth credentials found")),
            (Refused, json!({"message": "Your input was flagged for \"violence\"."})),
            (Refused, json!({"code": "content_filter", "message": "No"})),
            (
                Refused,
                json!({"message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."}),
            ),
            (
                UnknownModel,
                json!({"message": "The model `gpt-9` does not exist or you do not have access to it."}),
            ),
            (UnknownModel, json!({"type": "not_found_error", "message": "No"})),
            (UnknownModel, json!({"code": 404, "message": "No endpoints found"})),
        ] {
            assert_eq!(judge(&error), (kind, false), "{error}");
        }
    }

    #[test]
    fn passing_errors_stay_passing_although_they_speak_of_what_lasting_ones_do() {
        for (kind, error) in [
            (ProviderDown, json!("The model is overloaded")),
            (
                ProviderDown,
                json!({"message": "failed to decode, try again, increasing context size or reducing parallel"}),
            ),
            (
                ProviderDown,
                json!({"code": 502, "message": "Invalid response from the provider: unsupported"}),
            ),
            (ProviderDown, json!({"code": 503, "message": "The request took too long"})),
            (
                ProviderDown,
                json!({"code": 500, "message": "Authentication with the provider failed: invalid API key"}),
            ),
            (ProviderDown, json!({"code": "server_error", "message": "Try later"})),
            (ProviderDown, json!({"code": "something_new", "message": "Try later"})),
            (
                RateLimited,
                json!({"type": "tokens", "code": "rate_limit_exceeded", "message": "The token limit a minute was reached"}),
            ),
            (RateLimited, json!({"code": 429, "message": "You exceeded your current quota"})),
            (RateLimited, json!({"message": "Too many requests, please slow down"})),
            (
                RateLimited,
                json!({"code": 402, "message": "No", "metadata": {"limit_source": "openrouter_in_flight_budget"}}),
            ),
            (
                UnknownModel,
                json!({"code": 404, "message": "Provider returned error", "metadata": {"provider_name": "Nvidia"}}),
            ),
        ] {
            assert_eq!(judge(&error), (kind, true), "{error}");
        }
    }

    #[test]
    fn what_a_provider_said_within_the_error_counts_too() {
        let raw = json!({"error": {"type": "invalid_request_error", "code": "context_length_exceeded", "message": "No"}});
        for raw in [raw.clone(), json!(raw.to_string())] {
            let error = json!({"code": 502, "message": "Provider returned error", "metadata": {"raw": raw}});
            assert_eq!(judge(&error), (TooLong, false), "{error}");
        }
    }
}
