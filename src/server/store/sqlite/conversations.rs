//! Finding, listing, searching and changing conversations.

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::types::Uuid;
use sqlx::{Row, SqliteConnection};

use super::answers::{from_row, question_from_row};
use super::{signed, unsigned};
use crate::chat::{Answer, AnswerId, Conversation, ConversationId, EndStatus, first_words};
use crate::conversation_list::{ConversationChange, ConversationSummary, Listing, clean_title};
use crate::server::store::Untitled;
use crate::settings::TypedSettings;
use crate::user::{UserId, Viewer};

pub async fn find(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    id: ConversationId,
) -> Result<Option<Conversation>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT number, title, is_title_chosen, is_pinned, is_archived, created_ms, updated_ms, draft, leaf, version, \
         settings, leaves FROM conversations WHERE id = ? AND owner = ? AND deleted_ms IS NULL",
    )
    .bind(id.0)
    .bind(viewer.user.0)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let number: i64 = row.try_get(0)?;
    let questions = sqlx::query(
        "SELECT id, after_answer, text, blocks, asked_ms FROM questions WHERE conversation = ? ORDER BY number",
    )
    .bind(number)
    .fetch_all(&mut *connection)
    .await?;
    let answers = sqlx::query(
        "SELECT answers.metadata, texts.reasoning, texts.text, texts.blocks FROM answers \
         LEFT JOIN texts ON texts.answer = answers.number JOIN questions ON questions.number = answers.question \
         WHERE questions.conversation = ? ORDER BY answers.number",
    )
    .bind(number)
    .fetch_all(&mut *connection)
    .await?;
    Ok(Some(Conversation {
        id,
        title: row.try_get(1)?,
        is_title_chosen: row.try_get(2)?,
        is_pinned: row.try_get(3)?,
        is_archived: row.try_get(4)?,
        created_ms: unsigned(row.try_get(5)?),
        updated_ms: unsigned(row.try_get(6)?),
        version: unsigned(row.try_get(9)?),
        draft: row.try_get(7)?,
        settings: settings_from_row(&row, 10)?,
        leaf: row.try_get::<Option<Uuid>, _>(8)?.map(AnswerId),
        leaves: leaves_from_row(&row, 11)?,
        questions: questions.iter().map(|row| question_from_row(row, 0)).collect::<Result<_, _>>()?,
        answers: answers.iter().map(|row| from_row(row, 0)).collect::<Result<_, _>>()?,
    }))
}

fn settings_from_row(row: &SqliteRow, column: usize) -> Result<Option<TypedSettings>, sqlx::Error> {
    let json: Option<&str> = row.try_get(column)?;
    json.map(serde_json::from_str).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}

/// What is kept in the column `settings`.
pub fn settings_json(settings: &TypedSettings) -> String {
    // Types like these always serialize.
    serde_json::to_string(settings).unwrap_or_default()
}

pub async fn list(pool: &SqlitePool, viewer: &Viewer, limit: u32) -> Result<Listing, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT id, title, updated_ms, version, is_pinned, is_archived, is_unread, number IN \
         (SELECT questions.conversation FROM answers JOIN questions ON questions.number = answers.question \
          WHERE answers.is_running = 1) \
         FROM conversations WHERE owner = ? AND deleted_ms IS NULL ORDER BY is_pinned DESC, updated_ms DESC LIMIT ?",
    )
    .bind(viewer.user.0)
    .bind(i64::from(limit) + 1)
    .fetch_all(pool)
    .await?;
    let has_more = rows.len() > limit as usize;
    let conversations = rows.iter().take(limit as usize).map(summary).collect::<Result<_, _>>()?;
    Ok(Listing { conversations, has_more, ..Listing::default() })
}

fn summary(row: &SqliteRow) -> Result<ConversationSummary, sqlx::Error> {
    Ok(ConversationSummary {
        id: ConversationId(row.try_get::<Uuid, _>(0)?),
        title: row.try_get(1)?,
        updated_ms: unsigned(row.try_get(2)?),
        version: unsigned(row.try_get(3)?),
        is_pinned: row.try_get(4)?,
        is_archived: row.try_get(5)?,
        is_unread: row.try_get(6)?,
        is_running: row.try_get(7)?,
    })
}

/// As [`list_ids`], from the index of ids alone: for a table of which a part cannot be read. Deleted ones are among
/// them, in the order of their ids.
pub async fn list_indexed_ids(pool: &SqlitePool) -> Result<Vec<ConversationId>, sqlx::Error> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM conversations ORDER BY id").fetch_all(pool).await?;
    Ok(ids.into_iter().map(ConversationId).collect())
}

pub async fn find_title(
    pool: &SqlitePool,
    viewer: &Viewer,
    id: ConversationId,
) -> Result<Option<String>, sqlx::Error> {
    let title = sqlx::query_scalar("SELECT title FROM conversations WHERE id = ? AND owner = ?");
    title.bind(id.0).bind(viewer.user.0).fetch_optional(pool).await
}

/// Whose a conversation is, deleted or not.
pub async fn owner_of(
    connection: &mut SqliteConnection,
    id: ConversationId,
) -> Result<Option<UserId>, sqlx::Error> {
    let owner = sqlx::query_scalar("SELECT owner FROM conversations WHERE id = ?");
    Ok(owner.bind(id.0).fetch_optional(connection).await?.map(UserId))
}

pub async fn list_ids(pool: &SqlitePool, viewer: &Viewer) -> Result<Vec<ConversationId>, sqlx::Error> {
    let ids = sqlx::query_scalar(
        "SELECT id FROM conversations WHERE owner = ? AND deleted_ms IS NULL ORDER BY number",
    );
    let ids: Vec<Uuid> = ids.bind(viewer.user.0).fetch_all(pool).await?;
    Ok(ids.into_iter().map(ConversationId).collect())
}

pub async fn change(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    id: ConversationId,
    change: &ConversationChange,
    now_ms: u64,
) -> Result<bool, sqlx::Error> {
    let there = "WHERE id = ? AND owner = ? AND deleted_ms IS NULL RETURNING number";
    let set = |what: &str| {
        sqlx::AssertSqlSafe(format!("UPDATE conversations SET {}, {what} {there}", next_version!()))
    };
    let query = match change {
        ConversationChange::Title(title) => {
            let Some(title) = clean_title(title) else { return Ok(false) };
            return rename(connection, viewer, id, &title, true).await;
        }
        ConversationChange::Pinned(pinned) => sqlx::query(set("is_pinned = ?")).bind(*pinned),
        ConversationChange::Archived(archived) => sqlx::query(set("is_archived = ?")).bind(*archived),
        ConversationChange::Deleted(true) => sqlx::query(set("deleted_ms = ?")).bind(signed(now_ms)),
        ConversationChange::Deleted(false) => sqlx::query(
            "UPDATE conversations SET deleted_ms = NULL WHERE id = ? AND owner = ? RETURNING number",
        ),
        ConversationChange::Draft(draft) => sqlx::query(set("draft = ?")).bind(draft.clone()),
        ConversationChange::Settings(settings) => {
            sqlx::query(set("settings = ?")).bind(settings_json(settings))
        }
        ConversationChange::Leaf(leaf) => return show(connection, viewer, id, &[*leaf]).await,
        ConversationChange::Leaves(leaves) => return show(connection, viewer, id, leaves).await,
        ConversationChange::Read => sqlx::query(set("is_unread = 0")),
    };
    Ok(query.bind(id.0).bind(viewer.user.0).fetch_optional(connection).await?.is_some())
}

/// Shows the branches that end with these answers of this conversation; false if there is none, or one of another.
async fn show(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    id: ConversationId,
    leaves: &[AnswerId],
) -> Result<bool, sqlx::Error> {
    let Some(first) = leaves.first() else { return Ok(false) };
    for leaf in leaves {
        let is_own: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM answers JOIN questions ON questions.number = answers.question \
             JOIN conversations ON conversations.number = questions.conversation \
             WHERE answers.id = ? AND conversations.id = ?)",
        )
        .bind(leaf.0)
        .bind(id.0)
        .fetch_one(&mut *connection)
        .await?;
        if !is_own {
            return Ok(false);
        }
    }
    let shown = sqlx::query(concat!(
        "UPDATE conversations SET leaf = ?, leaves = ?, ",
        next_version!(),
        " WHERE id = ? AND owner = ? AND deleted_ms IS NULL",
    ))
    .bind(first.0)
    .bind(leaves_json(leaves))
    .bind(id.0)
    .bind(viewer.user.0)
    .execute(connection)
    .await?;
    Ok(shown.rows_affected() > 0)
}

/// What is kept in the column `leaves`: nothing if there is one.
pub fn leaves_json(leaves: &[AnswerId]) -> Option<String> {
    // Ids always serialize.
    (leaves.len() > 1).then(|| serde_json::to_string(leaves).unwrap_or_default())
}

fn leaves_from_row(row: &SqliteRow, column: usize) -> Result<Vec<AnswerId>, sqlx::Error> {
    let json: Option<&str> = row.try_get(column)?;
    let leaves = json.map(serde_json::from_str).transpose();
    Ok(leaves.map_err(|error| sqlx::Error::Decode(error.into()))?.unwrap_or_default())
}

pub async fn find_untitled(
    connection: &mut SqliteConnection,
    id: ConversationId,
) -> Result<Option<Untitled>, sqlx::Error> {
    let Some(owner) = owner_of(&mut *connection, id).await? else { return Ok(None) };
    let Some(known) = find(connection, &Viewer::of(owner), id).await? else { return Ok(None) };
    let Some(first) = known.questions.iter().find(|question| question.after.is_none()) else {
        return Ok(None);
    };
    let question = first.text().into_owned();
    let is_complete = |answer: &&Answer| {
        answer.question == first.id && answer.end().is_some_and(|end| end.status == EndStatus::Complete)
    };
    let answer = known.answers.iter().find(is_complete).map(|answer| answer.text().into_owned());
    let is_first_title = !known.is_title_chosen && known.title == first_words(&question);
    Ok(answer.filter(|_| is_first_title).map(|answer| Untitled { owner, question, answer }))
}

pub async fn suggest_title(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    id: ConversationId,
    title: &str,
) -> Result<bool, sqlx::Error> {
    match clean_title(title) {
        Some(title) => rename(connection, viewer, id, &title, false).await,
        None => Ok(false),
    }
}

/// What a person chose stays until a person chooses again.
async fn rename(
    connection: &mut SqliteConnection,
    viewer: &Viewer,
    id: ConversationId,
    title: &str,
    is_chosen: bool,
) -> Result<bool, sqlx::Error> {
    let renamed = sqlx::query(concat!(
        "UPDATE conversations SET title = ?1, is_title_chosen = ?2, ",
        next_version!(),
        " WHERE id = ?3 AND owner = ?4 AND deleted_ms IS NULL AND (?2 OR NOT is_title_chosen)",
    ))
    .bind(title)
    .bind(is_chosen)
    .bind(id.0)
    .bind(viewer.user.0)
    .execute(connection)
    .await?;
    Ok(renamed.rows_affected() > 0)
}

pub async fn purge(connection: &mut SqliteConnection, before_ms: u64) -> Result<u64, sqlx::Error> {
    let purged = sqlx::query("DELETE FROM conversations WHERE deleted_ms < ?")
        .bind(signed(before_ms))
        .execute(connection)
        .await?;
    Ok(purged.rows_affected())
}
