//! Copies: a branch in a new conversation, conversations from elsewhere, and everything in a file of its own.

use runnel::chat::{Answer, AnswerEvent, AnswerId, Conversation, ConversationId, EndStatus, Question, Usage};
use runnel::conversation_list::{ConversationChange, Spending};
use runnel::server::store::{AnswerStore, ConversationStore, SqliteStore, Store, StoreError, UsageStore};

use super::{
    ME, MIDNIGHT, another_answer, applied, assert_conflict, assert_not_found, begin, chat, complete,
    each_store, ended, finish, load, load_answer, new_answer, now_ms, say, settings,
};

/// Two turns, with another version of each on the side.
struct Branching {
    id: ConversationId,
    questions: [Question; 2],
    answers: [Answer; 2],
}

impl Branching {
    async fn new(store: &dyn Store) -> Self {
        let id = ConversationId::now();
        let first = new_answer(id, None, "One?");
        let one = finish(store, &first, "One.").await;
        finish(store, &another_answer(&first), "Another one.").await;
        let second = new_answer(id, Some(one.id), "Two?");
        let two = finish(store, &second, "Two.").await;
        let other = say(store, id, Some(one.id), "Another two?", "Another two.").await;
        say(store, id, Some(other.id), "Three?", "Three.").await;
        Self { id, questions: [first.question, second.question], answers: [one, two] }
    }
}

#[tokio::test]
async fn a_fork_is_the_branch_alone_with_ids_of_its_own() {
    each_store(async |store| {
        let original = Branching::new(&*store).await;
        let changes = [
            ConversationChange::Title("Counting".to_owned()),
            ConversationChange::Pinned(true),
            ConversationChange::Draft("Four".to_owned()),
        ];
        for change in changes {
            store.change_conversation(&ME, original.id, &change, MIDNIGHT).await.unwrap();
        }
        let before = load(&*store, original.id).await;
        let new = ConversationId::now();
        assert!(store.fork(&ME, original.answers[1].id, new, MIDNIGHT + 5).await.unwrap());
        assert_eq!(load(&*store, original.id).await, before);

        let copy = load(&*store, new).await;
        assert_eq!((copy.title.as_str(), copy.draft.as_str(), copy.is_pinned), ("Counting", "", false));
        assert_eq!((copy.created_ms, copy.updated_ms), (MIDNIGHT + 5, MIDNIGHT + 5));
        assert_eq!(copy.leaf, Some(copy.answers[1].id));
        assert_eq!((copy.questions.len(), copy.answers.len()), (2, 2));
        assert_eq!((copy.questions[0].after, copy.questions[1].after), (None, Some(copy.answers[0].id)));
        for at in 0..2 {
            assert_ne!(copy.questions[at].id, original.questions[at].id);
            assert_ne!(copy.answers[at].id, original.answers[at].id);
            assert_eq!(copy.questions[at].text(), original.questions[at].text());
            let (id, question) = (copy.answers[at].id, copy.questions[at].id);
            assert_eq!(
                copy.answers[at],
                Answer { id, question, is_copy: true, ..original.answers[at].clone() }
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_fork_goes_its_own_way() {
    each_store(async |store| {
        let original = Branching::new(&*store).await;
        let new = ConversationId::now();
        assert!(store.fork(&ME, original.answers[0].id, new, MIDNIGHT).await.unwrap());
        let copied = load(&*store, new).await.answers.remove(0);
        let next = new_answer(new, Some(copied.id), "Elsewhere?");
        let history = begin(&*store, &next).await;
        assert_eq!(history.iter().map(|(_, answer)| answer).collect::<Vec<_>>(), [&copied]);
        let into_original = new_answer(original.id, Some(copied.id), "There?");
        assert_not_found(store.begin_answer(&ME, &into_original).await, "a copy is not in the original");
        assert_eq!(
            store.search(&ME, "one", 99).await.unwrap().iter().filter(|hit| hit.conversation == new).count(),
            3
        );

        store
            .change_conversation(&ME, original.id, &ConversationChange::Deleted(true), MIDNIGHT)
            .await
            .unwrap();
        store.purge_deleted(MIDNIGHT + 1).await.unwrap();
        assert_eq!(load_answer(&*store, copied.id).await, copied);
    })
    .await;
}

#[tokio::test]
async fn what_was_paid_once_is_not_counted_again_in_a_fork() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        begin(&*store, &new).await;
        let usage = Usage {
            prompt_tokens: Some(10),
            completion_tokens: Some(20),
            cost: Some(0.5),
            ..Usage::default()
        };
        let answer = applied(&new.answer, &[AnswerEvent::End(complete(Some(usage.clone())))]);
        store.finish_answer(&answer, MIDNIGHT).await.unwrap();
        let before = store.daily_spending(&ME, 9).await.unwrap();
        let copy = ConversationId::now();
        assert!(store.fork(&ME, answer.id, copy, MIDNIGHT).await.unwrap());
        assert_eq!(load(&*store, copy).await.answers[0].usage(), Some(&usage), "it still says what it cost");
        let spending = store.spending_of(&ME, copy).await.unwrap();
        assert_eq!(spending, Spending { answers: spending.answers, ..Spending::default() });
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn only_an_answer_that_is_there_and_has_ended_can_be_forked() {
    each_store(async |store| {
        let (deleted, gone) = chat(&*store, "Deleted?", "Deleted.").await;
        store.change_conversation(&ME, deleted, &ConversationChange::Deleted(true), MIDNIGHT).await.unwrap();
        let running = new_answer(ConversationId::now(), None, "Running?");
        begin(&*store, &running).await;
        let ids = store.list_ids(&ME).await.unwrap();
        for leaf in [AnswerId::now(), running.answer.id, gone.id] {
            assert!(!store.fork(&ME, leaf, ConversationId::now(), MIDNIGHT).await.unwrap());
        }
        assert_eq!(store.list_ids(&ME).await.unwrap(), ids);
        store.finish_answer(&ended(&running.answer, "Ended."), MIDNIGHT).await.unwrap();
        for id in [running.conversation, deleted] {
            assert_conflict(store.fork(&ME, running.answer.id, id, MIDNIGHT).await, "an id in use");
        }
        assert!(store.fork(&ME, running.answer.id, ConversationId::now(), MIDNIGHT).await.unwrap());
    })
    .await;
}

/// Conversations as they come from elsewhere: made in another store and taken out of it.
async fn from_elsewhere() -> Vec<Conversation> {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = SqliteStore::open(&folder.path().join("elsewhere.db")).await.unwrap();
    let branching = Branching::new(&elsewhere).await;
    let changes = [
        ConversationChange::Title("From elsewhere".to_owned()),
        ConversationChange::Pinned(true),
        ConversationChange::Archived(true),
        ConversationChange::Draft("Unsent".to_owned()),
        ConversationChange::Settings(settings("vendor/elsewhere")),
        ConversationChange::Leaf(branching.answers[1].id),
    ];
    for change in changes {
        elsewhere.change_conversation(&ME, branching.id, &change, MIDNIGHT).await.unwrap();
    }
    let (other, _) = chat(&elsewhere, "Alone?", "Alone.").await;
    let conversations = vec![load(&elsewhere, branching.id).await, load(&elsewhere, other).await];
    elsewhere.close().await;
    conversations
}

/// A version means nothing elsewhere.
fn without_version(conversation: &Conversation) -> Conversation {
    Conversation { version: 0, ..conversation.clone() }
}

#[tokio::test]
async fn what_is_imported_is_there_whole_and_found_and_goes_on() {
    let conversations = from_elsewhere().await;
    each_store(async |store| {
        assert_eq!(store.import(&ME, &[]).await.unwrap(), 0);
        assert_eq!(store.import(&ME, &conversations).await.unwrap(), 2);
        for conversation in &conversations {
            let imported = load(&*store, conversation.id).await;
            assert_eq!(without_version(&imported), without_version(conversation));
        }
        assert_eq!(store.search(&ME, "alone", 9).await.unwrap().len(), 3);
        assert_eq!(store.search(&ME, "elsewhere", 9).await.unwrap().len(), 1);
        let imported = &conversations[0];
        let next = new_answer(imported.id, imported.leaf, "And?");
        assert_eq!(begin(&*store, &next).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_there_already_is_left_as_it_is() {
    let conversations = from_elsewhere().await;
    each_store(async |store| {
        assert_eq!(store.import(&ME, &conversations[..1]).await.unwrap(), 1);
        let changed = ConversationChange::Title("Mine".to_owned());
        store.change_conversation(&ME, conversations[0].id, &changed, MIDNIGHT).await.unwrap();
        let before = load(&*store, conversations[0].id).await;
        assert_eq!(store.import(&ME, &conversations).await.unwrap(), 1);
        assert_eq!(load(&*store, conversations[0].id).await, before);

        let twice = [conversations[0].clone(), conversations[0].clone()];
        assert_eq!(store.import(&ME, &twice).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_import_brings_back_what_was_deleted_as_it_is_in_the_import() {
    let conversations = from_elsewhere().await;
    each_store(async |store| {
        store.import(&ME, &conversations).await.unwrap();
        let id = conversations[1].id;
        let answer = conversations[1].answers[0].id;
        say(&*store, id, Some(answer), "Later?", "Only here.").await;
        let deleted = ConversationChange::Deleted(true);
        assert!(store.change_conversation(&ME, id, &deleted, MIDNIGHT).await.unwrap());
        assert_eq!(store.import(&ME, &conversations).await.unwrap(), 1);
        assert_eq!(without_version(&load(&*store, id).await), without_version(&conversations[1]));
        assert_eq!(store.search(&ME, "later", 9).await.unwrap(), []);
        assert_eq!(store.purge_deleted(MIDNIGHT + 1).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_is_imported_can_be_changed_whatever_its_version_was() {
    each_store(async |store| {
        for version in [0, 7, i64::MAX as u64, u64::MAX] {
            let mut conversation = from_elsewhere().await.remove(1);
            conversation.version = version;
            assert_eq!(store.import(&ME, &[conversation.clone()]).await.unwrap(), 1);
            let change = ConversationChange::Pinned(true);
            assert!(store.change_conversation(&ME, conversation.id, &change, MIDNIGHT).await.unwrap());
            let changed = load(&*store, conversation.id).await.version;
            assert!(changed <= now_ms(), "{changed}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_import_that_shows_a_branch_of_another_conversation_is_refused() {
    each_store(async |store| {
        let mut conversations = from_elsewhere().await;
        conversations[1].leaf = Some(conversations[0].answers[0].id);
        assert_not_found(store.import(&ME, &conversations).await, "the leaf");
        assert_eq!(store.list_ids(&ME).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_was_not_counted_in_a_fork_is_not_counted_where_that_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = SqliteStore::open(&folder.path().join("elsewhere.db")).await.unwrap();
    let new = new_answer(ConversationId::now(), None, "Why?");
    begin(&elsewhere, &new).await;
    let usage = Usage { prompt_tokens: Some(10), cost: Some(0.5), ..Usage::default() };
    let mut answer = applied(&new.answer, &[AnswerEvent::End(complete(Some(usage)))]);
    answer.begun_ms = MIDNIGHT;
    elsewhere.finish_answer(&answer, MIDNIGHT + 1500).await.unwrap();
    let [fork, second] = [ConversationId::now(), ConversationId::now()];
    assert!(elsewhere.fork(&ME, answer.id, fork, MIDNIGHT + 5000).await.unwrap());
    let copied = load(&elsewhere, fork).await.answers.remove(0);
    assert!(elsewhere.fork(&ME, copied.id, second, MIDNIGHT + 6000).await.unwrap());
    let counted = elsewhere.daily_spending(&ME, 9).await.unwrap();
    assert_eq!((counted[0].spending.cost, counted[0].spending.answers), (0.5, 1));
    let mut conversations = Vec::new();
    for id in elsewhere.list_ids(&ME).await.unwrap() {
        conversations.push(load(&elsewhere, id).await);
    }
    elsewhere.close().await;
    each_store(async |store| {
        assert_eq!(store.import(&ME, &conversations).await.unwrap(), 3);
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap(), counted);
        assert!(store.spending_of(&ME, fork).await.unwrap().cost.abs() < f64::EPSILON);
        // Kept once more, it still is a copy.
        store.finish_answer(&copied, MIDNIGHT + 9000).await.unwrap();
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap(), counted);
    })
    .await;
}

#[tokio::test]
async fn all_of_an_import_is_added_or_nothing() {
    let conversations = from_elsewhere().await;
    each_store(async |store| {
        let (_, known) = chat(&*store, "Here?", "Here.").await;
        let ids = store.list_ids(&ME).await.unwrap();

        let mut with_known_answer = conversations.clone();
        with_known_answer[1].answers[0].id = known.id;
        assert_conflict(store.import(&ME, &with_known_answer).await, "an answer's id");
        let mut with_known_question = conversations.clone();
        with_known_question[1].questions[0].id = known.question;
        with_known_question[1].answers[0].question = known.question;
        assert_conflict(store.import(&ME, &with_known_question).await, "a question's id");
        let mut without_question = conversations.clone();
        without_question[1].questions.clear();
        assert_not_found(store.import(&ME, &without_question).await, "a question");

        assert_eq!(store.list_ids(&ME).await.unwrap(), ids);
        assert_eq!(store.search(&ME, "alone", 9).await.unwrap(), []);
        assert_eq!(load_answer(&*store, known.id).await, known);
        assert_eq!(store.import(&ME, &conversations).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_backup_is_everything_as_it_stands_and_can_be_started_from() {
    each_store(async |store| {
        store.import(&ME, &from_elsewhere().await).await.unwrap();
        let (_, answer) = chat(&*store, "Backed up?", "Yes.").await;
        let running = new_answer(ConversationId::now(), None, "Running?");
        begin(&*store, &running).await;
        let written = AnswerEvent::Text("Half of".to_owned());
        store.append(running.answer.id, running.answer.seq, vec![written.clone()]).await.unwrap();

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.db");
        store.backup(&file).await.unwrap();
        chat(&*store, "Later?", "Not in it.").await;
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["backup.db"], "it is one file");

        let copy = SqliteStore::open(&file).await.unwrap();
        assert_eq!(copy.recover().await.unwrap(), []);
        assert_eq!(copy.list_ids(&ME).await.unwrap(), store.list_ids(&ME).await.unwrap()[..4]);
        for id in copy.list_ids(&ME).await.unwrap() {
            if id != running.conversation {
                assert_eq!(load(&copy, id).await, load(&*store, id).await);
            }
        }
        let broken_off = load_answer(&copy, running.answer.id).await;
        assert_eq!(broken_off.text(), "Half of");
        assert_eq!(broken_off.end().map(|end| end.status), Some(EndStatus::Interrupted));
        assert_eq!(copy.search(&ME, "half", 9).await.unwrap().len(), 1);
        assert_eq!(copy.search(&ME, "later", 9).await.unwrap(), []);
        begin(&copy, &new_answer(copy.list_ids(&ME).await.unwrap()[2], Some(answer.id), "And on?")).await;

        let rest = AnswerEvent::Text(" it".to_owned());
        store.append(running.answer.id, running.answer.seq.next(), vec![rest]).await.unwrap();
        store.finish_answer(&ended(&running.answer, "Half of it"), MIDNIGHT).await.unwrap();
        assert_eq!(
            load_answer(&*store, running.answer.id).await.text(),
            "Half of it",
            "the original goes on"
        );
    })
    .await;
}

#[tokio::test]
async fn a_backup_takes_the_place_of_nothing() {
    each_store(async |store| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("precious.txt");
        std::fs::write(&file, "precious").unwrap();
        let outcome = store.backup(&file).await;
        assert!(matches!(outcome, Err(StoreError::Copy { .. })), "{outcome:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"precious");
    })
    .await;
}
