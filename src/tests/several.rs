//! Several answers to one question, in one response.

use std::collections::HashMap;

use reqwest::{Response, StatusCode};
use runnel::api::ApiError;
use runnel::api::answers::{SentAnswer, SentMessage};
use runnel::chat::{Answer, AnswerEvent, AnswerId, Applied, EndStatus, QuestionId, Seq};
use runnel::settings::Settings;
use runnel::sse::{Decoder, Event, Frame};
use serde_json::json;

use crate::test_app::{PATIENCE, TestApp, eventually, message, next_message, refusal};

/// What stands in one response, by answer.
#[derive(Default)]
struct Streams {
    decoder: Decoder,
    answers: HashMap<AnswerId, Answer>,
    errors: HashMap<AnswerId, ApiError>,
    /// Whose events came, in their order.
    order: Vec<AnswerId>,
}

impl Streams {
    /// For a reader who has some events of these answers already.
    fn after(known: &[(AnswerId, Seq)]) -> Self {
        let mut streams = Self::default();
        for (id, seq) in known {
            streams.answer(*id).seq = *seq;
        }
        streams
    }

    async fn read_to_end(mut self, mut response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        while self.read(&mut response).await {}
        self
    }

    async fn read(&mut self, response: &mut Response) -> bool {
        let piece = tokio::time::timeout(PATIENCE, response.chunk()).await;
        let Some(bytes) = piece.expect("the stream is silent").expect("the stream broke") else {
            return false;
        };
        let mut events = Vec::new();
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder
            .push(&bytes, |frame| match frame {
                Frame::Event(event) => events.push(event),
                Frame::Comment => {}
                Frame::ErrorField(message) => panic!("{message}"),
            })
            .unwrap();
        self.decoder = decoder;
        for event in events {
            self.take(event);
        }
        true
    }

    fn take(&mut self, event: Event) {
        let id = event.id.unwrap();
        if event.name == "error" {
            self.errors.insert(id.parse().unwrap(), serde_json::from_str(&event.data).unwrap());
            return;
        }
        let (answer, seq) = id.split_once(':').unwrap();
        let answer = answer.parse().unwrap();
        self.order.push(answer);
        let event: AnswerEvent = serde_json::from_str(&event.data).unwrap();
        assert_eq!(self.answer(answer).apply(Seq(seq.parse().unwrap()), &event), Applied::New);
    }

    fn answer(&mut self, id: AnswerId) -> &mut Answer {
        self.answers.entry(id).or_insert_with(|| Answer::new(id, QuestionId::now(), ""))
    }

    fn text(&self, id: AnswerId) -> String {
        self.answers[&id].text().into_owned()
    }

    fn status(&self, id: AnswerId) -> EndStatus {
        self.answers[&id].end().unwrap().status
    }
}

/// One question to several models.
fn several(models: &[&str], prompt: &str) -> SentMessage {
    let ask = |model: &&str| SentAnswer {
        id: AnswerId::now(),
        continues: None,
        settings: Settings { model: Some((*model).to_owned()), ..Settings::default() },
    };
    SentMessage { answers: models.iter().map(ask).collect(), ..message("demo/plain", prompt) }
}

fn ids(message: &SentMessage) -> Vec<AnswerId> {
    message.answers.iter().map(|answer| answer.id).collect()
}

async fn send(app: &TestApp, message: &SentMessage) -> Response {
    app.post("/api/send_message", &serde_json::to_value(message).unwrap()).await
}

#[tokio::test]
async fn several_models_answer_one_question_in_one_response() {
    let app = TestApp::start().await;
    let models = ["demo/long", "demo/reasoning", "demo/refusal"];
    let message = several(&models, "[[delta_ms=2 characters=60]] What is 17 times 23?");
    let streams = Streams::default().read_to_end(send(&app, &message).await).await;
    let [long, reasoning, refusal] = ids(&message)[..] else { unreachable!() };
    assert!(streams.text(long).starts_with("# How streaming text works"));
    assert_eq!(streams.text(reasoning), "17 × 23 = **391**.");
    assert_eq!(streams.answers[&refusal].content.refusal(), "I'm sorry, I can't help with that request.");
    let last = |id| streams.order.iter().rposition(|named| *named == id).unwrap();
    assert!(last(reasoning) < last(long) && last(refusal) < last(long), "none waits for another");

    let kept = app.load_conversation(message.conversation).await;
    assert_eq!((kept.questions.len(), kept.answers.len()), (1, 3));
    assert_eq!((kept.leaf, kept.leaves.clone()), (Some(long), ids(&message)));
    for answer in &kept.answers {
        let told = &streams.answers[&answer.id];
        assert_eq!((answer.text(), answer.reasoning()), (told.text(), told.reasoning()));
    }
}

#[tokio::test]
async fn each_branch_has_a_history_of_its_own() {
    let app = TestApp::start().await;
    let first = several(&["demo/echo", "demo/reasoning"], "Which of you am I?");
    Streams::default().read_to_end(send(&app, &first).await).await;
    let mut next = next_message(&first, "And now?");
    (next.answers, next.question.after) = (Vec::new(), Some(ids(&first)[1]));
    next.settings.model = Some("demo/context".into());
    let answer = app.begin(&next).await.finished().await.answer;
    let context: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!(
        context["messages"],
        json!([
            {"role": "user", "content": "Which of you am I?"},
            {"role": "assistant", "content": "17 × 23 = **391**."},
            {"role": "user", "content": "And now?"},
        ])
    );
    assert_eq!(app.load_conversation(first.conversation).await.leaves, [], "one branch is shown now");
}

#[tokio::test]
async fn what_is_sent_twice_is_asked_once_and_followed_from_any_place() {
    let app = TestApp::start().await;
    let message = several(&["demo/echo", "demo/long"], "[[delta_ms=1]] Twice at once?");
    let (one, other) = tokio::join!(send(&app, &message), send(&app, &message));
    let (one, other) =
        tokio::join!(Streams::default().read_to_end(one), Streams::default().read_to_end(other));
    for id in ids(&message) {
        assert_eq!(one.answers[&id].content, other.answers[&id].content);
    }
    assert_eq!(app.stats("Twice at once?").await.requests, 2, "one for each answer");

    let positions: Vec<_> = ids(&message).into_iter().zip([Seq(2), Seq(5)]).collect();
    let body = json!({"answers": positions.iter().map(|(id, after)| json!({"id": id, "after": after})).collect::<Vec<_>>()});
    let response = app.post("/api/follow_answers", &body).await;
    let rest = Streams::after(&positions).read_to_end(response).await;
    for (id, after) in positions {
        assert_eq!(rest.answers[&id].seq, one.answers[&id].seq);
        let events = rest.order.iter().filter(|named| **named == id).count();
        assert_eq!(events as u64, one.answers[&id].seq.0 - after.0, "none twice, none left out");
    }
}

#[tokio::test]
async fn what_cannot_be_followed_is_told_and_the_others_go_on() {
    let app = TestApp::start().await;
    let asked = message("demo/echo", "Are you there?");
    app.begin(&asked).await.finished().await;
    let unknown = AnswerId::now();
    let body = json!({"answers": [{"id": unknown}, {"id": asked.answer}]});
    let streams = Streams::default().read_to_end(app.post("/api/follow_answers", &body).await).await;
    assert_eq!(streams.errors[&unknown].message, "This answer is not here. It may have been deleted.");
    assert_eq!(streams.text(asked.answer), "Are you there?");
    for wrong in
        [json!([]), json!([{"id": unknown}, {"id": unknown}]), json!(vec![json!({"id": unknown}); 65])]
    {
        let response = app.post("/api/follow_answers", &json!({"answers": wrong})).await;
        assert_eq!(refusal(response).await.0, 400);
    }
}

#[tokio::test]
async fn who_hangs_up_at_once_leaves_all_of_them_begun() {
    let app = TestApp::start().await;
    let message =
        several(&["demo/echo", "demo/reasoning", "demo/plain"], "[[first_ms=50]] Is anybody there?");
    drop(send(&app, &message).await);
    eventually("all are kept", async || {
        let response = app.post("/api/load_conversation", &json!({"id": message.conversation})).await;
        let Ok(kept) = response.json::<runnel::chat::Conversation>().await else { return false };
        kept.answers.len() == 3 && kept.answers.iter().all(|answer| answer.end().is_some())
    })
    .await;
}

#[tokio::test]
async fn one_is_stopped_and_the_others_go_on() {
    let app = TestApp::start().await;
    let message = several(&["demo/stall", "demo/echo"], "Go on without it?");
    let [stalled, echo] = ids(&message)[..] else { unreachable!() };
    let mut response = send(&app, &message).await;
    let mut streams = Streams::default();
    while streams.answers.get(&echo).is_none_or(|answer| answer.end().is_none()) {
        assert!(streams.read(&mut response).await);
    }
    app.post("/api/stop_answer", &json!({"id": stalled})).await;
    while streams.read(&mut response).await {}
    assert_eq!((streams.status(stalled), streams.status(echo)), (EndStatus::Stopped, EndStatus::Complete));
}

#[tokio::test]
async fn what_cannot_be_asked_begins_nothing() {
    let app = TestApp::start().await;
    let mut twice = several(&["demo/echo", "demo/plain"], "One id for two?");
    twice.answers[1].id = twice.answers[0].id;
    let many = several(&["demo/echo"; 9], "Nine?");
    let unnamed = several(&["demo/echo", &"x".repeat(1000)], "No model?");
    let mut empty = several(&["demo/echo", "demo/plain"], "");
    empty.question.text = "  ".into();
    for message in [twice, many, unnamed, empty] {
        assert_eq!(refusal(send(&app, &message).await).await.0, 400, "{}", message.question.text);
        let response = app.post("/api/load_conversation", &json!({"id": message.conversation})).await;
        assert_eq!(response.status(), 404, "{}", message.question.text);
    }
}

#[tokio::test]
async fn an_id_that_is_in_use_is_told_in_its_place() {
    let app = TestApp::start().await;
    let before = message("demo/echo", "Mine?");
    app.begin(&before).await.finished().await;
    let mut message = several(&["demo/echo", "demo/plain"], "And yours?");
    message.answers[1].id = before.answer;
    let streams = Streams::default().read_to_end(send(&app, &message).await).await;
    assert_eq!(streams.text(message.answers[0].id), "And yours?");
    assert!(streams.errors[&before.answer].message.contains("in use"));
    assert_eq!(app.load_conversation(message.conversation).await.leaves, []);
}
