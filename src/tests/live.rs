//! Sending, following and stopping: one answer, one upstream request, any number of viewers.

use futures::future::join_all;
use runnel::api::answers::SentMessage;
use runnel::chat::{Answer, AnswerEvent, AnswerId, ConversationId, EndStatus, QuestionId};
use runnel::error::AnswerErrorKind;
use runnel::sse::Decoder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use crate::test_app::{
    PATIENCE, Reader, Tally, TestApp, decode, eventually, http_client, message, next_message, refusal,
};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";

fn has_text(answer: &Answer) -> bool {
    !answer.text().is_empty()
}

/// The bodies of two streams, without the keep-alive comments, which depend on time.
fn same_stream(one: &Reader, other: &Reader) -> bool {
    one.events == other.events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_is_answered_with_an_event_stream_that_nothing_may_hold_back() {
    let app = TestApp::start().await;
    let message = message("demo/plain", "What are your headers?");
    let request =
        app.http.post(app.url("/api/send_message")).header("accept-encoding", "gzip, br, zstd, deflate");
    let response = request.json(&message).send().await.unwrap();
    let sent = Reader::new(response, message.answer, runnel::chat::Seq::START);
    let request = app.http.get(app.url(&format!("/api/follow_answer?id={}", message.answer)));
    let response = request.header("accept-encoding", "gzip, br").send().await.unwrap();
    let followed = Reader::new(response, message.answer, runnel::chat::Seq::START);
    for reader in [sent, followed] {
        assert_eq!(reader.header("content-type"), Some("text/event-stream"));
        assert_eq!(reader.header("cache-control"), Some("no-store, no-transform"));
        assert_eq!(reader.header("x-accel-buffering"), Some("no"));
        assert_eq!(reader.header("content-encoding"), None);
        assert_eq!(reader.header("content-length"), None);
        let reader = reader.finished().await;
        assert_eq!(reader.status(), EndStatus::Complete);
        assert!(
            reader.answer.text().starts_with("Welcome to Runnel. You asked:"),
            "{}",
            reader.answer.text()
        );
    }
}

#[tokio::test]
async fn a_request_without_ids_is_answered_too() {
    let app = TestApp::start().await;
    let response =
        app.send(&json!({"question": {"text": "Short?"}, "settings": {"model": "demo/echo"}})).await;
    let reader = Reader::new(response, AnswerId::now(), runnel::chat::Seq::START).finished().await;
    assert_eq!(reader.answer.text(), "Short?");
}

#[tokio::test]
async fn a_question_that_names_no_model_goes_to_the_first_listed() {
    let app = TestApp::start().await;
    let mut message = message("", "Who answers?");
    message.settings.model = None;
    let reader = app.begin(&message).await.finished().await;
    assert_eq!(reader.answer.source.model.as_deref(), Some("demo/plain"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_content_arrives() {
    let app = TestApp::start().await;
    let reasoning = app.ask("demo/reasoning", "Think?").await;
    assert!(reasoning.answer.reasoning().starts_with("The person asks how much 17 times 23 is."));
    assert_eq!(reasoning.answer.text(), "17 × 23 = **391**.");
    assert_eq!(
        app.ask("demo/reasoning-content", "Think?").await.answer.reasoning(),
        reasoning.answer.reasoning()
    );
    let answer = app.ask("demo/citations", "Sources?").await.answer;
    let citations: Vec<_> = answer.content.citations().collect();
    assert_eq!(citations.len(), 2);
    assert_eq!((citations[0].title.is_some(), &citations[1].title), (true, &None));
    for model in ["demo/image", "demo/large-image"] {
        let answer = app.ask(model, "Draw?").await.answer;
        let images: Vec<_> = answer.content.images().collect();
        assert_eq!(images.len(), 1, "{model}");
        assert!(images[0].starts_with("data:image/png;base64,"), "{model}");
    }
    let refusal = app.ask("demo/refusal", "Will you?").await.answer;
    assert_eq!(
        (refusal.text().as_ref(), refusal.content.refusal().as_ref()),
        ("", "I'm sorry, I can't help with that request.")
    );
    let answer = app.ask("demo/tool-call", "Weather?").await.answer;
    let calls: Vec<_> = answer.content.tool_calls().collect();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].name, "weather");
    assert_eq!(calls[0].arguments, r#"{"latitude": "46.9480", "longitude": "7.4474"}"#);
    let unicode = app.ask("demo/unicode", "Scripts?").await.answer.text().into_owned();
    assert!(
        unicode.starts_with("Naïve façade") && unicode.contains("👩‍👩‍👧‍👦") && !unicode.contains('\u{fffd}'),
        "{unicode}"
    );
    for (model, text) in [
        ("demo/crlf", "First line.\nSecond line.\n\n"),
        ("demo/bare-cr", "First line.\nSecond line.\n\n"),
        ("demo/parts", "This text came as a list of parts"),
    ] {
        let answer = app.ask(model, "Lines?").await.answer;
        assert!(answer.text().starts_with(text), "{model}: {}", answer.text());
    }
}

#[tokio::test]
async fn text_split_anywhere_on_the_way_arrives_whole() {
    let app = TestApp::start().await;
    let text = "Grüße, 世界 🌍 – \u{2028}\r\n\n\"quoted\" \\ back\u{0}slash\u{feff} data: x\n\nid: 9\n\ndata: [DONE]";
    for directives in ["[[split=1]]", "[[split=7 characters=1]]", "[[characters=3]]"] {
        let reader = app.ask("demo/echo", &format!("{directives}{text}")).await;
        assert_eq!(reader.answer.text(), text, "{directives}");
    }
}

#[tokio::test]
async fn a_delta_is_passed_on_while_the_upstream_is_silent_after_it() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "Show what you have");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    assert_eq!(app.stats("Show what you have").await.open, 1);
    assert!(reader.answer.end().is_none());
}

#[tokio::test]
async fn what_the_upstream_says_before_text_is_passed_on_at_once() {
    let app = TestApp::start().await;
    let mut reader = app.begin(&message("demo/comments", "Are you there?")).await;
    reader.until(|answer| answer.source.generation_id.is_some()).await;
    while !reader.events.contains(&AnswerEvent::Waiting) {
        assert!(reader.read().await);
    }
    assert_eq!(app.stats("Are you there?").await.open, 1);
}

#[tokio::test]
async fn the_same_send_again_joins_the_answer_while_it_runs_and_after_its_end() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "[[delta_ms=20 characters=2]] Twice or once?");
    let mut first = app.begin(&message).await;
    first.until(has_text).await;
    let second = app.begin(&message).await;
    let (first, second) = tokio::join!(first.finished(), second.finished());
    let third = app.begin(&message).await.finished().await;
    assert_eq!(first.answer.text(), "Twice or once?");
    assert_eq!(first.body, third.body);
    assert!(same_stream(&first, &second) && same_stream(&first, &third));
    assert_eq!(app.stats("Twice or once?").await.requests, 1);
    let conversation = app.load_conversation(message.conversation).await;
    assert_eq!((conversation.questions.len(), conversation.answers.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_equal_sends_at_the_same_time_are_one_answer() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "[[delta_ms=5 characters=1]] Twenty at once");
    let readers = join_all((0..20).map(|_| async { app.begin(&message).await.finished().await })).await;
    for reader in &readers {
        assert_eq!(reader.answer.text(), "Twenty at once");
        assert!(same_stream(reader, &readers[0]));
    }
    assert_eq!(app.stats("Twenty at once").await.requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_repeated_by_a_client_that_lost_the_response_joins() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "[[delta_ms=20 characters=2]] Was that heard?");
    drop(app.begin(&message).await);
    let reader = app.begin(&message).await.finished().await;
    assert_eq!(reader.answer.text(), "Was that heard?");
    assert_eq!(
        app.stats("Was that heard?").await,
        Tally { requests: 1, streams: 1, completed: 1, ..Tally::default() }
    );
}

#[tokio::test]
async fn ids_in_use_for_something_else_are_a_conflict() {
    let app = TestApp::start().await;
    let known = message("demo/echo", "The first question");
    app.begin(&known).await.finished().await;
    let change = |change: &dyn Fn(&mut SentMessage)| {
        let mut message = known.clone();
        change(&mut message);
        message
    };
    for (what, message) in [
        ("the answer's id with another text", change(&|message| message.question.text = "A conflict".into())),
        ("the answer's id with another question", change(&|message| message.question.id = QuestionId::now())),
        ("the answer's id in another chat", change(&|message| message.conversation = ConversationId::now())),
        ("the question's id with another text", {
            change(&|message| {
                message.answer = AnswerId::now();
                message.question.text = "A conflict".into();
            })
        }),
        ("the question's id in another chat", {
            change(&|message| {
                message.answer = AnswerId::now();
                message.conversation = ConversationId::now();
            })
        }),
        ("the question's id after an answer", {
            change(&|message| {
                message.answer = AnswerId::now();
                message.question.after = Some(known.answer);
            })
        }),
    ] {
        let (status, kind, _) = refusal(app.send(&message).await).await;
        assert_eq!((status, kind.as_str()), (409, "conflict"), "{what}");
    }
    assert_eq!(app.all_stats().await["requests"], 1);
    let conversation = app.load_conversation(known.conversation).await;
    assert_eq!((conversation.questions.len(), conversation.answers.len()), (1, 1));
}

#[tokio::test]
async fn following_from_any_event_gives_exactly_the_rest() {
    let app = TestApp::start().await;
    let message = message("demo/reasoning", "[[characters=20]] Count with me");
    let whole = app.begin(&message).await.finished().await;
    let count = whole.events.len();
    assert!(count > 10, "{count}");
    for after in 0..=count {
        let rest = app.follow(message.answer, after as u64).await.drain().await;
        assert_eq!(rest.events, whole.events[after..], "after {after}");
        assert!(whole.body.ends_with(&rest.body), "after {after}");
        let asked = json!({"id": message.answer, "after": after});
        let posted = app.post("/api/follow_answer", &asked).await.bytes().await.unwrap();
        assert_eq!(*posted, *rest.body, "by POST, after {after}");
    }
    let (status, kind, text) = refusal(app.try_follow(message.answer, count + 1).await).await;
    assert_eq!((status, kind.as_str()), (400, "bad_request"));
    assert!(text.contains(&count.to_string()), "{text}");
    let (status, ..) = refusal(app.try_follow(message.answer, u64::MAX).await).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn following_without_a_place_begins_at_the_first_event() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "From the start");
    let whole = app.begin(&message).await.finished().await;
    let response = app.get(&format!("/api/follow_answer?id={}", message.answer)).await;
    let followed = Reader::new(response, message.answer, runnel::chat::Seq::START).finished().await;
    assert_eq!(followed.body, whole.body);
}

#[tokio::test]
async fn the_last_event_id_of_an_event_source_goes_on_from_there() {
    let app = TestApp::start().await;
    let message = message("demo/reasoning", "[[characters=20]] Come back");
    let whole = app.begin(&message).await.finished().await;
    for (after, header, from) in
        [("", "3", 3), ("&after=2", "5", 5), ("&after=5", "2", 5), ("&after=4", "none", 4), ("", "-1", 0)]
    {
        let url = app.url(&format!("/api/follow_answer?id={}{after}", message.answer));
        let response = app.http.get(url).header("Last-Event-ID", header).send().await.unwrap();
        let rest = Reader::new(response, message.answer, runnel::chat::Seq(from)).drain().await;
        assert_eq!(rest.events, whole.events[usize::try_from(from).unwrap()..], "{after} {header}");
    }
    let url = app.url(&format!("/api/follow_answer?id={}", message.answer));
    let beyond = app.http.get(url).header("Last-Event-ID", "999999").send().await.unwrap();
    assert_eq!(beyond.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_comes_back_while_the_answer_runs_misses_nothing() {
    let app = TestApp::start().await;
    let message = message("demo/long", "[[delta_ms=1 characters=64]] Come and go");
    let mut seen = Vec::new();
    let mut reader = app.begin(&message).await;
    loop {
        let goes_on = reader.read().await;
        if goes_on && reader.events.len() < 20 {
            continue;
        }
        // Leaves, and comes back to where it was.
        seen.append(&mut reader.events);
        if !goes_on {
            break;
        }
        reader = app.follow(message.answer, seen.len() as u64).await;
    }
    assert_eq!(seen, app.follow(message.answer, 0).await.finished().await.events);
    assert_eq!(app.stats("Come and go").await.requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_viewers_see_the_same() {
    let app = TestApp::start().await;
    let message = message("demo/long", "[[delta_ms=3 characters=64]] For everyone");
    let mut sender = app.begin(&message).await;
    sender.until(has_text).await;
    let viewers = (0..100).map(|number| {
        let (app, id) = (&app, message.answer);
        async move {
            // They come one after the other, the last ones when the answer has ended.
            eventually("a part of the answer", async || app.follow_is_at(id, number).await).await;
            app.follow(id, 0).await.finished().await
        }
    });
    let (sender, viewers) = tokio::join!(sender.finished(), join_all(viewers));
    assert!(sender.answer.text().len() > 10_000);
    for viewer in &viewers {
        assert_eq!(viewer.answer.text(), sender.answer.text());
        assert!(same_stream(viewer, &sender));
    }
    assert_eq!(app.stats("For everyone").await.requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_does_not_read_holds_up_nobody() {
    let app = TestApp::start().await;
    // About 8 MB: more than the kernel keeps for a connection.
    let message = message("demo/long", "[[characters=4096 repeat=700]] Flood");
    let mut sender = app.begin(&message).await;
    sender.until(has_text).await;
    let mut slow = Unread::follow(&app, message.answer).await;
    let other = app.follow(message.answer, 0).await;
    let (sender, other) = tokio::join!(sender.finished(), other.finished());
    assert_eq!(sender.status(), EndStatus::Complete);
    assert!(sender.answer.text().len() > 8_000_000, "{}", sender.answer.text().len());
    assert!(same_stream(&sender, &other));
    // It has lost nothing by its slowness.
    let (answer, events) = slow.read_all(message.answer).await;
    assert!(answer.text() == sender.answer.text(), "{} characters", answer.text().len());
    assert_eq!(events.len(), sender.events.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_on_when_its_sender_goes_away() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "[[delta_ms=20 characters=1]] Goodbye and thanks");
    let mut reader = app.begin(&message).await;
    reader.until(has_text).await;
    drop(reader);
    app.eventually_stats("Goodbye and thanks", |tally| tally.completed == 1).await;
    let followed = app.follow(message.answer, 0).await.finished().await;
    assert_eq!(followed.status(), EndStatus::Complete);
    assert_eq!(followed.answer.text(), "Goodbye and thanks");
    assert_eq!(app.stats("Goodbye and thanks").await.aborted, 0);
}

#[tokio::test]
async fn several_answers_stream_at_the_same_time() {
    let app = TestApp::start().await;
    let texts: Vec<String> =
        (0..20).map(|number| format!("I am answer number {number}, only this one")).collect();
    let prompts = texts.iter().map(|text| format!("[[delta_ms=10 characters=3]] {text}"));
    let prompts: Vec<String> = prompts.collect();
    let mut readers = join_all(prompts.iter().map(|prompt| async {
        let mut reader = app.begin(&message("demo/echo", prompt)).await;
        reader.until(has_text).await;
        reader
    }))
    .await;
    // Another one is answered while they all run.
    assert_eq!(app.ask("demo/echo", "In between").await.answer.text(), "In between");
    for text in texts.iter().rev() {
        let reader = readers.pop().unwrap().finished().await;
        assert_eq!(&reader.answer.text(), text);
    }
}

#[tokio::test]
async fn stop_before_the_headers_ends_the_answer_and_the_upstream_connection() {
    let app = TestApp::start().await;
    for model in ["demo/hang", "demo/stall-first", "demo/comments"] {
        let prompt = format!("Stop {model} before the first token");
        let message = message(model, &prompt);
        let reader = app.begin(&message).await;
        app.eventually_stats(&prompt, |tally| tally.open == 1).await;
        assert_eq!(app.stop(message.answer).await, EndStatus::Stopped, "{model}");
        let reader = reader.finished().await;
        assert_eq!(reader.status(), EndStatus::Stopped, "{model}");
        assert_eq!(reader.answer.text(), "", "{model}");
        assert!(reader.end().problem.is_none(), "{model}");
        app.eventually_stats(&prompt, |tally| (tally.open, tally.aborted, tally.requests) == (0, 1, 1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_in_the_middle_keeps_the_text_and_closes_the_upstream_connection() {
    let app = TestApp::start().await;
    let message = message("demo/long", "[[delta_ms=20]] That is enough");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text().len() > 50).await;
    assert_eq!(app.stop(message.answer).await, EndStatus::Stopped);
    let reader = reader.finished().await;
    assert_eq!(reader.status(), EndStatus::Stopped);
    assert!(reader.answer.text().len() > 50);
    app.eventually_stats("That is enough", |tally| (tally.open, tally.aborted) == (0, 1)).await;
    let followed = app.follow(message.answer, 0).await.finished().await;
    assert_eq!(followed.events, reader.events);
    let kept = app.load_conversation(message.conversation).await;
    assert_eq!(kept.answers[0].text(), reader.answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_from_another_connection_ends_the_stream_of_every_viewer() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "Who may stop this?");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let viewer = app.follow(message.answer, 0).await;
    let request = http_client().post(app.url("/api/stop_answer")).json(&json!({"id": message.answer}));
    assert_eq!(request.send().await.unwrap().json::<EndStatus>().await.unwrap(), EndStatus::Stopped);
    for reader in [reader, viewer] {
        let reader = reader.finished().await;
        assert_eq!((reader.status(), reader.answer.text().as_ref()), (EndStatus::Stopped, BEFORE_SILENCE));
    }
    app.eventually_stats("Who may stop this?", |tally| (tally.open, tally.aborted) == (0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_twice_says_twice_that_it_was_stopped() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "Stop. Stop!");
    let mut reader = app.begin(&message).await;
    reader.until(has_text).await;
    let (one, other) = tokio::join!(app.stop(message.answer), app.stop(message.answer));
    assert_eq!((one, other), (EndStatus::Stopped, EndStatus::Stopped));
    assert_eq!(app.stop(message.answer).await, EndStatus::Stopped);
    let reader = reader.finished().await;
    assert_eq!(reader.events.iter().filter(|event| matches!(event, AnswerEvent::End(_))).count(), 1);
    app.eventually_stats("Stop. Stop!", |tally| tally.aborted == 1).await;
}

#[tokio::test]
async fn stop_after_the_end_changes_nothing_and_tells_the_end() {
    let app = TestApp::start().await;
    let complete = message("demo/echo", "Over already");
    let before = app.begin(&complete).await.finished().await;
    assert_eq!(app.stop(complete.answer).await, EndStatus::Complete);
    assert_eq!(app.follow(complete.answer, 0).await.finished().await.events, before.events);
    let failed = message("demo/error-401", "Failed already");
    app.begin(&failed).await.finished().await;
    assert_eq!(app.stop(failed.answer).await, EndStatus::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_overtakes_the_answer_ends_it_in_one_way_or_the_other() {
    let app = TestApp::start().await;
    let messages: Vec<_> = (0..50).map(|number| message("demo/plain", &format!("Race {number}"))).collect();
    join_all(messages.iter().map(|message| async {
        let reader = app.begin(message).await;
        let (stopped, reader) = tokio::join!(app.stop(message.answer), reader.finished());
        assert_eq!(reader.status(), stopped);
        assert!(matches!(stopped, EndStatus::Stopped | EndStatus::Complete), "{stopped:?}");
    }))
    .await;
    eventually("all streams are closed", async || app.all_stats().await["open_streams"] == 0).await;
}

#[tokio::test]
async fn the_next_question_can_follow_a_stopped_answer() {
    let app = TestApp::start().await;
    let stopped = message("demo/stall", "First, please");
    let mut reader = app.begin(&stopped).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    app.stop(stopped.answer).await;
    let mut next = next_message(&stopped, "Second, please");
    next.settings.model = Some("demo/context".into());
    let text = app.begin(&next).await.finished().await.answer.text().into_owned();
    let context: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        context["messages"],
        json!([
            {"role": "user", "content": "First, please"},
            {"role": "assistant", "content": BEFORE_SILENCE},
            {"role": "user", "content": "Second, please"},
        ])
    );
}

#[tokio::test]
async fn stop_and_follow_of_an_unknown_answer_are_not_found() {
    let app = TestApp::start().await;
    let (status, kind, _) =
        refusal(app.post("/api/stop_answer", &json!({"id": AnswerId::now()})).await).await;
    assert_eq!((status, kind.as_str()), (404, "not_found"));
    let (status, kind, _) = refusal(app.try_follow(AnswerId::now(), 0).await).await;
    assert_eq!((status, kind.as_str()), (404, "not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_ends_running_answers_as_interrupted_and_then_the_server() {
    let mut app = TestApp::start().await;
    let with_text = message("demo/stall", "Until the lights go out");
    let mut reader = app.begin(&with_text).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let waiting = app.begin(&message("demo/hang", "And before the first word")).await;
    app.eventually_stats("And before the first word", |tally| tally.open == 1).await;
    app.shut_down();
    app.force();
    for (reader, text) in [(reader, BEFORE_SILENCE), (waiting, "")] {
        let reader = reader.finished().await;
        assert_eq!(reader.status(), EndStatus::Interrupted);
        assert_eq!(reader.problem().kind, AnswerErrorKind::Internal);
        assert_eq!(reader.answer.text(), text);
    }
    app.stopped().await;
    assert!(http_client().get(app.url("/healthz")).send().await.is_err(), "nobody listens any more");
    app.eventually_stats("Until the lights go out", |tally| (tally.open, tally.aborted) == (0, 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_stop_the_server_accepts_nothing_new_and_lets_running_answers_end() {
    let mut app = TestApp::start().await;
    let message = message("demo/long", "[[delta_ms=2 characters=64]] To the last word");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| !answer.text().is_empty()).await;
    app.shut_down();
    eventually("nobody listens", async || http_client().get(app.url("/healthz")).send().await.is_err()).await;
    let reader = reader.finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    app.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_does_not_read_does_not_keep_the_server_from_stopping() {
    let mut app = TestApp::start().await;
    let message = message("demo/long", "[[characters=4096 repeat=700]] Last words");
    app.begin(&message).await.finished().await;
    let _unread = Unread::follow(&app, message.answer).await;
    app.shut_down();
    app.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_never_becomes_whole_does_not_keep_the_server_from_stopping() {
    let mut app = TestApp::start().await;
    let mut half = tokio::net::TcpStream::connect(app.address()).await.unwrap();
    half.write_all(b"POST /api/send_message HTTP/1.1\r\nHost: runnel\r\nContent-Type: applica")
        .await
        .unwrap();
    // The connection is known to the server once a later one is answered.
    assert_eq!(app.get("/healthz").await.status(), 200);
    app.shut_down();
    app.stopped().await;
}

/// A viewer that has asked and does not read.
struct Unread {
    socket: tokio::net::TcpStream,
}

impl Unread {
    async fn follow(app: &TestApp, id: AnswerId) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut socket = socket.connect(app.address()).await.unwrap();
        // HTTP/1.0: the body is sent as it is, up to the close of the connection.
        let request =
            format!("GET /api/follow_answer?id={id}&after=0 HTTP/1.0\r\nHost: {}\r\n\r\n", app.address());
        socket.write_all(request.as_bytes()).await.unwrap();
        Self { socket }
    }

    async fn read_all(&mut self, id: AnswerId) -> (Answer, Vec<AnswerEvent>) {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(3 * PATIENCE, self.socket.read_to_end(&mut bytes)).await;
        read.expect("the stream does not end").unwrap();
        let body = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        assert!(bytes.starts_with(b"HTTP/1.0 200 OK") || bytes.starts_with(b"HTTP/1.1 200 OK"));
        let (mut answer, mut events) = (Answer::new(id, QuestionId::now(), ""), Vec::new());
        decode(&mut Decoder::default(), &bytes[body..], &mut answer, &mut events);
        (answer, events)
    }
}

impl TestApp {
    /// Whether the answer has had so many events.
    async fn follow_is_at(&self, id: AnswerId, events: u64) -> bool {
        self.try_follow(id, events).await.status() == 200
    }
}
