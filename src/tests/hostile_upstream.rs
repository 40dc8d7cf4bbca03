//! An upstream that floods, lies or injects: the answer ends, the process lives, and the next answer works.

use std::fmt::Write;

use runnel::chat::{AnswerEvent, EndStatus};
use runnel::problem::ProblemKind;

use crate::test_app::{RawUpstream, TestApp, message};

async fn assert_still_works(app: &TestApp) {
    assert_eq!(app.ask("demo/echo", "Still well?").await.answer.text, "Still well?");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_line_or_event_is_refused_at_the_limit_and_the_connection_closed() {
    let app = TestApp::start().await;
    for model in ["demo/bomb-line", "demo/bomb-data"] {
        let prompt = format!("How much is {model}?");
        let reader = app.ask(model, &prompt).await;
        assert_eq!(reader.status(), EndStatus::Failed, "{model}");
        assert_eq!(reader.problem().kind, ProblemKind::Unreadable, "{model}");
        assert!(reader.problem().message.contains("1048576 bytes"), "{}", reader.problem().message);
        assert!(reader.answer.text.is_empty() && reader.body.len() < 4096, "{model}");
        // 64 MiB were on offer.
        app.eventually_stats(&prompt, |tally| (tally.requests, tally.open, tally.aborted) == (1, 0, 1)).await;
    }
    assert_still_works(&app).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_tiny_deltas_arrive_whole_and_in_order() {
    let app = TestApp::start().await;
    let message = message("demo/many-tiny", "Letter by letter");
    let reader = app.begin(&message).await.finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    let line = "The quick brown fox jumps over the lazy dog, again.\n";
    let expected: String = line.chars().cycle().take(100_000).collect();
    assert!(reader.answer.text == expected, "{} characters", reader.answer.characters);
    assert_eq!(reader.answer.characters, 100_000);
    let followed = app.follow(message.answer, 0).await.finished().await;
    assert_eq!(followed.body, reader.body);
    assert_still_works(&app).await;
}

#[tokio::test]
async fn events_that_cannot_be_read_are_passed_over() {
    let app = TestApp::start().await;
    for (model, text) in [
        ("demo/garbage", "The good events arrive all the same."),
        ("demo/deep-json", "Before the deep event. After it."),
    ] {
        let reader = app.ask(model, "What do you make of this?").await;
        assert_eq!(reader.status(), EndStatus::Complete, "{model}");
        assert_eq!(reader.answer.text, text, "{model}");
    }
    assert_still_works(&app).await;
}

#[tokio::test]
async fn events_hidden_in_the_text_stay_text() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/script", "May I inject something?").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    let text = &reader.answer.text;
    assert!(text.starts_with("This event called itself the end, number 999.\n"), "{text}");
    assert!(text.contains("event: end\nid: 999\ndata: {\"status\":\"complete\"}"), "{text}");
    assert!(text.ends_with("Nothing of this may run."), "{text}");
    let ends = reader.events.iter().filter(|event| matches!(event, AnswerEvent::End(_))).count();
    assert_eq!(ends, 1);
    assert!(!String::from_utf8(reader.body).unwrap().contains("\nid: 999"));
}

#[tokio::test]
async fn invisible_and_control_characters_arrive_as_they_are() {
    let app = TestApp::start().await;
    let text = app.ask("demo/bidi", "What is hidden?").await.answer.text;
    for character in ['\u{202E}', '\u{2066}', '\u{200B}', '\u{FEFF}', '\u{1b}', '\u{0}', '\u{2028}', '\u{85}']
    {
        assert!(text.contains(character), "{character:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_at_the_largest_size() {
    // 70 MiB: more than any answer may have.
    let chunk = serde_json::json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(512 * 1024)}}]});
    let event = format!("data: {chunk}\n\n");
    let mut response =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec();
    for _ in 0..140 {
        response.extend_from_slice(event.as_bytes());
    }
    let upstream = RawUpstream::answering(response).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "How long can you talk?").await;
    assert_eq!(reader.status(), EndStatus::Failed);
    assert_eq!(reader.problem().kind, ProblemKind::Unreadable);
    assert!(reader.problem().message.contains("64 MiB"), "{}", reader.problem().message);
    assert!(reader.answer.text.len() <= 64 << 20);
    assert_eq!(upstream.requests().len(), 1, "not tried again");
}

#[tokio::test]
async fn an_endless_error_body_is_read_only_so_far() {
    let mut response = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\r\n".to_vec();
    response.resize(16 << 20, b'x');
    let upstream = RawUpstream::answering(response).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "What is wrong?").await;
    assert_eq!(reader.problem().kind, ProblemKind::BadRequest);
    assert!(reader.problem().message.chars().count() < 1000);
}

#[tokio::test]
async fn a_thousand_tool_calls_are_not_all_kept() {
    let mut body = String::new();
    for index in 0..1000 {
        let call = serde_json::json!({"index": index, "id": format!("call-{index}"), "function": {"name": "f", "arguments": "{}"}});
        let chunk = serde_json::json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
        writeln!(body, "data: {chunk}\n").unwrap();
    }
    body.push_str("data: [DONE]\n\n");
    let upstream = RawUpstream::with_response("200 OK", &["content-type: text/event-stream"], &body).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "Call everything").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.answer.tool_calls.len(), 256);
}
