//! Whether anything has changed since somebody last looked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::clock;

/// A number that changes with every change to any conversation. Clones share it.
#[derive(Clone, Debug)]
pub struct Revision(Arc<AtomicU64>);

impl Default for Revision {
    /// It starts with the time, so that a page from before a restart does not meet its old number again.
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(clock::now_ms().max(1))))
    }
}

impl Revision {
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Something has changed.
    pub fn bump(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
