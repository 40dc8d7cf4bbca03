//! What comes between two steps of the server: a stop, a viewer, a client that hangs up, a disk that is full.

use runnel::api::answers::SentMessage;
use runnel::chat::{Answer, AnswerId, ConversationId, EndStatus};
use runnel::conversation_list::ConversationChange;
use runnel::server::store::AnswerStore;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::staged_store::{Point, StagedStore};
use crate::store_contract::ME;
use crate::test_app::{Reader, Tally, TestApp, eventually, message, next_message, refusal};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";
/// What a wrong answer to a request had time to overtake.
const ROUND_TRIPS: usize = 20;

impl TestApp {
    /// Sends in a task, which reads the answer to its end.
    fn begin_apart(&self, message: &SentMessage) -> JoinHandle<Reader> {
        let request = self.http.post(self.url("/api/send_message")).json(message);
        let id = message.answer;
        tokio::spawn(async move {
            let response = request.send().await.unwrap();
            Reader::new(response, id, runnel::chat::Seq::START).finished().await
        })
    }

    /// Stops in a task.
    fn stop_apart(&self, id: AnswerId) -> JoinHandle<EndStatus> {
        let request = self.http.post(self.url("/api/stop_answer")).json(&json!({"id": id}));
        tokio::spawn(async move {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            response.json().await.unwrap()
        })
    }

    /// Follows from the first event in a task.
    fn follow_apart(&self, id: AnswerId) -> JoinHandle<Reader> {
        let request = self.http.get(self.url(&format!("/api/follow_answer?id={id}&after=0")));
        tokio::spawn(async move {
            let response = request.send().await.unwrap();
            Reader::new(response, id, runnel::chat::Seq::START).finished().await
        })
    }

    /// Everything else that was sent before has had its turn.
    async fn round_trips(&self) {
        for _ in 0..ROUND_TRIPS {
            assert_eq!(self.get("/healthz").await.status(), 200);
        }
    }

    /// Sends a request and hangs up once the store has been reached at this point; the store goes on after that.
    async fn hang_up_at(&self, store: &StagedStore, point: Point, path: &str, body: &serde_json::Value) {
        let mut pause = store.pause_at(point);
        let request = tokio::spawn(self.http.post(self.url(path)).json(body).send());
        pause.reached().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        // The server has seen the connection close.
        self.round_trips().await;
        pause.go_on();
    }

    async fn kept(&self, message: &SentMessage) -> Answer {
        self.store.find_answer(&ME, message.answer).await.unwrap().unwrap().1
    }

    async fn revision(&self) -> u64 {
        self.list_at(0).await["revision"].as_u64().unwrap()
    }

    async fn list_at(&self, revision: u64) -> serde_json::Value {
        let asked = serde_json::json!({"revision": revision, "limit": 0});
        self.post("/api/list_conversations", &asked).await.json().await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_the_note_of_an_answer_and_its_writing_stops_it() {
    for (point, prompt) in [(Point::BeforeBegin, "Too early"), (Point::AfterBegin, "Just in time")] {
        let (app, store) = TestApp::start_staged().await;
        let message = message("demo/stall", prompt);
        let mut pause = store.pause_at(point);
        let reader = app.begin_apart(&message);
        pause.reached().await;
        let stopped = app.stop_apart(message.answer);
        app.round_trips().await;
        pause.go_on();
        assert_eq!(stopped.await.unwrap(), EndStatus::Stopped, "{point:?}");
        assert_eq!(reader.await.unwrap().status(), EndStatus::Stopped, "{point:?}");
        assert_eq!(app.kept(&message).await.end().unwrap().status, EndStatus::Stopped, "{point:?}");
        app.eventually_stats(prompt, |tally| tally.open == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_comes_between_the_note_of_an_answer_and_its_writing_sees_all_of_it() {
    for point in [Point::BeforeBegin, Point::AfterBegin] {
        let (app, store) = TestApp::start_staged().await;
        let message = message("demo/echo", "Who is there?");
        let mut pause = store.pause_at(point);
        let reader = app.begin_apart(&message);
        pause.reached().await;
        let viewer = app.follow_apart(message.answer);
        app.round_trips().await;
        pause.go_on();
        let (reader, viewer) = (reader.await.unwrap(), viewer.await.unwrap());
        assert_eq!(viewer.answer.text(), "Who is there?", "{point:?}");
        assert_eq!(viewer.events, reader.events, "{point:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_loaded_between_the_note_of_an_answer_and_its_writing_can_be_followed() {
    let (app, store) = TestApp::start_staged().await;
    let message = message("demo/echo", "What stands there?");
    let mut pause = store.pause_at(Point::AfterBegin);
    let reader = app.begin_apart(&message);
    pause.reached().await;
    let (conversation, ()) = tokio::join!(app.load_conversation(message.conversation), async {
        app.round_trips().await;
        pause.go_on();
    });
    let seen = &conversation.answers[0];
    let rest = app.follow(message.answer, seen.seq.0).await.drain().await;
    assert_eq!(format!("{}{}", seen.text(), rest.answer.text()), "What stands there?");
    assert_eq!(reader.await.unwrap().status(), EndStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_chat_stops_the_answer_that_is_just_being_begun_in_it() {
    let (app, store) = TestApp::start_staged().await;
    let message = message("demo/stall", "Deleted at birth");
    let mut pause = store.pause_at(Point::AfterBegin);
    let reader = app.begin_apart(&message);
    pause.reached().await;
    let change = json!({"id": message.conversation, "change": ConversationChange::Deleted(true)});
    let deleted = tokio::spawn(app.http.post(app.url("/api/change_conversation")).json(&change).send());
    app.round_trips().await;
    pause.go_on();
    assert_eq!(deleted.await.unwrap().unwrap().status(), 200);
    assert_eq!(reader.await.unwrap().status(), EndStatus::Stopped);
    app.eventually_stats("Deleted at birth", |tally| tally.open == 0).await;
}

#[tokio::test]
async fn an_answer_of_a_deleted_chat_is_followed_again_once_that_is_undone() {
    let app = TestApp::start().await;
    let asked = message("demo/echo", "Forget this");
    app.begin(&asked).await.finished().await;
    for is_deleted in [true, false] {
        let change = json!({"id": asked.conversation, "change": ConversationChange::Deleted(is_deleted)});
        assert_eq!(app.post("/api/change_conversation", &change).await.status(), 200);
        let status = app.try_follow(asked.answer, 0).await.status();
        assert_eq!(status, if is_deleted { 404 } else { 200 });
    }
    let followed = app.follow(asked.answer, 0).await.finished().await;
    assert_eq!(followed.answer.text(), "Forget this");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_lost_its_writer_ends_when_somebody_asks_for_it() {
    let (app, store) = TestApp::start_staged().await;
    let lost = message("demo/echo", "Lost");
    store.forget_to_say();
    assert_eq!(refusal(app.send(&lost).await).await.0, 500);
    assert!(app.kept(&lost).await.end().is_none());
    let followed = app.follow(lost.answer, 0).await.finished().await;
    assert_eq!(followed.status(), EndStatus::Interrupted);
    assert_eq!(app.stop(lost.answer).await, EndStatus::Interrupted);

    // Sent again, it says the same, and the chat goes on.
    let again = message("demo/echo", "Lost again");
    store.forget_to_say();
    assert_eq!(refusal(app.send(&again).await).await.0, 500);
    assert_eq!(app.begin(&again).await.finished().await.status(), EndStatus::Interrupted);
    let next = app.begin(&next_message(&again, "Found")).await.finished().await;
    assert_eq!((next.status(), next.answer.text().as_ref()), (EndStatus::Complete, "Found"));
    assert_eq!(app.stats("Lost").await, Tally::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_answer_that_is_sent_again_is_replayed_and_its_numbers_are_not_mixed_up() {
    let app = TestApp::start().await;
    let message = message("demo/long", "[[characters=64]] Once more");
    let told = app.begin(&message).await.finished().await;
    let app = app.restart().await;
    for _ in 0..2 {
        let again = app.begin(&message).await.finished().await;
        assert_eq!(again.answer.text(), told.answer.text());
        // The replay has fewer events than there were: its numbers are not those of the first time.
        let (status, kind, _) = refusal(app.try_follow(message.answer, 3).await).await;
        assert_eq!((status, kind.as_str()), (410, "gone"));
        let followed = app.follow(message.answer, 0).await.finished().await;
        assert_eq!(followed.answer.text(), told.answer.text());
    }
    assert_eq!(app.stats("Once more").await.requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_no_change_half_done() {
    let (app, store) = TestApp::start_staged().await;
    let running = message("demo/stall", "Delete me and go");
    let mut reader = app.begin(&running).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let change = json!({"id": running.conversation, "change": ConversationChange::Deleted(true)});
    app.hang_up_at(&store, Point::AfterChange, "/api/change_conversation", &change).await;
    assert_eq!(reader.finished().await.status(), EndStatus::Stopped);
    app.eventually_stats("Delete me and go", |tally| (tally.open, tally.aborted) == (0, 1)).await;

    let trunk = message("demo/echo", "Fork me and go");
    app.begin(&trunk).await.finished().await;
    let before = app.revision().await;
    let fork = json!({"answer": trunk.answer, "new": ConversationId::now()});
    app.hang_up_at(&store, Point::AfterFork, "/api/fork_conversation", &fork).await;
    eventually("other pages hear of the fork", async || !app.list_at(before).await.is_null()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_while_its_question_is_noted_has_asked() {
    for (point, prompt) in [(Point::BeforeBegin, "Ask and go"), (Point::AfterBegin, "Ask and go now")] {
        let (app, store) = TestApp::start_staged().await;
        let message = message("demo/echo", prompt);
        let body = serde_json::to_value(&message).unwrap();
        app.hang_up_at(&store, point, "/api/send_message", &body).await;
        app.eventually_stats(prompt, |tally| tally.completed == 1).await;
        let followed = app.follow(message.answer, 0).await.finished().await;
        assert_eq!((followed.status(), followed.answer.text().as_ref()), (EndStatus::Complete, prompt));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_kept_says_so_until_it_is() {
    let (app, store) = TestApp::start_staged().await;
    let message = message("demo/echo", "Keep me");
    store.keep_nothing(true);
    let reader = app.begin(&message).await.finished().await;
    assert_eq!((reader.status(), reader.answer.text().as_ref()), (EndStatus::Complete, "Keep me"));
    let why = reader.end().unkept.clone().unwrap();
    assert!(why.starts_with("Not kept yet: the disk is full."), "{why}");
    assert!(app.kept(&message).await.end().is_none());

    // Whoever comes now is told too.
    let loaded = app.load_conversation(message.conversation).await;
    assert_eq!(loaded.answers[0].end().unwrap().unkept, Some(why.clone()));
    let page = app.get(&format!("/c/{}", message.conversation)).await.text().await.unwrap();
    let alert = format!(r#"<p role="alert" class="not-kept">{why}<"#);
    assert!(page.contains(&alert), "{page}");

    let before = app.revision().await;
    store.keep_nothing(false);
    eventually("it is kept", async || app.kept(&message).await.end().is_some()).await;
    eventually("other pages hear of it", async || !app.list_at(before).await.is_null()).await;
    let loaded = app.load_conversation(message.conversation).await;
    assert_eq!(
        (loaded.answers[0].text().as_ref(), &loaded.answers[0].end().unwrap().unkept),
        ("Keep me", &None)
    );
    let page = app.get(&format!("/c/{}", message.conversation)).await.text().await.unwrap();
    assert!(!page.contains("not-kept"), "{page}");
    assert_eq!(app.follow(message.answer, 0).await.finished().await.end().unkept, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_kept_yet_can_be_gone_on_from() {
    let (app, store) = TestApp::start_staged().await;
    let stopped = message("demo/stall", "Go on");
    let mut reader = app.begin(&stopped).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    store.keep_nothing(true);
    assert_eq!(app.stop(stopped.answer).await, EndStatus::Stopped);
    let mut on = stopped.clone();
    (on.answer, on.continues) = (AnswerId::now(), Some(stopped.answer));
    on.settings.model = Some("demo/echo".into());
    let reader = app.begin(&on).await.finished().await;
    assert!(reader.answer.text().starts_with(BEFORE_SILENCE), "{}", reader.answer.text());
    assert!(reader.answer.text().len() > BEFORE_SILENCE.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_question_has_the_answer_before_it_kept_or_says_why_not() {
    let (app, store) = TestApp::start_staged().await;
    let first = message("demo/echo", "First");
    store.keep_nothing(true);
    app.begin(&first).await.finished().await;
    let next = next_message(&first, "Second");
    let (status, _, words) = refusal(app.send(&next).await).await;
    assert_eq!((status, words.contains("disk is full")), (500, true), "{words}");
    // An id that is in use has nothing to do with that, and nothing is tried.
    let mut taken = first.clone();
    (taken.answer, taken.question.text) = (AnswerId::now(), "Another".into());
    let before = store.refused();
    assert_eq!(refusal(app.send(&taken).await).await.0, 409);
    assert_eq!(store.refused(), before);
    store.keep_nothing(false);
    assert_eq!(app.begin(&next).await.finished().await.answer.text(), "Second");
}
