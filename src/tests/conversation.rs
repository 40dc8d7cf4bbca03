//! What was said before, and how it is to be answered, reaches the upstream.

use runnel::api::answers::SentMessage;
use runnel::chat::{AnswerId, ContentBlock, ConversationId, EndStatus};
use runnel::server::openrouter::Dialect;
use runnel::settings::Settings;
use serde_json::{Value, json};

use crate::test_app::{KEY, TestApp, message, next_message, refusal};

/// The request that `demo/context` received.
async fn context(app: &TestApp, message: &SentMessage) -> Value {
    let mut message = message.clone();
    message.settings.model = Some("demo/context".into());
    serde_json::from_str(&app.begin(&message).await.finished().await.answer.text()).unwrap()
}

fn with_settings(prompt: &str, settings: Value) -> SentMessage {
    let mut message = message("demo/echo", prompt);
    message.settings = serde_json::from_value(settings).unwrap();
    message.settings.model = Some("demo/echo".into());
    message
}

#[tokio::test]
async fn what_was_said_before_is_sent_along_oldest_first() {
    let app = TestApp::start().await;
    let first = message("demo/echo", "My name is Ada.");
    app.begin(&first).await.finished().await;
    let second = next_message(&first, "I live in London.");
    app.begin(&second).await.finished().await;
    let context = context(&app, &next_message(&second, "Who am I?")).await;
    assert_eq!(
        context["messages"],
        json!([
            {"role": "user", "content": "My name is Ada."},
            {"role": "assistant", "content": "My name is Ada."},
            {"role": "user", "content": "I live in London."},
            {"role": "assistant", "content": "I live in London."},
            {"role": "user", "content": "Who am I?"},
        ])
    );
}

#[tokio::test]
async fn conversations_know_nothing_of_each_other() {
    let app = TestApp::start().await;
    app.ask("demo/echo", "A secret of another chat").await;
    let context = context(&app, &message("demo/context", "What do you know?")).await;
    assert_eq!(context["messages"], json!([{"role": "user", "content": "What do you know?"}]));
}

#[tokio::test]
async fn every_setting_reaches_openrouter() {
    let app = TestApp::start_with(|client| client.dialect = Dialect::OpenRouter).await;
    let message = with_settings(
        "How am I to be answered?",
        json!({
            "system_prompt": "Be brief.", "temperature": 0.25, "top_p": 0.5, "max_tokens": 321,
            "stop": ["END", "\n\n"], "seed": 42, "reasoning_effort": "high",
            "fallback_models": ["demo/plain"], "provider": {"order": ["Demo"], "allow_fallbacks": false},
        }),
    );
    app.begin(&message).await.finished().await;
    let mut body = app.last_request().await["body"].take();
    assert_eq!(body["messages"][0], json!({"role": "system", "content": "Be brief."}));
    assert_eq!(body["messages"][1], json!({"role": "user", "content": "How am I to be answered?"}));
    body["messages"].take();
    assert_eq!(
        body,
        json!({
            "model": "demo/echo", "models": ["demo/plain"], "messages": null, "stream": true,
            "stream_options": {"include_usage": true}, "temperature": 0.25, "top_p": 0.5, "max_tokens": 321,
            "stop": ["END", "\n\n"], "seed": 42, "reasoning": {"effort": "high"},
            "provider": {"order": ["Demo"], "allow_fallbacks": false},
        })
    );
}

/// Some models lose their thread without it, or refuse the next question.
#[tokio::test]
async fn what_a_model_thought_goes_back_to_it_as_it_came() {
    let app = TestApp::start_with(|client| client.dialect = Dialect::OpenRouter).await;
    let first = message("demo/thinks-twice", "What is 17 times 23?");
    let reader = app.begin(&first).await.finished().await;
    let kinds: Vec<_> = reader.answer.content.blocks().iter().map(kind_of).collect();
    assert_eq!(kinds, ["reasoning", "text", "reasoning", "text"]);
    let kept = app.load_conversation(first.conversation).await.answers.remove(0);
    let details = kept.content.reasoning_blocks().flat_map(|reasoning| &reasoning.details);
    assert_eq!(details.count(), 1, "it is kept, and told to nobody else");
    assert!(!String::from_utf8(reader.body).unwrap().contains("signature"));

    let next = next_message(&first, "And 17 times 24?");
    app.begin(&next).await.finished().await;
    let turn = app.last_request().await["body"]["messages"][1].take();
    assert_eq!(turn["content"], reader.answer.content.markdown());
    let detail = &turn["reasoning_details"][0];
    assert_eq!(detail["text"], reader.answer.reasoning().as_ref());
    assert_eq!((&detail["signature"], &detail["index"]), (&json!("ZGVtbyBzaWduYXR1cmU="), &json!(0)));
    assert_eq!(turn["reasoning_details"].as_array().unwrap().len(), 1);

    let mut other = next_message(&next, "What does another model say?");
    other.settings.model = Some("demo/echo".into());
    app.begin(&other).await.finished().await;
    assert_eq!(app.last_request().await["body"]["messages"][1].get("reasoning_details"), None);
}

fn kind_of(block: &ContentBlock) -> &'static str {
    match block {
        ContentBlock::Text(_) => "text",
        ContentBlock::Reasoning(_) => "reasoning",
        _ => "other",
    }
}

#[tokio::test]
async fn another_server_is_sent_nothing_that_only_openrouter_knows() {
    let app = TestApp::start().await;
    let message = with_settings(
        "What do you know?",
        json!({
            "temperature": 1, "reasoning_effort": "low", "fallback_models": ["demo/plain"],
            "provider": {"sort": "price"},
        }),
    );
    app.begin(&message).await.finished().await;
    let body = app.last_request().await["body"].take();
    assert_eq!(body["temperature"], 1.0);
    assert_eq!(body["reasoning_effort"], "low");
    for field in ["models", "provider", "reasoning"] {
        assert!(body.get(field).is_none(), "{field}");
    }
}

#[tokio::test]
async fn what_is_not_set_is_not_sent() {
    let app = TestApp::start().await;
    app.ask("demo/echo", "Plainly, please").await;
    let body = app.last_request().await["body"].take();
    let fields: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["messages", "model", "stream", "stream_options"]);
}

#[tokio::test]
async fn max_tokens_cuts_the_answer_off_and_the_reason_says_so() {
    let app = TestApp::start().await;
    let message =
        with_settings("[[characters=2]] A question that is longer than that", json!({"max_tokens": 2}));
    let reader = app.begin(&message).await.finished().await;
    assert_eq!(reader.status(), EndStatus::Complete);
    assert_eq!(reader.end().finish_reason.as_deref(), Some("length"));
    assert_eq!(reader.answer.text(), "A questi");
}

#[tokio::test]
async fn the_site_and_the_key_are_sent_in_their_headers() {
    let app = TestApp::start_with(|client| {
        client.api_key = Some(KEY.into());
        client.site_url = Some("https://chat.example.org".into());
        client.site_name = Some("The Example Chat".into());
    })
    .await;
    app.ask("demo/echo", "Who is asking?").await;
    let headers = app.last_request().await["headers"].take();
    assert_eq!(headers["authorization"], json!({"present": true}));
    assert_eq!(headers["http-referer"], "https://chat.example.org");
    assert_eq!(headers["x-title"], "The Example Chat");
    assert_eq!(headers["x-openrouter-title"], "The Example Chat");
}

#[tokio::test]
async fn without_site_and_key_none_is_sent() {
    let app = TestApp::start().await;
    app.ask("demo/echo", "Nobody in particular").await;
    assert_eq!(app.last_request().await["headers"], json!({"authorization": {"present": false}}));
}

#[tokio::test]
async fn a_question_after_an_unknown_answer_is_not_found() {
    let app = TestApp::start().await;
    let mut lost = message("demo/echo", "After what?");
    lost.question.after = Some(AnswerId::now());
    let (status, kind, _) = refusal(app.send(&lost).await).await;
    assert_eq!((status, kind.as_str()), (404, "not_found"));
    let known = message("demo/echo", "Hello");
    app.begin(&known).await.finished().await;
    let mut lost = next_message(&known, "After what?");
    lost.question.after = Some(AnswerId::now());
    assert_eq!(refusal(app.send(&lost).await).await.0, 404);
    assert_eq!(app.all_stats().await["requests"], 1);
    assert_eq!(app.load_conversation(known.conversation).await.questions.len(), 1);
}

#[tokio::test]
async fn a_question_after_an_answer_of_another_conversation_is_not_found() {
    let app = TestApp::start().await;
    let (one, other) = (message("demo/echo", "One chat"), message("demo/echo", "Another chat"));
    app.begin(&one).await.finished().await;
    app.begin(&other).await.finished().await;
    let mut mixed = next_message(&one, "What was said there?");
    mixed.question.after = Some(other.answer);
    let (status, kind, _) = refusal(app.send(&mixed).await).await;
    assert_eq!((status, kind.as_str()), (404, "not_found"));
    assert_eq!(app.stats("What was said there?").await.requests, 0);
}

#[tokio::test]
async fn a_question_after_an_answer_that_is_being_written_is_a_conflict() {
    let app = TestApp::start().await;
    let running = message("demo/stall", "Let me think");
    let _reader = app.begin(&running).await;
    let next = next_message(&running, "And then?");
    let (status, kind, _) = refusal(app.send(&next).await).await;
    assert_eq!((status, kind.as_str()), (409, "conflict"));
    app.stop(running.answer).await;
    assert_eq!(app.send(&next).await.status(), 200, "the same is accepted once the answer has ended");
}

#[tokio::test]
async fn the_same_question_can_have_another_answer() {
    let app = TestApp::start().await;
    let failed = message("demo/error-401", "Try it");
    app.begin(&failed).await.finished().await;
    let again = SentMessage {
        answer: AnswerId::now(),
        settings: Settings { model: Some("demo/plain".into()), ..Settings::default() },
        ..failed.clone()
    };
    let second = app.begin(&again).await.finished().await;
    assert_eq!(second.status(), EndStatus::Complete);

    let conversation = app.load_conversation(failed.conversation).await;
    assert_eq!(conversation.questions.len(), 1);
    let answers: Vec<_> = conversation.tree().answers_to(failed.question.id).collect();
    assert_eq!(answers, [failed.answer, again.answer]);

    // What follows is asked with the answer that it follows, not with the other one.
    let context = context(&app, &next_message(&again, "And now?")).await;
    assert_eq!(
        context["messages"],
        json!([
            {"role": "user", "content": "Try it"},
            {"role": "assistant", "content": second.answer.text()},
            {"role": "user", "content": "And now?"},
        ])
    );
}

#[tokio::test]
async fn a_conversation_is_loaded_as_it_stands_while_an_answer_runs() {
    let app = TestApp::start().await;
    let first = message("demo/echo", "Remember this");
    app.begin(&first).await.finished().await;
    let mut second = next_message(&first, "And this");
    second.settings.model = Some("demo/stall".into());
    let mut reader = app.begin(&second).await;
    reader.until(|answer| answer.text().ends_with("nothing more comes.")).await;

    let conversation = app.load_conversation(first.conversation).await;
    assert_eq!(conversation.id, first.conversation);
    let questions: Vec<_> =
        conversation.questions.iter().map(|question| question.text().into_owned()).collect();
    assert_eq!(questions, ["Remember this", "And this"]);
    assert_eq!(conversation.questions[1].after, Some(first.answer));
    assert_eq!(conversation.tree().branch(conversation.leaf).len(), 2);
    let [done, running] = &conversation.answers[..] else { panic!("{conversation:?}") };
    assert_eq!((done.text().as_ref(), done.end().unwrap().status), ("Remember this", EndStatus::Complete));
    assert_eq!((running.text().as_ref(), running.end()), (reader.answer.text().as_ref(), None));
    assert_eq!(running.seq, reader.answer.seq);
    assert_eq!(running.requested_model, "demo/stall");

    // Following from where the loaded copy stands gives the rest.
    let rest = app.follow(second.answer, running.seq.0).await;
    app.stop(second.answer).await;
    assert_eq!(rest.finished().await.events.len(), 1);
}

#[tokio::test]
async fn an_unknown_conversation_is_not_found() {
    let app = TestApp::start().await;
    let response = app.post("/api/load_conversation", &json!({"id": ConversationId::now()})).await;
    let (status, kind, _) = refusal(response).await;
    assert_eq!((status, kind.as_str()), (404, "not_found"));
}

#[tokio::test]
async fn the_models_are_listed_with_their_prices() {
    let app = TestApp::start().await;
    let models: Value = app.post("/api/list_models", &json!({})).await.json().await.unwrap();
    let plain = models.as_array().unwrap().iter().find(|model| model["id"] == "demo/plain").unwrap();
    assert_eq!(plain["name"], "Demo: Welcome");
    assert_eq!(plain["context_length"], 128_000);
    assert_eq!(plain["price"], json!({"prompt": 0.000_000_5, "completion": 0.000_001_5}));
}
