//! What the store writes for each byte of an answer: `make bench-store`.
//!
//! An answer grows by pieces of 20 characters; every 50 ms of it is one batch, as in the running server. Counted are
//! the bytes given to the system: the event log, SQLite's write-ahead log, and the pages that a checkpoint copies
//! from there into the database. The yardstick is what most chats do: write the whole message again with each batch,
//! here into SQLite with its default settings, in the same run.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints, and ends when something fails"
)]

use std::fs;
use std::path::Path;

use runnel::chat::{
    Answer, AnswerEvent, AnswerId, ConversationId, End, EndStatus, Question, QuestionId, Seq,
};
use runnel::server::store::{AnswerStore, EventLog, NewAnswer, SqliteStore};
use runnel::settings::TypedSettings;
use runnel::user::Viewer;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};

/// Words enough that the index of words is as large as a real text's.
const PIECE: usize = 20;

#[tokio::main]
async fn main() {
    println!(
        "bytes written for each byte of answer (text of {PIECE}-character pieces, a batch each 50 ms)\n"
    );
    println!(
        "{:>10} {:>12} {:>8} {:>8} {:>12} {:>8} {:>14}",
        "answer", "pieces/batch", "log", "wal", "checkpoint", "all", "whole message"
    );
    for (length, pieces_a_batch) in [(2_000, 1), (10_000, 3), (30_000, 5), (100_000, 12), (300_000, 12)] {
        let text = text(length);
        let ours = ours(&text, pieces_a_batch).await;
        let theirs = whole_message(&text, pieces_a_batch).await;
        let each = |bytes: u64| ratio(bytes, text.len());
        println!(
            "{:>10} {:>12} {:>8} {:>8} {:>12} {:>8} {:>14}",
            text.len(),
            pieces_a_batch,
            each(ours.log),
            each(ours.wal),
            each(ours.checkpoint),
            each(ours.log + ours.wal + ours.checkpoint),
            each(theirs)
        );
    }
}

struct Written {
    log: u64,
    wal: u64,
    checkpoint: u64,
}

async fn ours(text: &str, pieces_a_batch: usize) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("runnel.db");
    let store = SqliteStore::open(&file).await.unwrap();
    let wal = file.with_extension("db-wal");
    let before = length(&wal);
    let question = Question::of_text(QuestionId::now(), None, "How do rivers begin?", 1);
    let answer = Answer::new(AnswerId::now(), question.id, "vendor/model");
    let settings = TypedSettings::default();
    let new = NewAnswer {
        conversation: ConversationId::now(),
        question,
        answer: answer.clone(),
        settings,
        now_ms: 1,
    };
    store.begin_answer(&Viewer::LOCAL, &new).await.unwrap();
    let mut answer = answer;
    for batch in pieces(text).chunks(pieces_a_batch) {
        let after = answer.seq;
        let events: Vec<_> = batch.iter().map(|piece| AnswerEvent::Text((*piece).to_owned())).collect();
        for (event, number) in events.iter().zip(after.0 + 1..) {
            answer.apply(Seq(number), event);
        }
        store.append(answer.id, after, events).await.unwrap();
    }
    let end = End {
        status: EndStatus::Complete,
        finish_reason: Some("stop".into()),
        native_finish_reason: None,
        problem: None,
        usage: None,
        duration_ms: 1,
        unkept: None,
    };
    answer.apply(answer.seq.next(), &AnswerEvent::End(end));
    store.finish_answer(&answer, 2).await.unwrap();
    let (log, wal) = (store.log_bytes(), length(&wal) - before);
    let database = length(&file);
    store.close().await;
    // Each page is copied once, however often it stands in the write-ahead log: what the file has grown by, at least.
    Written { log, wal, checkpoint: length(&file).saturating_sub(database) }
}

async fn whole_message(text: &str, pieces_a_batch: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.db");
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", "0");
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT)")
        .execute(&mut connection)
        .await
        .unwrap();
    sqlx::query("INSERT INTO messages VALUES (1, '')").execute(&mut connection).await.unwrap();
    let wal = file.with_extension("db-wal");
    let before = length(&wal);
    let mut content = String::new();
    for batch in pieces(text).chunks(pieces_a_batch) {
        content.extend(batch.iter().copied());
        sqlx::query("UPDATE messages SET content = ? WHERE id = 1")
            .bind(&content)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    length(&wal) - before
}

fn pieces(text: &str) -> Vec<&str> {
    text.as_bytes().chunks(PIECE).map(|piece| std::str::from_utf8(piece).unwrap()).collect()
}

/// Text of words that repeat about as often as those of a real one (Zipf's law), the same in every run.
fn text(length: usize) -> String {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = String::with_capacity(length + 12);
    while text.len() < length {
        // Each doubling of the rank is as frequent as the one before.
        let octave = 1 << random.u32(..12);
        let rank = octave + random.u64(..octave);
        let word = format!("{:x}", rank * 2_654_435_761 % 0xfff_ffff);
        text.push_str(&word[..word.len().min(2 + random.usize(..6))]);
        text.push(if random.u8(..9) == 0 { '\n' } else { ' ' });
    }
    text.truncate(length);
    text
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |known| known.len())
}

#[allow(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
fn ratio(bytes: u64, of: usize) -> String {
    format!("{:.2}", bytes as f64 / of as f64)
}
