//! Which answers are being begun or written, or were until a moment ago.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::SetOnce;

use super::live::LiveAnswer;
use crate::api::ApiError;
use crate::api::answers::SentMessage;
use crate::chat::{AnswerId, ConversationId};
use crate::user::{UserId, Viewer};

/// A send under way, or what came of it: everybody who sends the same id shares it.
///
/// It is here before the store hears of the answer and until the store has it whole. So whoever finds a running
/// answer in the store and none here may rely on it that nobody writes it.
#[derive(Debug)]
pub struct Entry {
    id: AnswerId,
    owner: UserId,
    conversation: ConversationId,
    asked: Fingerprint,
    outcome: SetOnce<Result<LiveAnswer, ApiError>>,
}

impl Entry {
    fn new(viewer: &Viewer, message: &SentMessage) -> Self {
        Self {
            id: message.answer,
            owner: viewer.user,
            conversation: message.conversation,
            asked: Fingerprint::of(message),
            outcome: SetOnce::new(),
        }
    }

    /// True if this viewer began it in this conversation.
    #[must_use]
    pub fn is_in(&self, viewer: &Viewer, conversation: ConversationId) -> bool {
        self.owner == viewer.user && self.conversation == conversation
    }

    /// True if this viewer began it with this question in this conversation.
    #[must_use]
    pub fn is_for(&self, viewer: &Viewer, message: &SentMessage) -> bool {
        self.owner == viewer.user && self.asked == Fingerprint::of(message)
    }

    /// Waits until the send has come to something.
    ///
    /// # Errors
    /// Why nothing was begun.
    pub async fn outcome(&self) -> Result<LiveAnswer, ApiError> {
        self.outcome.wait().await.clone()
    }

    /// The answer, if it has begun by now.
    #[must_use]
    pub fn begun(&self) -> Option<LiveAnswer> {
        self.outcome.get()?.as_ref().ok().cloned()
    }

    /// True while it is begun or written.
    #[must_use]
    pub fn is_running(&self) -> bool {
        match self.outcome.get() {
            None => true,
            Some(outcome) => outcome.as_ref().is_ok_and(LiveAnswer::is_running),
        }
    }

    /// Tells everybody who waits what came of it. There is one who tells, and once.
    pub fn tell(&self, outcome: Result<LiveAnswer, ApiError>) {
        if self.outcome.set(outcome).is_err() {
            tracing::error!(answer = %self.id, "an answer was begun twice");
        }
    }
}

/// What was asked, and where: kept in place of the question, which may be a mebibyte. Two questions with one
/// fingerprint would only join each other's answer, and both are the sender's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fingerprint(u64);

impl Fingerprint {
    fn of(message: &SentMessage) -> Self {
        let question = &message.question;
        let mut hasher = DefaultHasher::new();
        (message.conversation, question.id, question.after, &question.text).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// All entries, by their answer's id.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Mutex<HashMap<AnswerId, Arc<Entry>>>,
}

impl Registry {
    /// The entry of this answer, and whether it was made by this call: then the caller has to tell its outcome.
    pub fn join(&self, viewer: &Viewer, message: &SentMessage) -> (Arc<Entry>, bool) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get(&message.answer) {
            return (Arc::clone(entry), false);
        }
        let entry = Arc::new(Entry::new(viewer, message));
        entries.insert(message.answer, Arc::clone(&entry));
        (entry, true)
    }

    /// The entry of this answer, if it is the viewer's.
    #[must_use]
    pub fn find(&self, viewer: &Viewer, id: AnswerId) -> Option<Arc<Entry>> {
        self.entries().get(&id).filter(|entry| entry.owner == viewer.user).cloned()
    }

    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.entries().values().cloned().collect()
    }

    /// Removes this entry, and no newer one of the same answer.
    pub fn remove(&self, entry: &Arc<Entry>) {
        let mut entries = self.entries();
        if entries.get(&entry.id).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            entries.remove(&entry.id);
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<AnswerId, Arc<Entry>>> {
        // Every change is a single insertion or removal: a panic elsewhere cannot leave it half done.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiErrorKind;

    fn message() -> SentMessage {
        serde_json::from_str(r#"{"question": {"text": "Why?"}}"#).unwrap()
    }

    #[test]
    fn an_entry_that_failed_takes_no_newer_one_with_it() {
        let (registry, message) = (Registry::default(), message());
        let (failed, is_new) = registry.join(&Viewer::LOCAL, &message);
        assert!(is_new && !registry.join(&Viewer::LOCAL, &message).1);
        registry.remove(&failed);
        let (newer, is_new) = registry.join(&Viewer::LOCAL, &message);
        assert!(is_new);
        registry.remove(&failed);
        assert!(Arc::ptr_eq(&registry.find(&Viewer::LOCAL, message.answer).unwrap(), &newer));
    }

    #[test]
    fn an_entry_knows_what_it_was_begun_with() {
        let message = message();
        let (entry, _) = Registry::default().join(&Viewer::LOCAL, &message);
        assert!(entry.is_for(&Viewer::LOCAL, &message.clone()));
        let mut other = message.clone();
        other.question.text.push('!');
        assert!(!entry.is_for(&Viewer::LOCAL, &other));
        other = SentMessage { conversation: ConversationId::now(), ..message };
        assert!(!entry.is_for(&Viewer::LOCAL, &other));
    }

    #[tokio::test]
    async fn whoever_waits_for_an_entry_is_told_what_came_of_it() {
        let (entry, _) = Registry::default().join(&Viewer::LOCAL, &message());
        assert!(entry.is_running());
        let waiting = tokio::spawn({
            let entry = Arc::clone(&entry);
            async move { entry.outcome().await.map(|live| live.id()) }
        });
        tokio::task::yield_now().await;
        entry.tell(Err(ApiError::new(ApiErrorKind::Conflict, "No.")));
        assert_eq!(waiting.await.unwrap().unwrap_err().message, "No.");
        assert!(!entry.is_running());
    }
}
