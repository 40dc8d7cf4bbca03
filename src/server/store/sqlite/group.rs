//! Group commit: changes that wait for the connection that writes are made in one transaction, so that one sync of the
//! disk serves all of them.
//!
//! Whoever comes first begins the transaction and has it committed; that waits its turn behind those who wait already,
//! and while the disk is synced the next group gathers.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::{Mutex, oneshot};
use tokio::time::timeout;

use super::open::LONGEST_WAIT;
use super::{Failure, SqliteStore, StoreError};

/// Something that is changed in the database.
pub trait Change: Sync {
    type Outcome: Send;

    /// Makes the change. It reads, and refuses what it refuses ([`Failure::Store`]), before it has written anything:
    /// others are in the same transaction. It may be called a second time, when the first was rolled back.
    fn make(
        &self,
        connection: &mut SqliteConnection,
    ) -> impl Future<Output = Result<Self::Outcome, Failure>> + Send;
}

/// The group that gathers. Clones are handles of the same.
#[derive(Clone, Default)]
pub struct Gathering(Arc<Mutex<Option<Group>>>);

impl fmt::Debug for Gathering {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Gathering").finish_non_exhaustive()
    }
}

/// Changes that are made and not committed. Dropped, it is rolled back, and each is made again alone.
struct Group {
    transaction: Transaction<'static, Sqlite>,
    members: Vec<oneshot::Sender<()>>,
}

impl SqliteStore {
    /// Makes the change durably, together with others that come at the same time.
    pub(super) async fn change<C: Change>(&self, change: &C) -> Result<C::Outcome, StoreError> {
        match self.change_in_group(change).await {
            Some(outcome) => outcome,
            None => self.change_alone(change).await,
        }
    }

    /// `None` if nothing was changed because something is wrong with the group: perhaps with this change, perhaps with
    /// another one.
    async fn change_in_group<C: Change>(&self, change: &C) -> Option<Result<C::Outcome, StoreError>> {
        let (member, committed) = oneshot::channel();
        let Ok(mut gathering) = timeout(LONGEST_WAIT, self.gathering.0.lock()).await else {
            return Some(Err(StoreError::Busy(self.file.clone())));
        };
        // Not in its place while it is changed: whoever gives up in the middle takes it along.
        let mut group = match gathering.take() {
            Some(group) => group,
            None => match self.begin_group().await {
                Ok(group) => group,
                Err(error) => return Some(Err(error)),
            },
        };
        let outcome = match change.make(&mut group.transaction).await {
            Ok(outcome) => Ok(outcome),
            Err(Failure::Store(refusal)) => Err(refusal),
            // Nobody else has to do with a row that cannot be read.
            Err(Failure::Database(error)) if is_unreadable(&error) => Err(self.error(error)),
            Err(Failure::Database(_)) => return None,
        };
        group.members.push(member);
        *gathering = Some(group);
        drop(gathering);
        // What was refused waits too: the reason may be something that is rolled back.
        committed.await.ok().map(|()| outcome)
    }

    async fn change_alone<C: Change>(&self, change: &C) -> Result<C::Outcome, StoreError> {
        let mut transaction = self.begin().await?;
        let outcome = change.make(&mut transaction).await.map_err(|failure| failure.into_error(self))?;
        self.commit(transaction).await?;
        Ok(outcome)
    }

    async fn begin_group(&self) -> Result<Group, StoreError> {
        let transaction = self.begin().await?;
        tokio::spawn(self.gathering.clone().commit());
        Ok(Group { transaction, members: Vec::new() })
    }
}

/// True if the database gave what it was asked for, and it could not be understood.
const fn is_unreadable(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. })
}

impl Gathering {
    /// Commits the group once its turn comes.
    async fn commit(self) {
        let mut gathering = self.0.lock().await;
        let Some(Group { transaction, members }) = gathering.take() else { return };
        // If that fails, each member is told what is wrong when it tries alone.
        if transaction.commit().await.is_ok() {
            for member in members {
                // Whoever asked may have gone.
                let _ = member.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::future::pending;
    use std::path::Path;

    use futures::future::join_all;
    use tempfile::TempDir;
    use tokio::sync::Notify;

    use super::*;
    use crate::chat::{Answer, AnswerId, ConversationId, Question, QuestionId};
    use crate::server::store::{AnswerStore, Begun, NewAnswer};
    use crate::settings::TypedSettings;
    use crate::user::Viewer;

    const ME: Viewer = Viewer::LOCAL;

    /// Writes something, and then fails as SQLite does.
    struct Broken;

    impl Change for Broken {
        type Outcome = ();

        async fn make(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
            sqlx::query("UPDATE conversations SET title = 'broken'").execute(&mut *connection).await?;
            sqlx::query("UPDATE nothing SET nothing = 1").execute(connection).await?;
            Ok(())
        }
    }

    /// Reads something, and cannot understand it.
    struct Unreadable;

    impl Change for Unreadable {
        type Outcome = ();

        async fn make(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
            sqlx::query_scalar::<_, i64>("SELECT 'text'").fetch_one(connection).await?;
            Ok(())
        }
    }

    /// Writes something that cannot be committed.
    struct Uncommittable;

    impl Change for Uncommittable {
        type Outcome = ();

        async fn make(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
            sqlx::query("PRAGMA defer_foreign_keys = ON").execute(&mut *connection).await?;
            sqlx::query(
                "INSERT INTO questions (id, conversation, text, asked_ms) VALUES (x'01', 1000000, 'Where?', 1)",
            )
            .execute(connection)
            .await?;
            Ok(())
        }
    }

    /// Writes something, says so, and does not go on.
    #[derive(Default)]
    struct Stuck(Notify);

    impl Change for Stuck {
        type Outcome = ();

        async fn make(&self, connection: &mut SqliteConnection) -> Result<(), Failure> {
            sqlx::query("UPDATE conversations SET title = 'stuck'").execute(connection).await?;
            self.0.notify_one();
            pending().await
        }
    }

    fn new_answer(number: usize) -> NewAnswer {
        let question = Question::of_text(QuestionId::now(), None, format!("Question {number}?"), 1);
        let answer = Answer::new(AnswerId::now(), question.id, "vendor/model");
        let (conversation, settings) = (ConversationId::now(), TypedSettings::default());
        NewAnswer { conversation, question, answer, settings, now_ms: 1 }
    }

    async fn open(folder: &TempDir) -> SqliteStore {
        SqliteStore::open(&folder.path().join("runnel.db")).await.unwrap()
    }

    fn log_bytes(folder: &Path) -> u64 {
        fs::metadata(folder.join("runnel.db-wal")).unwrap().len()
    }

    async fn assert_title(store: &SqliteStore, new: &NewAnswer, title: &str) {
        assert_eq!(store.find_title(&ME, new.conversation).await.unwrap().as_deref(), Some(title));
    }

    /// Bytes that these cost in the write-ahead log, begun one after the other or all at once.
    async fn cost(new: &[NewAnswer], at_once: bool) -> u64 {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let before = log_bytes(folder.path());
        let begin =
            async |new| assert_eq!(store.begin_answer(&ME, new).await.unwrap(), Begun::New(Vec::new()));
        if at_once {
            join_all(new.iter().map(begin)).await;
        } else {
            for new in new {
                begin(new).await;
            }
        }
        log_bytes(folder.path()) - before
    }

    #[tokio::test]
    async fn what_comes_at_once_is_committed_at_once() {
        let new: Vec<_> = (0..50).map(new_answer).collect();
        let (together, singly) = (cost(&new, true).await, cost(&new, false).await);
        assert!(together * 5 < singly, "{together} and {singly} bytes");
    }

    /// Three that begin before and after this change, which fails.
    async fn assert_fails_alone<C: Change<Outcome = ()>>(change: C) {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let new: Vec<_> = (0..4).map(new_answer).collect();
        let begin = |new| store.begin_answer(&ME, new);
        let (first, second, failed, third) =
            tokio::join!(begin(&new[0]), begin(&new[1]), store.change(&change), begin(&new[2]));
        for begun in [first, second, third] {
            assert_eq!(begun.unwrap(), Begun::New(Vec::new()));
        }
        failed.unwrap_err();
        assert_eq!(begin(&new[3]).await.unwrap(), Begun::New(Vec::new()));
        for new in &new {
            assert_title(&store, new, &new.question.text()).await;
        }
    }

    #[tokio::test]
    async fn a_change_that_fails_takes_no_other_along() {
        assert_fails_alone(Broken).await;
        assert_fails_alone(Unreadable).await;
        assert_fails_alone(Uncommittable).await;
    }

    #[tokio::test]
    async fn whoever_gives_up_in_the_middle_takes_no_other_along() {
        let folder = TempDir::new().unwrap();
        let store = open(&folder).await;
        let new: Vec<_> = (0..4).map(new_answer).collect();
        let begin = |new| store.begin_answer(&ME, new);
        let stuck = Stuck::default();
        let gives_up = async {
            tokio::select! {
                _ = store.change(&stuck) => unreachable!("it does not go on"),
                () = stuck.0.notified() => {}
            }
        };
        let (first, second, (), third) =
            tokio::join!(begin(&new[0]), begin(&new[1]), gives_up, begin(&new[2]));
        for begun in [first, second, third] {
            assert_eq!(begun.unwrap(), Begun::New(Vec::new()));
        }
        assert_eq!(begin(&new[3]).await.unwrap(), Begun::New(Vec::new()));
        for new in &new {
            assert_title(&store, new, &new.question.text()).await;
        }
    }
}
