//! What may pass is tried again, as patiently as the upstream asks, and only while nothing was shown.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use runnel::chat::{AnswerEvent, EndStatus};
use runnel::error::AnswerErrorKind;
use tokio::net::TcpSocket;

use crate::test_app::{RawUpstream, Reader, TestApp, message};

fn attempts(reader: &Reader) -> Vec<(u32, u32)> {
    reader.retries().iter().map(|retry| (retry.attempt, retry.attempts)).collect()
}

/// Whether every retry was told before anything was shown.
fn retries_come_first(reader: &Reader) -> bool {
    let first = reader.events.iter().position(|event| matches!(event, AnswerEvent::FirstToken { .. }));
    let last = reader.events.iter().rposition(|event| matches!(event, AnswerEvent::Retrying(_)));
    last.zip(first).is_some_and(|(last, first)| last < first)
}

#[tokio::test]
async fn a_model_that_is_unavailable_twice_answers_at_the_third_attempt() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/flaky-fast", "Third time lucky?").await;
    assert_eq!(attempts(&reader), [(2, 4), (3, 4)]);
    assert!(retries_come_first(&reader), "{:?}", reader.events);
    assert_eq!(reader.status(), EndStatus::Complete);
    assert!(reader.answer.text().starts_with("Third time lucky"), "{}", reader.answer.text());
    assert!(reader.retries().iter().all(|retry| retry.problem.kind == AnswerErrorKind::ProviderDown));
    assert_eq!(app.stats("Third time lucky?").await.requests, 3);
}

#[tokio::test]
async fn retry_after_is_kept_to() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/flaky", "When may I come back?").await;
    assert_eq!(attempts(&reader), [(2, 4), (3, 4)]);
    assert!(retries_come_first(&reader), "{:?}", reader.events);
    for retry in reader.retries() {
        assert_eq!(retry.problem.kind, AnswerErrorKind::RateLimited);
        assert_eq!(retry.problem.retry_after_ms, Some(1000));
        assert!(retry.wait_ms >= 1000, "{retry:?}");
    }
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(app.stats("When may I come back?").await.requests, 3);
}

#[tokio::test]
async fn the_time_at_which_a_rate_limit_ends_is_kept_to() {
    let app = TestApp::start_with(|client| client.retry.attempts = 2).await;
    let reader = app.ask("demo/error-429-reset", "Until when?").await;
    let retries = reader.retries();
    assert_eq!(attempts(&reader), [(2, 2)]);
    let asked = retries[0].problem.retry_after_ms.unwrap();
    assert!((1..=1200).contains(&asked), "{asked}");
    assert!(retries[0].wait_ms >= asked, "{:?}", retries[0]);
}

#[tokio::test]
async fn an_upstream_that_asks_for_more_than_the_longest_wait_is_not_waited_for() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/error-429-long", "In an hour?").await;
    assert!(reader.retries().is_empty());
    assert_eq!(reader.problem().kind, AnswerErrorKind::RateLimited);
    assert_eq!(reader.problem().retry_after_ms, Some(3_600_000));
    assert_eq!(app.stats("In an hour?").await.requests, 1);
}

#[tokio::test]
async fn a_retry_after_that_is_a_date_is_kept_to() {
    let headers = ["content-type: application/json", "retry-after: Wed, 01 Jan 2098 00:00:00 GMT"];
    let body = r#"{"error":{"code":429,"message":"Rate limit exceeded"}}"#;
    let upstream = RawUpstream::with_response("429 Too Many Requests", &headers, body).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "In another century?").await;
    assert_eq!(reader.problem().kind, AnswerErrorKind::RateLimited);
    assert!(reader.retries().is_empty(), "{:?}", reader.retries());
    assert_eq!(upstream.requests().len(), 1);
}

/// Rate-limited with this header line.
async fn limited_with(header: &str) -> RawUpstream {
    let headers = ["content-type: application/json", header];
    let body = r#"{"error":{"code":429,"message":"Rate limit exceeded"}}"#;
    RawUpstream::with_response("429 Too Many Requests", &headers, body).await
}

#[tokio::test]
async fn a_retry_after_that_makes_no_sense_is_passed_over() {
    for value in ["soon", "-5", ""] {
        let upstream = limited_with(&format!("retry-after: {value}")).await;
        let app = TestApp::start_in_front_of(&upstream.base_url(), |client| client.retry.attempts = 2).await;
        let reader = app.ask("any", "When?").await;
        assert_eq!(reader.problem().kind, AnswerErrorKind::RateLimited, "{value}");
        assert_eq!(attempts(&reader), [(2, 2)], "{value}");
        assert_eq!(upstream.requests().len(), 2, "{value}");
    }
}

#[tokio::test]
async fn a_wait_that_no_clock_can_hold_is_longer_than_we_wait() {
    for header in [
        "retry-after: 1e300",
        "retry-after: 1e999",
        "retry-after: NaN",
        "retry-after: 99999999999999999999",
        "x-ratelimit-reset: 1e300",
        "x-ratelimit-reset: 18446744073709551615",
    ] {
        let upstream = limited_with(header).await;
        let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
        let reader = app.ask("any", "In this life?").await;
        assert_eq!(reader.problem().kind, AnswerErrorKind::RateLimited, "{header}");
        assert_eq!(reader.problem().retry_after_ms, None, "no number for a person: {header}");
        assert!(reader.retries().is_empty(), "{header}");
        assert_eq!(upstream.requests().len(), 1, "{header}");
    }
}

#[tokio::test]
async fn an_upstream_that_asks_for_no_wait_is_still_asked_with_growing_pauses() {
    let first_wait = Duration::from_millis(40);
    for header in [
        "retry-after: 0",
        "retry-after: Thu, 01 Jan 2015 00:00:00 GMT",
        "x-ratelimit-reset: 0",
        "x-ratelimit-reset: 1743292800",
        "x-ratelimit-reset: 1743292800000",
    ] {
        let upstream = limited_with(header).await;
        let app =
            TestApp::start_in_front_of(&upstream.base_url(), |client| client.retry.first_wait = first_wait)
                .await;
        let reader = app.ask("any", "Now?").await;
        let waits: Vec<_> = reader.retries().iter().map(|retry| retry.wait_ms).collect();
        assert_eq!(waits.len(), 3, "{header}");
        for (wait, floor) in waits.iter().zip([20, 40, 80]) {
            assert!((floor..=2 * floor).contains(wait), "{header}: {waits:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_in_seconds_is_a_time_and_not_the_year_1970() {
    let reset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 3600;
    for header in [format!("x-ratelimit-reset: {reset}"), format!("x-ratelimit-reset: {reset}000")] {
        let upstream = limited_with(&header).await;
        let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
        let reader = app.ask("any", "Until when?").await;
        let asked = reader.problem().retry_after_ms.unwrap();
        assert!((3_000_000..=3_600_000).contains(&asked), "{header}: {asked}");
        assert_eq!(upstream.requests().len(), 1, "{header}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_ends_as_unreachable() {
    // Bound but not listening: nobody else gets the port, and connections to it are refused.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let base_url = format!("http://{}/v1", closed.local_addr().unwrap());
    let app = TestApp::start_in_front_of(&base_url, |_| ()).await;
    let reader = app.ask("any", "Anybody home?").await;
    assert_eq!(attempts(&reader), [(2, 4), (3, 4), (4, 4)]);
    assert_eq!(reader.status(), EndStatus::Failed);
    assert_eq!(reader.problem().kind, AnswerErrorKind::Unreachable);
    assert!(reader.retries().iter().all(|retry| retry.problem.kind == AnswerErrorKind::Unreachable));
}

#[tokio::test]
async fn a_connection_closed_before_the_headers_is_tried_again() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/reset", "Hello?").await;
    assert_eq!(attempts(&reader), [(2, 4), (3, 4), (4, 4)]);
    assert_eq!(reader.status(), EndStatus::Interrupted);
    assert_eq!(reader.problem().kind, AnswerErrorKind::CutOff);
    assert_eq!(app.stats("Hello?").await.requests, 4);
}

#[tokio::test]
async fn a_connection_that_dies_before_any_text_is_tried_again() {
    let app = TestApp::start().await;
    for model in ["demo/reset-first", "demo/end-immediately"] {
        let prompt = format!("Is {model} there?");
        let reader = app.ask(model, &prompt).await;
        assert_eq!(attempts(&reader), [(2, 4), (3, 4), (4, 4)], "{model}");
        assert_eq!(reader.status(), EndStatus::Interrupted, "{model}");
        assert_eq!(reader.problem().kind, AnswerErrorKind::CutOff, "{model}");
        assert_eq!(app.stats(&prompt).await.requests, 4, "{model}");
    }
}

#[tokio::test]
async fn nothing_is_tried_again_once_text_was_shown() {
    let app = TestApp::start_with(|client| client.idle_timeout = Duration::from_millis(500)).await;
    for model in ["demo/cut", "demo/cut-reset", "demo/stall", "demo/midstream-rate-limit-after-text"] {
        let prompt = format!("How does {model} go on?");
        let reader = app.ask(model, &prompt).await;
        assert!(!reader.answer.text().is_empty(), "{model}");
        assert!(reader.retries().is_empty(), "{model}");
        assert_eq!(app.stats(&prompt).await.requests, 1, "{model}");
    }
}

#[tokio::test]
async fn an_answer_can_be_stopped_in_the_pause_before_a_retry() {
    let app = TestApp::start_with(|client| {
        client.retry.first_wait = Duration::from_hours(1);
        client.retry.longest_wait = Duration::from_hours(1);
    })
    .await;
    let message = message("demo/error-503", "Must I wait?");
    let mut reader = app.begin(&message).await;
    while reader.retries().is_empty() {
        assert!(reader.read().await);
    }
    assert_eq!(app.stop(message.answer).await, EndStatus::Stopped);
    assert_eq!(reader.finished().await.status(), EndStatus::Stopped);
    assert_eq!(app.stats("Must I wait?").await.requests, 1);
}
