//! What cannot be answered is refused with a reason and the right status, and nothing is started upstream.

use reqwest::{Method, StatusCode};
use runnel::chat::AnswerId;
use runnel::server::openrouter::Dialect;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::test_app::{PATIENCE, TestApp, message, refusal};

const MIB: usize = 1 << 20;

/// A message that would be answered, with one part replaced.
fn changed(pointer: &str, value: Value) -> Value {
    let mut message = serde_json::to_value(message("demo/echo", "A good question")).unwrap();
    // Settings that are not set are not there yet.
    if let Some(name) = pointer.strip_prefix("/settings/") {
        message["settings"][name] = value;
    } else {
        *message.pointer_mut(pointer).unwrap() = value;
    }
    message
}

async fn assert_nothing_started(app: &TestApp) {
    let stats = app.all_stats().await;
    assert_eq!((&stats["requests"], &stats["streams"]), (&json!(0), &json!(0)), "{stats}");
    assert_eq!(stats["last_request"], Value::Null, "{stats}");
    // And the server goes on.
    assert_eq!(app.ask("demo/echo", "Still there?").await.answer.text(), "Still there?");
}

#[tokio::test]
async fn an_empty_or_blank_question_is_refused() {
    let app = TestApp::start().await;
    for text in ["", " ", "\n\t \r\n", "\u{a0}\u{2003}\u{3000}"] {
        let (status, kind, message) = refusal(app.send(&changed("/question/text", json!(text))).await).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{text:?}");
        assert!(message.contains("empty"), "{message}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn a_question_may_have_one_mebibyte_and_no_more() {
    let app = TestApp::start().await;
    for text in ["x".repeat(MIB + 1), "é".repeat(MIB / 2 + 1), "\u{1}".repeat(MIB + 1)] {
        let (status, kind, message) = refusal(app.send(&changed("/question/text", json!(text))).await).await;
        assert_eq!((status, kind.as_str()), (413, "too_large"), "{message:.300}");
        assert!(message.contains("1 MiB"), "{message:.300}");
    }
    assert_nothing_started(&app).await;
    // Six bytes a character in JSON.
    let response = app.send(&message("demo/plain", &"\u{1}".repeat(MIB))).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_eight_mebibytes_is_refused() {
    let app = TestApp::start().await;
    for size in [8 * MIB + 1, 12 * MIB, 40 * MIB] {
        let body = changed("/settings/system_prompt", json!("x".repeat(size)));
        let (status, kind, message) = refusal(app.send(&body).await).await;
        assert_eq!((status, kind.as_str()), (413, "too_large"), "{size}");
        assert!(message.contains("8 MiB"), "{message}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let app = TestApp::start().await;
    let deep = format!("{{\"question\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_objects = format!("{}1{}", "{\"question\":".repeat(100_000), "}".repeat(100_000));
    let bodies: [(&str, &[u8]); 11] = [
        ("empty", b""),
        ("not JSON", b"hello"),
        ("cut", b"{\"question\":{\"text\":\"x\""),
        ("a list", b"[]"),
        ("a number", b"7"),
        ("null", b"null"),
        ("no question", b"{}"),
        ("a question without text", b"{\"question\":{}}"),
        ("not UTF-8", b"{\"question\":{\"text\":\"\xff\xfe\"}}"),
        ("deep", deep.as_bytes()),
        ("deep objects", deep_objects.as_bytes()),
    ];
    for (what, body) in bodies {
        let request = app.http.post(app.url("/api/send_message")).header("content-type", "application/json");
        let (status, kind, message) = refusal(request.body(body.to_vec()).send().await.unwrap()).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{what}");
        assert!(message.len() < 1000, "{what}: {message}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_with_what_can() {
    let app = TestApp::start().await;
    for (pointer, value, words) in [
        ("/settings/temperature", json!(-0.1), "from 0 to 2"),
        ("/settings/temperature", json!(2.1), "from 0 to 2"),
        ("/settings/temperature", json!("hot"), "expected"),
        ("/settings/top_p", json!(1.5), "from 0 to 1"),
        ("/settings/max_tokens", json!(0), "from 1 to 1,000,000"),
        ("/settings/max_tokens", json!(1.5), "from 1 to 1,000,000"),
        ("/settings/max_tokens", json!(-1), "from 1 to 1,000,000"),
        ("/settings/reasoning_effort", json!("extreme"), "xhigh"),
        ("/settings/temprature", json!(1), "unknown field `temprature`"),
        ("/settings/provider", json!({"favourite": "Demo"}), "unknown field `favourite`"),
        ("/settings/model", json!(["demo/echo"]), "string"),
        ("/settings/model", json!("has a blank"), "no blanks"),
        ("/settings/model", json!("has\u{0}nul"), "control characters"),
        ("/settings/model", json!("m".repeat(1000)), "at most 256"),
        ("/settings", json!("none"), "expected"),
    ] {
        let (status, kind, message) = refusal(app.send(&changed(pointer, value.clone())).await).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{pointer} {value}");
        assert!(message.contains(words), "{pointer} {value}: {message}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn a_model_without_vendor_is_refused_where_vendors_are_needed() {
    let app = TestApp::start_with(|client| client.dialect = Dialect::OpenRouter).await;
    for model in ["gpt-4o", "/gpt-4o", "openai/", "openai/gpt/4o", "a b/c"] {
        let (status, kind, message) =
            refusal(app.send(&changed("/settings/model", json!(model))).await).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{model}");
        assert!(message.contains("vendor/name") || message.contains("no blanks"), "{message}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn ids_that_are_none_are_refused() {
    let app = TestApp::start().await;
    for pointer in ["/conversation", "/answer", "/question/id", "/question/after"] {
        for value in [json!("not-an-id"), json!(7), json!("../../etc/passwd"), json!({})] {
            let (status, kind, _) = refusal(app.send(&changed(pointer, value.clone())).await).await;
            assert_eq!((status, kind.as_str()), (400, "bad_request"), "{pointer} {value}");
        }
    }
    for path in [
        "/api/follow_answer?id=not-an-id",
        "/api/follow_answer",
        "/api/follow_answer?id=",
        &format!("/api/follow_answer?id={}&after=-1", AnswerId::now()),
        &format!("/api/follow_answer?id={}&after=soon", AnswerId::now()),
        &format!("/api/follow_answer?id={}&after=99999999999999999999", AnswerId::now()),
    ] {
        let (status, kind, _) = refusal(app.get(path).await).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{path}");
    }
    for (path, body) in [
        ("/api/stop_answer", json!({"id": "not-an-id"})),
        ("/api/load_conversation", json!({"id": "not-an-id"})),
        ("/api/load_conversation", json!({})),
    ] {
        let (status, kind, _) = refusal(app.post(path, &body).await).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{path} {body}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn what_is_not_said_to_be_json_is_refused() {
    let app = TestApp::start().await;
    let body = serde_json::to_string(&message("demo/echo", "A good question")).unwrap();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let request = app.http.post(app.url("/api/send_message")).header("content-type", kind);
        let (status, error, message) = refusal(request.body(body.clone()).send().await.unwrap()).await;
        assert_eq!((status, error.as_str()), (415, "unsupported_media_type"), "{kind}");
        assert!(message.contains("application/json"), "{message}");
    }
    let without = app.http.post(app.url("/api/send_message")).body(body).send().await.unwrap();
    assert_eq!(refusal(without).await.0, 415);
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn json_may_be_said_with_a_character_set() {
    let app = TestApp::start().await;
    let body = serde_json::to_string(&message("demo/echo", "A good question")).unwrap();
    let request =
        app.http.post(app.url("/api/send_message")).header("content-type", "application/json; charset=utf-8");
    assert_eq!(request.body(body).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn other_sites_are_refused_and_this_one_is_not() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "A good question");
    let send = |name: &'static str, value: String| {
        let request = app.http.post(app.url("/api/send_message")).header(name, value);
        let request = request.json(&message);
        async { request.send().await.unwrap() }
    };
    for (name, value) in [
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("http://127.0.0.1:{}", app.address().port() ^ 1)),
        ("origin", format!("http://{}.evil.example", app.address())),
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
    ] {
        let (status, kind, _) = refusal(send(name, value.clone()).await).await;
        assert_eq!((status, kind.as_str()), (403, "forbidden"), "{name}: {value}");
    }
    for path in ["/api/follow_answer", "/api/load_conversation", "/api/list_models"] {
        let request = app.http.get(app.url(path)).header("origin", "https://evil.example");
        assert_eq!(refusal(request.send().await.unwrap()).await.0, 403, "{path}");
    }
    assert_eq!(app.all_stats().await["requests"], 0);
    for (name, value) in [
        ("origin", format!("http://{}", app.address())),
        ("sec-fetch-site", "same-origin".to_owned()),
        ("sec-fetch-site", "none".to_owned()),
    ] {
        assert_eq!(send(name, value.clone()).await.status(), 200, "{name}: {value}");
    }
}

#[tokio::test]
async fn what_reads_chats_is_not_reached_by_a_plain_get() {
    let app = TestApp::start().await;
    app.ask("demo/echo", "A word that nobody else knows").await;
    for path in [
        "/api/search_conversations?query=word",
        "/api/list_conversations?revision=0&limit=0",
        "/api/load_conversation?id=00000000-0000-0000-0000-000000000000",
        "/api/spending_of_conversation?id=00000000-0000-0000-0000-000000000000",
        "/api/spending_by_day",
        "/api/list_models",
    ] {
        let (status, kind, message) = refusal(app.get(path).await).await;
        assert_eq!((status, kind.as_str()), (404, "not_found"), "{path}");
        assert!(message.contains("POST"), "{message}");
    }
}

#[tokio::test]
async fn the_api_leads_nobody_elsewhere() {
    let app = TestApp::start().await;
    for (path, body, status) in [
        ("/api/list_conversations", json!({}), 200),
        ("/api/load_conversation", json!({"id": AnswerId::now()}), 404),
        ("/api/load_conversation", json!({}), 400),
    ] {
        let request =
            app.http.post(app.url(path)).header("accept", "text/html,*/*").header("referer", app.url("/c/x"));
        let response = request.json(&body).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().get("location")),
            (status, None),
            "{path}"
        );
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
    }
    let follow = app.http.get(app.url(&format!("/api/follow_answer?id={}", AnswerId::now())));
    let response = follow.header("accept", "text/html").header("referer", app.url("/")).send().await.unwrap();
    assert_eq!(refusal(response).await.0, 404);
}

#[tokio::test]
async fn a_refusal_does_not_repeat_a_large_request() {
    let app = TestApp::start().await;
    let long = "\u{e9}\"".repeat(64 << 10);
    for (pointer, value) in [
        ("/settings/reasoning_effort", json!(long)),
        ("/settings", json!({(long.clone()): 1})),
        ("/answer", json!(long)),
        ("/conversation", json!(long)),
    ] {
        let (status, kind, message) = refusal(app.send(&changed(pointer, value)).await).await;
        assert_eq!((status, kind.as_str()), (400, "bad_request"), "{pointer}");
        assert!(message.len() < 1000, "{pointer}: {} bytes", message.len());
    }
    let path = format!("/api/follow_answer?id={}", "x".repeat(8 << 10));
    let (status, _, message) = refusal(app.get(&path).await).await;
    assert_eq!(status, 400);
    assert!(message.len() < 1000, "{} bytes", message.len());
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn a_host_that_is_no_name_is_not_answered() {
    let app = TestApp::start().await;
    for (head, status) in [
        ("GET / HTTP/1.1\r\nHost: .\r\n", "421"),
        ("GET / HTTP/1.1\r\nHost: \u{e9}vil\r\n", "421"),
        ("GET / HTTP/1.1\r\nHost: \r\n", "421"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", "421"),
        ("GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n", "421"),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", "200"),
        ("GET /healthz HTTP/1.0\r\n", "200"),
    ] {
        let mut socket = TcpStream::connect(app.address()).await.unwrap();
        socket.write_all(format!("{head}Connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head:?}: {answer}");
        assert_eq!(answer.contains("Unknown host name. Set RUNNEL_HOSTS"), status == "421", "{answer}");
    }
}

#[tokio::test]
async fn a_function_that_is_none_is_not_found() {
    let app = TestApp::start().await;
    for (method, path) in [
        (Method::GET, "/api/nonsense"),
        (Method::POST, "/api/nonsense"),
        (Method::GET, "/api/send_message"),
        (Method::DELETE, "/api/send_message"),
        (Method::GET, "/api/follow_answers"),
        (Method::GET, "/api/send_message%2f"),
    ] {
        let request =
            app.http.request(method.clone(), app.url(path)).header("content-type", "application/json");
        let (status, kind, _) = refusal(request.body("{}").send().await.unwrap()).await;
        assert_eq!((status, kind.as_str()), (404, "not_found"), "{method} {path}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn requests_with_huge_heads_are_refused() {
    let app = TestApp::start().await;
    let many = "x-many: y\r\n".repeat(5000);
    let long = format!("x: {}\r\n", "y".repeat(4 * MIB));
    for (what, headers) in [("many", many), ("long", long)] {
        let mut socket = TcpStream::connect(app.address()).await.unwrap();
        let request = format!("GET /healthz HTTP/1.1\r\nhost: runnel\r\n{headers}\r\n");
        // The server may hang up before it has read all of it.
        let _ = socket.write_all(request.as_bytes()).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut answer)).await;
        let _ = read.unwrap_or_else(|_| panic!("{what}: the server keeps the connection"));
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{what}: {answer}");
    }
    assert_nothing_started(&app).await;
}

#[tokio::test]
async fn a_refusal_has_the_status_in_the_response_and_no_stream() {
    let app = TestApp::start().await;
    let response = app.send(&changed("/question/text", json!(""))).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers().get("x-accel-buffering").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_another_site_gave_this_machine_is_not_answered() {
    let app = TestApp::start().await;
    for (host, status) in [
        ("evil.example:3000", 421),
        ("127.0.0.1.evil.example", 421),
        ("chat.example.com", 200),
        ("localhost", 200),
    ] {
        for path in ["/", "/healthz"] {
            let response = app.http.get(app.url(path)).header("host", host).send().await.unwrap();
            assert_eq!(response.status(), status, "{host}{path}");
        }
        let list = app.http.post(app.url("/api/list_conversations")).header("host", host);
        let response = list.json(&json!({})).send().await.unwrap();
        assert_eq!(response.status(), status, "{host}");
    }
}
