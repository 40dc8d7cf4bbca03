//! Work that is done later.

use sqlx::sqlite::SqlitePool;
use sqlx::types::Uuid;
use sqlx::{Row, SqliteConnection};

use super::{signed, unsigned};
use crate::server::store::{Claimed, Job, JobKind};

pub async fn add(
    connection: &mut SqliteConnection,
    kind: JobKind,
    subject: Uuid,
    due_ms: u64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO jobs (kind, subject, due_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING")
        .bind(number_of(kind))
        .bind(subject)
        .bind(signed(due_ms))
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn next_due_ms(pool: &SqlitePool) -> Result<Option<u64>, sqlx::Error> {
    let due: Option<i64> = sqlx::query_scalar("SELECT min(due_ms) FROM jobs").fetch_one(pool).await?;
    Ok(due.map(unsigned))
}

pub async fn claim(
    connection: &mut SqliteConnection,
    now_ms: u64,
    until_ms: u64,
    most: u32,
) -> Result<Claimed, sqlx::Error> {
    let rows = sqlx::query(
        "UPDATE jobs SET due_ms = ?1, tries = tries + 1 WHERE (kind, subject) IN \
         (SELECT kind, subject FROM jobs WHERE due_ms <= ?2 ORDER BY due_ms, kind, subject LIMIT ?3) \
         RETURNING kind, subject, tries",
    )
    .bind(signed(until_ms))
    .bind(signed(now_ms))
    .bind(most)
    .fetch_all(&mut *connection)
    .await?;
    let mut jobs = Vec::new();
    for row in &rows {
        // A newer Runnel may have left a kind that this one does not know: it stays for that one.
        let Some(kind) = kind_of(row.try_get(0)?) else { continue };
        jobs.push(Job { kind, subject: row.try_get(1)?, tries: row.try_get(2)? });
    }
    let due: Option<i64> = sqlx::query_scalar("SELECT min(due_ms) FROM jobs").fetch_one(connection).await?;
    Ok(Claimed { jobs, next_due_ms: due.map(unsigned) })
}

pub async fn postpone(connection: &mut SqliteConnection, job: &Job, due_ms: u64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE jobs SET due_ms = ? WHERE kind = ? AND subject = ? AND tries = ?")
        .bind(signed(due_ms))
        .bind(number_of(job.kind))
        .bind(job.subject)
        .bind(job.tries)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn finish(connection: &mut SqliteConnection, job: &Job) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM jobs WHERE kind = ? AND subject = ? AND tries = ?")
        .bind(number_of(job.kind))
        .bind(job.subject)
        .bind(job.tries)
        .execute(connection)
        .await?;
    Ok(())
}

/// Nobody else has the file: what an earlier process had claimed is free, and what it had put off is due.
pub async fn take_over(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE jobs SET due_ms = 0 WHERE due_ms > 0").execute(pool).await?;
    Ok(())
}

/// What is kept in the column `kind`.
const fn number_of(kind: JobKind) -> i64 {
    match kind {
        JobKind::Bill => 1,
        JobKind::Title => 2,
        JobKind::Purge => 3,
    }
}

fn kind_of(number: i64) -> Option<JobKind> {
    [JobKind::Bill, JobKind::Title, JobKind::Purge].into_iter().find(|kind| number_of(*kind) == number)
}
