//! Answers that are being written when everything ends: what comes back of them.

use std::slice;

use runnel::chat::{Answer, AnswerEvent, ConversationId, Seq};
use runnel::conversation_list::ConversationChange;
use runnel::server::store::{NewAnswer, Store};

use super::answers::events_of_every_kind;
use super::{ME, MIDNIGHT, applied, begin, complete, each_place, ended, finish, load_answer, new_answer};

/// Begins an answer in a new conversation, and writes it as far as `events` go, one append for each batch.
async fn begin_to_write(store: &dyn Store, batches: &[&[AnswerEvent]]) -> (NewAnswer, Answer) {
    let new = new_answer(ConversationId::now(), None, "Why?");
    begin(store, &new).await;
    let mut answer = new.answer.clone();
    for batch in batches {
        store.append(answer.id, answer.seq, batch.to_vec()).await.unwrap();
        answer = applied(&answer, batch);
    }
    (new, answer)
}

fn text(text: &str) -> AnswerEvent {
    AnswerEvent::Text(text.to_owned())
}

#[tokio::test]
async fn what_was_appended_comes_back_after_a_crash() {
    each_place(async |place| {
        let store = place.open().await;
        let events = events_of_every_kind();
        let singly: Vec<&[AnswerEvent]> = events.chunks(1).collect();
        let (_, in_pieces) = begin_to_write(&*store, &singly).await;
        let (_, at_once) = begin_to_write(&*store, &[&events]).await;
        let (_, long) = begin_to_write(&*store, &vec![&[text(&"🦀".repeat(5000)), text("é")][..]; 20]).await;
        let (_, not_yet) = begin_to_write(&*store, &[]).await;
        let (_, with_end) =
            begin_to_write(&*store, &[&[text("All of it."), AnswerEvent::End(complete(None))]]).await;
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [in_pieces, at_once, long, not_yet, with_end]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_kept_is_not_recovered() {
    each_place(async |place| {
        let store = place.open().await;
        let (_, kept) = begin_to_write(&*store, &[&[text("Kept")]]).await;
        let (_, running) = begin_to_write(&*store, &[&[text("Running")]]).await;
        store.finish_answer(&ended(&kept, ""), MIDNIGHT).await.unwrap();
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [running]);
        assert_eq!(load_answer(&*store, kept.id).await, ended(&kept, ""));
    })
    .await;
}

#[tokio::test]
async fn recovering_takes_nothing_away_until_each_answer_is_kept() {
    each_place(async |place| {
        let store = place.open().await;
        let (_, one) = begin_to_write(&*store, &[&[text("One")]]).await;
        let (_, two) = begin_to_write(&*store, &[&[text("Two")]]).await;
        drop(store);

        let store = place.open().await;
        for _ in 0..2 {
            assert_eq!(store.recover().await.unwrap(), [one.clone(), two.clone()]);
        }
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [one.clone(), two.clone()], "after another crash");
        store.finish_answer(&ended(&one, " is kept"), MIDNIGHT).await.unwrap();
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), slice::from_ref(&two), "after a crash in between");
        store.finish_answer(&ended(&two, " is kept"), MIDNIGHT).await.unwrap();
        assert_eq!(store.recover().await.unwrap(), []);
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), []);
        assert_eq!(load_answer(&*store, one.id).await.text(), "One is kept");
        assert_eq!(load_answer(&*store, two.id).await.text(), "Two is kept");
    })
    .await;
}

#[tokio::test]
async fn answers_begin_and_end_beside_those_that_were_recovered() {
    each_place(async |place| {
        let store = place.open().await;
        let (_, old) = begin_to_write(&*store, &[&[text("Old")]]).await;
        drop(store);

        let store = place.open().await;
        store.recover().await.unwrap();
        let (_, new) = begin_to_write(&*store, &[&[text("New")]]).await;
        finish(&*store, &new_answer(ConversationId::now(), None, "Short?"), "Short.").await;
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [old.clone(), new.clone()]);
        store.finish_answer(&ended(&old, ""), MIDNIGHT).await.unwrap();
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [new]);
    })
    .await;
}

#[tokio::test]
async fn events_that_are_appended_again_count_once() {
    each_place(async |place| {
        let store = place.open().await;
        let (_, answer) = begin_to_write(&*store, &[&[text("a"), text("b")], &[text("c")]]).await;
        store.append(answer.id, Seq(1), vec![text("b"), text("c")]).await.unwrap();
        store.append(answer.id, Seq(2), vec![text("c"), text("d")]).await.unwrap();
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [applied(&answer, &[text("d")])]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_whose_conversation_is_gone_is_not_recovered() {
    each_place(async |place| {
        let store = place.open().await;
        let (purged, _) = begin_to_write(&*store, &[&[text("Purged")]]).await;
        let (deleted, answer) = begin_to_write(&*store, &[&[text("Deleted")]]).await;
        for (new, time) in [(&purged, MIDNIGHT), (&deleted, MIDNIGHT + 1)] {
            let delete = ConversationChange::Deleted(true);
            store.change_conversation(&ME, new.conversation, &delete, time).await.unwrap();
        }
        assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 1);
        drop(store);

        let store = place.open().await;
        assert_eq!(store.recover().await.unwrap(), [answer], "a deletion can still be undone");
    })
    .await;
}

#[tokio::test]
async fn everything_else_outlives_a_crash_too() {
    each_place(async |place| {
        let store = place.open().await;
        let new = new_answer(ConversationId::now(), None, "Why?");
        let answer = finish(&*store, &new, "Because.").await;
        let id = new.conversation;
        store.change_conversation(&ME, id, &ConversationChange::Pinned(true), MIDNIGHT).await.unwrap();
        store
            .change_conversation(&ME, id, &ConversationChange::Draft("Then".to_owned()), MIDNIGHT)
            .await
            .unwrap();
        let before = (
            store.find_conversation(&ME, id).await.unwrap(),
            store.list_conversations(&ME, 9).await.unwrap(),
        );
        drop(store);

        let store = place.open().await;
        let after = (
            store.find_conversation(&ME, id).await.unwrap(),
            store.list_conversations(&ME, 9).await.unwrap(),
        );
        assert_eq!(after, before);
        assert_eq!(store.search(&ME, "because", 9).await.unwrap().len(), 1);
        assert_eq!(load_answer(&*store, answer.id).await, answer);
    })
    .await;
}
