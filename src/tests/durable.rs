//! What is kept, over real sockets and a real file: restarts, versions, continuing, deleting, the bill.

use std::sync::Arc;

use runnel::chat::{Answer, AnswerId, Bill, ContentBlock, Conversation, ConversationId, EndStatus};
use runnel::conversation_list::{ConversationChange, FoundIn, Listing, SearchHit, Spending};
use runnel::server::openrouter::Dialect;
use runnel::server::store::{AnswerStore, ConversationStore};
use serde_json::json;

use crate::store_contract::ME;
use crate::store_faults::disks::{Disk, fill};
use crate::test_app::{TestApp, eventually, message, next_message, refusal};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";

impl TestApp {
    async fn change(&self, id: ConversationId, change: &ConversationChange) -> u16 {
        self.post("/api/change_conversation", &json!({"id": id, "change": change})).await.status().as_u16()
    }

    async fn list(&self) -> Listing {
        self.post("/api/list_conversations", &json!({})).await.json().await.unwrap()
    }

    async fn search(&self, query: &str) -> Vec<SearchHit> {
        self.post("/api/search_conversations", &json!({"query": query})).await.json().await.unwrap()
    }

    async fn answer(&self, of: ConversationId, id: AnswerId) -> Answer {
        let conversation = self.load_conversation(of).await;
        conversation.answers.into_iter().find(|answer| answer.id == id).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_there_after_a_restart_and_goes_on() {
    let app = TestApp::start().await;
    let first = message("demo/echo", "Remember the number seven");
    app.begin(&first).await.finished().await;
    let before = app.load_conversation(first.conversation).await;
    let app = app.restart().await;
    assert_eq!(app.load_conversation(first.conversation).await, before);
    let second = next_message(&first, "Which number was it?");
    let reader = app.begin(&second).await.finished().await;
    assert_eq!(reader.answer.text(), "Which number was it?");
    let asked = app.last_request().await["body"]["messages"].to_string();
    assert!(asked.contains("Remember the number seven"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_an_earlier_life_is_replayed_whole_or_not_at_all() {
    let app = TestApp::start().await;
    let message = message("demo/long", "[[characters=64]] Tell it again");
    let told = app.begin(&message).await.finished().await;
    let app = app.restart().await;
    let again = app.follow(message.answer, 0).await.finished().await;
    assert_eq!(
        (again.answer.text().as_ref(), again.status()),
        (told.answer.text().as_ref(), EndStatus::Complete)
    );
    let (status, kind, words) = refusal(app.try_follow(message.answer, 5).await).await;
    assert_eq!((status, kind.as_str()), (410, "gone"), "{words}");
    assert_eq!(app.stop(message.answer).await, EndStatus::Complete);
    // The same send again joins what is there.
    let joined = app.begin(&message).await.finished().await;
    assert_eq!(joined.answer.text(), told.answer.text());
    assert_eq!(app.stats("Tell it again").await.requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_keeps_its_text_and_gets_its_bill_later() {
    let app = TestApp::start_with(|client| client.dialect = Dialect::OpenRouter).await;
    let message = message("demo/long", "[[delta_ms=10]] What does half an answer cost?");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text().len() > 100).await;
    app.stop(message.answer).await;
    let reader = reader.finished().await;
    let text = reader.answer.text().clone();
    assert_eq!((&reader.answer.bill, reader.answer.usage()), (&Bill::Open, None));
    eventually("the bill is settled", async || {
        matches!(app.answer(message.conversation, message.answer).await.bill, Bill::Settled(_))
    })
    .await;
    let answer = app.answer(message.conversation, message.answer).await;
    assert_eq!(answer.text(), text);
    let usage = answer.usage().unwrap();
    assert!(usage.completion_tokens.unwrap() > 0 && usage.cost.is_some(), "{usage:?}");
    let spent = app.post("/api/spending_of_conversation", &json!({"id": message.conversation})).await;
    let spending: Spending = spent.json().await.unwrap();
    assert_eq!((spending.answers, spending.open_bills), (1, 0));
    assert!((spending.cost - usage.cost.unwrap()).abs() < 1e-12);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_bill_is_settled_after_a_restart() {
    let app = TestApp::start_with(|client| client.dialect = Dialect::OpenRouter).await;
    let message = message("demo/stall", "Settle me later");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let app = app.restart().await;
    let answer = app.answer(message.conversation, message.answer).await;
    assert_eq!(answer.end().unwrap().status, EndStatus::Interrupted);
    eventually("the bill is settled", async || {
        matches!(app.answer(message.conversation, message.answer).await.bill, Bill::Settled(_))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_broke_off_is_continued_from_its_end() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "Begin");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    app.stop(message.answer).await;
    reader.finished().await;
    let mut on = message.clone();
    (on.answer, on.continues) = (AnswerId::now(), Some(message.answer));
    on.settings.model = Some("demo/echo".into());
    let reader = app.begin(&on).await.finished().await;
    assert!(reader.answer.text().starts_with(BEFORE_SILENCE), "{}", reader.answer.text());
    assert!(reader.answer.text().len() > BEFORE_SILENCE.len());
    assert_eq!(reader.answer.content.texts().next(), Some(BEFORE_SILENCE));
    assert_eq!(reader.answer.content.blocks()[1], ContentBlock::Continuation);
    let kept = app.answer(on.conversation, on.answer).await;
    assert_eq!(kept.content, reader.answer.content);
    let asked = app.last_request().await["body"]["messages"].to_string();
    assert!(asked.contains(BEFORE_SILENCE), "{asked}");
    // The one that was stopped is still there, as another version.
    assert_eq!(app.answer(on.conversation, message.answer).await.text(), BEFORE_SILENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_nothing_to_continue_in_another_question_or_a_running_answer() {
    let app = TestApp::start().await;
    let running = message("demo/stall", "Still at it");
    let mut reader = app.begin(&running).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let mut on = running.clone();
    (on.answer, on.continues) = (AnswerId::now(), Some(running.answer));
    assert_eq!(refusal(app.send(&on).await).await.0, 400);
    let mut other = message("demo/echo", "Another question");
    other.continues = Some(running.answer);
    assert_eq!(refusal(app.send(&other).await).await.0, 400);
    other.continues = Some(AnswerId::now());
    assert_eq!(refusal(app.send(&other).await).await.0, 404);
    assert_eq!(app.stats("Another question").await.requests, 0);
    let missing = app.post("/api/load_conversation", &json!({"id": other.conversation})).await;
    assert_eq!(missing.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_conversation_stops_its_answer_and_can_be_undone() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "Delete me");
    let id = message.conversation;
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    assert_eq!(app.change(id, &ConversationChange::Deleted(true)).await, 200);
    assert_eq!(reader.finished().await.status(), EndStatus::Stopped);
    app.eventually_stats("Delete me", |tally| (tally.open, tally.aborted) == (0, 1)).await;
    assert_eq!(app.get(&format!("/c/{id}")).await.status(), 404);
    assert_eq!(app.post("/api/load_conversation", &json!({"id": id})).await.status(), 404);
    assert!(app.list().await.conversations.is_empty());
    let (status, _, words) = refusal(app.send(&next_message(&message, "Still there?")).await).await;
    assert_eq!((status, words.contains("deleted")), (404, true), "{words}");
    assert_eq!(app.change(id, &ConversationChange::Deleted(false)).await, 200);
    assert_eq!(app.answer(id, message.answer).await.text(), BEFORE_SILENCE);
    assert_eq!(app.change(ConversationId::now(), &ConversationChange::Read).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_tells_what_runs_and_what_is_unread_and_nothing_when_nothing_is_new() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "List me, please");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let listing = app.list().await;
    let known = &listing.conversations[0];
    assert_eq!((known.title.as_str(), known.is_running, known.is_unread), ("List me, please", true, false));
    let same = app.post("/api/list_conversations", &json!({"revision": listing.revision})).await;
    assert_eq!(same.text().await.unwrap(), "null");
    app.stop(message.answer).await;
    let known = app.list().await.conversations.remove(0);
    assert_eq!((known.is_running, known.is_unread), (false, true));
    app.change(message.conversation, &ConversationChange::Read).await;
    assert!(!app.list().await.conversations[0].is_unread);
}

#[tokio::test(flavor = "multi_thread")]
async fn titles_are_changed_by_hand_and_never_to_nothing() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "A first title");
    app.begin(&message).await.finished().await;
    let title = |text: &str| ConversationChange::Title(text.to_owned());
    assert_eq!(app.change(message.conversation, &title(" \u{202e} \n")).await, 400);
    assert_eq!(app.change(message.conversation, &title("Better")).await, 200);
    assert_eq!(app.list().await.conversations[0].title, "Better");
    let page = app.get(&format!("/c/{}", message.conversation)).await.text().await.unwrap();
    assert!(page.contains("<title>Better · Runnel</title>"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_leads_to_the_message() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "Where do hedgehogs hibernate in winter?");
    app.begin(&message).await.finished().await;
    let hits = app.search("\"hedgehogs hibernate\" wint").await;
    let found: Vec<_> = hits.iter().map(|hit| hit.message).collect();
    let question = FoundIn::Question(message.question.id);
    assert_eq!(found, [FoundIn::Title, FoundIn::Answer(message.answer), question]);
    assert!(hits[2].excerpt.contains("hedgehogs"));
    assert!(app.search("hibernate hedgehogs \"winter in\"").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_a_conversation_of_its_own() {
    let app = TestApp::start().await;
    let first = message("demo/echo", "Trunk");
    app.begin(&first).await.finished().await;
    let second = next_message(&first, "Branch");
    app.begin(&second).await.finished().await;
    let new = ConversationId::now();
    let response = app.post("/api/fork_conversation", &json!({"answer": first.answer, "new": new})).await;
    assert_eq!(response.status(), 200);
    let copy = app.load_conversation(new).await;
    let texts: Vec<_> = copy.questions.iter().map(|question| question.text().into_owned()).collect();
    assert_eq!(texts, ["Trunk"]);
    let mut on = next_message(&first, "Another way");
    (on.conversation, on.question.after) = (new, copy.leaf);
    app.begin(&on).await.finished().await;
    assert_eq!(app.load_conversation(first.conversation).await.questions.len(), 2);
    assert_eq!(app.load_conversation(new).await.questions.len(), 2);
    let missing = json!({"answer": AnswerId::now(), "new": ConversationId::now()});
    assert_eq!(app.post("/api/fork_conversation", &missing).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_after_a_reload_holds_the_answer_so_far_and_its_number() {
    let app = TestApp::start().await;
    let message = message("demo/stall", "Reload me");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let page = app.get(&format!("/c/{}", message.conversation)).await.text().await.unwrap();
    assert!(page.contains(&format!(">{BEFORE_SILENCE}<")), "{page}");
    let data = page.split_once(r#"id="page-data">"#).unwrap().1.split_once("</script>").unwrap().0;
    let data: serde_json::Value = serde_json::from_str(data.trim_start_matches("<!>").trim()).unwrap();
    assert_eq!(data["conversation"]["answers"][0]["seq"], reader.answer.seq.0);
    assert_eq!(data["listing"]["conversations"][0]["title"], "Reload me");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_writes_at_most_three_bytes_for_each_byte_of_a_long_answer() {
    let app = TestApp::start().await;
    // Twenty characters a piece and four milliseconds between pieces: a quick model, and batches of 50 ms.
    let message = message("demo/long", "[[characters=20 delta_ms=1 repeat=8]] At length");
    let wal = app.wal_bytes();
    let reader = app.begin(&message).await.finished().await;
    let text = reader.answer.text().len() as u64;
    assert!(text > 80_000, "{text}");
    let (log, database) = (app.store.log_bytes(), app.wal_bytes() - wal);
    assert!(log + database <= 3 * text, "{log} + {database} bytes for {text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_long_ago_is_gone() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "Forget me");
    app.begin(&message).await.finished().await;
    app.change(message.conversation, &ConversationChange::Deleted(true)).await;
    assert_eq!(app.store.purge_deleted(u64::MAX / 4).await.unwrap(), 1);
    assert_eq!(app.change(message.conversation, &ConversationChange::Deleted(false)).await, 404);
    assert_eq!(app.store.find_answer(&ME, message.answer).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_kept_until_it_is_sent() {
    let app = TestApp::start().await;
    let message = message("demo/echo", "First");
    app.begin(&message).await.finished().await;
    app.change(message.conversation, &ConversationChange::Draft("Half a thou".into())).await;
    let app = app.restart().await;
    let draft = async |app: &TestApp| -> Conversation { app.load_conversation(message.conversation).await };
    assert_eq!(draft(&app).await.draft, "Half a thou");
    app.begin(&next_message(&message, "Half a thought")).await.finished().await;
    assert_eq!(draft(&app).await.draft, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_ends_on_a_full_disk_is_told_and_kept_when_there_is_space() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let Some(_disk) = Disk::mount(folder.path(), "size=1m") else { return };
    let app = TestApp::start_in(folder.clone()).await;
    let message = message("demo/stall", "Is there room?");
    let mut reader = app.begin(&message).await;
    reader.until(|answer| answer.text() == BEFORE_SILENCE).await;
    let ballast = fill(folder.path());
    assert_eq!(app.stop(message.answer).await, EndStatus::Stopped);
    assert_eq!(reader.finished().await.answer.text(), BEFORE_SILENCE);
    assert_eq!(app.answer(message.conversation, message.answer).await.text(), BEFORE_SILENCE);
    let (status, _, words) = refusal(app.send(&next_message(&message, "And now?")).await).await;
    assert_eq!((status, words.contains("disk is full")), (500, true), "{words}");
    assert_eq!(app.stats("And now?").await.requests, 0);
    std::fs::remove_file(ballast).unwrap();
    eventually("the answer is kept", async || {
        let kept = app.store.find_answer(&ME, message.answer).await;
        kept.is_ok_and(|kept| kept.is_some_and(|(_, answer)| answer.text() == BEFORE_SILENCE))
    })
    .await;
    let mut next = next_message(&message, "And now?");
    next.settings.model = Some("demo/echo".into());
    let again = app.begin(&next).await.finished().await;
    assert_eq!(again.status(), EndStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_by_a_model_gives_way_to_one_by_hand() {
    let app = TestApp::start_with_titles_by("demo/echo").await;
    let message = message("demo/plain", "What is it called?");
    app.begin(&message).await.finished().await;
    // The model repeats what it was asked; the first line of that is the title.
    eventually("it has a title", async || app.list().await.conversations[0].title == "Question:").await;
    app.change(message.conversation, &ConversationChange::Title("Mine".into())).await;
    app.begin(&next_message(&message, "Still mine?")).await.finished().await;
    assert_eq!(app.list().await.conversations[0].title, "Mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_open_conversation_is_listed_however_old_it_is_until_it_is_deleted() {
    let app = TestApp::start().await;
    let old = message("demo/echo", "The oldest");
    app.begin(&old).await.finished().await;
    app.begin(&message("demo/echo", "A newer one")).await.finished().await;
    let listed = async || {
        let asked = json!({"limit": 1, "open": old.conversation});
        let listing: Listing = app.post("/api/list_conversations", &asked).await.json().await.unwrap();
        listing.conversations.into_iter().map(|known| known.title).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ["A newer one", "The oldest"]);
    app.change(old.conversation, &ConversationChange::Deleted(true)).await;
    assert_eq!(listed().await, ["A newer one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_is_asked_for_once_in_a_chat() {
    let app = TestApp::start_with_titles_by("demo/echo").await;
    let first = message("demo/echo", "Paid for once?");
    app.begin(&first).await.finished().await;
    let asked = "Question:\nPaid for once?\n\nAnswer:\nPaid for once?";
    app.eventually_stats(asked, |tally| tally.completed == 1).await;
    let mut again = first.clone();
    again.answer = AnswerId::now();
    app.begin(&again).await.finished().await;
    // By the time another chat has its title, this one would have been asked for.
    let other = message("demo/echo", "Another chat");
    app.begin(&other).await.finished().await;
    app.eventually_stats("Question:\nAnother chat\n\nAnswer:\nAnother chat", |tally| tally.completed == 1)
        .await;
    assert_eq!(app.stats(asked).await.requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_title_is_visible_text_or_none() {
    let app = TestApp::start().await;
    for (text, title) in
        [("\u{200b}\u{202e}\n  evil\u{202e}txt.exe \u{0}", "eviltxt.exe"), ("\u{2060}\u{feff}", "")]
    {
        let message = message("demo/echo", text);
        app.begin(&message).await.finished().await;
        assert_eq!(app.load_conversation(message.conversation).await.title, title);
    }
}
