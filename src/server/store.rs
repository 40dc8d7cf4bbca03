//! Where conversations are kept.
//!
//! [`Store`] is what Runnel needs of a database, in parts: conversations, answers, usage. Each method is a transaction
//! that a person could name. The tests in `src/tests/store_contract.rs` say what every implementation must do. [`SqliteStore`] is the one there is.

use std::collections::HashSet;
use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use uuid::Uuid;

use crate::chat::{Answer, AnswerEvent, AnswerId, Bill, Conversation, ConversationId, Question, Seq};
use crate::conversation_list::{ConversationChange, DailySpending, Listing, SearchHit, Spending};
use crate::settings::TypedSettings;
use crate::user::{UserId, Viewer};

mod file_log;
pub(super) mod legacy;
mod search;
mod sqlite;

pub use file_log::FileLog;
pub use sqlite::SqliteStore;

/// The durable side of a chat: everything that Runnel needs of a database. Each part is a trait of its own, and a
/// service asks for the parts that it needs.
///
/// A method with a [`Viewer`] finds and changes only what belongs to that user. Methods without one are Runnel's own
/// work, on everybody's answers.
///
/// Times are given, never taken from a clock. A method that fails has changed nothing.
#[async_trait]
pub trait Store: ConversationStore + AnswerStore + UsageStore + Jobs + EventLog {
    /// True if another process has changed something since this was asked last, or since the store was opened.
    /// False where that cannot be.
    async fn was_changed_elsewhere(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// Makes a copy of everything, as it stands, that can be started from.
    async fn backup(&self, file: &Path) -> Result<(), StoreError>;

    /// The answers that are being written, as far as their log tells.
    async fn logged_answers(&self) -> Result<Vec<Answer>, StoreError> {
        let mut answers = self.list_running().await?;
        let wanted: Vec<_> = answers.iter().map(|answer| (answer.id, Seq::START)).collect();
        for (answer, events) in answers.iter_mut().zip(self.read(&wanted).await?) {
            for event in events {
                answer.apply(answer.seq.next(), &event);
            }
        }
        Ok(answers)
    }

    /// The answers that were being written when the last process ended, as far as their log tells. To be called
    /// once, before anything begins; each has to be finished and forgotten. What the log holds of others is forgotten.
    async fn recover(&self) -> Result<Vec<Answer>, StoreError> {
        let running: HashSet<AnswerId> =
            self.list_running().await?.into_iter().map(|answer| answer.id).collect();
        for id in self.list_logged().await? {
            if !running.contains(&id) {
                self.forget(id).await;
            }
        }
        self.logged_answers().await
    }
}

/// Conversations: found, listed, searched, changed, copied.
#[async_trait]
pub trait ConversationStore: Debug + Send + Sync + 'static {
    /// The conversation, unless it is deleted. An answer that is being written has no content here.
    async fn find_conversation(
        &self,
        viewer: &Viewer,
        id: ConversationId,
    ) -> Result<Option<Conversation>, StoreError>;

    /// The newest `limit` conversations.
    async fn list_conversations(&self, viewer: &Viewer, limit: u32) -> Result<Listing, StoreError>;

    /// The ids of all the viewer's conversations that are not deleted, oldest first.
    async fn list_ids(&self, viewer: &Viewer) -> Result<Vec<ConversationId>, StoreError>;

    /// Places in titles, questions and answers that hold all the words of `query`: the last one may be the
    /// beginning of a word, words in quotation marks stand together. Titles first, then the newest. Of a long query
    /// the first 16 different words count.
    ///
    /// # Errors
    /// [`StoreError::SearchTooLong`] after some seconds.
    async fn search(&self, viewer: &Viewer, query: &str, limit: u32) -> Result<Vec<SearchHit>, StoreError>;

    /// Changes something about a conversation. False if it is not there, if a deletion can no longer be undone, or
    /// if the branch to be shown is of another one.
    async fn change_conversation(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        change: &ConversationChange,
        now_ms: u64,
    ) -> Result<bool, StoreError>;

    /// What a better title could be made of, for a conversation that has its first title still. `None` if it has another,
    /// or no answer that is complete.
    async fn find_untitled(&self, id: ConversationId) -> Result<Option<Untitled>, StoreError>;

    /// Titles a conversation that no person has named. False if there is nothing to change.
    async fn suggest_title(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        title: &str,
    ) -> Result<bool, StoreError>;

    /// Removes for good what was deleted before `before_ms`: once nobody reads an older state of it any more, it
    /// stands in none of the store's files. Says how many conversations that were.
    async fn purge_deleted(&self, before_ms: u64) -> Result<u64, StoreError>;

    /// Copies a branch into a new conversation, up to and with `leaf`. False if there is no such answer, or if
    /// it is being written.
    async fn fork(
        &self,
        viewer: &Viewer,
        leaf: AnswerId,
        new: ConversationId,
        now_ms: u64,
    ) -> Result<bool, StoreError>;

    /// Adds whole conversations, all or none; ones that are there already are left as they are, and deleted ones are
    /// replaced. Says how many were added.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a message's id is in use in another conversation, or a conversation's by another
    /// user; [`StoreError::NotFound`] if a conversation names a message that it does not hold.
    async fn import(&self, viewer: &Viewer, conversations: &[Conversation]) -> Result<u64, StoreError>;
}

/// Answers, from their beginning to their end. What happens in between is in the log of events.
#[async_trait]
pub trait AnswerStore: Debug + Send + Sync + 'static {
    /// Notes a question and the answer that is about to be written, durably. The first question makes the
    /// conversation. Asked twice with the same ids, it changes nothing and says so.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for ids that are in use for something else, by whomever;
    /// [`StoreError::PreviousAnswerRunning`] if the answer before is still being written; [`StoreError::NotFound`] for
    /// an answer before that is not in this conversation.
    async fn begin_answer(&self, viewer: &Viewer, new: &NewAnswer) -> Result<Begun, StoreError>;

    /// Keeps an answer that has ended, whole. Asked again, it replaces what was kept. From then on nobody needs its log.
    async fn finish_answer(&self, answer: &Answer, now_ms: u64) -> Result<(), StoreError>;

    /// The answers that have begun and are not kept, oldest first, without their content: that is in the log of events.
    async fn list_running(&self) -> Result<Vec<Answer>, StoreError>;

    /// An answer and where it belongs, unless its conversation is deleted. One that is being written has no content
    /// here.
    async fn find_answer(
        &self,
        viewer: &Viewer,
        id: AnswerId,
    ) -> Result<Option<(ConversationId, Answer)>, StoreError>;
}

/// The log of the answers that are being written: what a crash would take is in it within milliseconds.
///
/// Events are numbered from 1. What was appended comes back as it was, up to the first number that is missing.
#[async_trait]
pub trait EventLog: Debug + Send + Sync + 'static {
    /// Appends events of running answers, all in one write to the disk. Durable once it returns. Of two appends that
    /// begin with the same event, the one that reaches further counts.
    ///
    /// # Errors
    /// The events may be there or not, those of all answers alike: append the same ones again, with later ones if there
    /// are any, from the same `after`.
    async fn append_all(&self, batches: &[Batch]) -> Result<(), StoreError>;

    /// The same for one answer.
    ///
    /// # Errors
    /// Those of [`append_all`](Self::append_all).
    async fn append(&self, answer: AnswerId, after: Seq, events: Vec<AnswerEvent>) -> Result<(), StoreError> {
        self.append_all(&[Batch { answer, after, events }]).await
    }

    /// For each of the answers the events after the given one; none if nothing is known of it.
    async fn read(&self, wanted: &[(AnswerId, Seq)]) -> Result<Vec<Vec<AnswerEvent>>, StoreError>;

    /// The answers that were appended to and not forgotten, by this process or an earlier one, in any order.
    async fn list_logged(&self) -> Result<Vec<AnswerId>, StoreError>;

    /// The answer is kept elsewhere: its events are not needed any more, and no further ones come.
    async fn forget(&self, id: AnswerId);
}

/// Events `after + 1`, `after + 2`, … of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub answer: AnswerId,
    pub after: Seq,
    pub events: Vec<AnswerEvent>,
}

/// What answers cost.
#[async_trait]
pub trait UsageStore: Debug + Send + Sync + 'static {
    /// The answers whose bill is open, oldest first, without their text.
    async fn list_open_bills(&self) -> Result<Vec<Answer>, StoreError>;

    /// An answer whose bill is open, without its content.
    async fn find_open_bill(&self, id: AnswerId) -> Result<Option<Answer>, StoreError>;

    /// Corrects what an answer cost, and says whose it is, if it is there. What is known stays if the newer word is
    /// that nobody knows.
    async fn settle_bill(&self, id: AnswerId, bill: &Bill) -> Result<Option<UserId>, StoreError>;

    /// What the answers of a conversation cost together.
    async fn spending_of(&self, viewer: &Viewer, id: ConversationId) -> Result<Spending, StoreError>;

    /// What all answers of the viewer cost, by the day of their end; the latest `days` with any, newest first.
    async fn daily_spending(&self, viewer: &Viewer, days: u32) -> Result<Vec<DailySpending>, StoreError>;
}

/// Work that is done later, by whichever process comes to it first, and again if that process ends in between.
#[async_trait]
pub trait Jobs: Debug + Send + Sync + 'static {
    /// Adds a job that is due then, unless it is there already.
    async fn add_job(&self, kind: JobKind, subject: Uuid, due_ms: u64) -> Result<(), StoreError>;

    /// Takes at most so many jobs that are due, the longest due first. Each is one try, and nobody else gets it before
    /// `until_ms`.
    async fn claim_jobs(&self, now_ms: u64, until_ms: u64, most: u32) -> Result<Claimed, StoreError>;

    /// Has a claimed job done once more, at another time; unless somebody else has claimed it since.
    async fn postpone_job(&self, job: &Job, due_ms: u64) -> Result<(), StoreError>;

    /// A claimed job is done, or given up; unless somebody else has claimed it since.
    async fn finish_job(&self, job: &Job) -> Result<(), StoreError>;
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {
    /// Ask what an answer cost. The subject is the answer.
    Bill,
    /// Give a conversation a title. The subject is the conversation.
    Title,
    /// Remove what was deleted long enough ago. There is one such job, and its subject is nil.
    Purge,
}

/// A job that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub kind: JobKind,
    pub subject: Uuid,
    /// How often it was claimed, this time included.
    pub tries: u32,
}

/// What came of [`Jobs::claim_jobs`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    pub jobs: Vec<Job>,
    /// When the next job is due, which may be now.
    pub next_due_ms: Option<u64>,
}

/// An answer about to be written.
#[derive(Clone, Debug)]
pub struct NewAnswer {
    pub conversation: ConversationId,
    pub question: Question,
    pub answer: Answer,
    /// How it is asked: the conversation's settings from then on.
    pub settings: TypedSettings,
    pub now_ms: u64,
}

/// What a conversation with its first title began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Untitled {
    pub owner: UserId,
    pub question: String,
    pub answer: String,
}

/// What became of [`AnswerStore::begin_answer`].
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// It is noted. What was said before it, oldest first.
    New(Vec<(Question, Answer)>),
    /// It was noted before.
    Known(Box<Answer>),
}

/// Why the store refuses or fails. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Conflict(&'static str),
    #[error("The answer before is still being written. Stop it, or wait for its end.")]
    PreviousAnswerRunning,
    #[error("{0}")]
    NotFound(&'static str),
    #[error(
        "The disk that holds {} is full. Free some space; nothing that was kept is lost.", .0.display()
    )]
    DiskFull(PathBuf),
    #[error(
        "{} cannot be written: the file, its folder or the disk is read-only. Allow writing, or choose another \
         place with --data.", .0.display()
    )]
    ReadOnly(PathBuf),
    #[error(
        "{} is in use by another Runnel. Stop that one, or choose another file with --data.", .0.display()
    )]
    InUse(PathBuf),
    /// Nothing is wrong with it: the same may be asked again.
    #[error("Another program is writing to {}, such as an import. Try again in a moment.", .0.display())]
    Busy(PathBuf),
    #[error("The search took too long. Try more specific words.")]
    SearchTooLong,
    #[error(
        "{} was last used by a newer Runnel and cannot be read by this one. Install that version again, or \
         choose another file with --data. Nothing was changed.", .0.display()
    )]
    Newer(PathBuf),
    #[error(
        "{} is not Runnel's database. Choose another file with --data. Nothing was changed.", .0.display()
    )]
    Foreign(PathBuf),
    #[error(
        "{} is damaged: {detail}. Restore a backup (made with `runnel backup`), or choose another file with --data.",
        .file.display()
    )]
    Damaged { file: PathBuf, detail: String },
    #[error("{} cannot be opened: {error}. Choose another place with --data.", .file.display())]
    Open { file: PathBuf, error: std::io::Error },
    #[error("{} cannot be written: {error}. Choose another file for the copy.", .file.display())]
    Copy { file: PathBuf, error: std::io::Error },
    #[error("The database reports an error: {0}. Try again; if it stays so, restart Runnel.")]
    Other(String),
}

impl StoreError {
    /// What the system said about a file or a folder.
    fn of_io(path: &Path, error: io::Error) -> Self {
        let file = path.to_owned();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull(file),
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly(file),
            _ => Self::Open { file, error },
        }
    }
}
