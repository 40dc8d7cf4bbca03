//! The conversations: listed, found, changed.

use std::sync::Arc;

use super::answers::{Answers, LARGEST_QUESTION_BYTES};
use super::detached::detached;
use super::services::Services;
use super::{assets, clock};
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::{AnswerId, Conversation, ConversationId};
use crate::conversation_list::{
    ConversationChange, ConversationSummary, DailySpending, Listing, SearchHit, Spending, clean_title,
};
use crate::user::Viewer;

/// What fits a sidebar before anybody asks for more.
pub const LISTED: u32 = 60;
const LONGEST_LIST: u32 = 1000;
const LONGEST_SEARCH: u32 = 50;
const LISTED_DAYS: u32 = 31;
/// The largest draft, in bytes: a question that is too long to be sent is kept all the same.
pub const LARGEST_DRAFT_BYTES: usize = 4 << 20;
/// The largest settings, in bytes: nearly all of it a system prompt, which may be as long as a question.
pub const LARGEST_SETTINGS_BYTES: usize = LARGEST_QUESTION_BYTES + (64 << 10);

/// Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct Conversations {
    services: Services,
    answers: Answers,
    /// See [`Listing::site`].
    site: Arc<str>,
}

impl Conversations {
    #[must_use]
    pub fn new(services: Services, answers: Answers) -> Self {
        let files = assets::site_files();
        let site = [files.script, files.renderer_wasm].join(" ").into();
        Self { services, answers, site }
    }

    /// The conversation as it stands at this moment.
    ///
    /// # Errors
    /// Not found.
    pub async fn load(&self, viewer: &Viewer, id: ConversationId) -> Result<Conversation, ApiError> {
        let mut conversation =
            self.services.store.find_conversation(viewer, id).await?.ok_or_else(missing)?;
        self.answers.complete(viewer, &mut conversation).await?;
        Ok(conversation)
    }

    /// The newest conversations, and `open` if it is there, unless nothing has changed since `revision`. A `limit` of
    /// 0 is the usual one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(
        &self,
        viewer: &Viewer,
        revision: u64,
        limit: u32,
        open: Option<ConversationId>,
    ) -> Result<Option<Listing>, ApiError> {
        // An import writes to the same file from a process of its own.
        if self.services.store.was_changed_elsewhere().await? {
            self.services.revision.bump_all();
        }
        // Read before the list: a change in between is told again.
        let now = self.services.revision.get(viewer);
        if revision == now {
            return Ok(None);
        }
        let limit = if limit == 0 { LISTED } else { limit.min(LONGEST_LIST) };
        let mut listing = self.services.store.list_conversations(viewer, limit).await?;
        if let Some(open) = open.filter(|open| listing.conversations.iter().all(|known| known.id != *open)) {
            let older = self.services.store.find_conversation(viewer, open).await?;
            listing.conversations.extend(older.as_ref().map(summary));
        }
        Ok(Some(Listing {
            revision: now,
            trouble: self.services.upstream.trouble(),
            site: self.site.to_string(),
            ..listing
        }))
    }

    /// # Errors
    /// The store cannot be read.
    pub async fn search(&self, viewer: &Viewer, query: &str) -> Result<Vec<SearchHit>, ApiError> {
        Ok(self.services.store.search(viewer, query, LONGEST_SEARCH).await?)
    }

    /// # Errors
    /// Not found; or a title that nobody could read, or a draft that is too long.
    pub async fn change(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        change: &ConversationChange,
    ) -> Result<(), ApiError> {
        match change {
            ConversationChange::Title(title) if clean_title(title).is_none() => {
                return Err(ApiError::bad_request("Give the chat a title of at least one letter."));
            }
            ConversationChange::Draft(draft) if draft.len() > LARGEST_DRAFT_BYTES => {
                return Err(ApiError::new(ApiErrorKind::TooLarge, "This draft is too long to be kept."));
            }
            ConversationChange::Settings(settings) if settings.size() > LARGEST_SETTINGS_BYTES => {
                let message = "The system prompt is longer than 1 MiB. Shorten it.";
                return Err(ApiError::new(ApiErrorKind::TooLarge, message));
            }
            _ => {}
        }
        let (this, viewer, change) = (self.clone(), *viewer, change.clone());
        detached(async move { this.make_change(&viewer, id, &change).await }).await
    }

    /// The change and what belongs to it: half of it would be an answer that goes on in a deleted chat, or a change
    /// of which no other page hears.
    async fn make_change(
        &self,
        viewer: &Viewer,
        id: ConversationId,
        change: &ConversationChange,
    ) -> Result<(), ApiError> {
        if !self.services.store.change_conversation(viewer, id, change, clock::now_ms()).await? {
            return Err(missing());
        }
        if *change == ConversationChange::Deleted(true) {
            self.answers.stop_all_in(viewer, id).await;
        }
        // A draft is nobody's news.
        if !matches!(change, ConversationChange::Draft(_)) {
            self.services.revision.bump(viewer.user);
        }
        Ok(())
    }

    /// # Errors
    /// No such answer, or one that is being written; or an id that is in use.
    pub async fn fork(&self, viewer: &Viewer, leaf: AnswerId, new: ConversationId) -> Result<(), ApiError> {
        let (this, viewer) = (self.clone(), *viewer);
        detached(async move {
            if !this.services.store.fork(&viewer, leaf, new, clock::now_ms()).await? {
                return Err(ApiError::not_found("This answer is not here, or is still being written."));
            }
            this.services.revision.bump(viewer.user);
            Ok(())
        })
        .await
    }

    /// # Errors
    /// The store cannot be read.
    pub async fn spending_of(&self, viewer: &Viewer, id: ConversationId) -> Result<Spending, ApiError> {
        Ok(self.services.store.spending_of(viewer, id).await?)
    }

    /// # Errors
    /// The store cannot be read.
    pub async fn daily_spending(&self, viewer: &Viewer) -> Result<Vec<DailySpending>, ApiError> {
        Ok(self.services.store.daily_spending(viewer, LISTED_DAYS).await?)
    }
}

/// An older conversation, which somebody is looking at.
fn summary(conversation: &Conversation) -> ConversationSummary {
    ConversationSummary {
        id: conversation.id,
        title: conversation.title.clone(),
        updated_ms: conversation.updated_ms,
        version: conversation.version,
        is_pinned: conversation.is_pinned,
        is_archived: conversation.is_archived,
        is_unread: false,
        is_running: conversation.answers.iter().any(|answer| answer.end().is_none()),
    }
}

fn missing() -> ApiError {
    ApiError::not_found("This conversation is not here. It may have been deleted.")
}
