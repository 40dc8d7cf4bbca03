//! An upstream that cannot be asked is said before anybody asks, and no longer once it can be.

use runnel::server::demo::{Demo, Pace};
use runnel::server::openrouter::Dialect;
use serde_json::json;
use tokio::net::TcpSocket;

use crate::test_app::{RawUpstream, TestApp, eventually, refusal};

const UNREACHABLE: &str = "cannot be reached. Check that it is running, and OPENROUTER_BASE_URL.";

/// What the demo's wrong key is.
const WRONG_KEY: &str = "sk-or-v1-wrong";

async fn says(app: &TestApp, words: &str) -> bool {
    app.get("/").await.text().await.unwrap().contains(words)
}

#[tokio::test]
async fn an_unreachable_upstream_is_said_on_the_page_until_it_is_there() {
    // Bound but not listening: nobody else gets the port, and connections to it are refused.
    let closed = TcpSocket::new_v4().unwrap();
    closed.set_reuseaddr(true).unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = closed.local_addr().unwrap();
    let app = TestApp::start_in_front_of(&format!("http://{address}/api/v1"), |_| ()).await;
    eventually("the page says it", async || says(&app, UNREACHABLE).await).await;

    let unnamed = json!({"question": {"text": "Anybody?"}});
    let (status, kind, message) = refusal(app.send(&unnamed).await).await;
    assert_eq!((status, kind.as_str()), (502, "upstream"));
    assert_eq!(message, format!("The model server at {address} {UNREACHABLE}"));
    assert!(!says(&app, "Anybody?").await, "no chat was made of it");

    drop(closed);
    let _upstream = Demo::start(address, Pace::default()).await.unwrap();
    eventually("the page says it no longer", async || !says(&app, UNREACHABLE).await).await;
    assert_eq!(app.send(&unnamed).await.status(), 200);
}

#[tokio::test]
async fn a_refused_key_is_said_on_the_page() {
    let app = TestApp::start_with(|client| {
        client.dialect = Dialect::OpenRouter;
        client.api_key = Some(WRONG_KEY.into());
    })
    .await;
    let words = "did not accept the API key. Check OPENROUTER_API_KEY and restart Runnel.";
    eventually("the page says it", async || says(&app, words).await).await;
    assert!(!says(&app, WRONG_KEY).await);
}

#[tokio::test]
async fn an_upstream_that_goes_away_is_noticed_with_the_next_answer() {
    let demo = Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await.unwrap();
    let app = TestApp::start_in_front_of(&demo.base_url(), |client| client.retry.attempts = 1).await;
    app.ask("demo/echo", "Are you there?").await;
    assert!(!says(&app, UNREACHABLE).await);
    drop(demo);
    app.ask("demo/echo", "And now?").await;
    eventually("the page says it", async || says(&app, UNREACHABLE).await).await;
}

#[tokio::test]
async fn what_concerns_one_request_alone_is_no_trouble() {
    let body = r#"{"data":[]}"#;
    let upstream = RawUpstream::with_response("200 OK", &["content-type: application/json"], body).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let (status, kind, message) = refusal(app.send(&json!({"question": {"text": "Hello?"}})).await).await;
    assert_eq!((status, kind.as_str()), (502, "upstream"));
    assert_eq!(message, "The model server has no models. Load one there, or name one in the chat settings.");
    assert!(!says(&app, "cannot be reached").await && !says(&app, "API key").await);
}
