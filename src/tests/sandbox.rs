//! The documents that the page puts into sandboxed frames.

use std::io::ErrorKind;
use std::net::TcpListener;

use reqwest::{Response, StatusCode};
use url::form_urlencoded;

use crate::test_app::TestApp;

const PICTURE: &str = "/frame/picture?url=https%3A%2F%2Fexample.com%2Fcat.png";
const DIAGRAM: &str = "/frame/diagram";

async fn picture(app: &TestApp, url: &str) -> Response {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("url", url).finish();
    app.get(&format!("/frame/picture?{query}")).await
}

fn header<'response>(response: &'response Response, name: &str) -> &'response str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

/// What the policy says of one thing.
fn directive(response: &Response, name: &str) -> Option<String> {
    let policy = header(response, "content-security-policy");
    let mut parts = policy.split(';').map(str::trim);
    parts.find_map(|part| part.strip_prefix(name).map(|value| value.trim().to_owned()))
}

#[tokio::test]
async fn a_picture_has_a_document_of_its_own() {
    let app = TestApp::start().await;
    let response = picture(&app, "https://example.com/cat.png?size=2#tail").await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8");
    let html = response.text().await.unwrap();
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
    let image = r#"<img src="https://example.com/cat.png?size=2#tail" referrerpolicy="no-referrer" alt="">"#;
    assert!(html.contains(image), "{html}");
    assert!(!html.contains("<script"), "{html}");
}

#[tokio::test]
async fn the_policy_of_a_picture_allows_the_picture_alone() {
    let app = TestApp::start().await;
    let response = app.get(PICTURE).await;
    for (name, value) in [
        ("default-src", "'none'"),
        ("img-src", "http: https:"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'self'"),
        ("sandbox", ""),
    ] {
        assert_eq!(directive(&response, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(directive(&response, "script-src"), None);
    let style = directive(&response, "style-src").unwrap();
    let nonce = style.strip_prefix("'nonce-").and_then(|rest| rest.strip_suffix('\'')).unwrap().to_owned();
    let html = response.text().await.unwrap();
    assert!(html.contains(&format!("<style nonce=\"{nonce}\">")), "{html}");
    assert_eq!(html.matches("nonce=").count(), 1, "{html}");
}

#[tokio::test]
async fn the_policy_of_a_diagram_allows_its_own_scripts_and_nothing_from_anywhere() {
    let app = TestApp::start().await;
    let response = app.get(DIAGRAM).await;
    assert_eq!(response.status(), 200);
    for (name, value) in [
        ("default-src", "'none'"),
        ("style-src", "'unsafe-inline'"),
        ("img-src", "data:"),
        ("font-src", "data:"),
        ("connect-src", "'none'"),
        ("base-uri", "'none'"),
        ("form-action", "'none'"),
        ("frame-ancestors", "'self'"),
        ("sandbox", "allow-scripts"),
    ] {
        assert_eq!(directive(&response, name).as_deref(), Some(value), "{name}");
    }
    let script = directive(&response, "script-src").unwrap();
    let nonce = script.strip_prefix("'nonce-").and_then(|rest| rest.strip_suffix('\'')).unwrap().to_owned();
    let html = response.text().await.unwrap();
    assert_eq!(html.matches("<script").count(), 2, "{html}");
    assert_eq!(html.matches(&format!("<script nonce=\"{nonce}\"")).count(), 2, "{html}");
    assert_eq!(html.matches("</script>").count(), 2, "{html}");
}

#[tokio::test]
async fn a_frame_may_stand_in_our_own_page_and_tells_nobody_where_it_stands() {
    let app = TestApp::start().await;
    for path in [PICTURE, DIAGRAM, "/frame/picture?url=nonsense"] {
        let response = app.get(path).await;
        for (name, value) in [
            ("x-frame-options", "SAMEORIGIN"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(header(&response, name), value, "{name} of {path}");
        }
    }
    let page = app.get("/").await.text().await.unwrap();
    assert!(page.contains("frame-src 'self'"), "{page}");
}

#[tokio::test]
async fn each_frame_has_another_nonce() {
    let app = TestApp::start().await;
    for path in [PICTURE, DIAGRAM] {
        let (first, second) = (app.get(path).await, app.get(path).await);
        let policies =
            [&first, &second].map(|response| header(response, "content-security-policy").to_owned());
        assert_ne!(policies[0], policies[1], "{path}");
    }
}

#[tokio::test]
async fn what_is_no_address_of_a_picture_is_refused_with_a_sentence() {
    let app = TestApp::start().await;
    for url in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "blob:http://example.com/1",
        "ftp://example.com/cat.png",
        "about:blank",
        "/pkg/runnel.js",
        "//example.com/cat.png",
        "cat.png",
        "https://",
        "https://exa mple.com/",
        "https://[::1/cat.png",
        "https://example.com:99999/",
        "https://example.com@evil.example/cat.png",
        "https://name:word@example.com/cat.png",
        "\u{0}",
        "",
    ] {
        refused(&picture(&app, url).await, url);
    }
    for query in
        ["", "?", "?url", "?url=", "?URL=https://example.com/", "?url=%ff%fe", "?link=https://example.com/"]
    {
        refused(&app.get(&format!("/frame/picture{query}")).await, query);
    }
}

fn refused(response: &Response, what: &str) {
    assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{what:?}");
    assert_eq!(header(response, "content-type"), "text/plain; charset=utf-8", "{what:?}");
}

#[tokio::test]
async fn a_refusal_does_not_repeat_what_was_asked() {
    let app = TestApp::start().await;
    let sentence = picture(&app, "javascript:alert('<b>')").await.text().await.unwrap();
    assert_eq!(sentence, "A picture's address begins with http:// or https://.\n");
}

#[tokio::test]
async fn an_address_does_not_become_markup() {
    let app = TestApp::start().await;
    let plain = app.get(PICTURE).await.text().await.unwrap();
    for url in [
        "https://example.com/\"><script>alert(1)</script>",
        "https://example.com/?\"onerror=\"alert(1)",
        "https://example.com/?'onerror='alert(1)",
        "https://example.com/#\" onload=\"alert(1)",
        "https://example.com/#</style></head><b>",
        "https://example.com/&quot;&#34;onerror=alert(1)",
        "https://example.com/\u{202e}gnp.tac",
    ] {
        let response = picture(&app, url).await;
        assert_eq!(response.status(), 200, "{url}");
        let html = response.text().await.unwrap();
        let image = html.split("<img src=\"").nth(1).unwrap().split('>').next().unwrap();
        let (address, rest) = image.split_once('"').unwrap();
        assert_eq!(rest, r#" referrerpolicy="no-referrer" alt="""#, "{url}");
        assert!(address.is_ascii(), "{url}: {address}");
        assert!(!address.contains(['<', '>', '\'']), "{url}: {address}");
        assert_eq!(html.matches('<').count(), plain.matches('<').count(), "{url}: {html}");
    }
}

#[tokio::test]
async fn the_server_does_not_fetch_the_picture() {
    let app = TestApp::start().await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/cat.png", elsewhere.local_addr().unwrap());
    let response = picture(&app, &url).await;
    assert_eq!(response.status(), 200);
    assert!(response.text().await.unwrap().contains(&url));
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[tokio::test]
async fn a_frame_is_not_given_to_whoever_calls_the_server_by_another_name() {
    let app = TestApp::start().await;
    for path in [PICTURE, DIAGRAM] {
        let response = app.http.get(app.url(path)).header("host", "evil.example").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
    }
}

#[tokio::test]
async fn what_a_frame_asks_of_the_api_is_refused() {
    let app = TestApp::start().await;
    let request = app.http.get(app.url("/api/list_models"));
    let response =
        request.header("origin", "null").header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}
