//! Whole conversations: added from an export, or copied from a branch.

use std::collections::HashMap;

use sqlx::SqliteConnection;
use sqlx::types::Uuid;

use super::answers::{CONVERSATION_IN_USE, insert_question, keep_content, metadata_of};
use super::conversations::{leaves_json, owner_of, settings_json};
use super::{Failure, StoreError, last_number, signed, usage};
use crate::chat::{Answer, AnswerId, Bill, Conversation, ConversationId, Question, QuestionId};
use crate::server::clock;
use crate::user::Viewer;

const NO_LEAF: &str = "The branch that this conversation shows is not one of its own.";
const TWICE: &str = "A message of this conversation has an id that is in use in another one.";

/// Adds a conversation from elsewhere, in place of a deleted one with its id. False if one is there that is not
/// deleted.
pub async fn import(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    conversation: &Conversation,
) -> Result<bool, Failure> {
    sqlx::query("DELETE FROM conversations WHERE id = ? AND owner = ? AND deleted_ms IS NOT NULL")
        .bind(conversation.id.0)
        .bind(viewer.user.0)
        .execute(&mut *connection)
        .await?;
    let is_new = insert(connection, viewer, conversation).await?;
    if !is_new && owner_of(connection, conversation.id).await? != Some(viewer.user) {
        return Err(StoreError::Conflict(CONVERSATION_IN_USE).into());
    }
    let is_leaf = |leaf: &AnswerId| conversation.answers.iter().any(|answer| answer.id == *leaf);
    if is_new && !conversation.leaf.iter().chain(&conversation.leaves).all(is_leaf) {
        return Err(StoreError::NotFound(NO_LEAF).into());
    }
    Ok(is_new)
}

/// Adds a conversation. False if one with its id is there, deleted or not. Its version is made here.
async fn insert(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    conversation: &Conversation,
) -> Result<bool, Failure> {
    let added = sqlx::query(
        "INSERT OR IGNORE INTO conversations \
         (id, owner, title, is_title_chosen, is_pinned, is_archived, created_ms, updated_ms, draft, leaf, leaves, \
         settings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(conversation.id.0)
    .bind(viewer.user.0)
    .bind(&conversation.title)
    .bind(conversation.is_title_chosen)
    .bind(conversation.is_pinned)
    .bind(conversation.is_archived)
    .bind(signed(conversation.created_ms))
    .bind(signed(conversation.updated_ms))
    .bind(&conversation.draft)
    .bind(conversation.leaf.map(|leaf| leaf.0))
    .bind(leaves_json(&conversation.leaves))
    .bind(conversation.settings.as_ref().map(settings_json))
    .execute(&mut *connection)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    let number = last_number(connection).await?;
    let mut numbers = HashMap::new();
    for question in &conversation.questions {
        let question_number = insert_question(connection, number, question).await.map_err(in_use)?;
        numbers.insert(question.id, question_number);
    }
    for answer in &conversation.answers {
        let Some(question) = numbers.get(&answer.question) else {
            return Err(StoreError::NotFound("An answer of this conversation has no question.").into());
        };
        insert_answer(connection, *question, answer, conversation.updated_ms).await.map_err(in_use)?;
    }
    Ok(true)
}

/// An id that is there already breaks a constraint.
fn in_use(error: sqlx::Error) -> Failure {
    let is_unique = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
    if is_unique { StoreError::Conflict(TWICE).into() } else { error.into() }
}

async fn insert_answer(
    connection: &mut SqliteConnection,
    question: i64,
    answer: &Answer,
    updated_ms: u64,
) -> Result<(), sqlx::Error> {
    let ended_ms = match answer.begun_ms {
        // It is in no day's sum.
        _ if answer.is_copy => None,
        0 => Some(updated_ms),
        begun_ms => Some(begun_ms.saturating_add(answer.end().map_or(0, |end| end.duration_ms))),
    };
    sqlx::query("INSERT INTO answers (id, question, is_running, ended_ms, metadata) VALUES (?, ?, 0, ?, ?)")
        .bind(answer.id.0)
        .bind(question)
        .bind(ended_ms.map(signed))
        .bind(metadata_of(answer))
        .execute(&mut *connection)
        .await?;
    let number = last_number(connection).await?;
    usage::note(connection, answer).await?;
    keep_content(connection, number, answer).await
}

/// Copies the branch that ends at `leaf`, with ids of its own. What was paid once is not counted again.
pub async fn fork(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    leaf: AnswerId,
    new: ConversationId,
    now_ms: u64,
) -> Result<bool, Failure> {
    let of: Option<Uuid> = sqlx::query_scalar(
        "SELECT conversations.id FROM answers JOIN questions ON questions.number = answers.question \
         JOIN conversations ON conversations.number = questions.conversation \
         WHERE answers.id = ? AND answers.is_running = 0",
    )
    .bind(leaf.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(of) = of else { return Ok(false) };
    let Some(original) = super::conversations::find(connection, viewer, ConversationId(of)).await? else {
        return Ok(false);
    };
    let copy = branch_of(&original, leaf, new, now_ms);
    if !insert(connection, viewer, &copy).await? {
        return Err(StoreError::Conflict(CONVERSATION_IN_USE).into());
    }
    Ok(true)
}

fn branch_of(original: &Conversation, leaf: AnswerId, new: ConversationId, now_ms: u64) -> Conversation {
    let mut copy = Conversation {
        id: new,
        is_pinned: false,
        is_archived: false,
        created_ms: now_ms,
        updated_ms: now_ms,
        draft: String::new(),
        leaf: None,
        leaves: Vec::new(),
        questions: Vec::new(),
        answers: Vec::new(),
        ..original.clone()
    };
    let mut after = None;
    for (question, answer) in original.tree().branch(Some(leaf)) {
        let question = original.questions.iter().find(|known| known.id == question);
        let answer = original.answers.iter().find(|known| known.id == answer);
        let (Some(question), Some(answer)) = (question, answer) else { continue };
        let question = Question { id: QuestionId(clock::new_id()), after, ..question.clone() };
        let bill = if answer.bill == Bill::Open { Bill::Unknown } else { answer.bill.clone() };
        let id = AnswerId(clock::new_id());
        let answer = Answer { id, question: question.id, bill, is_copy: true, ..answer.clone() };
        after = Some(answer.id);
        copy.questions.push(question);
        copy.answers.push(answer);
    }
    copy.leaf = after;
    copy
}
