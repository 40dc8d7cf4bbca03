//! What every [`EventLog`] promises, wherever it keeps the events.
//!
//! The tests know nothing but the trait. They run on each kind of [`Place`], and each place can be opened again, as
//! after a crash.

use std::sync::Arc;

use runnel::chat::{AnswerEvent, AnswerId, Seq};
use runnel::server::store::{Batch, EventLog, FileLog, SqliteStore};
use tempfile::TempDir;

use crate::store_contract::complete;

/// Where a log of some kind is kept for one test.
enum Place {
    File(TempDir),
    Sqlite(TempDir),
}

impl Place {
    fn one_of_each_kind() -> [Self; 2] {
        [Self::File(tempfile::tempdir().unwrap()), Self::Sqlite(tempfile::tempdir().unwrap())]
    }

    /// A log that was dropped without a word is what a crash leaves.
    async fn open(&self) -> Arc<dyn EventLog> {
        match self {
            Self::File(folder) => Arc::new(FileLog::open(folder.path(), folder.path()).unwrap()),
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open(&folder.path().join("runnel.db")).await.unwrap())
            }
        }
    }
}

async fn each_place(test: impl AsyncFn(Place)) {
    for place in Place::one_of_each_kind() {
        test(place).await;
    }
}

async fn each_log(test: impl AsyncFn(Arc<dyn EventLog>)) {
    each_place(async |place| test(place.open().await).await).await;
}

fn text(text: &str) -> AnswerEvent {
    AnswerEvent::Text(text.to_owned())
}

fn texts(said: &[&str]) -> Vec<AnswerEvent> {
    said.iter().map(|said| text(said)).collect()
}

/// Pieces of text and of reasoning beside each other, empty ones, and events of other kinds.
fn events() -> Vec<AnswerEvent> {
    let reasoning = |text: &str| AnswerEvent::Reasoning(text.to_owned());
    vec![
        AnswerEvent::Waiting,
        reasoning("so "),
        reasoning("…"),
        text("Hé"),
        text(""),
        text("llo"),
        text(&"long ".repeat(5000)),
        AnswerEvent::Continuation,
        text("🦀"),
        AnswerEvent::FirstToken { elapsed_ms: 7 },
        AnswerEvent::End(complete(None)),
    ]
}

/// What the log has of one answer from its first event on.
async fn all(log: &dyn EventLog, id: AnswerId) -> Vec<AnswerEvent> {
    log.read(&[(id, Seq::START)]).await.unwrap().remove(0)
}

#[tokio::test]
async fn what_was_appended_comes_back_as_it_was_from_any_number() {
    each_place(async |place| {
        let log = place.open().await;
        let (at_once, singly) = (AnswerId::now(), AnswerId::now());
        log.append(at_once, Seq::START, events()).await.unwrap();
        for (after, event) in (0..).zip(events()) {
            log.append(singly, Seq(after), vec![event]).await.unwrap();
        }
        assert_read_back(&*log, singly, at_once).await;
        drop(log);
        assert_read_back(&*place.open().await, singly, at_once).await;
    })
    .await;
}

#[tokio::test]
async fn the_events_of_many_answers_are_appended_at_once() {
    each_place(async |place| {
        let log = place.open().await;
        let ids: Vec<_> = (0..20).map(|_| AnswerId::now()).collect();
        let batches = |after, said: &[&str]| {
            let batch = |id: &AnswerId| Batch { answer: *id, after: Seq(after), events: texts(said) };
            ids.iter().map(batch).collect::<Vec<_>>()
        };
        log.append_all(&[]).await.unwrap();
        log.append_all(&batches(0, &["a", "b"])).await.unwrap();
        log.append_all(&batches(2, &["c"])).await.unwrap();
        log.append_all(&batches(3, &[])).await.unwrap();
        drop(log);
        let log = place.open().await;
        for id in &ids {
            assert_eq!(all(&*log, *id).await, texts(&["a", "b", "c"]));
        }
    })
    .await;
}

async fn assert_read_back(log: &dyn EventLog, one: AnswerId, other: AnswerId) {
    for after in 0..=events().len() {
        let rest = events()[after..].to_vec();
        let after = Seq(after as u64);
        assert_eq!(
            log.read(&[(one, after), (other, after)]).await.unwrap(),
            [rest.clone(), rest],
            "{after:?}"
        );
    }
    let beyond = [(one, Seq(events().len() as u64 + 1)), (AnswerId::now(), Seq::START)];
    assert_eq!(log.read(&beyond).await.unwrap(), [vec![], vec![]]);
}

#[tokio::test]
async fn what_is_appended_again_counts_once_and_the_longer_of_two_counts() {
    each_log(async |log| {
        let id = AnswerId::now();
        log.append(id, Seq(0), texts(&["a", "b"])).await.unwrap();
        log.append(id, Seq(0), texts(&["a"])).await.unwrap();
        log.append(id, Seq(2), texts(&["c"])).await.unwrap();
        log.append(id, Seq(2), texts(&["c", "d"])).await.unwrap();
        log.append(id, Seq(2), texts(&["c"])).await.unwrap();
        assert_eq!(all(&*log, id).await, texts(&["a", "b", "c", "d"]));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_read_beyond_a_gap() {
    each_log(async |log| {
        let (id, late) = (AnswerId::now(), AnswerId::now());
        log.append(id, Seq(0), texts(&["a", "b"])).await.unwrap();
        log.append(id, Seq(3), texts(&["d"])).await.unwrap();
        log.append(late, Seq(4), texts(&["e"])).await.unwrap();
        assert_eq!(all(&*log, id).await, texts(&["a", "b"]));
        assert_eq!(all(&*log, late).await, []);
        log.append(id, Seq(2), texts(&["c", "d"])).await.unwrap();
        assert_eq!(all(&*log, id).await, texts(&["a", "b", "c", "d"]), "the gap is closed");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_event_keeps_its_number() {
    each_log(async |log| {
        let id = AnswerId::now();
        log.append(id, Seq(0), vec![text("a"), AnswerEvent::Unknown, text("b")]).await.unwrap();
        assert_eq!(all(&*log, id).await, [text("a"), AnswerEvent::Unknown, text("b")]);
    })
    .await;
}

#[tokio::test]
async fn answers_that_are_written_at_once_do_not_disturb_each_other() {
    each_log(async |log| {
        let ids: Vec<AnswerId> = (0..20).map(|_| AnswerId::now()).collect();
        let write = async |id: &AnswerId| {
            for (after, event) in (0..).zip(events()) {
                log.append(*id, Seq(after), vec![event]).await.unwrap();
            }
        };
        futures::future::join_all(ids.iter().map(write)).await;
        let wanted: Vec<_> = ids.iter().map(|id| (*id, Seq::START)).collect();
        assert_eq!(log.read(&wanted).await.unwrap(), vec![events(); 20]);
    })
    .await;
}

#[tokio::test]
async fn forgetting_one_answer_leaves_the_others() {
    each_place(async |place| {
        let log = place.open().await;
        let (gone, kept) = (AnswerId::now(), AnswerId::now());
        for id in [gone, kept] {
            log.append(id, Seq(0), events()).await.unwrap();
        }
        log.forget(gone).await;
        log.forget(gone).await;
        log.forget(AnswerId::now()).await;
        assert_eq!(log.list_logged().await.unwrap(), [kept]);
        assert_eq!(all(&*log, kept).await, events());
        drop(log);

        let log = place.open().await;
        assert_eq!(all(&*log, kept).await, events());
        log.forget(gone).await;
        log.forget(kept).await;
        assert_eq!(log.list_logged().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_answer_goes_on_where_an_earlier_process_left_it() {
    each_place(async |place| {
        let id = AnswerId::now();
        let log = place.open().await;
        log.append(id, Seq(0), texts(&["a", "b"])).await.unwrap();
        drop(log);

        let log = place.open().await;
        assert_eq!(log.list_logged().await.unwrap(), [id]);
        log.append(id, Seq(2), texts(&["c"])).await.unwrap();
        assert_eq!(all(&*log, id).await, texts(&["a", "b", "c"]));
        assert_eq!(log.list_logged().await.unwrap(), [id], "once");
    })
    .await;
}
