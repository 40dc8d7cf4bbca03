//! What answers cost.

use runnel::chat::{Answer, AnswerEvent, AnswerId, Bill, ConversationId, Source, Usage};
use runnel::conversation_list::{ConversationChange, Spending};
use runnel::server::store::{NewAnswer, Store};

use super::{ME, MIDNIGHT, applied, begin, complete, each_store, load, load_answer, new_answer};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn usage(prompt_tokens: u64, completion_tokens: u64, cost: f64) -> Usage {
    Usage {
        prompt_tokens: Some(prompt_tokens),
        completion_tokens: Some(completion_tokens),
        cost: Some(cost),
        ..Usage::default()
    }
}

/// An answer that ends with its figures, or without.
async fn paid(store: &dyn Store, id: ConversationId, usage: Option<Usage>, ended_ms: u64) -> Answer {
    let new = NewAnswer { now_ms: ended_ms, ..new_answer(id, None, "Why?") };
    begin(store, &new).await;
    let source = Source { generation_id: Some("gen-1".to_owned()), ..Source::default() };
    let events = [
        AnswerEvent::Source(source),
        AnswerEvent::Reasoning("It depends.".to_owned()),
        AnswerEvent::Text("Because.".to_owned()),
        AnswerEvent::End(complete(usage)),
    ];
    let answer = applied(&new.answer, &events);
    store.finish_answer(&answer, ended_ms).await.unwrap();
    answer
}

#[tokio::test]
async fn open_bills_are_listed_with_the_oldest_first_until_they_are_settled() {
    each_store(async |store| {
        assert_eq!(store.list_open_bills().await.unwrap(), []);
        let id = ConversationId::now();
        let first = paid(&*store, id, None, MIDNIGHT).await;
        paid(&*store, id, Some(usage(1, 2, 0.5)), MIDNIGHT).await;
        let second = paid(&*store, ConversationId::now(), None, MIDNIGHT - DAY_MS).await;
        let third = paid(&*store, id, None, MIDNIGHT).await;
        let open = [&first, &second, &third].map(Answer::without_content);
        assert_eq!(store.list_open_bills().await.unwrap(), open);

        let version = load(&*store, id).await.version;
        let settled = Bill::Settled(usage(10, 20, 0.25));
        store.settle_bill(first.id, &settled).await.unwrap();
        store.settle_bill(third.id, &Bill::Unknown).await.unwrap();
        assert_eq!(store.list_open_bills().await.unwrap(), [second.without_content()]);
        assert_eq!(load_answer(&*store, first.id).await, Answer { bill: settled, ..first });
        assert_eq!(load_answer(&*store, third.id).await, Answer { bill: Bill::Unknown, ..third });
        assert_ne!(load(&*store, id).await.version, version);
    })
    .await;
}

#[tokio::test]
async fn the_bill_of_what_is_not_there_is_no_harm() {
    each_store(async |store| {
        store.settle_bill(AnswerId::now(), &Bill::Settled(usage(1, 2, 3.0))).await.unwrap();
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap(), []);
        assert_eq!(store.spending_of(&ME, ConversationId::now()).await.unwrap(), Spending::default());
    })
    .await;
}

#[tokio::test]
async fn a_conversation_cost_what_its_ended_answers_cost() {
    each_store(async |store| {
        let id = ConversationId::now();
        paid(&*store, id, Some(usage(10, 20, 0.5)), MIDNIGHT).await;
        paid(&*store, id, Some(Usage { prompt_tokens: Some(1), ..Usage::default() }), MIDNIGHT).await;
        let open = paid(&*store, id, None, MIDNIGHT).await;
        paid(&*store, ConversationId::now(), Some(usage(100, 100, 100.0)), MIDNIGHT).await;
        begin(&*store, &new_answer(id, None, "Running?")).await;
        let expected =
            Spending { cost: 0.5, prompt_tokens: 11, completion_tokens: 20, answers: 3, open_bills: 1 };
        assert_eq!(store.spending_of(&ME, id).await.unwrap(), expected);

        store.settle_bill(open.id, &Bill::Settled(usage(5, 6, 0.25))).await.unwrap();
        let expected =
            Spending { cost: 0.75, prompt_tokens: 16, completion_tokens: 26, answers: 3, open_bills: 0 };
        assert_eq!(store.spending_of(&ME, id).await.unwrap(), expected);
    })
    .await;
}

#[tokio::test]
async fn days_are_those_of_coordinated_universal_time_and_the_newest_comes_first() {
    each_store(async |store| {
        let id = ConversationId::now();
        let ends = [MIDNIGHT - 1, MIDNIGHT, MIDNIGHT + DAY_MS - 1, MIDNIGHT + DAY_MS, MIDNIGHT + 9 * DAY_MS];
        for ended_ms in ends {
            paid(&*store, id, Some(usage(1, 2, 0.5)), ended_ms).await;
        }
        let of_day = |day: &str, answers: u64, cost: f64| {
            let spending = Spending {
                cost,
                prompt_tokens: answers,
                completion_tokens: 2 * answers,
                answers,
                open_bills: 0,
            };
            runnel::conversation_list::DailySpending { day: day.to_owned(), spending }
        };
        let days = [
            of_day("2026-11-30", 1, 0.5),
            of_day("2026-11-22", 1, 0.5),
            of_day("2026-11-21", 2, 1.0),
            of_day("2026-11-20", 1, 0.5),
        ];
        assert_eq!(store.daily_spending(&ME, 99).await.unwrap(), days);
        assert_eq!(store.daily_spending(&ME, 2).await.unwrap(), days[..2]);
        assert_eq!(store.daily_spending(&ME, 0).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_finished_again_is_counted_once_and_on_the_day_of_its_end() {
    each_store(async |store| {
        let answer = paid(&*store, ConversationId::now(), Some(usage(1, 2, 0.5)), MIDNIGHT).await;
        store.finish_answer(&answer, MIDNIGHT + DAY_MS).await.unwrap();
        let days = store.daily_spending(&ME, 9).await.unwrap();
        assert_eq!(days.len(), 1);
        assert_eq!((days[0].day.as_str(), days[0].spending.answers), ("2026-11-21", 1));
    })
    .await;
}

#[tokio::test]
async fn what_was_spent_stays_spent_when_the_conversation_is_deleted() {
    each_store(async |store| {
        let id = ConversationId::now();
        paid(&*store, id, Some(usage(1, 2, 0.5)), MIDNIGHT).await;
        let open = paid(&*store, id, None, MIDNIGHT).await;
        let before = store.daily_spending(&ME, 9).await.unwrap();
        store.change_conversation(&ME, id, &ConversationChange::Deleted(true), MIDNIGHT).await.unwrap();
        assert_eq!(store.daily_spending(&ME, 9).await.unwrap(), before);
        assert_eq!(store.list_open_bills().await.unwrap(), [open.without_content()]);
    })
    .await;
}

#[tokio::test]
async fn what_is_known_of_a_bill_is_not_forgotten_again() {
    each_store(async |store| {
        let id = ConversationId::now();
        let [settled, unknown] =
            [paid(&*store, id, None, MIDNIGHT).await, paid(&*store, id, None, MIDNIGHT).await];
        let bill = Bill::Settled(usage(5, 6, 0.25));
        store.settle_bill(settled.id, &bill).await.unwrap();
        store.settle_bill(unknown.id, &Bill::Unknown).await.unwrap();
        let before = store.spending_of(&ME, id).await.unwrap();
        let version = load(&*store, id).await.version;
        store.settle_bill(settled.id, &Bill::Unknown).await.unwrap();
        assert_eq!(load(&*store, id).await.version, version, "nothing has changed");
        // What is kept once more is from before anybody was asked.
        store.finish_answer(&settled, MIDNIGHT).await.unwrap();
        store.finish_answer(&unknown, MIDNIGHT).await.unwrap();
        assert_eq!(load_answer(&*store, settled.id).await.bill, bill);
        assert_eq!(load_answer(&*store, unknown.id).await.bill, Bill::Unknown);
        assert_eq!(store.spending_of(&ME, id).await.unwrap(), before);
        assert_eq!(store.list_open_bills().await.unwrap(), []);
    })
    .await;
}
