//! What is in every fixture.

use std::slice;

use runnel::chat::{
    Answer, AnswerEvent, AnswerId, Conversation, ConversationId, Question, QuestionId, Source, Usage,
};
use runnel::conversation_list::{ConversationChange, FoundIn};
use runnel::server::store::{
    AnswerStore, Begun, ConversationStore, EventLog, NewAnswer, SqliteStore, Store, UsageStore,
};
use runnel::settings::TypedSettings;
use uuid::Uuid;

use crate::store_contract::{ME, MIDNIGHT, MODEL, applied, complete, ended, load, load_answer};

/// What every fixture holds: versions of questions and answers, titles, a pin, a draft, bills, something deleted,
/// and an answer that was being written.
struct Story {
    /// As they are found.
    conversations: Vec<Conversation>,
    deleted: Conversation,
    running: (Conversation, Vec<AnswerEvent>),
}

impl Story {
    fn new() -> Self {
        let usage = Usage {
            prompt_tokens: Some(11),
            completion_tokens: Some(22),
            cost: Some(0.125),
            ..Usage::default()
        };
        let first = question(11, None, "What colours has the rainbow?");
        let answers = [
            answer(21, &first, "Seven, said Newton.", Some(usage)),
            answer(22, &first, "As many as you care to name.", None),
        ];
        let second = question(12, Some(&answers[0]), "Which of them is the first?");
        let other_second = question(13, Some(&answers[0]), "Which of them is the last?");
        let [one, other_one] = answers;
        let two = answer(23, &second, "Red: naïve, but **warm**.\n\n- 🟥", None);
        let other_two = answer(24, &other_second, "Violet.", None);
        let pinned = Conversation {
            title: "Colours".to_owned(),
            is_title_chosen: true,
            is_pinned: true,
            draft: "And what is".to_owned(),
            leaf: Some(two.id),
            ..conversation(1, vec![first, second, other_second], vec![one, other_one, two, other_two])
        };

        let asked = question(14, None, "What does it cost?");
        let source = Source { generation_id: Some("gen-1".to_owned()), ..Source::default() };
        let events = [
            AnswerEvent::Source(source),
            AnswerEvent::Reasoning("Nobody knows.".to_owned()),
            AnswerEvent::Text("That will be told later.".to_owned()),
            AnswerEvent::End(complete(None)),
        ];
        let open = applied(&new_answer(25, &asked), &events);
        let archived = Conversation { is_archived: true, ..conversation(2, vec![asked], vec![open]) };

        let asked = question(15, None, "Will this be deleted?");
        let answered = answer(26, &asked, "It was.", None);
        let deleted = conversation(3, vec![asked], vec![answered]);

        let asked = question(16, None, "Are you still writing?");
        let begun = new_answer(27, &asked);
        let written = vec![
            AnswerEvent::Waiting,
            AnswerEvent::Text("Yes, ".to_owned()),
            AnswerEvent::Text("but I was inter".to_owned()),
        ];
        let running = conversation(4, vec![asked], vec![begun]);
        Self { conversations: vec![pinned, archived], deleted, running: (running, written) }
    }
}

/// Everything in a story has a number of its own.
const fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

fn question(number: u128, after: Option<&Answer>, text: &str) -> Question {
    let after = after.map(|answer| answer.id);
    Question::of_text(QuestionId(id(number)), after, text.to_owned(), MIDNIGHT)
}

fn new_answer(number: u128, question: &Question) -> Answer {
    Answer { begun_ms: MIDNIGHT, ..Answer::new(AnswerId(id(number)), question.id, MODEL) }
}

fn answer(number: u128, question: &Question, text: &str, usage: Option<Usage>) -> Answer {
    let events = [AnswerEvent::Text(text.to_owned()), AnswerEvent::End(complete(usage))];
    applied(&new_answer(number, question), &events)
}

fn conversation(number: u128, questions: Vec<Question>, answers: Vec<Answer>) -> Conversation {
    Conversation {
        id: ConversationId(id(number)),
        title: questions[0].text().into_owned(),
        is_title_chosen: false,
        is_pinned: false,
        is_archived: false,
        created_ms: MIDNIGHT,
        updated_ms: MIDNIGHT,
        version: 0,
        draft: String::new(),
        settings: None,
        leaf: answers.last().map(|answer| answer.id),
        leaves: Vec::new(),
        questions,
        answers,
    }
}

fn story_settings() -> TypedSettings {
    TypedSettings {
        model: MODEL.to_owned(),
        system_prompt: "Be brief.".to_owned(),
        ..TypedSettings::default()
    }
}

/// The one that begins with "Seven,".
pub const fn id_of_first_answer() -> AnswerId {
    AnswerId(id(21))
}

pub async fn tell_story(store: &SqliteStore) {
    let story = Story::new();
    for conversation in story.conversations.iter().chain([&story.deleted]) {
        tell(store, conversation).await;
    }
    change(store, &story.deleted, ConversationChange::Deleted(true)).await;
    let (running, written) = story.running;
    begin(store, &running, &running.answers[0]).await;
    store.append(running.answers[0].id, running.answers[0].seq, written).await.unwrap();
}

/// Makes a conversation as a person does, step by step.
async fn tell(store: &SqliteStore, conversation: &Conversation) {
    for answer in &conversation.answers {
        begin(store, conversation, answer).await;
        store.finish_answer(answer, MIDNIGHT).await.unwrap();
    }
    if conversation.is_title_chosen {
        change(store, conversation, ConversationChange::Title(conversation.title.clone())).await;
    }
    change(store, conversation, ConversationChange::Pinned(conversation.is_pinned)).await;
    change(store, conversation, ConversationChange::Archived(conversation.is_archived)).await;
    change(store, conversation, ConversationChange::Draft(conversation.draft.clone())).await;
    if let Some(leaf) = conversation.leaf {
        change(store, conversation, ConversationChange::Leaf(leaf)).await;
    }
}

async fn begin(store: &SqliteStore, conversation: &Conversation, answer: &Answer) {
    let question = conversation.questions.iter().find(|question| question.id == answer.question).unwrap();
    let begun = Answer { begun_ms: answer.begun_ms, ..Answer::new(answer.id, question.id, MODEL) };
    let new = NewAnswer {
        conversation: conversation.id,
        question: question.clone(),
        answer: begun,
        settings: story_settings(),
        now_ms: MIDNIGHT,
    };
    assert!(matches!(store.begin_answer(&ME, &new).await.unwrap(), Begun::New(_)));
}

async fn change(store: &SqliteStore, conversation: &Conversation, change: ConversationChange) {
    assert!(store.change_conversation(&ME, conversation.id, &change, MIDNIGHT).await.unwrap(), "{change:?}");
}

/// Finds everything, and goes on with what a story leaves open.
pub async fn assert_whole_story(store: &SqliteStore) {
    let story = Story::new();
    let (running, written) = &story.running;
    let written = applied(&running.answers[0], written);
    assert_eq!(store.recover().await.unwrap(), slice::from_ref(&written));
    store.finish_answer(&ended(&written, "rupted."), MIDNIGHT).await.unwrap();
    assert_eq!(load_answer(store, written.id).await.text(), "Yes, but I was interrupted.");

    let [pinned, archived] = &story.conversations[..] else { unreachable!() };
    assert_eq!(store.list_ids(&ME).await.unwrap(), [pinned.id, archived.id, running.id]);
    for conversation in [pinned, archived] {
        assert_told(store, conversation).await;
    }
    let listing = store.list_conversations(&ME, 9).await.unwrap();
    assert_eq!((listing.conversations.len(), listing.conversations[0].id), (3, pinned.id));
    let open: Vec<_> = store.list_open_bills().await.unwrap().iter().map(|answer| answer.id).collect();
    assert_eq!(open, [archived.answers[0].id]);
    let spending = store.spending_of(&ME, pinned.id).await.unwrap();
    assert_eq!((spending.prompt_tokens, spending.completion_tokens, spending.answers), (11, 22, 4));
    let days = store.daily_spending(&ME, 9).await.unwrap();
    assert_eq!(days.iter().map(|day| day.day.as_str()).collect::<Vec<_>>(), ["2026-11-21"]);

    for (words, message) in [
        ("colours", FoundIn::Title),
        ("rainbow", FoundIn::Question(pinned.questions[0].id)),
        ("naive warm", FoundIn::Answer(pinned.answers[2].id)),
        ("interrupted", FoundIn::Answer(written.id)),
    ] {
        let hits = store.search(&ME, words, 9).await.unwrap();
        assert_eq!(hits.first().map(|hit| hit.message), Some(message), "{words}");
    }
    assert_eq!(store.search(&ME, "deleted", 9).await.unwrap(), []);
    change(store, &story.deleted, ConversationChange::Deleted(false)).await;
    assert_told(store, &story.deleted).await;
}

async fn assert_told(store: &SqliteStore, expected: &Conversation) {
    let found = load(store, expected.id).await;
    // Databases from before settings were kept have none.
    let settings = found.settings.clone();
    assert!(settings.as_ref().is_none_or(|settings| *settings == story_settings()), "{settings:?}");
    assert_eq!(found, Conversation { version: found.version, settings, ..expected.clone() });
}
