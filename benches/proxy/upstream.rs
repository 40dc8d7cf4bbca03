//! An upstream that streams what a question asks for, in OpenAI's form.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures::{Stream, stream};
use tokio::time::{Instant, sleep_until};

use crate::marker::{Wanted, token};
use crate::process::listen;

/// How many streams are open.
type Open = Arc<AtomicU64>;

/// Serves until it is killed. `/open` says how many streams are open.
pub async fn serve() {
    let open = Open::default();
    let app = Router::new()
        .route("/api/v1/chat/completions", post(complete))
        .route(
            "/open",
            get(|State(open): State<Open>| async move { open.load(Ordering::Relaxed).to_string() }),
        )
        .with_state(open);
    axum::serve(listen().await, app).await.unwrap();
}

async fn complete(State(open): State<Open>, body: String) -> Response {
    let wanted = Wanted::find(&body).expect("the question asks for a stream");
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(chunks(wanted, Counted::new(open))))
        .into_response()
}

/// The first chunk comes at once, each other one a pause after it.
fn chunks(wanted: Wanted, counted: Counted) -> impl Stream<Item = Result<String, Infallible>> {
    let begun = Instant::now();
    stream::unfold((0, counted), move |(sent, counted)| async move {
        if sent > wanted.chunks {
            return None;
        }
        if sent == wanted.chunks {
            return Some((Ok(last()), (sent + 1, counted)));
        }
        sleep_until(begun + Duration::from_micros(wanted.pause_us) * sent).await;
        Some((Ok(chunk(&token(wanted.bytes))), (sent + 1, counted)))
    })
}

fn chunk(text: &str) -> String {
    format!(
        "data: {{\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"model\":\"bench\",\"choices\":[{{\"index\":0,\
         \"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
    )
}

fn last() -> String {
    "data: {\"id\":\"gen-1\",\"object\":\"chat.completion.chunk\",\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\
     \"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        .to_owned()
}

/// An open stream, as long as it is held.
struct Counted(Open);

impl Counted {
    fn new(open: Open) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
