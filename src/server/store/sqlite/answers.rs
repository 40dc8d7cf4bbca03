//! Beginning, keeping and finding answers.

use std::collections::HashMap;

use futures::TryStreamExt;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::types::Uuid;
use sqlx::{Row, SqliteConnection};

use super::content::{ContentColumns, from_columns};
use super::conversations::{owner_of, settings_json};
use super::group::Change;
use super::{Begun, Failure, NewAnswer, StoreError, signed, unsigned, usage};
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

/// Notes a question and the answer that is about to be written.
pub struct Begin<'a> {
    pub viewer: &'a Viewer,
    pub new: &'a NewAnswer,
}

impl Change for Begin<'_> {
    type Outcome = Begun;

    async fn make(&self, connection: &mut SqliteConnection) -> Result<Begun, Failure> {
        let Self { viewer, new } = *self;
        let ids = find_ids(connection, new).await?;
        if ids.has_answer
            && let Some(found) = find(&mut *connection, new.answer.id).await?
        {
            return known(connection, viewer, new, found).await;
        }
        let history = history_there(connection, viewer, new, ids.conversation).await?;
        if ids.has_question {
            check_question(connection, ids.conversation.map(|known| known.number), &new.question).await?;
        }
        // Nothing is refused from here on.
        note(connection, viewer, new, ids.conversation.is_none()).await?;
        Ok(Begun::New(history))
    }
}

/// Which of the ids are in use.
struct KnownIds {
    has_answer: bool,
    has_question: bool,
    conversation: Option<KnownConversation>,
}

#[derive(Clone, Copy)]
struct KnownConversation {
    number: i64,
    owner: Uuid,
    is_deleted: bool,
}

/// In one question to the database: each costs two threads' turns.
async fn find_ids(connection: &mut SqliteConnection, new: &NewAnswer) -> Result<KnownIds, sqlx::Error> {
    let row = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM answers WHERE id = ?1), EXISTS (SELECT 1 FROM questions WHERE id = ?2), \
         conversations.number, conversations.owner, conversations.deleted_ms IS NOT NULL \
         FROM (SELECT 1) LEFT JOIN conversations ON conversations.id = ?3",
    )
    .bind(new.answer.id.0)
    .bind(new.question.id.0)
    .bind(new.conversation.0)
    .fetch_one(connection)
    .await?;
    let conversation = match row.try_get(2)? {
        Some(number) => {
            Some(KnownConversation { number, owner: row.try_get(3)?, is_deleted: row.try_get(4)? })
        }
        None => None,
    };
    Ok(KnownIds { has_answer: row.try_get(0)?, has_question: row.try_get(1)?, conversation })
}

/// What was said before the question, oldest first.
///
/// # Errors
/// It cannot be asked there.
async fn history_there(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    new: &NewAnswer,
    conversation: Option<KnownConversation>,
) -> Result<Vec<(Question, Answer)>, Failure> {
    let after = new.question.after;
    match conversation {
        // Nobody learns from it whether there is such an answer.
        Some(known) if known.owner != viewer.user.0 && after.is_some() => {
            Err(StoreError::NotFound(NO_SUCH_AFTER).into())
        }
        Some(known) if known.owner != viewer.user.0 => Err(StoreError::Conflict(CONVERSATION_IN_USE).into()),
        Some(known) if known.is_deleted => Err(StoreError::NotFound(DELETED).into()),
        Some(known) => history(connection, known.number, after).await,
        None if after.is_some() => Err(StoreError::NotFound(NO_SUCH_AFTER).into()),
        None => Ok(Vec::new()),
    }
}

/// What is noted of a question and an answer, once their conversation is there.
macro_rules! question_and_answer {
    () => {
        "INSERT INTO questions (id, after_answer, text, blocks, asked_ms, conversation) \
         SELECT ?, ?, ?, ?, ?, number FROM conversations WHERE id = ? ON CONFLICT (id) DO NOTHING; \
         INSERT INTO answers (id, metadata, is_running, question) SELECT ?, ?, 1, number FROM questions WHERE id = ?"
    };
}

const FIRST_OF_A_CONVERSATION: &str = concat!(
    "INSERT INTO conversations (leaf, updated_ms, settings, owner, title, created_ms, id, version) \
     VALUES (?, ?, ?, ?, ?, ?, ?, CAST(unixepoch('subsec') * 1000 AS INTEGER)); ",
    question_and_answer!()
);

/// A question that was composed at the end of a branch is what the draft was made of, perhaps without the last words.
/// Another answer to a question, and another version of one, are asked elsewhere on the page, where the draft stays.
const NEXT_IN_A_CONVERSATION: &str = concat!(
    "UPDATE conversations SET leaf = ?, updated_ms = ?, settings = ?, leaves = NULL, ",
    next_version!(),
    ", draft = CASE WHEN draft = ? OR NOT EXISTS (SELECT 1 FROM questions WHERE \
     questions.conversation = conversations.number AND after_answer IS ?) THEN '' ELSE draft END WHERE id = ?; ",
    question_and_answer!()
);

/// Notes the question, unless it is there, and the answer; and makes the conversation if it is the `first`.
async fn note(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    new: &NewAnswer,
    is_first: bool,
) -> Result<(), sqlx::Error> {
    let NewAnswer { question, answer, .. } = new;
    let (conversation, after) = (new.conversation.0, question.after.map(|after| after.0));
    let columns = ContentColumns::of(&question.content);
    // Several statements take what is bound in its order; one with a number would count for each of them anew.
    let query = sqlx::query(if is_first { FIRST_OF_A_CONVERSATION } else { NEXT_IN_A_CONVERSATION })
        .bind(answer.id.0)
        .bind(signed(new.now_ms))
        .bind(settings_json(&new.settings));
    let query = if is_first {
        let title = clean_title(&first_words(&question.text())).unwrap_or_default();
        query.bind(viewer.user.0).bind(title).bind(signed(new.now_ms)).bind(conversation)
    } else {
        query.bind(question.text()).bind(after).bind(conversation)
    };
    query
        .bind(question.id.0)
        .bind(after)
        .bind(columns.text)
        .bind((!is_plain(&question.content)).then_some(columns.blocks))
        .bind(signed(question.asked_ms))
        .bind(conversation)
        .bind(answer.id.0)
        .bind(metadata_of(answer))
        .bind(question.id.0)
        .execute(connection)
        .await?;
    Ok(())
}

fn is_plain(content: &Content) -> bool {
    matches!(content.blocks(), [] | [ContentBlock::Text(_)])
}

/// What is said to an answer's id that is there already.
async fn known(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    new: &NewAnswer,
    (conversation, answer): (ConversationId, Answer),
) -> Result<Begun, Failure> {
    let question = find_question(connection, answer.question).await?;
    let is_same = conversation == new.conversation
        && owner_of(connection, conversation).await? == Some(viewer.user)
        && question.is_some_and(|known| is_same(&known.question, &new.question));
    if !is_same {
        Err(StoreError::Conflict(ANSWER_IN_USE).into())
    } else if find_visible(connection, viewer, new.answer.id).await?.is_none() {
        Err(StoreError::NotFound(DELETED).into())
    } else {
        Ok(Begun::Known(Box::new(answer)))
    }
}

/// Keeps an answer that has ended.
pub struct Finish<'a> {
    pub answer: &'a Answer,
    pub now_ms: u64,
}

impl Change for Finish<'_> {
    type Outcome = ();

    async fn make(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        Ok(finish(connection, self.answer, self.now_ms).await?)
    }
}

/// In place of what is there. `INSERT OR REPLACE` would not run the trigger that takes the words of the old text out of
/// the index.
macro_rules! keep_texts {
    () => {
        "INSERT INTO texts (answer, reasoning, text, blocks) VALUES (?, ?, ?, ?) ON CONFLICT (answer) DO UPDATE \
         SET reasoning = excluded.reasoning, text = excluded.text, blocks = excluded.blocks"
    };
}

const KEEP: &str = concat!(
    keep_texts!(),
    "; UPDATE answers SET is_running = 0, ended_ms = coalesce(ended_ms, ?), metadata = ?, has_open_bill = ?, \
     prompt_tokens = ?, completion_tokens = ?, cost = ? WHERE number = ?; \
     UPDATE conversations SET updated_ms = max(updated_ms, ?), is_unread = 1, ",
    next_version!(),
    " WHERE number = (SELECT conversation FROM questions JOIN answers ON answers.question = questions.number \
     WHERE answers.number = ?)",
);

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
    let (content, usage) = (ContentColumns::of(&answer.content), usage::Columns::of(&billed));
    sqlx::query(KEEP)
        .bind(number)
        .bind(content.reasoning)
        .bind(content.text)
        .bind(content.blocks)
        .bind((!answer.is_copy).then_some(signed(now_ms)))
        .bind(metadata_of(&billed))
        .bind(usage.has_open_bill)
        .bind(usage.prompt_tokens)
        .bind(usage.completion_tokens)
        .bind(usage.cost)
        .bind(number)
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
    sqlx::query(keep_texts!())
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
pub fn from_row(row: &SqliteRow, first: usize) -> Result<Answer, sqlx::Error> {
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

/// # Errors
/// The question's id is in use for another one.
async fn check_question(
    connection: &mut SqliteConnection,
    conversation: Option<i64>,
    question: &Question,
) -> Result<(), Failure> {
    let known = find_question(connection, question.id).await?;
    let is_other = known
        .is_some_and(|known| Some(known.conversation) != conversation || !is_same(&known.question, question));
    if is_other { Err(StoreError::Conflict(QUESTION_IN_USE).into()) } else { Ok(()) }
}

/// Adds a question; gives its number.
pub async fn insert_question(
    connection: &mut SqliteConnection,
    conversation: i64,
    question: &Question,
) -> Result<i64, sqlx::Error> {
    let columns = ContentColumns::of(&question.content);
    sqlx::query_scalar(
        "INSERT INTO questions (id, conversation, after_answer, text, blocks, asked_ms) VALUES (?, ?, ?, ?, ?, ?) \
         RETURNING number",
    )
    .bind(question.id.0)
    .bind(conversation)
    .bind(question.after.map(|after| after.0))
    .bind(columns.text)
    .bind((!is_plain(&question.content)).then_some(columns.blocks))
    .bind(signed(question.asked_ms))
    .fetch_one(connection)
    .await
}

struct FoundQuestion {
    conversation: i64,
    question: Question,
}

async fn find_question(
    connection: &mut SqliteConnection,
    id: QuestionId,
) -> Result<Option<FoundQuestion>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT conversation, id, after_answer, text, blocks, asked_ms FROM questions WHERE id = ?",
    )
    .bind(id.0)
    .fetch_optional(connection)
    .await?;
    let found = |row: SqliteRow| {
        Ok(FoundQuestion { conversation: row.try_get(0)?, question: question_from_row(&row, 1)? })
    };
    row.map(found).transpose()
}

/// Reads `id, after_answer, text, blocks, asked_ms`, of which `blocks` is `NULL` if there is text alone, which begin at column `first`.
pub fn question_from_row(row: &SqliteRow, first: usize) -> Result<Question, sqlx::Error> {
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
