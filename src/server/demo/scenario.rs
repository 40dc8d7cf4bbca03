//! The table of models, one for each way in which an upstream can behave.

use axum::response::Response;

use super::{
    answers, endings,
    errors::{self, Asked},
    hostile, midstream,
    play::{Act, Play},
    question::Question,
    wire::Price,
};

/// In tokens.
const CONTEXT_LENGTH: u32 = 128_000;

/// One model of the list.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// The model id, such as `demo/plain`.
    pub id: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    /// In tokens.
    pub context_length: u32,
    pub price: Price,
    pub behaviour: Behaviour,
}

/// How a model answers.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// With a stream that follows this play, or the same gathered into one object.
    Answer(fn(&Question) -> Play),
    /// With a stream that holds an error.
    Break { error: fn() -> Vec<Act>, after_text: bool },
    /// With something else than a stream.
    Refuse(fn(&Asked) -> Response),
    /// With so many refusals for each prompt, then with the play.
    Flaky { refusals: u32, refuse: fn(&Asked) -> Response, act: fn(&Question) -> Play },
    /// Never: not even headers are sent.
    Hang,
    /// By closing the connection before the headers.
    Reset,
}

/// All models, in the order of the list.
pub fn all() -> Vec<Scenario> {
    [ANSWERS, SHAPES, WAITS, ENDINGS, REFUSALS, BREAKS, HOSTILE].concat()
}

const ANSWERS: &[Scenario] = &[
    answer(
        "demo/plain",
        "Demo: Welcome",
        "Explains what Runnel is and how to use a real model.",
        answers::plain,
    )
    .priced("0.0000005", "0.0000015"),
    answer(
        "demo/long",
        "Demo: Long article",
        "A long article with everything that Markdown has.",
        answers::long,
    )
    .priced("0.000003", "0.000015"),
    answer(
        "demo/showcase",
        "Demo: Showcase",
        "An article about streaming: code, formulas, tables, a diagram, thoughts and sources.",
        answers::showcase,
    )
    .priced("0.000003", "0.000015"),
    answer("demo/reasoning", "Demo: Thinks first", "Thinks aloud, then answers.", answers::reasoning),
    answer("demo/citations", "Demo: Cites sources", "Names the pages that it used.", answers::citations),
    answer("demo/image", "Demo: Draws a picture", "Answers with a small picture.", answers::image),
    answer("demo/echo", "Demo: Echo", "Repeats your last message exactly.", answers::echo),
    answer("demo/context", "Demo: Context", "Repeats the whole request as JSON.", answers::context),
    answer("demo/refusal", "Demo: Declines", "Declines to answer, in the refusal field.", answers::refusal),
    answer("demo/tool-call", "Demo: Calls a tool", "Calls a tool, in fragments.", answers::tool_call),
];

const SHAPES: &[Scenario] = &[
    answer(
        "demo/unicode",
        "Demo: Many scripts",
        "Text in many scripts, sent in tiny pieces.",
        answers::unicode,
    ),
    answer("demo/crlf", "Demo: CRLF", "Lines end in carriage return and line feed.", answers::crlf),
    answer("demo/bare-cr", "Demo: Bare CR", "Lines end in a lone carriage return.", answers::bare_cr),
    answer(
        "demo/reasoning-content",
        "Demo: Thinks in DeepSeek's way",
        "Thoughts in the field reasoning_content.",
        answers::reasoning_content,
    ),
    answer(
        "demo/thinks-twice",
        "Demo: Thinks twice",
        "Thinks, answers, thinks again and goes on.",
        answers::thinks_twice,
    ),
    answer(
        "demo/large-image",
        "Demo: Large picture",
        "A picture of more than a megabyte.",
        answers::large_image,
    ),
    answer("demo/parts", "Demo: Parts", "Content as a list of parts.", answers::parts),
    answer("demo/era-a", "Demo: Era A", "Ends as answers did in 2024.", endings::era_a),
    answer("demo/era-b", "Demo: Era B", "Ends as answers did in 2025.", endings::era_b),
    answer("demo/era-c", "Demo: Era C", "Ends as answers did in early March 2026.", endings::era_c),
];

const WAITS: &[Scenario] = &[
    answer("demo/slow", "Demo: Slow start", "Three seconds pass before the first word.", endings::slow),
    answer("demo/comments", "Demo: Comments only", "Keep-alive comments for ever.", endings::comments),
    answer(
        "demo/comments-after-text",
        "Demo: Text, then comments",
        "Some text, then keep-alive comments for ever.",
        endings::comments_after_text,
    ),
    answer("demo/stall", "Demo: Falls silent", "Some text, then silence.", endings::stall),
    answer("demo/stall-first", "Demo: Says nothing", "Headers, then silence.", endings::stall_first),
    special("demo/hang", "Demo: Hangs", "Takes the request and never answers.", Behaviour::Hang),
    special(
        "demo/flaky",
        "Demo: Rate-limited twice",
        "Refuses each prompt twice with 429 and Retry-After, then answers.",
        Behaviour::Flaky { refusals: 2, refuse: errors::rate_limited, act: answers::recovered },
    ),
    special(
        "demo/flaky-fast",
        "Demo: Unavailable twice",
        "Refuses each prompt twice with 503, then answers.",
        Behaviour::Flaky { refusals: 2, refuse: errors::overloaded, act: answers::recovered },
    ),
];

const ENDINGS: &[Scenario] = &[
    answer("demo/length", "Demo: Too long", "Stops at the token limit.", endings::length),
    answer("demo/content-filter", "Demo: Filtered", "Is stopped by a filter.", endings::content_filter),
    answer("demo/cut", "Demo: Cut off", "The stream ends early, without a reason.", endings::cut),
    answer(
        "demo/cut-reset",
        "Demo: Cut in an event",
        "The connection dies within an event.",
        endings::cut_reset,
    ),
    answer("demo/no-done", "Demo: No terminator", "Finishes without [DONE].", endings::no_done),
    answer("demo/empty", "Demo: Empty answer", "Finishes without having said anything.", endings::empty),
    answer("demo/garbage", "Demo: Garbage", "Events that are not JSON, between good ones.", endings::garbage),
    answer(
        "demo/end-immediately",
        "Demo: No body",
        "Status 200 and an empty body.",
        endings::end_immediately,
    ),
    answer(
        "demo/reset-first",
        "Demo: Dies early",
        "Headers, then the connection dies.",
        endings::reset_first,
    ),
    special("demo/reset", "Demo: Closes at once", "The connection closes without headers.", Behaviour::Reset),
];

const REFUSALS: &[Scenario] = &[
    refuse("demo/error-400", "Demo: Error 400", "Invalid request.", errors::bad_request),
    refuse("demo/error-context", "Demo: Context too long", "Too many tokens.", errors::context_length),
    refuse("demo/error-401", "Demo: Error 401", "Wrong key.", errors::unauthenticated),
    refuse(
        "demo/error-leak",
        "Demo: Error with the key",
        "Repeats the key in its message.",
        errors::leaks_key,
    ),
    refuse("demo/error-402", "Demo: Error 402", "Out of credits.", errors::payment_required),
    refuse("demo/error-403", "Demo: Error 403", "Stopped by moderation.", errors::moderated),
    refuse("demo/error-404", "Demo: Error 404", "Nobody serves this.", errors::no_endpoints),
    refuse("demo/error-408", "Demo: Error 408", "Timed out.", errors::operation_timed_out),
    refuse("demo/error-413", "Demo: Error 413", "Too large.", errors::too_large),
    refuse("demo/error-422", "Demo: Error 422", "Invalid argument.", errors::unprocessable),
    refuse("demo/error-429", "Demo: Error 429", "Rate limit; retry after 1 s.", errors::rate_limited),
    refuse(
        "demo/error-429-reset",
        "Demo: Error 429 until",
        "Rate limit with a time.",
        errors::rate_limited_until,
    ),
    refuse(
        "demo/error-429-long",
        "Demo: Error 429 for long",
        "Retry after an hour.",
        errors::rate_limited_long,
    ),
    refuse("demo/error-500", "Demo: Error 500", "Internal error.", errors::internal),
    refuse("demo/error-502", "Demo: Error 502", "The provider failed.", errors::bad_gateway),
    refuse(
        "demo/error-raw",
        "Demo: Error within an error",
        "The reason is in metadata.",
        errors::raw_in_metadata,
    ),
    refuse("demo/error-503", "Demo: Error 503", "Unavailable.", errors::overloaded),
    refuse("demo/error-503-html", "Demo: Error 503 as a page", "A page of HTML.", errors::html_page),
    refuse("demo/error-504", "Demo: Error 504", "The provider timed out.", errors::gateway_timeout),
    refuse("demo/error-524", "Demo: Error 524", "The request timed out.", errors::request_timed_out),
    refuse("demo/error-529", "Demo: Error 529", "The provider is overloaded.", errors::provider_overloaded),
    refuse(
        "demo/error-200",
        "Demo: Error with status 200",
        "Says OK and fails.",
        errors::error_with_status_200,
    ),
    refuse(
        "demo/error-not-json",
        "Demo: Page with status 200",
        "A sign-in page.",
        errors::page_with_status_200,
    ),
];

const BREAKS: &[Scenario] = &[
    before("demo/midstream-documented", midstream::documented),
    after("demo/midstream-documented-after-text", midstream::documented),
    before("demo/midstream-empty-choices", midstream::empty_choices),
    after("demo/midstream-empty-choices-after-text", midstream::empty_choices),
    before("demo/midstream-bare", midstream::bare),
    after("demo/midstream-bare-after-text", midstream::bare),
    before("demo/midstream-string-code", midstream::string_code),
    after("demo/midstream-string-code-after-text", midstream::string_code),
    before("demo/midstream-null-code", midstream::null_code),
    after("demo/midstream-null-code-after-text", midstream::null_code),
    before("demo/midstream-choice", midstream::choice),
    after("demo/midstream-choice-after-text", midstream::choice),
    before("demo/midstream-string", midstream::string),
    after("demo/midstream-string-after-text", midstream::string),
    before("demo/midstream-finish-error", midstream::finish_error),
    after("demo/midstream-finish-error-after-text", midstream::finish_error),
    before("demo/midstream-error-field", midstream::error_field),
    after("demo/midstream-error-field-after-text", midstream::error_field),
    before("demo/midstream-event-error", midstream::event_error),
    after("demo/midstream-event-error-after-text", midstream::event_error),
    before("demo/midstream-rate-limit", midstream::rate_limit),
    after("demo/midstream-rate-limit-after-text", midstream::rate_limit),
    before("demo/midstream-invalid-request", midstream::invalid_request),
    after("demo/midstream-invalid-request-after-text", midstream::invalid_request),
    before("demo/midstream-context-length", midstream::context_length),
    after("demo/midstream-context-length-after-text", midstream::context_length),
    before("demo/midstream-raw-context-length", midstream::raw_context_length),
    after("demo/midstream-raw-context-length-after-text", midstream::raw_context_length),
    before("demo/midstream-quota", midstream::quota),
    after("demo/midstream-quota-after-text", midstream::quota),
    before("demo/midstream-wrong-key", midstream::wrong_key),
    after("demo/midstream-wrong-key-after-text", midstream::wrong_key),
    before("demo/midstream-moderated", midstream::moderated),
    after("demo/midstream-moderated-after-text", midstream::moderated),
    before("demo/midstream-unknown-model", midstream::unknown_model),
    after("demo/midstream-unknown-model-after-text", midstream::unknown_model),
];

const HOSTILE: &[Scenario] = &[
    answer("demo/bomb-line", "Demo: Endless line", "64 MiB without a line end.", hostile::bomb_line),
    answer("demo/bomb-data", "Demo: Endless event", "64 MiB of data lines in one event.", hostile::bomb_data),
    answer("demo/many-tiny", "Demo: Many deltas", "100,000 deltas of one character.", hostile::many_tiny),
    answer("demo/deep-json", "Demo: Deep JSON", "An event nested 100,000 deep.", hostile::deep_json),
    answer("demo/script", "Demo: Script", "Markup and events that must not run.", hostile::script),
    answer("demo/escapes", "Demo: Escapes", "Text and names that a terminal obeys.", hostile::escapes),
    refuse("demo/error-escapes", "Demo: Error with escapes", "A terminal obeys it.", errors::escapes),
    answer("demo/bidi", "Demo: Invisible characters", "Text that hides its order.", hostile::bidi),
];

impl Scenario {
    /// With a price for a prompt token and for a completion token, in US dollars.
    const fn priced(self, prompt: &'static str, completion: &'static str) -> Self {
        Self { price: Price { prompt, completion }, ..self }
    }
}

const fn special(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    behaviour: Behaviour,
) -> Scenario {
    Scenario { id, name, description, context_length: CONTEXT_LENGTH, price: Price::FREE, behaviour }
}

const fn answer(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    act: fn(&Question) -> Play,
) -> Scenario {
    special(id, name, description, Behaviour::Answer(act))
}

const fn refuse(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    refuse: fn(&Asked) -> Response,
) -> Scenario {
    special(id, name, description, Behaviour::Refuse(refuse))
}

const fn before(id: &'static str, error: fn() -> Vec<Act>) -> Scenario {
    let behaviour = Behaviour::Break { error, after_text: false };
    special(id, "Demo: Error before any text", "An error inside the stream, before any text.", behaviour)
}

const fn after(id: &'static str, error: fn() -> Vec<Act>) -> Scenario {
    let behaviour = Behaviour::Break { error, after_text: true };
    special(id, "Demo: Error after some text", "An error inside the stream, after some text.", behaviour)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_model_is_listed_once() {
        let all = all();
        let ids: HashSet<&str> = all.iter().map(|scenario| scenario.id).collect();
        assert_eq!(ids.len(), all.len());
        assert!(ids.iter().all(|id| id.starts_with("demo/")));
    }
}
