//! Silence, comments without text, and streams that break off: each ends the answer, and the text stays.
//!
//! Which timer ended an answer is read from its message; how long it took is not measured.

use std::time::{Duration, Instant};

use runnel::chat::{AnswerEvent, EndStatus};
use runnel::error::AnswerErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::test_app::{RawUpstream, Reader, TestApp};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";
const SHORT: Duration = Duration::from_millis(500);

fn assert_stalled(reader: &Reader, words: &str, text: &str) {
    assert_eq!(reader.status(), EndStatus::Interrupted);
    assert_eq!(reader.problem().kind, AnswerErrorKind::Stalled);
    assert!(reader.problem().message.contains(words), "{}", reader.problem().message);
    assert_eq!(reader.answer.text(), text);
    assert!(reader.retries().is_empty());
}

#[tokio::test]
async fn a_stream_that_falls_silent_ends_as_interrupted_with_its_text() {
    let app = TestApp::start_with(|client| client.idle_timeout = SHORT).await;
    let reader = app.ask("demo/stall", "Go on?").await;
    assert_stalled(&reader, "Nothing came", BEFORE_SILENCE);
    app.eventually_stats("Go on?", |tally| tally.open == 0 && tally.aborted == 1).await;
    assert_eq!(app.stats("Go on?").await.requests, 1);
}

#[tokio::test]
async fn a_stream_that_never_says_anything_ends_as_interrupted() {
    let app = TestApp::start_with(|client| client.idle_timeout = SHORT).await;
    let reader = app.ask("demo/stall-first", "Start?").await;
    assert_stalled(&reader, "Nothing came", "");
    app.eventually_stats("Start?", |tally| tally.open == 0 && tally.aborted == 1).await;
}

#[tokio::test]
async fn comments_keep_a_stream_alive_but_are_no_progress() {
    let app = TestApp::start_with(|client| {
        client.idle_timeout = Duration::from_millis(1500);
        client.progress_timeout = Duration::from_millis(2500);
    })
    .await;
    let (before, after) = tokio::join!(
        app.ask("demo/comments", "Only comments?"),
        app.ask("demo/comments-after-text", "Comments after text?"),
    );
    assert_stalled(&before, "No text came", "");
    assert_stalled(&after, "No text came", BEFORE_SILENCE);
    let waiting = before.events.iter().filter(|event| **event == AnswerEvent::Waiting).count();
    assert_eq!(waiting, 1, "hundreds of comments are one event");
    app.eventually_stats("Only comments?", |tally| tally.open == 0 && tally.aborted == 1).await;
}

#[tokio::test]
async fn a_slow_model_that_sends_comments_is_waited_for_longer_than_the_idle_timeout() {
    let app = TestApp::start_with(|client| client.idle_timeout = Duration::from_secs(1)).await;
    let reader = app.ask("demo/echo", "[[first_ms=2500 comment_ms=20]] Take your time").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.answer.text(), "Take your time");
    assert_eq!(reader.events.iter().filter(|event| **event == AnswerEvent::Waiting).count(), 1);
}

#[tokio::test]
async fn an_answer_may_take_longer_than_both_timeouts_while_text_comes() {
    let app = TestApp::start_with(|client| {
        client.idle_timeout = Duration::from_secs(1);
        client.progress_timeout = Duration::from_secs(1);
    })
    .await;
    let reader = app.ask("demo/echo", "[[characters=1 delta_ms=100]] Slow and steady wins it").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.answer.text(), "Slow and steady wins it");
}

#[tokio::test]
async fn an_upstream_that_takes_the_request_and_never_answers_is_left() {
    let app = TestApp::start_with(|client| client.progress_timeout = SHORT).await;
    let reader = app.ask("demo/hang", "Hello?").await;
    assert_stalled(&reader, "No answer came", "");
    app.eventually_stats("Hello?", |tally| tally.open == 0 && tally.aborted == 1).await;
    assert_eq!(app.stats("Hello?").await.requests, 1);
}

/// Sends its headers after some time, comments from then on, and a whole answer when the time since the headers is up.
async fn late_upstream(headers_after: Duration, answer_after: Duration) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        tokio::time::sleep(headers_after).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        // The client may have hung up before each of these.
        let _ = socket.write_all(head.as_bytes()).await;
        let began = Instant::now();
        while began.elapsed() < answer_after {
            let _ = socket.write_all(b": still loading\n\n").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let event = r#"{"choices":[{"index":0,"delta":{"content":"Too late."},"finish_reason":"stop"}]}"#;
        let _ = socket.write_all(format!("data: {event}\n\n").as_bytes()).await;
    });
    format!("http://{address}/v1")
}

#[tokio::test]
async fn the_time_until_the_headers_counts_as_time_without_content() {
    // Text comes 1.8 s after the headers and 3 s after the request. A slower machine only makes it later.
    let base_url = late_upstream(Duration::from_millis(1200), Duration::from_millis(1800)).await;
    let app = TestApp::start_in_front_of(&base_url, |client| {
        client.idle_timeout = Duration::from_secs(10);
        client.progress_timeout = Duration::from_secs(2);
    })
    .await;
    let reader = app.ask("any", "Are you loaded?").await;
    assert_eq!((reader.status(), reader.problem().kind), (EndStatus::Interrupted, AnswerErrorKind::Stalled));
    assert_eq!(reader.answer.text(), "");
}

#[tokio::test]
async fn a_connection_that_is_not_accepted_in_time_is_unreachable() {
    // A listener that accepts nothing: once its queue is full, a connection is neither made nor refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(waiting) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        queue.push(waiting.unwrap());
        assert!(queue.len() < 1000, "the queue does not fill up");
    }
    let app = TestApp::start_in_front_of(&format!("http://{address}/v1"), |client| {
        client.connect_timeout = SHORT;
        client.retry.attempts = 2;
    })
    .await;
    let reader = app.ask("any", "May I come in?").await;
    assert_eq!(reader.status(), EndStatus::Failed);
    assert_eq!(reader.problem().kind, AnswerErrorKind::Unreachable);
    assert!(reader.problem().message.contains("in time"), "{}", reader.problem().message);
    assert_eq!(reader.retries().len(), 1);
}

#[tokio::test]
async fn a_stream_that_ends_without_a_reason_is_interrupted() {
    let app = TestApp::start().await;
    for model in ["demo/cut", "demo/cut-reset"] {
        let reader = app.ask(model, "Is that all?").await;
        assert_eq!(reader.status(), EndStatus::Interrupted, "{model}");
        assert_eq!(reader.problem().kind, AnswerErrorKind::CutOff, "{model}");
        assert_eq!(reader.end().finish_reason, None, "{model}");
        assert!(reader.answer.text().ends_with("in the middle of a"), "{model}: {}", reader.answer.text());
    }
}

#[tokio::test]
async fn an_answer_with_a_finish_reason_is_complete_without_the_terminator() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/no-done", "Are you done?").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.end().finish_reason.as_deref(), Some("stop"));
    assert!(reader.end().problem.is_none());
}

#[tokio::test]
async fn an_answer_that_its_model_finished_is_complete_although_the_stream_stays_open() {
    let event = r#"{"choices":[{"index":0,"delta":{"content":"Done."},"finish_reason":"stop"}]}"#;
    // More is promised than ever comes.
    let response = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\ndata: {event}\n\n"
    );
    let upstream = RawUpstream::answering(response).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |client| client.idle_timeout = SHORT).await;
    let reader = app.ask("any", "Finished?").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.answer.text(), "Done.");
}

#[tokio::test]
async fn endings_are_passed_on_with_their_reason_and_usage() {
    let app = TestApp::start().await;
    for (model, reason) in [
        ("demo/plain", "stop"),
        ("demo/length", "length"),
        ("demo/content-filter", "content_filter"),
        ("demo/tool-call", "tool_calls"),
        ("demo/empty", "stop"),
        ("demo/era-a", "end_turn"),
        ("demo/era-b", "stop"),
        ("demo/era-c", "stop"),
    ] {
        let reader = app.ask(model, "How does it end?").await;
        assert_eq!(reader.status(), EndStatus::Complete, "{model}");
        assert_eq!(reader.end().finish_reason.as_deref(), Some(reason), "{model}");
        assert!(reader.end().usage.as_ref().is_some_and(|usage| usage.total_tokens.is_some()), "{model}");
        assert_eq!(reader.answer.source.provider.as_deref(), Some("Demo"), "{model}");
        assert!(reader.answer.source.generation_id.is_some(), "{model}");
    }
}
