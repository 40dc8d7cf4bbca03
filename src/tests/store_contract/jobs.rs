//! Work that is done later.

use runnel::server::store::{Claimed, Job, JobKind};
use uuid::Uuid;

use super::{MIDNIGHT, each_place, each_store};

fn job(kind: JobKind, subject: Uuid, tries: u32) -> Job {
    Job { kind, subject, tries }
}

fn claimed(jobs: &[Job], next_due_ms: Option<u64>) -> Claimed {
    Claimed { jobs: jobs.to_vec(), next_due_ms }
}

#[tokio::test]
async fn a_job_is_claimed_when_it_is_due_and_the_longest_due_first() {
    each_store(async |store| {
        let [early, late] = [Uuid::now_v7(), Uuid::now_v7()];
        assert_eq!(store.claim_jobs(MIDNIGHT, MIDNIGHT + 9, 9).await.unwrap(), claimed(&[], None));
        store.add_job(JobKind::Bill, late, MIDNIGHT + 2).await.unwrap();
        store.add_job(JobKind::Title, early, MIDNIGHT + 1).await.unwrap();
        let none = store.claim_jobs(MIDNIGHT, MIDNIGHT + 9, 9).await.unwrap();
        assert_eq!(none, claimed(&[], Some(MIDNIGHT + 1)));
        let one = store.claim_jobs(MIDNIGHT + 2, MIDNIGHT + 9, 1).await.unwrap();
        assert_eq!(one, claimed(&[job(JobKind::Title, early, 1)], Some(MIDNIGHT + 2)));
        let other = store.claim_jobs(MIDNIGHT + 2, MIDNIGHT + 9, 9).await.unwrap();
        assert_eq!(other, claimed(&[job(JobKind::Bill, late, 1)], Some(MIDNIGHT + 9)));
    })
    .await;
}

#[tokio::test]
async fn nobody_else_gets_a_claimed_job_until_its_time_is_over() {
    each_store(async |store| {
        let subject = Uuid::now_v7();
        store.add_job(JobKind::Bill, subject, MIDNIGHT).await.unwrap();
        let both = futures::join!(
            store.claim_jobs(MIDNIGHT, MIDNIGHT + 9, 9),
            store.claim_jobs(MIDNIGHT, MIDNIGHT + 9, 9)
        );
        let jobs = [both.0.unwrap().jobs, both.1.unwrap().jobs].concat();
        assert_eq!(jobs, [job(JobKind::Bill, subject, 1)], "one of two gets it");
        assert_eq!(store.claim_jobs(MIDNIGHT + 8, MIDNIGHT + 20, 9).await.unwrap().jobs, []);
        let again = store.claim_jobs(MIDNIGHT + 9, MIDNIGHT + 20, 9).await.unwrap().jobs;
        assert_eq!(again, [job(JobKind::Bill, subject, 2)], "whoever had it is taken for dead");

        // It was not: what it says now counts no more.
        store.finish_job(&jobs[0]).await.unwrap();
        store.postpone_job(&jobs[0], MIDNIGHT + 10).await.unwrap();
        assert_eq!(store.claim_jobs(MIDNIGHT + 10, MIDNIGHT + 30, 9).await.unwrap().jobs, []);
        store.finish_job(&again[0]).await.unwrap();
        assert_eq!(store.claim_jobs(u64::MAX >> 2, u64::MAX >> 1, 9).await.unwrap(), claimed(&[], None));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_put_off_is_due_then_and_its_tries_are_counted() {
    each_store(async |store| {
        let subject = Uuid::now_v7();
        store.add_job(JobKind::Purge, subject, 0).await.unwrap();
        for tries in 1..4 {
            let now = MIDNIGHT + u64::from(tries) * 10;
            let jobs = store.claim_jobs(now, now + 99, 9).await.unwrap().jobs;
            assert_eq!(jobs, [job(JobKind::Purge, subject, tries)]);
            store.postpone_job(&jobs[0], now + 10).await.unwrap();
            let next = store.claim_jobs(now + 9, now + 99, 9).await.unwrap();
            assert_eq!(next, claimed(&[], Some(now + 10)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_that_is_there_is_not_added_again() {
    each_store(async |store| {
        let subject = Uuid::now_v7();
        for due_ms in [MIDNIGHT + 5, MIDNIGHT, MIDNIGHT + 9] {
            store.add_job(JobKind::Bill, subject, due_ms).await.unwrap();
        }
        store.add_job(JobKind::Title, subject, MIDNIGHT + 7).await.unwrap();
        let first = store.claim_jobs(MIDNIGHT + 5, MIDNIGHT + 99, 9).await.unwrap();
        assert_eq!(first, claimed(&[job(JobKind::Bill, subject, 1)], Some(MIDNIGHT + 7)));
    })
    .await;
}

#[tokio::test]
async fn a_job_outlives_the_process_that_had_it() {
    each_place(async |place| {
        let store = place.open().await;
        let [claimed_one, put_off] = [Uuid::now_v7(), Uuid::now_v7()];
        store.add_job(JobKind::Bill, claimed_one, MIDNIGHT).await.unwrap();
        store.add_job(JobKind::Bill, put_off, MIDNIGHT + 5000).await.unwrap();
        assert_eq!(store.claim_jobs(MIDNIGHT, MIDNIGHT + 9999, 9).await.unwrap().jobs.len(), 1);
        drop(store);

        // Nobody else can have it: what was claimed is free, and what was put off is due.
        let store = place.open().await;
        let mut jobs = store.claim_jobs(MIDNIGHT, MIDNIGHT + 9, 9).await.unwrap().jobs;
        jobs.sort_by_key(|job| job.subject);
        assert_eq!(jobs, [job(JobKind::Bill, claimed_one, 2), job(JobKind::Bill, put_off, 1)]);
    })
    .await;
}
