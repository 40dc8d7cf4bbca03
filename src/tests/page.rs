//! The pages as the server renders them. The browser's part is tested in `end2end`.

use reqwest::StatusCode;
use runnel::chat::ConversationId;
use serde_json::{Value, json};

use crate::test_app::{KEY, TestApp, message};

/// The page and its status.
async fn page(app: &TestApp, path: &str) -> (StatusCode, String) {
    let response = app.get(path).await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{path}");
    (response.status(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_first_page_has_a_composer_and_a_policy() {
    let app = TestApp::start().await;
    let (status, html) = page(&app, "/").await;
    assert_eq!(status, 200);
    assert!(html.starts_with("<!DOCTYPE html>"));
    assert!(html.contains("<textarea") && html.contains(r#"aria-label="Message""#), "{html}");
    assert!(html.contains(r#"aria-label="Send""#), "{html}");
    assert!(html.contains("<title>Runnel</title>"), "{html}");
    let policy = html.split(r#"http-equiv="Content-Security-Policy""#).nth(1).unwrap();
    let policy = policy.split('>').next().unwrap();
    for part in ["default-src 'none'", "script-src 'self' 'nonce-", "base-uri 'none'", "style-src 'self'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("'unsafe-inline'") && !policy.contains("'unsafe-eval'"), "{policy}");
}

#[tokio::test]
async fn every_script_of_a_page_carries_its_nonce_and_each_page_has_another() {
    let app = TestApp::start().await;
    let nonce = |html: &str| html.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap().to_owned();
    let (first, second) = (page(&app, "/").await.1, page(&app, "/").await.1);
    assert_ne!(nonce(&first), nonce(&second));
    let tags = first.split("<script").skip(1).map(|script| script.split('>').next().unwrap());
    // Data is not run, and needs no nonce.
    for tag in tags.filter(|tag| !tag.contains(r#"type="application/json""#)) {
        assert!(tag.contains(&format!("nonce=\"{}\"", nonce(&first))), "<script{tag}>");
    }
}

#[tokio::test]
async fn a_chat_that_is_not_here_is_a_404_with_a_way_home() {
    let app = TestApp::start().await;
    for path in [
        &format!("/c/{}", ConversationId::now()),
        "/c/not-an-id",
        "/c/00000000-0000-0000-0000-000000000000",
        "/c/",
        "/c/%3Cscript%3E",
        "/nonsense",
        "/settings/nonsense",
        "//",
    ] {
        let (status, html) = page(&app, path).await;
        assert_eq!(status, 404, "{path}");
        assert!(html.contains("Start a chat"), "{path}: {html}");
        assert!(html.contains(r#"href="/""#), "{path}: {html}");
        assert!(html.contains("<title>Runnel</title>"), "{path}: {html}");
    }
}

#[tokio::test]
async fn a_finished_answer_is_in_the_page_of_its_chat() {
    let app = TestApp::start().await;
    let message = message("demo/reasoning", "What is 17 times 23?");
    app.begin(&message).await.finished().await;
    let (status, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert_eq!(status, 200);
    for text in
        ["What is 17 times 23?", "17 × 23 = **391**.", "Together that is 391.", r#"data-status="complete""#]
    {
        assert!(html.contains(text), "{text}: {html}");
    }
    assert!(html.contains("<title>What is 17 times 23? · Runnel</title>"), "{html}");
    assert!(html.contains(r#"aria-busy="false""#), "{html}");
}

#[tokio::test]
async fn a_running_answer_is_in_the_page_as_far_as_it_has_come() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "How far are you?");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text().ends_with("nothing more comes.")).await;
    let (status, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert_eq!(status, 200);
    assert!(html.contains("This answer begins well, and then nothing more comes."), "{html}");
    assert!(html.contains(r#"data-status="running""#) && html.contains(r#"aria-busy="true""#), "{html}");
    assert!(html.contains(r#"aria-label="Stop""#), "{html}");
}

#[tokio::test]
async fn a_failed_answer_is_in_the_page_with_what_to_do() {
    let app = TestApp::start().await;
    let message = message("demo/error-402", "Can I afford this?");
    app.begin(&message).await.finished().await;
    let (_, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert!(html.contains("There is not enough credit for this."), "{html}");
    assert!(html.contains("openrouter.ai/credits"), "{html}");
}

#[tokio::test]
async fn nothing_that_was_said_becomes_markup() {
    let app = TestApp::start().await;
    let question =
        "</title></textarea></script><script>window.owned = true</script><img src=x onerror=alert(1)>";
    let message = message("demo/script", question);
    app.begin(&message).await.finished().await;
    let (status, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert_eq!(status, 200);
    assert!(html.contains("&lt;script&gt;"), "{html}");
    assert!(html.contains("document.title = "), "{html}");
    assert!(html.contains("&lt;script&gt;window.owned = true&lt;/script&gt;"), "{html}");
    for markup in [
        "<script>document",
        "<script>window",
        "<script>parent",
        "<img src=x",
        "<iframe",
        "<svg onload",
        "</script></script>",
        "<style>body",
        "href=\"javascript",
        "href=\"JaVa",
        "href=\"data:",
    ] {
        assert!(!html.contains(markup), "{markup}: {html}");
    }
    for element in ["script", "textarea", "title"] {
        let opened = html.matches(&format!("<{element}")).count();
        assert_eq!(opened, html.matches(&format!("</{element}>")).count(), "{element}: {html}");
    }
    assert_eq!(html.matches("<textarea").count(), 1);
    assert_eq!(html.matches("<title").count(), 1);
}

#[tokio::test]
async fn a_model_name_does_not_become_markup() {
    let app = TestApp::start().await;
    let message = message("<script>alert(1)</script>", "What is your name?");
    app.begin(&message).await.finished().await;
    let (_, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert!(!html.contains("<script>alert"), "{html}");
}

#[tokio::test]
async fn the_data_of_a_page_is_json_whatever_was_said() {
    let app = TestApp::start_with(|client| client.api_key = Some(KEY.into())).await;
    let question = "</script><!-- <script> \u{2028} \"quoted\" \\ &lt; ]]>";
    let message = message("demo/script", question);
    let reader = app.begin(&message).await.finished().await;
    let (_, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    let data = page_data(&html);
    assert_eq!(data["conversation"]["questions"][0]["content"], json!([{"text": question}]));
    assert_eq!(data["conversation"]["answers"][0]["content"][0]["text"], reader.answer.text().as_ref());
    let server = &data["server"];
    assert_eq!((&server["is_demo"], &server["upstream"]), (&json!(false), &json!("127.0.0.1")));
    assert_eq!(
        (&server["model_rule"], &server["version"]),
        (&json!("free_form"), &json!(env!("CARGO_PKG_VERSION")))
    );
}

#[tokio::test]
async fn the_page_of_a_long_answer_holds_its_end_alone() {
    let app = TestApp::start().await;
    let paragraph = "All of *this* is said over and over again, and `that` goes on for ever.";
    let message =
        message("demo/echo", &format!("[[characters=20000 delta_ms=1 repeat=30000]]{paragraph}\n\n"));
    let reader = app.begin(&message).await.finished().await;
    assert!(reader.answer.text().len() > 2_000_000);
    let (status, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert_eq!(status, 200);
    // 128 KB of text, four times as much with its elements, and what every page has.
    assert!(html.len() < 700_000, "{}", html.len());
    assert!(
        html.contains("goes on for ever.") && html.contains("data-cut"),
        "{}",
        &html[html.len() - 5000..]
    );
    let data = page_data(&html);
    assert_eq!(data["deferred"], json!([message.answer]));
    let told = &data["conversation"]["answers"][0];
    assert!(
        told["content"][0]["text"].as_str().unwrap().len() < 200,
        "its words are loaded later: {}",
        told["content"]
    );
    assert_eq!(told["characters"], reader.answer.characters);
    let whole = app.load_conversation(message.conversation).await;
    assert_eq!(whole.answers[0].text(), reader.answer.text());
}

/// However many blocks it has.
#[tokio::test]
async fn the_page_of_a_long_answer_of_several_blocks_holds_its_last_blocks_alone() {
    let app = TestApp::start().await;
    let message =
        message("demo/thinks-twice", "[[characters=20000 delta_ms=1 repeat=20000]] Think for long.");
    let reader = app.begin(&message).await.finished().await;
    assert!(reader.answer.content.size() > 3_000_000, "{}", reader.answer.content.size());
    let (_, html) = page(&app, &format!("/c/{}", message.conversation)).await;
    assert!(html.len() < 700_000, "{}", html.len());
    assert!(html.contains("<em>even</em>") && !html.contains("<strong>391</strong>"), "the last text alone");
    assert_eq!(page_data(&html)["deferred"], json!([message.answer]));
}

/// What the page hands to the browser's side.
fn page_data(html: &str) -> Value {
    let after = html.split(r#"id="page-data">"#).nth(1).unwrap();
    let text = after.split("</script>").next().unwrap();
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

#[tokio::test]
async fn the_settings_have_a_page() {
    let app = TestApp::start().await;
    for path in ["/settings", "/settings/", "/settings?from=menu", "/settings/?"] {
        let (status, html) = page(&app, path).await;
        assert_eq!(status, 200, "{path}");
        assert!(html.contains("Temperature"), "{path}: {html}");
    }
}

#[tokio::test]
async fn whoever_watches_the_server_is_told_that_it_is_well() {
    let app = TestApp::start().await;
    let response = app.get("/healthz").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "ok\n");
}

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let app = TestApp::start().await;
    for path in
        ["/", "/settings", "/nonsense", "/healthz", "/api/list_models", "/api/nonsense", "/pkg/nonsense.js"]
    {
        let response = app.get(path).await;
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            (
                "permissions-policy",
                "camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
            ),
            (
                "cross-origin-resource-policy",
                if path.starts_with("/pkg") { "cross-origin" } else { "same-origin" },
            ),
        ] {
            assert_eq!(
                response.headers().get(name).map(|value| value.to_str().unwrap()),
                Some(value),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_policy_of_a_page_stands_in_its_head_too() {
    let app = TestApp::start().await;
    for path in ["/", "/settings", "/nonsense"] {
        let response = app.get(path).await;
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        let html = response.text().await.unwrap();
        let in_page = html.split(r#"http-equiv="Content-Security-Policy" content=""#).nth(1).unwrap();
        let in_page = in_page.split('"').next().unwrap().replace("&#x27;", "'");
        assert_eq!(policy, format!("{in_page}; frame-ancestors 'none'"), "{path}");
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        assert!(
            nonce.len() >= 16 && html.contains(&format!("<script nonce=\"{nonce}\"")),
            "{path}: {policy}"
        );
    }
}

#[tokio::test]
async fn nothing_that_was_said_is_kept_by_whoever_passes_it_on() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "Between us");
    app.begin(&message).await.finished().await;
    let id = json!({"id": message.conversation});
    let chat = format!("/c/{}", message.conversation);
    let follow = format!("/api/follow_answer?id={}", message.answer);
    for response in [
        app.get("/").await,
        app.get(&chat).await,
        app.get("/nonsense").await,
        app.get(&follow).await,
        app.post("/api/load_conversation", &id).await,
        app.post("/api/list_conversations", &json!({})).await,
        app.post("/api/nonsense", &json!({})).await,
    ] {
        let caching = response.headers()["cache-control"].to_str().unwrap();
        assert!(caching.split(", ").any(|part| part == "no-store"), "{}: {caching}", response.url());
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_read_is_not_an_empty_one() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "Am I lost?");
    app.begin(&message).await.finished().await;
    app.store.close().await;
    for path in [format!("/c/{}", message.conversation), "/".into(), "/settings".into()] {
        let response = app.get(&path).await;
        assert_eq!(response.status(), 500, "{path}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        let html = response.text().await.unwrap();
        assert!(html.contains("database") && html.contains("Try again"), "{path}: {html}");
        assert!(!html.contains("not here") && !html.contains("nothing here"), "{path}: {html}");
    }
}

#[tokio::test]
async fn a_path_does_not_lead_out_of_the_site() {
    let app = TestApp::start().await;
    for path in ["/pkg/../Cargo.toml", "/pkg/%2e%2e/%2e%2e/Cargo.toml", "/pkg/..%2f..%2f..%2fCargo.toml"] {
        let response = app.get(path).await;
        assert_ne!(response.status(), 200, "{path}");
        assert!(!response.text().await.unwrap().contains("[package]"), "{path}");
    }
}
