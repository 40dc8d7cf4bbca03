//! What answers cost.

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};

use super::answers::{from_row, has_open_bill, metadata_of};
use super::content::ContentColumns;
use super::conversations::owner_of;
use super::{signed, unsigned};
use crate::chat::{Answer, AnswerId, Bill, ConversationId};
use crate::conversation_list::{DailySpending, Spending};
use crate::user::{UserId, Viewer};

/// The columns of an answer that say what it cost. Those of a copy are counted where it was copied from.
pub struct Columns {
    pub has_open_bill: bool,
    pub prompt_tokens: Option<i64>,
    pub completion_tokens: Option<i64>,
    pub cost: Option<f64>,
}

impl Columns {
    pub fn of(answer: &Answer) -> Self {
        let usage = answer.usage().filter(|_| !answer.is_copy);
        Self {
            has_open_bill: has_open_bill(answer) && !answer.is_copy,
            prompt_tokens: usage.and_then(|usage| usage.prompt_tokens).map(signed),
            completion_tokens: usage.and_then(|usage| usage.completion_tokens).map(signed),
            cost: usage.and_then(|usage| usage.cost),
        }
    }
}

/// Notes the figures of an answer that has its row.
pub async fn note(connection: &mut SqliteConnection, answer: &Answer) -> Result<(), sqlx::Error> {
    let columns = Columns::of(answer);
    sqlx::query(
        "UPDATE answers SET has_open_bill = ?, prompt_tokens = ?, completion_tokens = ?, cost = ? WHERE id = ?",
    )
    .bind(columns.has_open_bill)
    .bind(columns.prompt_tokens)
    .bind(columns.completion_tokens)
    .bind(columns.cost)
    .bind(answer.id.0)
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn list_open(pool: &SqlitePool) -> Result<Vec<Answer>, sqlx::Error> {
    let rows =
        sqlx::query("SELECT metadata, NULL, NULL, NULL FROM answers WHERE has_open_bill = 1 ORDER BY number")
            .fetch_all(pool)
            .await?;
    rows.iter().map(|row| from_row(row, 0)).collect()
}

pub async fn find_open(pool: &SqlitePool, id: AnswerId) -> Result<Option<Answer>, sqlx::Error> {
    let row =
        sqlx::query("SELECT metadata, NULL, NULL, NULL FROM answers WHERE id = ? AND has_open_bill = 1")
            .bind(id.0)
            .fetch_optional(pool)
            .await?;
    row.as_ref().map(|row| from_row(row, 0)).transpose()
}

/// Gives the owner of the answer.
pub async fn settle(
    connection: &mut SqliteConnection,
    id: AnswerId,
    bill: &Bill,
) -> Result<Option<UserId>, sqlx::Error> {
    let Some((conversation, mut answer)) = super::answers::find(&mut *connection, id).await? else {
        return Ok(None);
    };
    let owner = owner_of(connection, conversation).await?;
    // Who gave up asking knows less than who was told.
    if matches!((&answer.bill, bill), (Bill::Settled(_), Bill::Unknown)) {
        return Ok(owner);
    }
    answer.bill = bill.clone();
    // Earlier versions kept a part of the content in the metadata.
    sqlx::query(
        "UPDATE texts SET blocks = ? WHERE blocks IS NULL AND answer = (SELECT number FROM answers WHERE id = ?)",
    )
    .bind(ContentColumns::of(&answer.content).blocks)
    .bind(id.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE answers SET metadata = ? WHERE id = ?")
        .bind(metadata_of(&answer))
        .bind(id.0)
        .execute(&mut *connection)
        .await?;
    sqlx::query(concat!("UPDATE conversations SET ", next_version!(), " WHERE id = ?"))
        .bind(conversation.0)
        .execute(&mut *connection)
        .await?;
    note(connection, &answer).await?;
    Ok(owner)
}

/// The columns that [`spending_from_row`] reads.
///
/// `total` never overflows, as `sum` does.
const SUMS: &str = "total(cost), CAST(total(prompt_tokens) AS INTEGER), CAST(total(completion_tokens) AS INTEGER), \
                    count(*), CAST(total(has_open_bill) AS INTEGER)";

pub async fn spending_of(
    pool: &SqlitePool,
    viewer: &Viewer,
    id: ConversationId,
) -> Result<Spending, sqlx::Error> {
    let query = format!(
        "SELECT {SUMS} FROM answers JOIN questions ON questions.number = answers.question \
         JOIN conversations ON conversations.number = questions.conversation \
         WHERE conversations.id = ? AND conversations.owner = ? AND is_running = 0"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(query)).bind(id.0).bind(viewer.user.0).fetch_one(pool).await?;
    spending_from_row(&row, 0)
}

pub async fn daily_spending(
    pool: &SqlitePool,
    viewer: &Viewer,
    days: u32,
) -> Result<Vec<DailySpending>, sqlx::Error> {
    let query = format!(
        "SELECT date(ended_ms / 1000, 'unixepoch') AS day, {SUMS} FROM answers \
         JOIN questions ON questions.number = answers.question \
         JOIN conversations ON conversations.number = questions.conversation \
         WHERE conversations.owner = ? AND is_running = 0 AND ended_ms IS NOT NULL GROUP BY day HAVING day IS NOT NULL ORDER BY day DESC LIMIT ?"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(query)).bind(viewer.user.0).bind(days).fetch_all(pool).await?;
    rows.iter()
        .map(|row| Ok(DailySpending { day: row.try_get(0)?, spending: spending_from_row(row, 1)? }))
        .collect()
}

fn spending_from_row(row: &SqliteRow, first: usize) -> Result<Spending, sqlx::Error> {
    Ok(Spending {
        cost: row.try_get(first)?,
        prompt_tokens: unsigned(row.try_get(first + 1)?),
        completion_tokens: unsigned(row.try_get(first + 2)?),
        answers: unsigned(row.try_get(first + 3)?),
        open_bills: unsigned(row.try_get(first + 4)?),
    })
}
