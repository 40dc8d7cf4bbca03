//! Keeping an answer that has ended.

use std::slice;

use futures::future::join_all;
use runnel::chat::{
    AnswerEvent, AnswerId, Bill, Citation, ConversationId, EndStatus, Seq, Source, ToolCallPiece,
};
use runnel::conversation_list::ConversationChange;
use runnel::error::{AnswerError, AnswerErrorKind};

use super::{
    ME, MIDNIGHT, applied, begin, chat, complete, each_store, ended, finish, load, load_answer, new_answer,
};

/// One of every kind of event but the last.
pub fn events_of_every_kind() -> Vec<AnswerEvent> {
    vec![
        AnswerEvent::Waiting,
        AnswerEvent::Source(Source { generation_id: Some("gen-1".to_owned()), ..Source::default() }),
        AnswerEvent::FirstToken { elapsed_ms: 120 },
        AnswerEvent::Reasoning("Let me ".to_owned()),
        AnswerEvent::Reasoning("think…".to_owned()),
        AnswerEvent::Text("Naïve ".to_owned()),
        AnswerEvent::Text("🦀\u{0}".to_owned()),
        AnswerEvent::Text(String::new()),
        AnswerEvent::Continuation,
        AnswerEvent::Text("goes on".to_owned()),
        AnswerEvent::Refusal("not that".to_owned()),
        AnswerEvent::ToolCall(ToolCallPiece {
            index: 0,
            id: Some("call".to_owned()),
            name: "look_up".to_owned(),
            arguments: "{\"at\":".to_owned(),
        }),
        AnswerEvent::ToolCall(ToolCallPiece {
            index: 0,
            id: None,
            name: String::new(),
            arguments: "1}".to_owned(),
        }),
        AnswerEvent::Citation(Citation { url: "https://example.org".to_owned(), title: None }),
        AnswerEvent::Image("data:image/png;base64,AAAA".to_owned()),
    ]
}

#[tokio::test]
async fn an_answer_that_ended_is_kept_whole() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        begin(&*store, &new).await;
        let answer = applied(&new.answer, &events_of_every_kind());
        let answer = applied(&answer, &[AnswerEvent::End(complete(None))]);
        let version = load(&*store, new.conversation).await.version;
        store.finish_answer(&answer, MIDNIGHT + 7).await.unwrap();
        assert_eq!(
            store.find_answer(&ME, answer.id).await.unwrap(),
            Some((new.conversation, answer.clone()))
        );
        let conversation = load(&*store, new.conversation).await;
        assert_eq!(conversation.answers, [answer]);
        assert_eq!(conversation.updated_ms, MIDNIGHT + 7);
        assert_ne!(conversation.version, version);
    })
    .await;
}

#[tokio::test]
async fn every_way_to_end_is_kept() {
    each_store(async |store| {
        for status in [EndStatus::Complete, EndStatus::Stopped, EndStatus::Failed, EndStatus::Interrupted] {
            let new = new_answer(ConversationId::now(), None, "Why?");
            begin(&*store, &new).await;
            let mut end = complete(None);
            end.status = status;
            end.problem = Some(AnswerError::new(AnswerErrorKind::CutOff, "It broke off."));
            let answer = applied(&new.answer, &[AnswerEvent::End(end)]);
            store.finish_answer(&answer, MIDNIGHT).await.unwrap();
            assert_eq!(load_answer(&*store, answer.id).await, answer);
        }
    })
    .await;
}

#[tokio::test]
async fn finishing_again_replaces_what_was_kept() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        finish(&*store, &new, "First wording").await;
        for text in ["Second wording", ""] {
            let answer = ended(&new.answer, text);
            store.finish_answer(&answer, MIDNIGHT).await.unwrap();
            assert_eq!(load(&*store, new.conversation).await.answers, [answer]);
            assert_eq!(store.search(&ME, "first", 9).await.unwrap(), []);
        }
        assert_eq!(store.search(&ME, "wording", 9).await.unwrap(), [], "words of what is not kept");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_never_began_is_not_kept() {
    each_store(async |store| {
        let stray = new_answer(ConversationId::now(), None, "Why?");
        store.finish_answer(&ended(&stray.answer, "Stray"), MIDNIGHT).await.unwrap();
        assert_eq!(store.find_answer(&ME, stray.answer.id).await.unwrap(), None);
        assert_eq!(store.list_ids(&ME).await.unwrap(), []);
        assert_eq!(store.search(&ME, "stray", 9).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_answer_whose_conversation_is_gone_ends_without_harm() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        begin(&*store, &new).await;
        let text = AnswerEvent::Text("Gone".to_owned());
        store.append(new.answer.id, Seq::START, vec![text]).await.unwrap();
        let (other, kept) = chat(&*store, "Other?", "Other.").await;
        let delete = ConversationChange::Deleted(true);
        store.change_conversation(&ME, new.conversation, &delete, MIDNIGHT).await.unwrap();
        assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 1);

        store.finish_answer(&ended(&new.answer, "Gone"), MIDNIGHT).await.unwrap();
        store.settle_bill(new.answer.id, &Bill::Unknown).await.unwrap();
        assert_eq!(store.find_answer(&ME, new.answer.id).await.unwrap(), None);
        assert_eq!(store.search(&ME, "gone", 9).await.unwrap(), []);
        assert_eq!(load(&*store, other).await.answers, [kept]);
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_found_with_its_conversation() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        begin(&*store, &new).await;
        let text = AnswerEvent::Text("Not yet".to_owned());
        store.append(new.answer.id, Seq::START, vec![text]).await.unwrap();
        let found = store.find_answer(&ME, new.answer.id).await.unwrap();
        assert_eq!(found, Some((new.conversation, new.answer)), "one that is written has no content here");
        assert_eq!(store.find_answer(&ME, AnswerId::now()).await.unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_answers_are_written_at_once_and_all_of_them_is_there() {
    const PIECES: u64 = 20;
    each_store(async |store| {
        let written = (0..50).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let new = new_answer(ConversationId::now(), None, &format!("Question {number}?"));
                begin(&*store, &new).await;
                let pieces = (0..PIECES).map(|piece| AnswerEvent::Text(format!("{number}-{piece} ")));
                let pieces: Vec<_> = pieces.collect();
                for (after, piece) in (0..).map(Seq).zip(&pieces) {
                    store.append(new.answer.id, after, vec![piece.clone()]).await.unwrap();
                }
                let answer = applied(&new.answer, &pieces);
                let answer = applied(&answer, &[AnswerEvent::End(complete(None))]);
                store.finish_answer(&answer, MIDNIGHT).await.unwrap();
                (new, answer)
            })
        });
        let written = join_all(written).await;
        for task in &written {
            let (new, answer) = task.as_ref().unwrap();
            let conversation = load(&*store, new.conversation).await;
            assert_eq!(conversation.questions, slice::from_ref(&new.question));
            assert_eq!(conversation.answers, slice::from_ref(answer));
        }
        assert_eq!(store.list_ids(&ME).await.unwrap().len(), written.len());
        let listing = store.list_conversations(&ME, 100).await.unwrap();
        assert!(listing.conversations.iter().all(|one| one.is_unread && !one.is_running), "{listing:?}");
        assert_eq!(store.search(&ME, "question", 100).await.unwrap().len(), 2 * written.len());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_answers_are_written_at_once_in_one_conversation() {
    each_store(async |store| {
        let (id, first) = chat(&*store, "First?", "First.").await;
        let written = (0..50).map(|number| {
            let store = store.clone();
            tokio::spawn(async move {
                let new = new_answer(id, Some(first.id), &format!("Question {number}?"));
                finish(&*store, &new, &format!("Answer {number}.")).await
            })
        });
        let written: Vec<_> = join_all(written).await.into_iter().map(Result::unwrap).collect();
        let conversation = load(&*store, id).await;
        assert_eq!((conversation.questions.len(), conversation.answers.len()), (51, 51));
        assert!(written.iter().all(|answer| conversation.answers.contains(answer)));
        assert!(written.iter().any(|answer| Some(answer.id) == conversation.leaf));
    })
    .await;
}
