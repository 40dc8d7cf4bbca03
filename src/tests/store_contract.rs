//! What every [`Store`] promises, whatever database is behind it.
//!
//! The tests know nothing but the trait. They run on each kind of [`Place`]; a second database is a second kind,
//! and every test runs on it as it stands.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use runnel::chat::{
    Answer, AnswerEvent, AnswerId, Applied, Conversation, ConversationId, End, EndStatus, Question,
    QuestionId, Usage,
};
use runnel::server::store::{Begun, NewAnswer, SqliteStore, Store, StoreError};
use runnel::settings::TypedSettings;
use runnel::user::Viewer;
use tempfile::TempDir;

mod answers;
mod beginning;
mod conversations;
mod copies;
mod jobs;
mod running;
mod search;
mod usage;
mod viewers;

/// Midnight, 21 November 2026, in coordinated universal time.
pub const MIDNIGHT: u64 = 1_795_219_200_000;
/// Who asks.
pub const ME: Viewer = Viewer::LOCAL;
pub const MODEL: &str = "vendor/model";

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Where a database of some kind is kept for one test.
pub enum Place {
    Sqlite(TempDir),
}

impl Place {
    fn one_of_each_kind() -> [Self; 1] {
        [Self::Sqlite(tempfile::tempdir().unwrap())]
    }

    /// Opens the store that is kept here. A store that was dropped without a word is what a crash leaves.
    pub async fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open(&folder.path().join("runnel.db")).await.unwrap())
            }
        }
    }
}

/// Runs a test at an empty place of each kind.
pub async fn each_place(test: impl AsyncFn(Place)) {
    for place in Place::one_of_each_kind() {
        test(place).await;
    }
}

/// Runs a test on an empty store of each kind.
pub async fn each_store(test: impl AsyncFn(Arc<dyn Store>)) {
    each_place(async |place| test(place.open().await).await).await;
}

/// A question that was not asked before, and the answer that is about to be written.
pub fn new_answer(conversation: ConversationId, after: Option<AnswerId>, text: &str) -> NewAnswer {
    let question = Question::of_text(QuestionId::now(), after, text.to_owned(), MIDNIGHT);
    let answer = Answer::new(AnswerId::now(), question.id, MODEL);
    NewAnswer { conversation, question, answer, settings: TypedSettings::default(), now_ms: MIDNIGHT }
}

/// Settings with this model, and something in each of their fields.
pub fn settings(model: &str) -> TypedSettings {
    TypedSettings {
        model: model.to_owned(),
        system_prompt: "Be “brief”.\nAnswer in rhymes.".to_owned(),
        temperature: "0.7".to_owned(),
        max_tokens: "not yet".to_owned(),
    }
}

/// The same question, to be answered once more.
pub fn another_answer(new: &NewAnswer) -> NewAnswer {
    NewAnswer { answer: Answer::new(AnswerId::now(), new.question.id, MODEL), ..new.clone() }
}

/// Begins an answer that has not begun; gives what was said before it.
pub async fn begin(store: &dyn Store, new: &NewAnswer) -> Vec<(Question, Answer)> {
    match store.begin_answer(&ME, new).await.unwrap() {
        Begun::New(history) => history,
        Begun::Known(known) => panic!("{known:?} was there before"),
    }
}

/// Begins an answer and finishes it with `text`; gives it as it is kept.
pub async fn finish(store: &dyn Store, new: &NewAnswer, text: &str) -> Answer {
    begin(store, new).await;
    let answer = ended(&new.answer, text);
    store.finish_answer(&answer, new.now_ms).await.unwrap();
    answer
}

/// Asks and answers; gives the answer as it is kept.
pub async fn say(
    store: &dyn Store,
    conversation: ConversationId,
    after: Option<AnswerId>,
    question: &str,
    answer: &str,
) -> Answer {
    finish(store, &new_answer(conversation, after, question), answer).await
}

/// A new conversation of one question and its answer.
pub async fn chat(store: &dyn Store, question: &str, answer: &str) -> (ConversationId, Answer) {
    let conversation = ConversationId::now();
    (conversation, say(store, conversation, None, question, answer).await)
}

/// The answer after `text` came and then its end.
pub fn ended(answer: &Answer, text: &str) -> Answer {
    applied(answer, &[AnswerEvent::Text(text.to_owned()), AnswerEvent::End(complete(None))])
}

pub fn complete(usage: Option<Usage>) -> End {
    End {
        status: EndStatus::Complete,
        finish_reason: Some("stop".to_owned()),
        native_finish_reason: None,
        problem: None,
        usage,
        duration_ms: 1500,
        unkept: None,
    }
}

/// The answer after more has happened to it.
pub fn applied(answer: &Answer, events: &[AnswerEvent]) -> Answer {
    let mut answer = answer.clone();
    for event in events {
        assert_eq!(answer.apply(answer.seq.next(), event), Applied::New);
    }
    answer
}

pub async fn load(store: &dyn Store, id: ConversationId) -> Conversation {
    store.find_conversation(&ME, id).await.unwrap().expect("the conversation is there")
}

pub async fn load_answer(store: &dyn Store, id: AnswerId) -> Answer {
    store.find_answer(&ME, id).await.unwrap().expect("the answer is there").1
}

/// That something in the way was said to be so.
pub fn assert_conflict<T: std::fmt::Debug>(outcome: Result<T, StoreError>, what: &str) {
    assert!(matches!(outcome, Err(StoreError::Conflict(_))), "{what}: {outcome:?}");
}

/// That something missing was said to be so.
pub fn assert_not_found<T: std::fmt::Debug>(outcome: Result<T, StoreError>, what: &str) {
    assert!(matches!(outcome, Err(StoreError::NotFound(_))), "{what}: {outcome:?}");
}
