//! What belongs to one user is not there for another.

use runnel::chat::{Answer, AnswerId, Bill, Conversation, ConversationId, Question, QuestionId, Usage};
use runnel::conversation_list::{ConversationChange, Listing};
use runnel::server::store::Store;
use runnel::user::{UserId, Viewer};
use uuid::Uuid;

use super::{
    ME, MIDNIGHT, another_answer, assert_conflict, assert_not_found, chat, each_store, ended, load,
    new_answer, say,
};

fn somebody_else() -> Viewer {
    Viewer::of(UserId(Uuid::now_v7()))
}

/// Asks and answers as this viewer, in a new conversation.
async fn chat_as(store: &dyn Store, viewer: &Viewer, question: &str) -> (ConversationId, Answer) {
    let new = new_answer(ConversationId::now(), None, question);
    store.begin_answer(viewer, &new).await.unwrap();
    let answer = ended(&new.answer, "Yes.");
    store.finish_answer(&answer, MIDNIGHT).await.unwrap();
    (new.conversation, answer)
}

#[tokio::test]
async fn nothing_of_another_user_can_be_read() {
    each_store(async |store| {
        let (mine, answer) = chat(&*store, "Where is the treasure?", "Under the palm.").await;
        let other = somebody_else();
        assert_eq!(store.find_conversation(&other, mine).await.unwrap(), None);
        assert_eq!(store.find_answer(&other, answer.id).await.unwrap(), None);
        assert_eq!(store.list_conversations(&other, 9).await.unwrap(), Listing::default());
        assert_eq!(store.list_ids(&other).await.unwrap(), []);
        for words in ["treasure", "palm", "\"the palm\"", "tre"] {
            assert_ne!(store.search(&ME, words, 9).await.unwrap(), [], "{words}");
            assert_eq!(store.search(&other, words, 9).await.unwrap(), [], "{words}");
        }
        let nothing = store.spending_of(&other, ConversationId::now()).await.unwrap();
        assert_eq!(store.spending_of(&other, mine).await.unwrap(), nothing);
        assert_eq!(store.daily_spending(&other, 9).await.unwrap(), []);
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn nothing_of_another_user_can_be_changed() {
    each_store(async |store| {
        let (mine, answer) = chat(&*store, "Mine?", "Yours.").await;
        let other = somebody_else();
        let before = load(&*store, mine).await;
        let changes = [
            ConversationChange::Title("Theirs".to_owned()),
            ConversationChange::Pinned(true),
            ConversationChange::Archived(true),
            ConversationChange::Deleted(true),
            ConversationChange::Draft("theirs".to_owned()),
            ConversationChange::Settings(super::settings("their/model")),
            ConversationChange::Leaf(answer.id),
            ConversationChange::Leaves(vec![answer.id]),
            ConversationChange::Read,
        ];
        for change in &changes {
            assert!(!store.change_conversation(&other, mine, change, MIDNIGHT).await.unwrap(), "{change:?}");
        }
        assert!(!store.suggest_title(&other, mine, "Theirs").await.unwrap());
        assert!(!store.fork(&other, answer.id, ConversationId::now(), MIDNIGHT).await.unwrap());
        assert_eq!(load(&*store, mine).await, before);
        assert_eq!(store.list_ids(&other).await.unwrap(), []);
        let deleted = ConversationChange::Deleted(true);
        assert!(store.change_conversation(&ME, mine, &deleted, MIDNIGHT).await.unwrap());
        let undeleted = ConversationChange::Deleted(false);
        assert!(!store.change_conversation(&other, mine, &undeleted, MIDNIGHT).await.unwrap());
        assert_eq!(store.find_conversation(&ME, mine).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_conversation_of_another_user_cannot_be_gone_on_with() {
    each_store(async |store| {
        let (mine, answer) = chat(&*store, "Mine?", "Yours.").await;
        let other = somebody_else();
        let before = load(&*store, mine).await;
        let absent = AnswerId::now();
        for after in [answer.id, absent] {
            let next = new_answer(mine, Some(after), "And now?");
            assert_not_found(store.begin_answer(&other, &next).await, "a question in it");
            let elsewhere = new_answer(ConversationId::now(), Some(after), "And now?");
            assert_not_found(store.begin_answer(&other, &elsewhere).await, "a question after it, elsewhere");
        }
        assert_conflict(store.begin_answer(&other, &new_answer(mine, None, "First?")).await, "its id");
        assert_eq!(load(&*store, mine).await, before);
        assert_eq!(store.list_ids(&other).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn who_sends_anothers_ids_learns_nothing_of_the_answer() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Mine?");
        store.begin_answer(&ME, &new).await.unwrap();
        let other = somebody_else();
        assert_conflict(store.begin_answer(&other, &new).await, "the same send");
        let again = another_answer(&new);
        assert_conflict(store.begin_answer(&other, &again).await, "another answer to the same question");
        store.finish_answer(&ended(&new.answer, "Yes."), MIDNIGHT).await.unwrap();
        assert_conflict(store.begin_answer(&other, &new).await, "the same send, later");
        let deleted = ConversationChange::Deleted(true);
        assert!(store.change_conversation(&ME, new.conversation, &deleted, MIDNIGHT).await.unwrap());
        assert_conflict(store.begin_answer(&other, &new).await, "the same send, once it is deleted");
    })
    .await;
}

#[tokio::test]
async fn each_user_has_the_own_conversations_alone() {
    each_store(async |store| {
        let other = somebody_else();
        let (mine, _) = chat(&*store, "A common word?", "Yes.").await;
        let (theirs, answer) = chat_as(&*store, &other, "A common word?").await;
        for (viewer, own) in [(&ME, mine), (&other, theirs)] {
            assert_eq!(store.list_ids(viewer).await.unwrap(), [own]);
            let listed = store.list_conversations(viewer, 9).await.unwrap().conversations;
            assert_eq!(listed.iter().map(|listed| listed.id).collect::<Vec<_>>(), [own]);
            let found = store.search(viewer, "common", 9).await.unwrap();
            assert!(!found.is_empty() && found.iter().all(|hit| hit.conversation == own), "{found:?}");
            assert_eq!(store.daily_spending(viewer, 9).await.unwrap()[0].spending.answers, 1);
        }
        let copy = ConversationId::now();
        assert!(store.fork(&other, answer.id, copy, MIDNIGHT).await.unwrap());
        assert_eq!(store.list_ids(&other).await.unwrap(), [theirs, copy], "a copy belongs to who made it");
        assert_eq!(store.list_ids(&ME).await.unwrap(), [mine]);
        // The list is as long as is asked for, of the own alone.
        say(&*store, ConversationId::now(), None, "One more?", "Yes.").await;
        assert!(!store.list_conversations(&ME, 2).await.unwrap().has_more);
    })
    .await;
}

#[tokio::test]
async fn an_import_adds_to_the_own_conversations_and_replaces_no_others() {
    each_store(async |store| {
        let other = somebody_else();
        let (mine, _) = chat(&*store, "Mine?", "Yours.").await;
        let copy = load(&*store, mine).await;
        assert_conflict(store.import(&other, std::slice::from_ref(&copy)).await, "one that is there");
        let deleted = ConversationChange::Deleted(true);
        assert!(store.change_conversation(&ME, mine, &deleted, MIDNIGHT).await.unwrap());
        assert_conflict(store.import(&other, std::slice::from_ref(&copy)).await, "a deleted one");
        let undeleted = ConversationChange::Deleted(false);
        assert!(store.change_conversation(&ME, mine, &undeleted, MIDNIGHT).await.unwrap());
        assert_eq!(store.list_ids(&ME).await.unwrap(), [mine]);
        let question = Question::of_text(QuestionId::now(), None, "New?".to_owned(), MIDNIGHT);
        let answer = ended(&Answer::new(AnswerId::now(), question.id, super::MODEL), "Yes.");
        let new = Conversation {
            id: ConversationId::now(),
            leaf: Some(answer.id),
            questions: vec![question],
            answers: vec![answer],
            ..copy
        };
        assert_eq!(store.import(&other, std::slice::from_ref(&new)).await.unwrap(), 1);
        assert_eq!(store.list_ids(&other).await.unwrap(), [new.id]);
    })
    .await;
}

#[tokio::test]
async fn a_bill_that_is_settled_names_its_owner() {
    each_store(async |store| {
        let other = somebody_else();
        let (_, mine) = chat(&*store, "Mine?", "Yes.").await;
        let (_, theirs) = chat_as(&*store, &other, "Theirs?").await;
        let settled = Bill::Settled(Usage { cost: Some(0.5), ..Usage::default() });
        assert_eq!(store.settle_bill(mine.id, &settled).await.unwrap(), Some(ME.user));
        assert_eq!(store.settle_bill(theirs.id, &settled).await.unwrap(), Some(other.user));
        assert_eq!(store.settle_bill(AnswerId::now(), &settled).await.unwrap(), None);
    })
    .await;
}
