//! The emulated OpenRouter keeps its promises: each model answers in its own way, the client's leaving is
//! noticed, and the counts are right.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::StreamExt;
use reqwest::{Client, Response, StatusCode, header::HeaderMap};
use runnel::server::demo::{Demo, Pace};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Nothing that is expected may take longer than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// Models that finish with `stop` and `[DONE]`, and whose content begins with this.
const GOOD: [(&str, &str); 27] = [
    ("demo/plain", "Welcome to Runnel."),
    ("demo/long", "# How streaming text works"),
    ("demo/showcase", "# How a self-hosted chat"),
    ("demo/reasoning", "17 × 23 = **391**."),
    ("demo/reasoning-content", "17 × 23 = **391**."),
    ("demo/thinks-twice", "17 × 23 = **391**.Divided again"),
    ("demo/citations", "Answers arrive"),
    ("demo/image", "Here is a picture of 32"),
    ("demo/large-image", "Here is a picture of 640"),
    ("demo/echo", "What is it?"),
    ("demo/context", "{\""),
    ("demo/refusal", ""),
    ("demo/unicode", "Naïve façade"),
    ("demo/crlf", "First line.\nSecond line."),
    ("demo/bare-cr", "First line.\nSecond line."),
    ("demo/parts", ""),
    ("demo/era-a", "This answer ends"),
    ("demo/era-b", "This answer ends"),
    ("demo/era-c", "This answer ends"),
    ("demo/slow", "Thank you for waiting."),
    ("demo/empty", ""),
    ("demo/garbage", "The good events arrive all the same."),
    ("demo/many-tiny", "The quick brown fox"),
    ("demo/deep-json", "Before the deep event. After it."),
    ("demo/script", "This event called itself the end"),
    ("demo/escapes", "Clear: \u{1b}[2J"),
    ("demo/bidi", "Access level: user\u{202E}"),
];

/// Models that end otherwise: their finish reason, whether `[DONE]` comes, and whether the connection breaks.
const ENDINGS: [(&str, Option<&str>, bool, bool); 8] = [
    ("demo/length", Some("length"), true, false),
    ("demo/content-filter", Some("content_filter"), true, false),
    ("demo/tool-call", Some("tool_calls"), true, false),
    ("demo/no-done", Some("stop"), false, false),
    ("demo/cut", None, false, false),
    ("demo/cut-reset", None, false, true),
    ("demo/reset-first", None, false, true),
    ("demo/end-immediately", None, false, false),
];

/// Models that refuse before the stream, with this status and these words somewhere in the body.
const REFUSALS: [(&str, u16, &str); 26] = [
    ("demo/error-400", 400, "Invalid request parameters"),
    ("demo/error-context", 400, "maximum context length"),
    ("demo/error-401", 401, "User not found."),
    ("demo/error-leak", 401, "Bearer sk-or-v1-secret"),
    ("demo/error-402", 402, "Insufficient credits"),
    ("demo/error-403", 403, "flagged_input"),
    ("demo/error-404", 404, "No endpoints found"),
    ("demo/error-408", 408, "timed out"),
    ("demo/error-413", 413, "too large"),
    ("demo/error-422", 422, "Invalid argument"),
    ("demo/error-429", 429, "Rate limit exceeded"),
    ("demo/error-429-reset", 429, "X-RateLimit-Reset"),
    ("demo/error-429-long", 429, "Rate limit exceeded"),
    ("demo/error-500", 500, "Internal Server Error"),
    ("demo/error-502", 502, "Provider returned error"),
    ("demo/error-raw", 502, "back in five minutes"),
    ("demo/error-503", 503, "temporarily unavailable"),
    ("demo/error-503-html", 503, "<!DOCTYPE html>"),
    ("demo/error-504", 504, "timed out"),
    ("demo/error-524", 524, "timed out"),
    ("demo/error-529", 529, "Provider returned error"),
    ("demo/error-200", 200, "Internal Server Error"),
    ("demo/error-not-json", 200, "<!DOCTYPE html>"),
    ("demo/error-escapes", 400, "ERROR runnel: forged"),
    ("demo/flaky", 429, "Rate limit exceeded"),
    ("demo/flaky-fast", 503, "temporarily unavailable"),
];

/// The shapes of an error inside the stream, and words that each holds.
const MIDSTREAM: [(&str, &str); 18] = [
    ("documented", "\"finish_reason\":\"error\""),
    ("empty-choices", "\"choices\":[]"),
    ("bare", "\"user_id\":"),
    ("string-code", "\"code\":\"server_error\""),
    ("null-code", "\"code\":null"),
    ("choice", "\"native_finish_reason\":null"),
    ("string", "{\"error\":\"The model is overloaded\"}"),
    ("finish-error", "MALFORMED_FUNCTION_CALL"),
    ("error-field", "error: {"),
    ("event-error", "event: error\ndata: {"),
    ("rate-limit", "\"code\":429"),
    ("invalid-request", "\"type\":\"invalid_request_error\""),
    ("context-length", "maximum context length"),
    ("raw-context-length", "prompt is too long"),
    ("quota", "exceeded your current quota"),
    ("wrong-key", "\"code\":\"invalid_api_key\""),
    ("moderated", "\"reasons\":[\"violence\"]"),
    ("unknown-model", "does not exist"),
];

/// Models with a test of their own: they never end, or never answer, or flood.
const SPECIAL: [&str; 8] = [
    "demo/comments",
    "demo/comments-after-text",
    "demo/stall",
    "demo/stall-first",
    "demo/hang",
    "demo/reset",
    "demo/bomb-line",
    "demo/bomb-data",
];

#[tokio::test]
async fn the_list_holds_exactly_the_models_that_are_tested_here() {
    let upstream = Upstream::start().await;
    let list = upstream.get("/api/v1/models").await;
    let listed: BTreeSet<String> =
        entries(&list).iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    let midstream = MIDSTREAM.iter().flat_map(|(kind, _)| {
        [format!("demo/midstream-{kind}"), format!("demo/midstream-{kind}-after-text")]
    });
    let tested: BTreeSet<String> = GOOD
        .iter()
        .map(|row| row.0)
        .chain(ENDINGS.iter().map(|row| row.0))
        .chain(REFUSALS.iter().map(|row| row.0))
        .chain(SPECIAL)
        .map(str::to_owned)
        .chain(midstream)
        .collect();
    assert_eq!(listed, tested);
    assert_eq!(list, upstream.get("/api/v1/models/user").await);
    for entry in entries(&list) {
        assert!(entry["pricing"]["prompt"].is_string(), "{entry}");
        assert!(entry["context_length"].as_u64().unwrap() > 0, "{entry}");
        assert!(!entry["name"].as_str().unwrap().is_empty(), "{entry}");
        assert!(!entry["description"].as_str().unwrap().is_empty(), "{entry}");
    }
}

#[tokio::test]
async fn good_models_finish_and_say_that_they_are_done() {
    let upstream = Upstream::start().await;
    for (model, beginning) in GOOD {
        let heard = upstream.ask(model, "[[first_ms=5]] What is it?").await;
        assert_eq!(heard.status, StatusCode::OK, "{model}");
        assert_eq!(heard.header("content-type"), "text/event-stream", "{model}");
        assert!(heard.content().starts_with(beginning), "{model} said {}", heard.content());
        let expected = if model == "demo/era-a" { "end_turn" } else { "stop" };
        assert_eq!(heard.finish_reason(), Some(expected), "{model}");
        assert!(heard.is_done && !heard.broke, "{model}");
        let usage = heard.usage().unwrap_or_else(|| panic!("{model} sent no usage"));
        assert!(usage["total_tokens"].as_u64().is_some(), "{model}");
    }
}

#[tokio::test]
async fn other_endings_are_what_their_names_say() {
    let upstream = Upstream::start().await;
    for (model, finish, done, broke) in ENDINGS {
        let heard = upstream.ask(model, "What is it?").await;
        assert_eq!(heard.status, StatusCode::OK, "{model}");
        assert_eq!(heard.finish_reason(), finish, "{model}");
        assert_eq!((heard.is_done, heard.broke), (done, broke), "{model}");
        let says_something = !["demo/reset-first", "demo/end-immediately", "demo/tool-call"].contains(&model);
        assert_eq!(!heard.content().is_empty(), says_something, "{model}");
    }
    upstream.eventually("/completed", json!(ENDINGS.len())).await;
    assert_eq!(upstream.stats().await["aborted"], 0);
}

#[tokio::test]
async fn refusals_come_with_their_status_and_reason() {
    let upstream = Upstream::start().await;
    for (model, status, words) in REFUSALS {
        let heard = upstream.ask(model, "What is it?").await;
        assert_eq!(heard.status.as_u16(), status, "{model}");
        assert!(heard.text.contains(words), "{model} said {}", heard.text);
        assert_ne!(heard.header("content-type"), "text/event-stream", "{model}");
    }
    assert_eq!(upstream.stats().await["streams"], 0);
}

#[tokio::test]
async fn rate_limits_say_when_to_come_back() {
    let upstream = Upstream::start().await;
    assert_eq!(upstream.ask("demo/error-429", "x").await.header("retry-after"), "1");
    assert_eq!(upstream.ask("demo/error-429-long", "x").await.header("retry-after"), "3600");
    let heard = upstream.ask("demo/error-429-reset", "x").await;
    let reset: u64 = heard.header("x-ratelimit-reset").parse().unwrap();
    assert!(reset > 1_700_000_000_000, "{reset} is not in milliseconds");
    assert_eq!(upstream.ask("demo/error-503", "x").await.header("retry-after"), "");
}

#[tokio::test]
async fn errors_inside_the_stream_come_before_or_after_the_text() {
    let upstream = Upstream::start().await;
    for (kind, words) in MIDSTREAM {
        let before = upstream.ask(&format!("demo/midstream-{kind}"), "x").await;
        let after = upstream.ask(&format!("demo/midstream-{kind}-after-text"), "x").await;
        for heard in [&before, &after] {
            assert_eq!(heard.status, StatusCode::OK, "{kind}");
            assert!(heard.text.contains(words), "{kind}: {}", heard.text);
            assert!(!heard.broke, "{kind}");
        }
        assert_eq!(before.content(), "", "{kind}");
        assert!(after.content().contains("before the error"), "{kind}");
    }
}

#[tokio::test]
async fn todays_stream_has_the_documented_shape() {
    let upstream = Upstream::start().await;
    let heard = upstream.ask("demo/plain", "What is it?").await;
    assert!(heard.text.starts_with(": OPENROUTER PROCESSING\n\n"), "{}", heard.text);
    assert_eq!(heard.header("cache-control"), "no-cache");
    let events = &heard.events;
    let id = heard.header("x-generation-id");
    assert!(id.starts_with("gen-"), "{id}");
    for event in events {
        assert_eq!((&event["id"], &event["provider"]), (&json!(id), &json!("Demo")));
        assert_eq!(event["choices"][0]["delta"]["role"], "assistant");
    }
    let finishes = events.iter().filter(|event| event["choices"][0]["finish_reason"] == "stop").count();
    assert_eq!(finishes, 2, "the usage chunk repeats the finish reason");
    let usage = heard.usage().unwrap();
    assert!(usage["cost"].as_f64().unwrap() > 0.0, "{usage}");
}

#[tokio::test]
async fn older_eras_differ_in_their_last_chunk() {
    let upstream = Upstream::start().await;
    let last = async |model: &str| upstream.ask(model, "x").await.events.pop().unwrap();
    let a = last("demo/era-a").await;
    assert_eq!(a["usage"].as_object().unwrap().len(), 3);
    let b = last("demo/era-b").await;
    assert_eq!(b["choices"][0]["finish_reason"], Value::Null);
    assert!(b["choices"][0].as_object().unwrap().contains_key("logprobs"));
    assert_eq!(last("demo/era-c").await["choices"], json!([]));
}

#[tokio::test]
async fn special_deltas_are_where_they_belong() {
    let upstream = Upstream::start().await;
    let joined = |heard: &Heard, pointer: &str| -> String {
        let found = heard.events.iter().filter_map(|event| {
            event.pointer(&format!("/choices/0/delta/{pointer}"))?.as_str().map(str::to_owned)
        });
        found.collect()
    };
    let reasoning = upstream.ask("demo/reasoning", "x").await;
    assert_eq!(joined(&reasoning, "reasoning"), joined(&reasoning, "reasoning_details/0/text"));
    assert!(joined(&reasoning, "reasoning").contains("391"));
    assert!(!joined(&reasoning, "reasoning_details/0/signature").is_empty());
    assert!(
        reasoning.usage().unwrap()["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0
    );
    let other = upstream.ask("demo/reasoning-content", "x").await;
    assert!(joined(&other, "reasoning_content").contains("391"));
    let citations = upstream.ask("demo/citations", "x").await;
    assert!(joined(&citations, "annotations/0/url_citation/url").starts_with("https://"));
    let refusal = upstream.ask("demo/refusal", "x").await;
    assert!(joined(&refusal, "refusal").starts_with("I'm sorry"));
    let parts = upstream.ask("demo/parts", "x").await;
    assert!(joined(&parts, "content/0/text").starts_with("This text came as a list"));
    let tool = upstream.ask("demo/tool-call", "x").await;
    let arguments = joined(&tool, "tool_calls/0/function/arguments");
    assert!(serde_json::from_str::<Value>(&arguments).is_ok(), "{arguments}");
    let small = joined(&upstream.ask("demo/image", "x").await, "images/0/image_url/url");
    assert!(small.starts_with("data:image/png;base64,iVBORw0KGgo"), "{small}");
    let large = joined(&upstream.ask("demo/large-image", "x").await, "images/0/image_url/url");
    assert!(large.len() > 1024 * 1024, "{}", large.len());
}

#[tokio::test]
async fn the_context_model_repeats_what_it_was_asked() {
    let upstream = Upstream::start().await;
    let body = json!({
        "model": "demo/context",
        "stream": true,
        "temperature": 0.5,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "First?"},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": [{"type": "text", "text": "Second?"}]},
        ],
    });
    let heard = upstream.hear(upstream.post(&body).await).await;
    let dump: Value = serde_json::from_str(&heard.content()).unwrap();
    assert_eq!(dump["messages"], body["messages"]);
    assert_eq!(dump["temperature"], 0.5);
}

#[tokio::test]
async fn a_limit_on_tokens_cuts_the_answer() {
    let upstream = Upstream::start().await;
    let messages = json!([{"role": "user", "content": "abcdefghijklmnop"}]);
    let body = json!({"model": "demo/echo", "stream": true, "max_tokens": 2, "messages": messages});
    let heard = upstream.hear(upstream.post(&body).await).await;
    assert_eq!(heard.content(), "abcdefgh");
    assert_eq!(heard.finish_reason(), Some("length"));
    assert_eq!(heard.usage().unwrap()["completion_tokens"], 2);
}

#[tokio::test]
async fn a_request_can_tune_the_answer_by_its_prompt_and_by_its_body() {
    let upstream = Upstream::start().await;
    let heard = upstream.ask("demo/echo", "[[repeat=3 characters=2]] ab").await;
    assert_eq!(heard.content(), "ababab");
    assert_eq!(heard.events.len(), 5, "three deltas, the finish and the usage");
    let messages = json!([{"role": "user", "content": "ab"}]);
    let body = json!({"model": "demo/echo", "stream": true, "messages": messages, "demo": {"repeat": 2}});
    assert_eq!(upstream.hear(upstream.post(&body).await).await.content(), "abab");
}

#[tokio::test]
async fn writes_are_really_split() {
    let upstream = Upstream::start().await;
    let heard = upstream.ask("demo/echo", "[[split=3]] żółw 🌊").await;
    assert!(heard.pieces.iter().all(|&length| length <= 3), "{:?}", heard.pieces);
    assert_eq!(heard.content(), "żółw 🌊");
    let unicode = upstream.ask("demo/unicode", "x").await;
    assert!(unicode.pieces.iter().all(|&length| length <= 3));
    assert!(unicode.text.contains("\r\n\r\n"));
    let carriage_returns = upstream.ask("demo/bare-cr", "x").await.text;
    assert!(!carriage_returns.contains('\n') && carriage_returns.contains("\r\r"));
}

#[tokio::test]
async fn without_streaming_there_is_one_object() {
    let upstream = Upstream::start().await;
    let whole = async |model: &str| -> Value {
        let body = json!({"model": model, "messages": [{"role": "user", "content": "Hello"}]});
        upstream.post(&body).await.json().await.unwrap()
    };
    let echo = whole("demo/echo").await;
    assert_eq!(echo["object"], "chat.completion");
    assert_eq!(echo["choices"][0]["message"]["content"], "Hello");
    assert_eq!(echo["choices"][0]["finish_reason"], "stop");
    assert!(echo["usage"]["total_tokens"].as_u64().unwrap() > 0);
    let reasoning = whole("demo/reasoning").await;
    assert!(reasoning["choices"][0]["message"]["reasoning"].as_str().unwrap().contains("391"));
    let tool = whole("demo/tool-call").await;
    let arguments = &tool["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"];
    assert!(serde_json::from_str::<Value>(arguments.as_str().unwrap()).is_ok(), "{tool}");
    let broken = whole("demo/midstream-documented-after-text").await;
    assert_eq!(broken["choices"][0]["error"]["code"], 502);
    let failed = whole("demo/midstream-documented").await;
    assert_eq!(failed["error"]["code"], 502);
}

#[tokio::test]
async fn a_client_that_leaves_in_a_silence_is_noticed() {
    let upstream = Upstream::start().await;
    for (number, model) in ["demo/stall", "demo/comments-after-text", "demo/comments", "demo/stall-first"]
        .into_iter()
        .enumerate()
    {
        let response = upstream.post(&streamed(model, "Are you there?")).await;
        let mut body = response.bytes_stream();
        if model != "demo/stall-first" {
            assert!(body.next().await.is_some(), "{model}");
        }
        upstream.eventually("/open_streams", json!(1)).await;
        drop(body);
        upstream.eventually("/aborted", json!(number + 1)).await;
        let stats = upstream.stats().await;
        assert_eq!(stats["open_streams"], 0, "{model}");
        assert_eq!(stats["by_model"][model]["aborted"], 1, "{model}");
    }
    assert_eq!(upstream.stats().await["by_prompt"]["Are you there?"]["aborted"], 4);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_headers_is_noticed() {
    let upstream = Upstream::start().await;
    let pending = {
        let request = upstream.request(&streamed("demo/hang", "x"));
        tokio::spawn(request.send())
    };
    upstream.eventually("/by_model/demo~1hang/open", json!(1)).await;
    pending.abort();
    upstream.eventually("/by_model/demo~1hang/aborted", json!(1)).await;
}

#[tokio::test]
async fn a_connection_can_close_before_the_headers() {
    let upstream = Upstream::start().await;
    let error = upstream.request(&streamed("demo/reset", "x")).send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    upstream.eventually("/completed", json!(1)).await;
    // By hand, to be sure that not a single byte came.
    let mut stream = TcpStream::connect(upstream.demo.address()).await.unwrap();
    let body = streamed("demo/reset", "x").to_string();
    let length = body.len();
    let head =
        format!("POST /api/v1/chat/completions HTTP/1.1\r\nHost: demo\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut received = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut received)).await.expect("it stays open");
    assert!(received.is_empty());
}

#[tokio::test]
async fn floods_stop_when_the_client_leaves() {
    let upstream = Upstream::start().await;
    for model in ["demo/bomb-line", "demo/bomb-data"] {
        let mut body = upstream.post(&streamed(model, "x")).await.bytes_stream();
        let mut received = 0;
        while received < 2 * 1024 * 1024 {
            let piece = body.next().await.expect("it ended").unwrap();
            assert!(model == "demo/bomb-data" || !piece.contains(&b'\n'));
            assert!(!piece.windows(2).any(|pair| pair == b"\n\n"));
            received += piece.len();
        }
        drop(body);
        upstream.eventually("/open_streams", json!(0)).await;
    }
    assert_eq!(upstream.stats().await["aborted"], 2);
}

#[tokio::test]
async fn an_unread_flood_waits_for_its_reader() {
    let upstream = Upstream::start().await;
    let _unread = upstream.post(&streamed("demo/bomb-line", "x")).await;
    // 64 MiB do not fit into the buffers of two sockets: whoever does not read keeps the stream open.
    for _ in 0..20 {
        assert_eq!(upstream.stats().await["open_streams"], 1);
    }
}

#[tokio::test]
async fn flaky_models_refuse_each_prompt_twice() {
    let upstream = Upstream::start().await;
    for (model, refusal) in [("demo/flaky", 429), ("demo/flaky-fast", 503)] {
        for prompt in ["one", "two"] {
            let mut statuses = Vec::new();
            for _ in 0..4 {
                statuses.push(upstream.ask(model, prompt).await.status.as_u16());
            }
            assert_eq!(statuses, [refusal, refusal, 200, 200], "{model}");
        }
    }
}

#[tokio::test]
async fn the_bill_is_late_and_knows_of_aborts() {
    let upstream = Upstream::start().await;
    let whole = upstream.ask("demo/plain", "x").await;
    let path = format!("/api/v1/generation?id={}", whole.header("x-generation-id"));
    assert_eq!(upstream.get(&path).await["error"]["message"], "Generation not found");
    let bill = upstream.get(&path).await;
    assert_eq!(bill["data"]["cancelled"], false);
    assert_eq!(bill["data"]["finish_reason"], "stop");
    assert_eq!(bill["data"]["total_cost"], whole.usage().unwrap()["cost"]);

    let response = upstream.post(&streamed("demo/stall", "x")).await;
    let path = format!("/api/v1/generation?id={}", response.headers()["x-generation-id"].to_str().unwrap());
    drop(response);
    upstream.eventually("/aborted", json!(1)).await;
    upstream.get(&path).await;
    assert_eq!(upstream.get(&path).await["data"]["cancelled"], true);
    assert_eq!(upstream.get("/api/v1/generation?id=gen-0-unknown").await["error"]["code"], 404);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_providers_words() {
    let upstream = Upstream::start().await;
    let messages = json!([{"role": "user", "content": "Hello"}]);
    for body in [
        json!({"model": "demo/plain"}),
        json!({"model": "demo/plain", "messages": []}),
        json!({"model": "demo/plain", "messages": messages, "temperature": 3}),
        json!("no object"),
    ] {
        let response = upstream.post(&body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
        let error: Value = response.json().await.unwrap();
        assert_eq!(error["error"]["code"], 400, "{error}");
    }
    let unknown = upstream.ask("demo/unheard-of", "x").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert!(unknown.text.contains("demo/unheard-of is not a valid model ID"));
    let fallback = json!({"model": "demo/unheard-of", "models": ["demo/echo"], "messages": messages});
    let answer: Value = upstream.post(&fallback).await.json().await.unwrap();
    assert_eq!(answer["model"], "demo/echo");
}

#[tokio::test]
async fn no_key_will_do_but_a_wrong_key_will_not() {
    let upstream = Upstream::start().await;
    let status = async |authorization: &str| {
        let request = upstream.request(&streamed("demo/echo", "x"));
        request.header("Authorization", authorization).send().await.unwrap().status().as_u16()
    };
    assert_eq!(status("Bearer sk-or-v1-anything").await, 200);
    assert_eq!(status("Bearer sk-or-v1-wrong").await, 401);
    assert_eq!(status("Bearer ").await, 401);
    let bare = upstream.client.post(upstream.url("/api/v1/chat/completions"));
    assert_eq!(bare.json(&streamed("demo/echo", "x")).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(upstream.get("/api/v1/key").await["data"]["limit"], 100);
    assert_eq!(upstream.get("/api/v1/auth/key").await["data"]["limit"], 100);
    assert_eq!(upstream.get("/api/v1/credits").await["data"]["total_credits"], 100.5);
}

#[tokio::test]
async fn the_last_request_is_shown_without_its_key() {
    let upstream = Upstream::start().await;
    let request = upstream.request(&streamed("demo/echo", "Hello")).bearer_auth("sk-or-v1-secret");
    request.header("HTTP-Referer", "https://example.org").header("X-Title", "Test").send().await.unwrap();
    let stats = upstream.stats().await;
    let last = &stats["last_request"];
    assert_eq!(last["headers"]["http-referer"], "https://example.org");
    assert_eq!(last["headers"]["x-title"], "Test");
    assert_eq!(last["headers"]["authorization"]["present"], true);
    assert_eq!(last["body"]["messages"][0]["content"], "Hello");
    assert!(!stats.to_string().contains("sk-or-v1-secret"));
}

#[tokio::test]
async fn counts_add_up_and_can_be_forgotten() {
    let upstream = Upstream::start().await;
    upstream.ask("demo/echo", "one").await;
    upstream.ask("demo/echo", "two").await;
    upstream.ask("demo/error-500", "two").await;
    upstream.ask("demo/unheard-of", "three").await;
    let stats = upstream.stats().await;
    assert_eq!(
        (&stats["requests"], &stats["streams"], &stats["completed"]),
        (&json!(4), &json!(2), &json!(2))
    );
    assert_eq!(stats["by_model"]["demo/echo"]["requests"], 2);
    assert_eq!(stats["by_prompt"]["two"]["requests"], 2);
    assert_eq!(stats["by_prompt"]["two"]["completed"], 1);
    upstream.client.post(upstream.url("/__reset")).send().await.unwrap();
    assert_eq!(upstream.stats().await["requests"], 0);
}

#[tokio::test]
async fn a_test_says_when_a_slow_answer_ends() {
    let upstream = Upstream::start().await;
    let slow = "[[delta_ms=86400000]] Tell me, slowly.";
    let response = upstream.post(&streamed("demo/plain", slow)).await;
    let finish = |prompt: &'static str| upstream.client.post(upstream.url("/__finish")).body(prompt).send();
    assert_eq!(finish("Somebody else's question.").await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(upstream.stats().await["open_streams"], 1);
    finish("Tell me, slowly.").await.unwrap();
    let heard = upstream.hear(response).await;
    assert_eq!((heard.status, heard.is_done), (StatusCode::OK, true));
    assert!(upstream.ask("demo/plain", slow).await.is_done, "a later one does not wait either");
}

#[tokio::test]
async fn dropping_the_emulator_closes_its_connections_and_its_port() {
    let upstream = Upstream::start().await;
    let address: SocketAddr = upstream.demo.address();
    let mut body = upstream.post(&streamed("demo/stall", "x")).await.bytes_stream();
    drop(upstream);
    let end = tokio::time::timeout(PATIENCE, async { while let Some(Ok(_)) = body.next().await {} }).await;
    assert!(end.is_ok(), "the stream is still open");
    eventually("the port is closed", async || TcpStream::connect(address).await.is_err()).await;
}

/// A running emulator that talks as fast as it can, and a client.
struct Upstream {
    demo: Demo,
    client: Client,
}

impl Upstream {
    async fn start() -> Self {
        // Whichever test comes first installs it for all.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let pace = Pace { delta: Duration::ZERO, comment: Duration::from_millis(5), ..Pace::default() };
        let demo = Demo::start(([127, 0, 0, 1], 0).into(), pace).await.expect("a free port");
        assert_eq!(demo.base_url(), format!("http://{}/api/v1", demo.address()));
        Self { demo, client: Client::builder().no_proxy().build().expect("a client") }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.demo.address())
    }

    fn request(&self, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("{}/chat/completions", self.demo.base_url());
        self.client.post(url).json(body)
    }

    async fn post(&self, body: &Value) -> Response {
        let request = self.request(body).header("Authorization", "Bearer sk-or-v1-secret");
        request.send().await.expect("a response")
    }

    async fn get(&self, path: &str) -> Value {
        self.client.get(self.url(path)).send().await.expect("a response").json().await.expect("JSON")
    }

    async fn stats(&self) -> Value {
        self.get("/__stats").await
    }

    /// Waits until this part of the statistics has this value.
    async fn eventually(&self, pointer: &str, expected: Value) {
        eventually(pointer, async || self.stats().await.pointer(pointer) == Some(&expected)).await;
    }

    /// Asks for a stream and hears it to its end.
    async fn ask(&self, model: &str, prompt: &str) -> Heard {
        self.hear(self.post(&streamed(model, prompt)).await).await
    }

    async fn hear(&self, response: Response) -> Heard {
        let (status, headers) = (response.status(), response.headers().clone());
        let (mut bytes, mut pieces, mut broke) = (Vec::new(), Vec::new(), false);
        let mut body = response.bytes_stream();
        while let Some(piece) = tokio::time::timeout(PATIENCE, body.next()).await.expect("silence") {
            match piece {
                Ok(piece) => {
                    pieces.push(piece.len());
                    bytes.extend(piece);
                }
                Err(_) => broke = true,
            }
        }
        let text = String::from_utf8(bytes).unwrap();
        let mut data = text.split(['\r', '\n']).filter_map(|line| line.strip_prefix("data: "));
        let events = data.clone().filter_map(|data| serde_json::from_str(data).ok()).collect();
        let is_done = data.next_back() == Some("[DONE]");
        Heard { status, headers, text, events, is_done, pieces, broke }
    }
}

/// A whole response.
struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
    /// The events that are JSON.
    events: Vec<Value>,
    /// Whether the last event was `[DONE]`.
    is_done: bool,
    /// The length of each piece as it came.
    pieces: Vec<usize>,
    /// Whether the connection broke in the middle.
    broke: bool,
}

impl Heard {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    fn content(&self) -> String {
        self.events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect()
    }

    fn finish_reason(&self) -> Option<&str> {
        self.events.iter().find_map(|event| event["choices"][0]["finish_reason"].as_str())
    }

    fn usage(&self) -> Option<&Value> {
        self.events.iter().map(|event| &event["usage"]).find(|usage| !usage.is_null())
    }
}

fn streamed(model: &str, prompt: &str) -> Value {
    json!({"model": model, "stream": true, "messages": [{"role": "user", "content": prompt}]})
}

fn entries(list: &Value) -> &Vec<Value> {
    list["data"].as_array().expect("a list")
}

/// Waits, within reason, until something has come about.
async fn eventually(what: &str, has_come_about: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !has_come_about().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
