//! The life of one answer after it has begun: written to its end, kept in the store, and let go.

use std::sync::Arc;
use std::time::Duration;

use super::live::LiveAnswer;
use super::pulse::Unwritten;
use super::recorder;
use super::registry::Entry;
use super::{Answers, clock};
use crate::chat::{Answer, AnswerEvent, Bill, ConversationId, End, EndStatus};
use crate::server::backoff::doubling;
use crate::server::failures::in_words;
use crate::server::openrouter::{AnswerRequest, Dialect};
use crate::server::store::{JobKind, StoreError};
use crate::server::usage;
use crate::user::Viewer;

/// How long the events of an answer that has ended stay at hand, for those who were cut off shortly before.
const RECENT: Duration = Duration::from_mins(2);
/// The pauses between attempts to keep an answer that the disk refused: doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What is to be written.
pub(super) struct Assignment {
    pub viewer: Viewer,
    pub conversation: ConversationId,
    /// What the answer begins with, if it goes on from another one.
    pub prelude: Vec<AnswerEvent>,
    pub request: AnswerRequest,
    /// Whether it is an answer to the first question: the conversation may want a title after it.
    pub is_first: bool,
}

impl Answers {
    /// Writes the answer to its end, whatever happens on the way, and keeps it.
    pub(super) async fn write(self, entry: Arc<Entry>, live: LiveAnswer, assignment: Assignment) {
        let Assignment { viewer, conversation, prelude, request, is_first } = assignment;
        let journal = self.shared.pulse.journal(live.id());
        let stream = self.services.client.stream_answer(&request);
        // The prompt may be megabytes: the stream has what it needs of it.
        drop(request);
        let writing = recorder::record(live.clone(), prelude, stream, self.bounds, journal.clone());
        let end = tokio::spawn(writing).await.unwrap_or_else(|_| recorder::failed(&live));
        self.services.upstream.note(&end);
        let unwritten = journal.close().await;
        let wants_title = is_first && end.status == EndStatus::Complete;
        let was_kept_at_once = self.keep(&viewer, &live, end, unwritten).await;
        if wants_title && self.services.titles.wants(conversation) {
            self.services.jobs.add(JobKind::Title, conversation.0, Duration::ZERO).await;
        }
        if was_kept_at_once {
            tokio::time::sleep(RECENT).await;
        }
        self.shared.registry.remove(&entry);
    }

    /// Keeps the answer with this end, then tells the end. If the store does not do it, the end is told with the
    /// reason, and it is tried until the store does. True if it did at once.
    async fn keep(&self, viewer: &Viewer, live: &LiveAnswer, end: End, unwritten: Unwritten) -> bool {
        let Some(mut answer) = live.snapshot() else { return true };
        answer.apply(answer.seq.next(), &AnswerEvent::End(end.clone()));
        self.check_bill(&mut answer);
        let refused = self.finish(&answer).await.err();
        let unkept = refused.as_ref().map(why_unkept);
        let is_kept = refused.is_none();
        match refused {
            None => live.kept(),
            Some(error) => {
                tracing::error!(%error, answer = %answer.id, "an answer is not kept yet");
                live.not_kept(in_words(&error));
            }
        }
        live.append(&[AnswerEvent::End(End { unkept, ..end.clone() })]);
        if !is_kept {
            self.services.revision.bump(viewer.user);
            self.keep_trying(live, &answer, end, unwritten).await;
        }
        live.release();
        self.services.revision.bump(viewer.user);
        self.note_bill(&answer).await;
        is_kept
    }

    /// The answer is in memory as long as the process lives: a disk that is full now may not stay so. The log needs
    /// less space than the database, and what it has is found by the next start.
    async fn keep_trying(&self, live: &LiveAnswer, answer: &Answer, end: End, mut unwritten: Unwritten) {
        let mut end = Some(AnswerEvent::End(end));
        for pause in doubling(FIRST_PAUSE, LONGEST_PAUSE) {
            if let Err(error) = unwritten.write_to_end(&mut end).await {
                tracing::error!(%error, answer = %answer.id, "the end of an answer is not in the log yet");
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = live.wanted_now() => {}
            }
            match self.finish(answer).await {
                Ok(()) => return live.kept(),
                Err(error) => {
                    tracing::error!(%error, answer = %answer.id, "an answer is not kept yet");
                    live.not_kept(in_words(&error));
                }
            }
        }
    }

    /// The log is needed until the store has the answer, and not any longer.
    pub(super) async fn finish(&self, answer: &Answer) -> Result<(), StoreError> {
        self.services.store.finish_answer(answer, clock::now_ms()).await?;
        self.services.store.forget(answer.id).await;
        Ok(())
    }

    /// Has the upstream asked what the answer cost, if nobody said so. To be called once it is kept.
    pub(super) async fn note_bill(&self, answer: &Answer) {
        if answer.bill == Bill::Open {
            self.services.jobs.add(JobKind::Bill, answer.id.0, usage::FIRST_PAUSE).await;
        }
    }

    /// Only OpenRouter can be asked what a broken stream cost.
    pub(super) fn check_bill(&self, answer: &mut Answer) {
        if answer.bill == Bill::Open && !matches!(self.services.client.config().dialect, Dialect::OpenRouter)
        {
            answer.bill = Bill::Unknown;
        }
    }
}

/// For who watches the answer.
fn why_unkept(error: &StoreError) -> String {
    let words = match error {
        StoreError::DiskFull(_) => {
            "Not kept yet: the disk is full. Free some space where Runnel runs; the answer is kept as soon as there is some."
        }
        StoreError::ReadOnly(_) => {
            "Not kept yet: Runnel's database is read-only. Allow writing; the answer is kept as soon as that works."
        }
        _ => {
            "Not kept yet: Runnel's database cannot be written. Its log says why; it is tried again and again."
        }
    };
    words.to_owned()
}
