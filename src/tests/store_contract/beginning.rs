//! Beginning an answer: once, in its place, and nowhere else.

use futures::future::join_all;
use runnel::chat::{Answer, AnswerId, Content, ConversationId, Question, QuestionId, first_words};
use runnel::conversation_list::ConversationChange;
use runnel::server::store::{Begun, NewAnswer, Store, StoreError};
use runnel::settings::TypedSettings;

use super::{
    ME, MIDNIGHT, MODEL, another_answer, assert_conflict, assert_not_found, begin, chat, each_store, ended,
    finish, load, new_answer, say,
};

#[tokio::test]
async fn the_first_question_makes_the_conversation() {
    each_store(async |store| {
        let text =
            "\n  Why is the sky blue, the grass green, and the night as dark as it is?\nSay it briefly.";
        let new = new_answer(ConversationId::now(), None, text);
        assert_eq!(begin(&*store, &new).await, []);
        let conversation = load(&*store, new.conversation).await;
        assert_eq!(conversation.id, new.conversation);
        assert_eq!(conversation.title, first_words(text));
        assert!(!conversation.is_title_chosen && !conversation.is_pinned && !conversation.is_archived);
        assert_eq!((conversation.created_ms, conversation.updated_ms), (MIDNIGHT, MIDNIGHT));
        assert_eq!(conversation.leaf, Some(new.answer.id));
        assert_eq!(conversation.questions, [new.question]);
        assert_eq!(conversation.answers, [new.answer]);
    })
    .await;
}

#[tokio::test]
async fn another_question_empties_the_draft_and_moves_the_leaf_and_the_time() {
    each_store(async |store| {
        let (id, first) = chat(&*store, "One?", "One.").await;
        let draft = ConversationChange::Draft("Two".to_owned());
        store.change_conversation(&ME, id, &draft, MIDNIGHT).await.unwrap();
        let before = load(&*store, id).await;
        assert_eq!(before.draft, "Two");
        let new = NewAnswer { now_ms: MIDNIGHT + 5, ..new_answer(id, Some(first.id), "Two?") };
        begin(&*store, &new).await;
        let conversation = load(&*store, id).await;
        assert_eq!(conversation.draft, "");
        assert_eq!(conversation.leaf, Some(new.answer.id));
        assert_eq!((conversation.created_ms, conversation.updated_ms), (MIDNIGHT, MIDNIGHT + 5));
        assert_eq!(conversation.title, "One?");
        assert_ne!(conversation.version, before.version);
    })
    .await;
}

#[tokio::test]
async fn only_the_draft_that_is_sent_goes() {
    each_store(async |store| {
        let id = ConversationId::now();
        let first = new_answer(id, None, "One?");
        let one = finish(&*store, &first, "One.").await;
        let second = new_answer(id, Some(one.id), "Two?");
        let two = finish(&*store, &second, "Two.").await;
        let draft = async || load(&*store, id).await.draft;
        let type_in = async |text: &str| {
            let change = ConversationChange::Draft(text.to_owned());
            assert!(store.change_conversation(&ME, id, &change, MIDNIGHT).await.unwrap());
        };
        type_in("Something else, not sent").await;
        // Another answer, and another version of a question, come from elsewhere on the page.
        let elsewhere =
            [another_answer(&second), new_answer(id, None, "Uno?"), new_answer(id, Some(one.id), "Due?")];
        for new in &elsewhere {
            finish(&*store, new, "Again.").await;
            assert_eq!(draft().await, "Something else, not sent", "{}", new.question.text());
        }
        // The last words may have come too late for the draft.
        finish(&*store, &new_answer(id, Some(two.id), "Something else, and sent?"), "Yes.").await;
        assert_eq!(draft().await, "");
        // Somebody asked at the same place meanwhile; what was typed is sent all the same.
        type_in("Another?").await;
        finish(&*store, &new_answer(id, Some(two.id), "Another?"), "Yes.").await;
        assert_eq!(draft().await, "");
    })
    .await;
}

#[tokio::test]
async fn what_was_said_before_is_the_branch_alone_and_its_oldest_first() {
    each_store(async |store| {
        let id = ConversationId::now();
        let first = new_answer(id, None, "One?");
        let one = finish(&*store, &first, "One.").await;
        let other_one = finish(&*store, &another_answer(&first), "The other one.").await;
        let second = new_answer(id, Some(one.id), "Two?");
        let two = finish(&*store, &second, "Two.").await;
        say(&*store, id, Some(one.id), "Another two?", "Another two.").await;
        say(&*store, id, Some(other_one.id), "Two, elsewhere?", "Elsewhere.").await;

        let third = new_answer(id, Some(two.id), "Three?");
        let turns = [(first.question.clone(), one), (second.question, two)];
        assert_eq!(begin(&*store, &third).await, turns);
        let elsewhere = new_answer(id, Some(other_one.id), "And?");
        assert_eq!(begin(&*store, &elsewhere).await, [(first.question.clone(), other_one)]);
        assert_eq!(begin(&*store, &another_answer(&first)).await, [], "a version stands in the same place");
    })
    .await;
}

#[tokio::test]
async fn the_same_ids_asked_again_change_nothing() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        begin(&*store, &new).await;
        let before = load(&*store, new.conversation).await;
        let again = NewAnswer { now_ms: MIDNIGHT + 9, ..new.clone() };
        assert_eq!(
            store.begin_answer(&ME, &again).await.unwrap(),
            Begun::Known(Box::new(new.answer.clone()))
        );
        assert_eq!(load(&*store, new.conversation).await, before);

        let answer = ended(&new.answer, "Because.");
        store.finish_answer(&answer, MIDNIGHT).await.unwrap();
        let before = load(&*store, new.conversation).await;
        assert_eq!(store.begin_answer(&ME, &new).await.unwrap(), Begun::Known(Box::new(answer)));
        assert_eq!(load(&*store, new.conversation).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_come_at_once_each_is_told_what_is_its_own() {
    each_store(async |store| {
        let (id, first) = chat(&*store, "One?", "One.").await;
        let taken = load(&*store, id).await.questions[0].id;
        let news = (0..60).map(|number| {
            let mut new = new_answer(ConversationId::now(), None, &format!("Question {number}?"));
            match number % 4 {
                0 => new.question.id = taken,
                1 => new.question.after = Some(first.id),
                _ => {}
            }
            new.answer.question = new.question.id;
            new
        });
        let news: Vec<_> = news.collect();
        let asked = news.iter().map(|new| {
            let (store, new) = (store.clone(), new.clone());
            tokio::spawn(async move {
                let begun = store.begin_answer(&ME, &new).await?;
                store.finish_answer(&ended(&new.answer, "Yes."), MIDNIGHT).await?;
                Ok::<_, StoreError>(begun)
            })
        });
        for (number, outcome) in join_all(asked).await.into_iter().enumerate() {
            let outcome = outcome.unwrap();
            let found = store.find_conversation(&ME, news[number].conversation).await.unwrap();
            match number % 4 {
                0 => assert_conflict(outcome, "the question is taken"),
                1 => assert_not_found(outcome, "the answer before is elsewhere"),
                _ => {
                    assert_eq!(outcome.unwrap(), Begun::New(Vec::new()));
                    assert_eq!(found.unwrap().answers[0].text(), "Yes.");
                    continue;
                }
            }
            assert_eq!(found, None, "what is refused leaves nothing");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_ask_the_same_at_once_one_begins_it() {
    each_store(async |store| {
        let new = new_answer(ConversationId::now(), None, "Why?");
        let asked = (0..20).map(|_| {
            let (store, new) = (store.clone(), new.clone());
            tokio::spawn(async move { store.begin_answer(&ME, &new).await.unwrap() })
        });
        let begun: Vec<Begun> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(begun.iter().filter(|begun| **begun == Begun::New(Vec::new())).count(), 1);
        let conversation = load(&*store, new.conversation).await;
        assert_eq!((conversation.questions.len(), conversation.answers.len()), (1, 1));
    })
    .await;
}

/// A conversation with an answer that has ended, and one that has not.
struct Known {
    ended: NewAnswer,
    running: NewAnswer,
}

impl Known {
    async fn in_a_new_conversation(store: &dyn Store) -> Self {
        let ended = new_answer(ConversationId::now(), None, "One?");
        finish(store, &ended, "One.").await;
        let running = new_answer(ended.conversation, Some(ended.answer.id), "Two?");
        begin(store, &running).await;
        Self { ended, running }
    }
}

#[tokio::test]
async fn ids_that_are_in_use_for_something_else_are_a_conflict() {
    each_store(async |store| {
        let known = Known::in_a_new_conversation(&*store).await;
        let other = Known::in_a_new_conversation(&*store).await;
        let before = (load(&*store, known.ended.conversation).await, store.list_ids(&ME).await.unwrap());

        let of_other_text =
            Question { content: Content::of_text("Something else?"), ..known.ended.question.clone() };
        let with_question = |question: Question| NewAnswer { question, ..known.ended.clone() };
        let of_new_question = new_answer(known.ended.conversation, None, "New?");
        let conflicts = [
            ("the answer's id, another wording", with_question(of_other_text.clone())),
            (
                "the answer's id, another place",
                with_question(Question {
                    after: Some(other.ended.answer.id),
                    ..known.ended.question.clone()
                }),
            ),
            ("the answer's id, another question", with_question(of_new_question.question.clone())),
            (
                "the answer's id, another conversation",
                NewAnswer { conversation: other.ended.conversation, ..known.ended.clone() },
            ),
            (
                "the answer's id, a new conversation",
                NewAnswer { conversation: ConversationId::now(), ..known.ended.clone() },
            ),
            (
                "the question's id, another wording",
                NewAnswer { question: of_other_text, ..another_answer(&known.ended) },
            ),
            (
                "the question's id, another place",
                NewAnswer {
                    question: Question { after: None, ..known.running.question.clone() },
                    ..another_answer(&known.running)
                },
            ),
            (
                "the question's id, another conversation",
                NewAnswer { conversation: other.ended.conversation, ..another_answer(&known.ended) },
            ),
            (
                "the question's id, a new conversation",
                NewAnswer { conversation: ConversationId::now(), ..another_answer(&known.ended) },
            ),
        ];
        for (what, new) in conflicts {
            assert_conflict(store.begin_answer(&ME, &new).await, what);
        }
        assert_eq!(
            (load(&*store, known.ended.conversation).await, store.list_ids(&ME).await.unwrap()),
            before
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_before_that_is_still_written_is_a_conflict() {
    each_store(async |store| {
        let known = Known::in_a_new_conversation(&*store).await;
        let id = known.running.conversation;
        let before = load(&*store, id).await;
        let next = new_answer(id, Some(known.running.answer.id), "Three?");
        let begun = store.begin_answer(&ME, &next).await;
        assert!(matches!(begun, Err(StoreError::PreviousAnswerRunning)), "{begun:?}");
        assert_eq!(load(&*store, id).await, before);
        store.finish_answer(&ended(&known.running.answer, "Two."), MIDNIGHT).await.unwrap();
        assert_eq!(begin(&*store, &next).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_to_follow_an_answer_from_elsewhere_is_not_found() {
    each_store(async |store| {
        let known = Known::in_a_new_conversation(&*store).await;
        let other = Known::in_a_new_conversation(&*store).await;
        let ids = store.list_ids(&ME).await.unwrap();
        let before = load(&*store, known.ended.conversation).await;
        for (what, after) in [("elsewhere", other.ended.answer.id), ("nowhere", AnswerId::now())] {
            for conversation in [known.ended.conversation, ConversationId::now()] {
                let new = new_answer(conversation, Some(after), "And?");
                assert_not_found(store.begin_answer(&ME, &new).await, what);
            }
        }
        assert_eq!(load(&*store, known.ended.conversation).await, before);
        assert_eq!(store.list_ids(&ME).await.unwrap(), ids, "no conversation is left of what failed");
    })
    .await;
}

#[tokio::test]
async fn nothing_begins_in_a_deleted_conversation() {
    each_store(async |store| {
        let (id, answer) = chat(&*store, "One?", "One.").await;
        store.change_conversation(&ME, id, &ConversationChange::Deleted(true), MIDNIGHT).await.unwrap();
        for after in [None, Some(answer.id)] {
            assert_not_found(store.begin_answer(&ME, &new_answer(id, after, "Two?")).await, "deleted");
        }
        store.change_conversation(&ME, id, &ConversationChange::Deleted(false), MIDNIGHT).await.unwrap();
        assert_eq!(load(&*store, id).await.answers, [answer]);
    })
    .await;
}

#[tokio::test]
async fn any_text_is_kept_as_it_was_typed() {
    each_store(async |store| {
        let long = "a long text ".repeat(100_000);
        for text in ["", " \n ", "'; DROP TABLE answers; --", "\u{0}nul\u{0}", "🦀 née \u{202e}über", &long]
        {
            let new = new_answer(ConversationId::now(), None, text);
            let mut answer = finish(&*store, &new, text).await;
            answer.content.push_reasoning(text);
            store.finish_answer(&answer, MIDNIGHT).await.unwrap();
            let kept = load(&*store, new.conversation).await;
            assert_eq!((kept.questions, kept.answers), (vec![new.question], vec![answer]));
        }
    })
    .await;
}

#[tokio::test]
async fn ids_and_times_at_their_limits_are_kept() {
    each_store(async |store| {
        let ids = [uuid::Uuid::nil(), uuid::Uuid::max()];
        for (id, time) in ids.into_iter().zip([0, i64::MAX as u64]) {
            let question = Question::of_text(QuestionId(id), None, "?".to_owned(), time);
            let answer = Answer { begun_ms: time, ..Answer::new(AnswerId(id), question.id, MODEL) };
            let settings = TypedSettings::default();
            let new =
                NewAnswer { conversation: ConversationId(id), question, answer, settings, now_ms: time };
            let answer = finish(&*store, &new, "!").await;
            let kept = load(&*store, new.conversation).await;
            assert_eq!((kept.created_ms, kept.updated_ms), (time, time));
            assert_eq!((kept.questions, kept.answers), (vec![new.question], vec![answer]));
        }
    })
    .await;
}
