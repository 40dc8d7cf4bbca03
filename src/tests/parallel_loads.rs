//! Many pages at once: each is rendered by several threads, and what is bound to one of them breaks it.

use std::io::Read;
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::read::GzDecoder;
use futures::{StreamExt, stream};

use crate::test_app::{PATIENCE, TestApp, message, next_message};

const AT_ONCE: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_thousand_loads_of_every_kind_of_page_are_answered_whole() {
    // On a machine that is busy with other tests a connection may wait.
    let app = TestApp::start_with_limits(|limits| {
        (limits.head_timeout, limits.idle_timeout) = (10 * PATIENCE, 10 * PATIENCE);
    })
    .await;
    let chat = message("demo/showcase", "A short chat");
    app.begin(&chat).await.finished().await;
    let long = message("demo/long", "[[characters=4096 repeat=3]] A long chat");
    app.begin(&long).await.finished().await;
    app.begin(&next_message(&long, "[[characters=4096]] And more")).await.finished().await;
    let (chat, long) = (format!("/c/{}", chat.conversation), format!("/c/{}", long.conversation));
    let kinds =
        [("/", 200, 560), (&chat, 200, 900), (&long, 200, 60), ("/settings", 200, 240), ("/none", 404, 240)];

    let panics = count_panics();
    let app = &app;
    let loads = kinds.into_iter().flat_map(|(path, status, count)| {
        (0..count).map(move |number| load(app, path, status, number % 2 == 0))
    });
    let count = stream::iter(loads).buffer_unordered(AT_ONCE).count().await;
    assert_eq!(count, 2000);
    assert_eq!(panics.load(Ordering::Relaxed), 0, "panics in the log");
}

/// Loads a page once, which comes whole and with the status.
async fn load(app: &TestApp, path: &str, status: u16, is_compressed: bool) {
    let encoding = if is_compressed { "gzip" } else { "identity" };
    let request = app.http.get(app.url(path)).header("accept-encoding", encoding);
    let response = request.send().await.unwrap_or_else(|error| panic!("{path}: no response: {error:?}"));
    assert_eq!(response.status(), status, "{path}");
    assert_eq!(response.headers().contains_key("content-encoding"), is_compressed, "{path}");
    let body = response.bytes().await.unwrap_or_else(|error| panic!("{path}: broken off: {error:?}"));
    let mut html = String::new();
    if is_compressed {
        GzDecoder::new(&*body).read_to_string(&mut html).unwrap();
    } else {
        (&*body).read_to_string(&mut html).unwrap();
    }
    // Behind the document stands what Leptos tells its own script.
    let is_whole =
        html.starts_with("<!DOCTYPE html>") && html.contains("</html>") && html.ends_with("</script>");
    assert!(is_whole, "{path}: {} bytes", html.len());
}

/// Counts the panics of this process from now on; they are still told.
fn count_panics() -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let (counted, tell) = (count.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| {
        counted.fetch_add(1, Ordering::Relaxed);
        tell(panic);
    }));
    count
}
