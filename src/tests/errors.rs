//! Each way in which an upstream can fail becomes a problem of the right kind, and only what may pass is tried
//! again, and only while nothing was shown.

use futures::future::join_all;
use runnel::chat::EndStatus;
use runnel::error::AnswerErrorKind::{self, *};
use runnel::server::openrouter::RetryPolicy;

use crate::test_app::{KEY, RawUpstream, TestApp, message, next_message, quick_retries};

const ATTEMPTS: u32 = 2;

/// What must be shown when a model fails.
struct Case {
    model: &'static str,
    kind: AnswerErrorKind,
    status: Option<u16>,
    /// Whether the same request may succeed later.
    passes: bool,
    /// Words of the upstream that must be passed on.
    words: &'static str,
}

const fn lasting(model: &'static str, kind: AnswerErrorKind, status: u16, words: &'static str) -> Case {
    Case { model, kind, status: Some(status), passes: false, words }
}

const fn passing(model: &'static str, kind: AnswerErrorKind, status: u16, words: &'static str) -> Case {
    Case { model, kind, status: Some(status), passes: true, words }
}

const fn passing_without_status(model: &'static str, kind: AnswerErrorKind, words: &'static str) -> Case {
    Case { model, kind, status: None, passes: true, words }
}

const fn lasting_without_status(model: &'static str, kind: AnswerErrorKind, words: &'static str) -> Case {
    Case { model, kind, status: None, passes: false, words }
}

const BEFORE_THE_STREAM: [Case; 23] = [
    lasting("error-400", BadRequest, 400, "Invalid request parameters"),
    lasting("error-context", TooLong, 400, "maximum context length is 8192"),
    lasting("error-401", WrongKey, 401, "User not found."),
    lasting("error-leak", WrongKey, 401, "Invalid credentials"),
    lasting("error-402", NoCredit, 402, "Insufficient credits"),
    lasting("error-403", Refused, 403, "flagged for \"violence\""),
    lasting("error-404", UnknownModel, 404, "No endpoints found"),
    passing("error-408", ProviderDown, 408, "Operation timed out"),
    lasting("error-413", TooLong, 413, "Request payload too large"),
    lasting("error-422", BadRequest, 422, "Invalid argument"),
    passing("error-429", RateLimited, 429, "Rate limit exceeded"),
    passing("error-429-reset", RateLimited, 429, "free-models-per-min"),
    lasting("error-429-long", RateLimited, 429, "Rate limit exceeded"),
    passing("error-500", ProviderDown, 500, "Internal Server Error"),
    passing("error-502", ProviderDown, 502, "Provider returned error"),
    passing("error-raw", ProviderDown, 502, "back in five minutes"),
    passing("error-503", ProviderDown, 503, "Service temporarily unavailable"),
    passing("error-503-html", ProviderDown, 503, "503"),
    passing("error-504", ProviderDown, 504, "Provider timed out after 47709ms"),
    passing("error-524", ProviderDown, 524, "Request timed out"),
    passing("error-529", ProviderDown, 529, "Provider returned error"),
    passing("error-200", ProviderDown, 500, "Internal Server Error"),
    Case { model: "error-not-json", kind: Unreadable, status: None, passes: false, words: "web page" },
];

const IN_THE_STREAM: [Case; 18] = [
    passing("midstream-documented", ProviderDown, 502, "Provider disconnected unexpectedly"),
    passing("midstream-empty-choices", ProviderDown, 502, "temporarily overloaded"),
    passing("midstream-bare", RateLimited, 429, "free-models-per-day"),
    passing_without_status("midstream-string-code", ProviderDown, "Provider disconnected unexpectedly"),
    passing_without_status("midstream-null-code", ProviderDown, "The server had an error"),
    passing("midstream-choice", ProviderDown, 502, "Provider disconnected mid-stream"),
    passing_without_status("midstream-string", ProviderDown, "The model is overloaded"),
    passing_without_status("midstream-finish-error", ProviderDown, "MALFORMED_FUNCTION_CALL"),
    passing_without_status("midstream-error-field", ProviderDown, "failed to decode"),
    passing("midstream-event-error", ProviderDown, 500, "The model has crashed."),
    passing("midstream-rate-limit", RateLimited, 429, "Provider returned error"),
    lasting_without_status("midstream-invalid-request", BadRequest, "Invalid 'temperature'"),
    lasting_without_status("midstream-context-length", TooLong, "maximum context length is 8192"),
    lasting("midstream-raw-context-length", TooLong, 502, "prompt is too long"),
    lasting_without_status("midstream-quota", NoCredit, "exceeded your current quota"),
    lasting_without_status("midstream-wrong-key", WrongKey, "Incorrect API key"),
    lasting_without_status("midstream-moderated", Refused, "flagged for \"violence\""),
    lasting_without_status("midstream-unknown-model", UnknownModel, "does not exist"),
];

async fn start() -> TestApp {
    TestApp::start_with(|client| client.retry = RetryPolicy { attempts: ATTEMPTS, ..quick_retries() }).await
}

/// Asks the model and checks how it failed; gives the text that was kept.
async fn check(app: &TestApp, case: &Case, model: &str, requests: u64) -> String {
    let prompt = format!("How does {model} fail?");
    let reader = app.ask(&format!("demo/{model}"), &prompt).await;
    let problem = reader.problem();
    assert_eq!(reader.status(), EndStatus::Failed, "{model}");
    assert_eq!((problem.kind, problem.status), (case.kind, case.status), "{model}: {problem:?}");
    assert!(problem.message.contains(case.words), "{model}: {}", problem.message);
    assert!(!problem.message.contains("<!DOCTYPE"), "{model}: {}", problem.message);
    assert_eq!(app.stats(&prompt).await.requests, requests, "{model}");
    assert_eq!(reader.retries().len() as u64, requests - 1, "{model}");
    for retry in reader.retries() {
        assert_eq!((retry.problem.kind, retry.problem.status), (case.kind, case.status), "{model}");
    }
    reader.answer.text().into_owned()
}

fn requests(case: &Case) -> u64 {
    if case.passes { u64::from(ATTEMPTS) } else { 1 }
}

#[tokio::test]
async fn an_error_before_the_stream_is_told_and_tried_again_only_if_it_may_pass() {
    let app = start().await;
    let checks = BEFORE_THE_STREAM.iter().map(|case| check(&app, case, case.model, requests(case)));
    for text in join_all(checks).await {
        assert_eq!(text, "");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_before_any_text_is_tried_again_only_if_it_may_pass() {
    let app = start().await;
    let checks = IN_THE_STREAM.iter().map(|case| check(&app, case, case.model, requests(case)));
    for text in join_all(checks).await {
        assert_eq!(text, "");
    }
}

#[tokio::test]
async fn an_error_after_text_keeps_the_text_and_is_never_tried_again() {
    let app = start().await;
    let models = IN_THE_STREAM.map(|case| (format!("{}-after-text", case.model), case));
    for text in join_all(models.iter().map(|(model, case)| check(&app, case, model, 1))).await {
        assert_eq!(text, "This is the part of the answer that arrived before the error.");
    }
}

#[tokio::test]
async fn a_model_that_nobody_knows_is_told_with_the_form_of_a_name() {
    let app = start().await;
    let reader = app.ask("demo/no-such-model", "Who are you?").await;
    assert_eq!(reader.problem().kind, UnknownModel);
    assert_eq!(reader.problem().status, Some(400));
    assert!(reader.retries().is_empty());
    assert!(reader.problem().kind.advice(false).contains("vendor/name"));
}

#[tokio::test]
async fn every_kind_of_problem_says_what_happened_and_what_to_do() {
    for kind in [
        WrongKey,
        NoCredit,
        UnknownModel,
        RateLimited,
        ProviderDown,
        TooLong,
        Refused,
        BadRequest,
        Unreachable,
        Stalled,
        CutOff,
        Unreadable,
        Internal,
    ] {
        for has_text in [false, true] {
            let advice = kind.advice(has_text);
            assert!(kind.sentence().ends_with('.') && advice.ends_with('.'), "{kind:?}");
            assert_ne!(kind.sentence(), advice);
            assert!(has_text || !advice.contains("kept"), "{kind:?}: nothing was written");
        }
    }
}

#[tokio::test]
async fn a_failed_answer_can_be_followed_and_asked_after() {
    let app = start().await;
    let failed = message("demo/error-401", "Is the key right?");
    let first = app.begin(&failed).await.finished().await;
    let again = app.follow(failed.answer, 0).await.finished().await;
    assert_eq!(again.events, first.events);
    let mut next = next_message(&failed, "And now?");
    next.settings.model = Some("demo/echo".into());
    assert_eq!(app.begin(&next).await.finished().await.answer.text(), "And now?");
}

#[tokio::test]
async fn the_key_is_in_no_event_and_on_no_page_although_the_upstream_repeats_it() {
    let app = TestApp::start_with(|client| client.api_key = Some(KEY.into())).await;
    let message = message("demo/error-leak", "What is my key?");
    let reader = app.begin(&message).await.finished().await;
    assert!(reader.problem().message.contains("Bearer [key]"), "{}", reader.problem().message);
    let mut seen = vec![String::from_utf8(reader.body).unwrap()];
    for path in [
        format!("/api/follow_answer?id={}", message.answer),
        format!("/c/{}", message.conversation),
        "/".into(),
        "/settings".into(),
    ] {
        seen.push(app.get(&path).await.text().await.unwrap());
    }
    let conversation = serde_json::json!({"id": message.conversation});
    for (path, body) in
        [("/api/load_conversation", conversation), ("/api/list_models", serde_json::json!({}))]
    {
        let response = app.post(path, &body).await;
        assert_eq!(response.status(), 200, "{path}");
        seen.push(response.text().await.unwrap());
    }
    for body in seen {
        assert!(!body.is_empty() && !body.contains(KEY), "{body}");
    }
    assert_eq!(app.last_request().await["headers"]["authorization"]["present"], true, "it was sent, though");
}

#[tokio::test]
async fn the_key_is_in_no_name_reason_call_or_source_although_the_upstream_repeats_it() {
    let echo = format!("<{KEY}>");
    let chunk = serde_json::json!({
        "id": echo, "model": echo, "provider": echo,
        "choices": [{"index": 0, "finish_reason": echo, "native_finish_reason": echo, "delta": {
            "content": echo, "reasoning": echo, "refusal": echo,
            "images": [{"image_url": {"url": echo}}],
            "reasoning_details": [{"type": "reasoning.text", "text": echo, "signature": echo}],
            "annotations": [
                {"type": "url_citation", "url_citation": {"url": echo, "title": echo}},
                {"type": "file", "file": {"hash": echo, "content": [{"type": "text", "text": echo}]}},
            ],
            "tool_calls": [{"index": 0, "id": echo, "function": {"name": echo, "arguments": echo}}],
        }}],
    });
    let headers = ["content-type: text/event-stream", &format!("x-generation-id: {echo}")];
    let body = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    let upstream = RawUpstream::with_response("200 OK", &headers, &body).await;
    let app =
        TestApp::start_in_front_of(&upstream.base_url(), |client| client.api_key = Some(KEY.into())).await;
    let message = message("any", "Who are you?");
    let reader = app.begin(&message).await.finished().await;
    assert!(upstream.requests()[0].contains(KEY), "it was sent, though");
    let answer = &reader.answer;
    assert_eq!(answer.source.provider.as_deref(), Some("<[key]>"));
    assert_eq!(answer.source.generation_id.as_deref(), Some("<[key]>"));
    assert_eq!(answer.content.tool_calls().next().unwrap().arguments, "<[key]>");
    let mut seen = vec![String::from_utf8(reader.body).unwrap()];
    let whole = app.post("/api/load_conversation", &serde_json::json!({"id": message.conversation})).await;
    let whole = whole.text().await.unwrap();
    for kind in ["\"signature\":\"<[key]>\"", "\"hash\":\"<[key]>\""] {
        assert!(whole.contains(kind), "{whole}");
    }
    seen.push(whole);
    for path in [
        format!("/api/follow_answer?id={}", message.answer),
        format!("/c/{}", message.conversation),
        "/".into(),
    ] {
        seen.push(app.get(&path).await.text().await.unwrap());
    }
    for body in seen {
        assert!(!body.is_empty() && !body.contains(KEY), "{body}");
    }
}

#[tokio::test]
async fn the_key_is_not_in_the_list_of_models_although_the_upstream_repeats_it() {
    let list = serde_json::json!({"data": [{"id": format!("a/{KEY}"), "name": format!("Yours: {KEY}")}]});
    let headers = ["content-type: application/json"];
    let upstream = RawUpstream::with_response("200 OK", &headers, &list.to_string()).await;
    let app =
        TestApp::start_in_front_of(&upstream.base_url(), |client| client.api_key = Some(KEY.into())).await;
    let models = app.post("/api/list_models", &serde_json::json!({})).await.text().await.unwrap();
    assert!(models.contains("Yours: [key]") && !models.contains(KEY), "{models}");
}

#[tokio::test]
async fn a_compressed_response_is_told_as_such_and_none_is_asked_for() {
    // The client has no decompression, so the bytes do not matter.
    for (status, content_type, kind) in [
        ("200 OK", "text/event-stream", Unreadable),
        ("200 OK", "application/json", Unreadable),
        ("401 Unauthorized", "application/json", WrongKey),
    ] {
        let headers = [&format!("content-type: {content_type}"), "content-encoding: gzip"];
        let upstream = RawUpstream::with_response(status, &headers, "\u{1f}garbage").await;
        let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
        let reader = app.ask("any", "Plainly?").await;
        assert_eq!((reader.status(), reader.problem().kind), (EndStatus::Failed, kind), "{status}");
        let message = &reader.problem().message;
        assert!(message.contains("compressed (gzip)") && !message.contains("garbage"), "{message}");
        let requests = upstream.requests();
        assert_eq!(requests.len(), 1, "{status}");
        assert!(requests[0].contains("accept-encoding: identity\r\n"), "{}", requests[0]);
    }
}

#[tokio::test]
async fn a_message_cut_to_size_shows_no_part_of_the_key() {
    // The key lies across every place where a message could be cut.
    for padding in [560, 580, 590, 597] {
        let words = format!("{} {KEY} is wrong", "x".repeat(padding));
        let body = serde_json::json!({"error": {"code": 401, "message": words}}).to_string();
        let upstream =
            RawUpstream::with_response("401 Unauthorized", &["content-type: application/json"], &body).await;
        let app =
            TestApp::start_in_front_of(&upstream.base_url(), |client| client.api_key = Some(KEY.into()))
                .await;
        let reader = app.ask("any", "What is my key?").await;
        assert!(!reader.problem().message.contains("sk-or"), "{}", reader.problem().message);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_the_key() {
    let elsewhere = RawUpstream::silent().await;
    let location = format!("location: {}/chat/completions", elsewhere.base_url());
    let upstream = RawUpstream::with_response("307 Temporary Redirect", &[&location], "").await;
    let app =
        TestApp::start_in_front_of(&upstream.base_url(), |client| client.api_key = Some(KEY.into())).await;
    let reader = app.ask("any", "Where are you?").await;
    assert_eq!((reader.status(), reader.problem().kind), (EndStatus::Failed, Unreadable));
    assert!(upstream.requests()[0].contains(KEY), "the upstream itself gets the key");
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_whole_is_an_answer() {
    let body = serde_json::json!({
        "id": "whole-1", "model": "local", "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "All at once."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    });
    let upstream =
        RawUpstream::with_response("200 OK", &["content-type: application/json"], &format!("  \n{body}"))
            .await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("local", "Can you stream?").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.answer.text(), "All at once.");
    assert_eq!(reader.end().usage.as_ref().unwrap().total_tokens, Some(7));
    assert_eq!(upstream.requests().len(), 1);
}

#[tokio::test]
async fn what_is_not_http_is_a_problem_and_not_a_crash() {
    let upstream = RawUpstream::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "Do you speak HTTP?").await;
    assert_ne!(reader.status(), EndStatus::Complete);
    assert!(!reader.problem().message.is_empty());
}

#[tokio::test]
async fn successes_without_an_answer_in_them_are_not_answers() {
    for (kind, body) in [
        ("application/json", "{}"),
        ("application/json", "[]"),
        ("application/json", "null"),
        ("application/json", ""),
        ("text/plain", "hello"),
        ("text/event-stream", "{\"choices\":[]}"),
    ] {
        let upstream = RawUpstream::with_response("200 OK", &[&format!("content-type: {kind}")], body).await;
        let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
        let reader = app.ask("any", "Anything?").await;
        assert_ne!(reader.status(), EndStatus::Complete, "{kind} {body}");
        assert_eq!(reader.answer.text(), "", "{kind} {body}");
        assert!(!reader.problem().message.is_empty(), "{kind} {body}");
    }
}
