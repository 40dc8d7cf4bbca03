//! Whether anything has changed since somebody last looked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::clock;
use crate::user::{UserId, Viewer};

/// A number for each user, which grows with every change to any of the user's conversations. Clones share it.
#[derive(Clone, Debug)]
pub struct Revision(Arc<Mutex<Changes>>);

#[derive(Debug)]
struct Changes {
    /// Changes that everybody is told of.
    of_all: u64,
    /// How many changes only one user is told of.
    of_one: HashMap<UserId, u64>,
}

impl Default for Revision {
    /// It starts with the time, so that a page from before a restart does not meet its old number again.
    fn default() -> Self {
        let changes = Changes { of_all: clock::now_ms().max(1), of_one: HashMap::new() };
        Self(Arc::new(Mutex::new(changes)))
    }
}

impl Revision {
    #[must_use]
    pub fn get(&self, viewer: &Viewer) -> u64 {
        let changes = self.changes();
        changes.of_all + changes.of_one.get(&viewer.user).copied().unwrap_or_default()
    }

    /// Something of this user has changed.
    pub fn bump(&self, user: UserId) {
        *self.changes().of_one.entry(user).or_default() += 1;
    }

    /// Something has changed that everybody is told of.
    pub fn bump_all(&self) {
        self.changes().of_all += 1;
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        // Every change is a single addition: a panic elsewhere cannot leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_change_of_one_user_is_no_news_for_another() {
        let (me, other) = (Viewer::LOCAL, Viewer::of(UserId(Uuid::now_v7())));
        let revision = Revision::default();
        let (mine, others) = (revision.get(&me), revision.get(&other));
        revision.bump(me.user);
        assert_eq!((revision.get(&me), revision.get(&other)), (mine + 1, others));
        revision.bump_all();
        assert_eq!((revision.get(&me), revision.get(&other)), (mine + 2, others + 1));
    }
}
