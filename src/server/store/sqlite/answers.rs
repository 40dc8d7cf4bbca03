//! Beginning, keeping and finding answers.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::sqlite::SqlitePool;
use sqlx::types::Uuid;
use sqlx::{Row, SqliteConnection};

use super::content::{ContentColumns, from_columns};
use super::conversations::{owner_of, settings_json};
use super::{Begun, Failure, NewAnswer, StoreError, last_number, signed, unsigned};
use crate::chat::{
    Answer, AnswerId, Bill, Content, ContentBlock, ConversationId, Question, QuestionId, first_words,
};
use crate::conversation_list::clean_title;
use crate::server::store::legacy::KeptAnswer;
use crate::user::Viewer;

const QUESTION_IN_USE: &str = "This question's id is in use for another question.";
const ANSWER_IN_USE: &str = "This answer's id is in use for another question.";
pub const CONVERSATION_IN_USE: &str = "This conversation's id is in use. Choose another.";
const NO_SUCH_AFTER: &str =
    "The answer that this follows is not here: it may have been deleted. Start a new chat.";
const DELETED: &str = "This conversation was deleted. Undo that, or start a new chat.";

pub async fn begin(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    new: &NewAnswer,
) -> Result<Begun, Failure> {
    if let Some((conversation, answer)) = find(&mut *connection, new.answer.id).await? {
        let question = find_question(connection, answer.question).await?;
        let is_same = conversation == new.conversation
            && owner_of(connection, conversation).await? == Some(viewer.user)
            && question.is_some_and(|(_, known)| is_same(&known, &new.question));
        return if !is_same {
            Err(StoreError::Conflict(ANSWER_IN_USE).into())
        } else if find_visible(&mut *connection, viewer, new.answer.id).await?.is_none() {
            Err(StoreError::NotFound(DELETED).into())
        } else {
            Ok(Begun::Known(Box::new(answer)))
        };
    }
    let conversation = find_or_make_conversation(connection, viewer, new).await?;
    let history = history(connection, conversation, new.question.after).await?;
    let is_next = is_next_question(connection, conversation, &new.question).await?;
    let question = find_or_make_question(connection, conversation, &new.question).await?;
    let metadata = metadata_of(&new.answer);
    sqlx::query("INSERT INTO answers (id, question, is_running, metadata) VALUES (?, ?, 1, ?)")
        .bind(new.answer.id.0)
        .bind(question)
        .bind(metadata)
        .execute(&mut *connection)
        .await?;
    sqlx::query(concat!(
        "UPDATE conversations SET leaf = ?, leaves = NULL, updated_ms = ?, settings = ?, ",
        next_version!(),
        ", draft = CASE WHEN ? OR draft = ? THEN '' ELSE draft END WHERE number = ?",
    ))
    .bind(new.answer.id.0)
    .bind(signed(new.now_ms))
    .bind(settings_json(&new.settings))
    .bind(is_next)
    .bind(new.question.text())
    .bind(conversation)
    .execute(&mut *connection)
    .await?;
    Ok(Begun::New(history))
}

/// True if a question was composed at the end of a branch: the draft is what it was made of, perhaps without the last
/// words. Another answer to a question, and another version of one, are asked elsewhere on the page, where the draft
/// stays.
async fn is_next_question(
    connection: &mut SqliteConnection,
    conversation: i64,
    question: &Question,
) -> Result<bool, sqlx::Error> {
    let is_first_there = sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM questions WHERE conversation = ? AND after_answer IS ?)",
    );
    is_first_there.bind(conversation).bind(question.after.map(|after| after.0)).fetch_one(connection).await
}

/// Keeps the whole answer, in place of what is there. What is known of its bill by now stays known.
pub async fn finish(
    connection: &mut SqliteConnection,
    answer: &Answer,
    now_ms: u64,
) -> Result<(), sqlx::Error> {
    let known: Option<(i64, String)> = sqlx::query_as("SELECT number, metadata FROM answers WHERE id = ?")
        .bind(answer.id.0)
        .fetch_optional(&mut *connection)
        .await?;
    // Its conversation may have been deleted for good.
    let Some((number, metadata)) = known else { return Ok(()) };
    // What cannot be read is replaced.
    let known = serde_json::from_str::<KeptAnswer>(&metadata).ok().map(Answer::from);
    let bill = later_bill(known.map(|known| known.bill), &answer.bill);
    let billed = Answer { bill, ..answer.without_content() };
    sqlx::query(
        "UPDATE answers SET is_running = 0, ended_ms = coalesce(ended_ms, ?), metadata = ? WHERE number = ?",
    )
    .bind((!answer.is_copy).then_some(signed(now_ms)))
    .bind(metadata_of(&billed))
    .bind(number)
    .execute(&mut *connection)
    .await?;
    super::usage::note(connection, &billed).await?;
    keep_content(connection, number, answer).await?;
    sqlx::query(
        concat!(
            "UPDATE conversations SET updated_ms = max(updated_ms, ?), is_unread = 1, ",
            next_version!(),
            " WHERE number = (SELECT conversation FROM questions JOIN answers ON answers.question = questions.number \
             WHERE answers.number = ?)",
        ),
    )
    .bind(signed(now_ms))
    .bind(number)
    .execute(connection)
    .await?;
    Ok(())
}

/// An answer that is kept once more may come from before its bill was asked for.
fn later_bill(known: Option<Bill>, new: &Bill) -> Bill {
    match (known, new) {
        (Some(settled @ Bill::Settled(_)), Bill::Stated | Bill::Open | Bill::Unknown) => settled,
        (Some(Bill::Unknown), Bill::Open) => Bill::Unknown,
        _ => new.clone(),
    }
}

/// Keeps what was written.
pub async fn keep_content(
    connection: &mut SqliteConnection,
    number: i64,
    answer: &Answer,
) -> Result<(), sqlx::Error> {
    let columns = ContentColumns::of(&answer.content);
    // `INSERT OR REPLACE` would not run the trigger that takes the words of the old text out of the index.
    sqlx::query(
        "INSERT INTO texts (answer, reasoning, text, blocks) VALUES (?, ?, ?, ?) ON CONFLICT (answer) DO UPDATE \
         SET reasoning = excluded.reasoning, text = excluded.text, blocks = excluded.blocks",
    )
    .bind(number)
    .bind(columns.reasoning)
    .bind(columns.text)
    .bind(columns.blocks)
    .execute(connection)
    .await?;
    Ok(())
}

/// The answers that are being written, without content.
pub async fn running(pool: &SqlitePool) -> Result<Vec<Answer>, sqlx::Error> {
    let rows =
        sqlx::query("SELECT metadata, NULL, NULL, NULL FROM answers WHERE is_running = 1 ORDER BY number")
            .fetch_all(pool)
            .await?;
    rows.iter().map(|row| from_row(row, 0)).collect()
}

/// An answer, also one of a deleted conversation.
pub async fn find<'e>(
    executor: impl sqlx::SqliteExecutor<'e>,
    id: AnswerId,
) -> Result<Option<(ConversationId, Answer)>, sqlx::Error> {
    find_where(executor, None, id).await
}

/// An answer of the viewer whose conversation is not deleted.
pub async fn find_visible<'e>(
    executor: impl sqlx::SqliteExecutor<'e>,
    viewer: &Viewer,
    id: AnswerId,
) -> Result<Option<(ConversationId, Answer)>, sqlx::Error> {
    find_where(executor, Some(viewer), id).await
}

async fn find_where<'e>(
    executor: impl sqlx::SqliteExecutor<'e>,
    viewer: Option<&Viewer>,
    id: AnswerId,
) -> Result<Option<(ConversationId, Answer)>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT conversations.id, answers.metadata, texts.reasoning, texts.text, texts.blocks FROM answers \
         LEFT JOIN texts ON texts.answer = answers.number \
         JOIN questions ON questions.number = answers.question \
         JOIN conversations ON conversations.number = questions.conversation \
         WHERE answers.id = ?1 AND (?2 IS NULL OR (conversations.owner = ?2 AND conversations.deleted_ms IS NULL))",
    )
    .bind(id.0)
    .bind(viewer.map(|viewer| viewer.user.0))
    .fetch_optional(executor)
    .await?;
    row.map(|row| Ok((ConversationId(row.try_get::<Uuid, _>(0)?), from_row(&row, 1)?))).transpose()
}

/// Reads `metadata, reasoning, text, blocks`, the last three `NULL` before the end, which begin at column `first`.
pub fn from_row(row: &sqlx::sqlite::SqliteRow, first: usize) -> Result<Answer, sqlx::Error> {
    let metadata: &str = row.try_get(first)?;
    let reasoning = row.try_get::<Option<&str>, _>(first + 1)?.unwrap_or_default();
    let text = row.try_get::<Option<&str>, _>(first + 2)?.unwrap_or_default();
    let mut kept: KeptAnswer = serde_json::from_str(metadata).map_err(undecodable)?;
    match row.try_get::<Option<&str>, _>(first + 3)? {
        Some(blocks) => kept.set_content(from_columns(blocks, reasoning, text).map_err(undecodable)?),
        None => kept.set_texts(reasoning, text),
    }
    Ok(kept.into())
}

fn undecodable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// The answer as JSON, without its content.
pub fn metadata_of(answer: &Answer) -> String {
    // Types like these always serialize.
    serde_json::to_string(&answer.without_content()).unwrap_or_default()
}

pub const fn has_open_bill(answer: &Answer) -> bool {
    matches!(answer.bill, Bill::Open)
}

async fn find_or_make_conversation(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    new: &NewAnswer,
) -> Result<i64, Failure> {
    let known: Option<(i64, Option<i64>, Uuid)> =
        sqlx::query_as("SELECT number, deleted_ms, owner FROM conversations WHERE id = ?")
            .bind(new.conversation.0)
            .fetch_optional(&mut *connection)
            .await?;
    match known {
        // Nobody learns from it whether there is such an answer.
        Some((_, _, owner)) if owner != viewer.user.0 && new.question.after.is_some() => {
            Err(StoreError::NotFound(NO_SUCH_AFTER).into())
        }
        Some((_, _, owner)) if owner != viewer.user.0 => {
            Err(StoreError::Conflict(CONVERSATION_IN_USE).into())
        }
        Some((_, Some(_), _)) => Err(StoreError::NotFound(DELETED).into()),
        Some((number, None, _)) => Ok(number),
        None => {
            let title = clean_title(&first_words(&new.question.text())).unwrap_or_default();
            sqlx::query(
                "INSERT INTO conversations (id, owner, title, created_ms, updated_ms) VALUES (?, ?, ?, ?, ?)",
            )
            .bind(new.conversation.0)
            .bind(viewer.user.0)
            .bind(&title)
            .bind(signed(new.now_ms))
            .bind(signed(new.now_ms))
            .execute(&mut *connection)
            .await?;
            Ok(last_number(connection).await?)
        }
    }
}

async fn find_or_make_question(
    connection: &mut SqliteConnection,
    conversation: i64,
    question: &Question,
) -> Result<i64, Failure> {
    if let Some((of, known)) = find_question(connection, question.id).await? {
        if of != conversation || !is_same(&known, question) {
            return Err(StoreError::Conflict(QUESTION_IN_USE).into());
        }
        let number = sqlx::query_scalar("SELECT number FROM questions WHERE id = ?").bind(question.id.0);
        return Ok(number.fetch_one(connection).await?);
    }
    Ok(insert_question(connection, conversation, question).await?)
}

/// Adds a question; gives its number.
pub async fn insert_question(
    connection: &mut SqliteConnection,
    conversation: i64,
    question: &Question,
) -> Result<i64, sqlx::Error> {
    let columns = ContentColumns::of(&question.content);
    let is_plain = matches!(question.content.blocks(), [] | [ContentBlock::Text(_)]);
    sqlx::query(
        "INSERT INTO questions (id, conversation, after_answer, text, blocks, asked_ms) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(question.id.0)
    .bind(conversation)
    .bind(question.after.map(|after| after.0))
    .bind(columns.text)
    .bind((!is_plain).then_some(columns.blocks))
    .bind(signed(question.asked_ms))
    .execute(&mut *connection)
    .await?;
    last_number(connection).await
}

/// A question, and the number of its conversation.
async fn find_question(
    connection: &mut SqliteConnection,
    id: QuestionId,
) -> Result<Option<(i64, Question)>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT conversation, id, after_answer, text, blocks, asked_ms FROM questions WHERE id = ?",
    )
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    row.map(|row| Ok((row.try_get(0)?, question_from_row(&row, 1)?))).transpose()
}

/// Reads `id, after_answer, text, blocks, asked_ms`, of which `blocks` is `NULL` if there is text alone, which begin at column `first`.
pub fn question_from_row(row: &sqlx::sqlite::SqliteRow, first: usize) -> Result<Question, sqlx::Error> {
    let text: &str = row.try_get(first + 2)?;
    Ok(Question {
        id: QuestionId(row.try_get::<Uuid, _>(first)?),
        after: row.try_get::<Option<Uuid>, _>(first + 1)?.map(AnswerId),
        content: match row.try_get::<Option<&str>, _>(first + 3)? {
            Some(blocks) => from_columns(blocks, "", text).map_err(undecodable)?,
            None => Content::of_text(text),
        },
        asked_ms: unsigned(row.try_get(first + 4)?),
    })
}

fn is_same(known: &Question, sent: &Question) -> bool {
    known.id == sent.id && known.after == sent.after && known.content == sent.content
}

/// What was said on the way to `after`, oldest first; all of it has to be in the conversation and at its end.
async fn history(
    connection: &mut SqliteConnection,
    conversation: i64,
    after: Option<AnswerId>,
) -> Result<Vec<(Question, Answer)>, Failure> {
    // `UNION` passes over what it has seen: a file that was damaged into a circle holds nobody up.
    let mut rows = sqlx::query(
        "WITH RECURSIVE branch (id) AS (SELECT ?1 WHERE ?1 IS NOT NULL UNION SELECT questions.after_answer FROM branch \
         JOIN answers ON answers.id = branch.id JOIN questions ON questions.number = answers.question \
         WHERE questions.conversation = ?2 AND questions.after_answer IS NOT NULL) \
         SELECT answers.metadata, texts.reasoning, texts.text, texts.blocks, answers.is_running, \
         questions.id, questions.after_answer, questions.text, questions.blocks, questions.asked_ms \
         FROM branch JOIN answers ON answers.id = branch.id LEFT JOIN texts ON texts.answer = answers.number \
         JOIN questions ON questions.number = answers.question WHERE questions.conversation = ?2",
    )
    .bind(after.map(|after| after.0))
    .bind(conversation)
    .fetch(&mut *connection);
    let mut turns = HashMap::new();
    // Row by row: a long history is not held twice.
    while let Some(row) = rows.try_next().await? {
        if row.try_get::<bool, _>(4)? {
            return Err(StoreError::PreviousAnswerRunning.into());
        }
        let answer = from_row(&row, 0)?;
        turns.insert(answer.id, (question_from_row(&row, 5)?, answer));
    }
    let mut history: Vec<(Question, Answer)> = Vec::new();
    let mut next = after;
    while let Some(id) = next {
        let Some(turn) = turns.remove(&id) else { return Err(StoreError::NotFound(NO_SUCH_AFTER).into()) };
        next = turn.0.after;
        history.push(turn);
    }
    history.reverse();
    Ok(history)
}
