//! An upstream that floods, lies or injects: the answer ends, the process lives, and the next answer works.

use std::fmt::Write;

use runnel::chat::{AnswerEvent, EndStatus};
use runnel::error::AnswerErrorKind;
use runnel::server::store::AnswerStore;
use serde_json::{Value, json};

use crate::store_contract::ME;
use crate::test_app::{RawUpstream, Reader, TestApp, eventually, message};

async fn assert_still_works(app: &TestApp) {
    assert_eq!(app.ask("demo/echo", "Still well?").await.answer.text(), "Still well?");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_line_or_event_is_refused_at_the_limit_and_the_connection_closed() {
    let app = TestApp::start().await;
    for model in ["demo/bomb-line", "demo/bomb-data"] {
        let prompt = format!("How much is {model}?");
        let reader = app.ask(model, &prompt).await;
        assert_eq!(reader.status(), EndStatus::Failed, "{model}");
        assert_eq!(reader.problem().kind, AnswerErrorKind::Unreadable, "{model}");
        assert!(reader.problem().message.contains("1048576 bytes"), "{}", reader.problem().message);
        assert!(reader.answer.text().is_empty() && reader.body.len() < 4096, "{model}");
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
    assert!(reader.answer.text() == expected, "{} characters", reader.answer.characters);
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
        assert_eq!(reader.answer.text(), text, "{model}");
    }
    assert_still_works(&app).await;
}

#[tokio::test]
async fn events_hidden_in_the_text_stay_text() {
    let app = TestApp::start().await;
    let reader = app.ask("demo/script", "May I inject something?").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    let text = &reader.answer.text();
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
    let text = app.ask("demo/bidi", "What is hidden?").await.answer.text().into_owned();
    for character in ['\u{202E}', '\u{2066}', '\u{200B}', '\u{FEFF}', '\u{1b}', '\u{0}', '\u{2028}', '\u{85}']
    {
        assert!(text.contains(character), "{character:?}");
    }
}

/// More than the kernel holds for a connection: whoever stops reading is noticed.
const FLOOD_BYTES: usize = 24 << 20;

/// An upstream that sends this chunk, with its number in place of `#`, again and again, and then the end.
async fn flooding(chunk: &Value) -> RawUpstream {
    repeating(chunk, FLOOD_BYTES / chunk.to_string().len()).await
}

async fn repeating(chunk: &Value, times: usize) -> RawUpstream {
    let chunk = chunk.to_string();
    let mut response =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n".to_vec();
    for number in 0..times {
        response
            .extend_from_slice(format!("data: {}\n\n", chunk.replace('#', &number.to_string())).as_bytes());
    }
    response.extend_from_slice(b"data: [DONE]\n\n");
    RawUpstream::answering(response).await
}

fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta}]})
}

/// The answer was cut off at this size: what came before is kept, and the upstream is not asked for more.
async fn assert_cut_off(app: &TestApp, upstream: &RawUpstream, reader: &Reader, limit: usize, what: &str) {
    assert_eq!(reader.status(), EndStatus::Interrupted, "{what}");
    assert_eq!(reader.problem().kind, AnswerErrorKind::TooLarge, "{what}");
    assert!(reader.body.len() <= limit + 4096, "{what}: {} bytes", reader.body.len());
    assert_eq!(upstream.requests().len(), 1, "{what} is not tried again");
    eventually("the upstream's connection is closed", async || upstream.hung_up() == 1).await;
    let kept = app.store.find_answer(&ME, reader.answer.id).await.unwrap().unwrap().1;
    assert_eq!(kept.end(), reader.answer.end(), "{what}");
    assert!(kept.content == reader.answer.content, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_off_at_the_largest_size() {
    // 70 MiB: more than any answer may have.
    let upstream = repeating(&delta(json!({"content": "x".repeat(512 << 10)})), 140).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "How long can you talk?").await;
    assert_eq!(reader.problem().message, "It is larger than 16 MiB.");
    assert_eq!(reader.problem().kind.sentence(), "Cut off: the answer is too large.");
    assert!(reader.answer.text().len() > 15 << 20, "{}", reader.answer.text().len());
    assert_cut_off(&app, &upstream, &reader, 16 << 20, "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fills_an_answer_counts() {
    const LIMIT: usize = 256 << 10;
    let long = "t".repeat(2000);
    let source = json!({"url": "https://example.org/#", "title": long});
    let picture = json!({"image_url": {"url": format!("data:image/png;base64,{long}")}});
    for (what, chunk) in [
        (
            "titles of sources",
            delta(json!({"annotations": [{"type": "url_citation", "url_citation": source}]})),
        ),
        ("names of models", json!({"model": format!("model # {long}"), "choices": []})),
        ("names of providers", json!({"provider": format!("# {long}"), "choices": []})),
        ("pictures", delta(json!({"images": [picture]}))),
        ("tool calls", delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": long}}]}))),
        ("reasoning", delta(json!({"reasoning": long}))),
        ("refusals", delta(json!({"refusal": long}))),
        ("single letters", delta(json!({"content": "x"}))),
    ] {
        let upstream = flooding(&chunk).await;
        let app = TestApp::start_with_answer_limit(&upstream.base_url(), LIMIT).await;
        let reader = app.ask("any", "What is it full of?").await;
        assert_eq!(reader.problem().message, "It is larger than 256 KiB.", "{what}");
        assert_cut_off(&app, &upstream, &reader, LIMIT, what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_tool_call_that_say_nothing_are_none() {
    let piece = delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": ""}}]}));
    let upstream = repeating(&piece, 50_000).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "Say nothing, often").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert!(reader.events.len() < 10, "{}", reader.events.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_several_mebibytes_that_was_not_streamed_is_read_live() {
    // Each of these characters has six bytes in JSON.
    let text = "\u{1}é".repeat(500_000);
    let body = json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).to_string();
    let upstream = RawUpstream::with_response("200 OK", &["content-type: application/json"], &body).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "All at once, please").await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert!(reader.answer.text() == text, "{} characters", reader.answer.characters);
}

#[tokio::test]
async fn an_endless_error_body_is_read_only_so_far() {
    let mut response = b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\n\r\n".to_vec();
    response.resize(16 << 20, b'x');
    let upstream = RawUpstream::answering(response).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "What is wrong?").await;
    assert_eq!(reader.problem().kind, AnswerErrorKind::BadRequest);
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
    assert_eq!(reader.answer.content.tool_calls().count(), 256);
}

/// Each is an element of the page.
#[tokio::test]
async fn an_answer_has_no_more_pictures_and_files_than_a_page_can_show() {
    let mut body = String::new();
    for _ in 0..1000 {
        let delta = serde_json::json!({
            "content": "x", "images": [{"image_url": {"url": "data:,"}}],
            "annotations": [{"type": "file", "file": {"hash": "h"}}],
        });
        let chunk = serde_json::json!({"choices": [{"index": 0, "delta": delta}]});
        writeln!(body, "data: {chunk}\n").unwrap();
    }
    body.push_str("data: [DONE]\n\n");
    let upstream = RawUpstream::with_response("200 OK", &["content-type: text/event-stream"], &body).await;
    let app = TestApp::start_in_front_of(&upstream.base_url(), |_| ()).await;
    let reader = app.ask("any", "Draw everything").await;
    assert_eq!((reader.status(), reader.answer.text().len()), (EndStatus::Complete, 1000));
    assert_eq!(reader.answer.content.images().count(), 128, "half of 256 are files");
    assert!(reader.answer.content.blocks().len() <= 512, "{}", reader.answer.content.blocks().len());
}
