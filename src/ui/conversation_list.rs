//! The list of chats as the sidebar shows it, kept up to date while somebody looks.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::address::Place;
use super::browser::{self, Focus};
use super::chats::Chats;
use super::remote::Remote;
use crate::api::ApiError;
use crate::api::conversations::{change_conversation, list_conversations, search_conversations};
use crate::chat::ConversationId;
use crate::conversation_list::{ConversationChange, ConversationSummary, Listing, SearchHit};

/// How often a page that is looked at asks for news. A stream of news would take one of the six connections that
/// a browser has for a server.
const POLL_EVERY: Duration = Duration::from_secs(2);
/// So long nobody types before it is searched.
const SEARCH_AFTER: Duration = Duration::from_millis(150);
/// How many more chats "Older chats" lists.
const MORE: u32 = 200;

/// What the sidebar shows.
#[derive(Clone, Debug, Default)]
pub struct Sidebar {
    pub listing: Listing,
    /// The chats asked for; 0 for the usual number.
    pub limit: u32,
    /// The chat whose actions are shown.
    pub menu: Option<ConversationId>,
    /// What is typed as that chat's new title, while it is being given one.
    pub new_title: Option<String>,
    pub query: String,
    /// What was found, while something is searched for.
    pub found: Remote<Vec<SearchHit>>,
    /// The chat that was deleted last, as long as that can be undone.
    pub deleted: Option<(ConversationId, String)>,
    pub shows_archived: bool,
    /// On a phone: whether the drawer is open.
    pub is_open: bool,
    /// It stays open at the next change of the address.
    pub stays_open: bool,
    /// Why the last change was not made, if it was not.
    pub unchanged: Option<String>,
    /// Why the list could not be loaded when it was last asked for, if it could not.
    pub unlisted: Option<ApiError>,
    /// Now, in milliseconds since 1970 in the reader's own time zone.
    pub now_ms: u64,
    /// What is added to a time to get it in that time zone.
    pub offset_ms: i64,
}

impl Sidebar {
    /// The list has news. A chat that it has no longer has no menu either.
    fn take_over(&mut self, listing: Listing) {
        self.listing = listing;
        let is_listed = |id| self.listing.conversations.iter().any(|known| known.id == id);
        if !self.menu.is_some_and(is_listed) {
            (self.menu, self.new_title) = (None, None);
        }
    }
}

impl Chats {
    /// Keeps the list, and the chat that is shown, up to date.
    pub fn keep_current(self) {
        Effect::new(move || {
            let (now_ms, offset_ms) = browser::local_time();
            self.sidebar.update(|sidebar| (sidebar.now_ms, sidebar.offset_ms) = (now_ms, offset_ms));
            spawn_local(async move {
                loop {
                    browser::sleep_or_wake(POLL_EVERY).await;
                    browser::until_hidden(false).await;
                    if self.poll().await {
                        self.catch_up();
                    }
                }
            });
        });
    }

    /// Asks for news now. False if there is no answer; then the list says so.
    pub async fn poll(self) -> bool {
        let (revision, limit) =
            self.sidebar.with_untracked(|sidebar| (sidebar.listing.revision, sidebar.limit));
        let open = self.open_chat();
        let news = list_conversations(revision, limit, open).await;
        let unlisted = news.as_ref().err();
        let is_listed = unlisted.is_none();
        if self.sidebar.with_untracked(|sidebar| sidebar.unlisted.as_ref() != unlisted) {
            self.sidebar.update(|sidebar| sidebar.unlisted = unlisted.cloned());
        }
        if let Ok(Some(listing)) = news {
            if self.sidebar.with_untracked(|sidebar| sidebar.listing.site != listing.site) {
                self.address.outdate(self);
            }
            self.follow(&listing, open);
            self.redraw(|sidebar| sidebar.take_over(listing));
        }
        is_listed
    }

    /// Asks for news, and does not wait for them.
    pub fn poll_soon(self) {
        spawn_local(async move {
            self.poll().await;
        });
    }

    /// Makes up for what failed while the server could not be reached: there may be no other news to begin it again.
    fn catch_up(self) {
        let Some(id) = self.open_chat().filter(|id| !untrack(|| self.is_not_found(*id))) else { return };
        let Some(chat) = untrack(|| self.find(id)) else {
            self.fetch(id);
            return;
        };
        if self.summary(id).is_some_and(|known| known.version != chat.version.get_value()) {
            self.fetch(id);
        }
        if let Some(live) = untrack(|| chat.running_answer()) {
            live.follow(id, self);
        }
    }

    /// The chat that the address names.
    fn open_chat(self) -> Option<ConversationId> {
        match untrack(|| self.address.place(self)) {
            Place::Chat(id) => Some(id),
            _ => None,
        }
    }

    /// The chat that is shown now follows the list as it is known.
    pub fn follow_list(self) {
        let listing = self.sidebar.with_untracked(|sidebar| sidebar.listing.clone());
        self.follow(&listing, None);
    }

    /// The chat that is shown follows what the list says of it. If the list was `asked` for it and does not have it,
    /// it was deleted.
    fn follow(self, listing: &Listing, asked: Option<ConversationId>) {
        let Some(id) = self.open_chat() else { return };
        let listed = listing.conversations.iter().find(|known| known.id == id);
        if listed.is_some_and(|known| known.is_unread) && !browser::is_hidden() {
            self.change(id, ConversationChange::Read);
        }
        let Some(chat) = untrack(|| self.find(id)) else { return };
        match listed {
            Some(known) => {
                let was_absent = untrack(|| self.is_not_found(id));
                if was_absent {
                    self.mark_not_found(None);
                }
                if was_absent || known.version != chat.version.get_value() {
                    self.fetch(id);
                }
            }
            None if asked == Some(id) && chat.version.get_value() > 0 => self.mark_not_found(Some(id)),
            None => {}
        }
    }

    /// Changes a chat and shows the change, or why it was not made.
    pub fn change(self, id: ConversationId, change: ConversationChange) {
        // Nobody asked for this one: it is tried again with the next news.
        let is_asked_for = change != ConversationChange::Read;
        spawn_local(async move {
            let unchanged = change_conversation(id, change).await.err().map(|error| error.message);
            if is_asked_for && self.sidebar.with_untracked(|sidebar| sidebar.unchanged != unchanged) {
                self.redraw(|sidebar| sidebar.unchanged = unchanged);
            }
            self.poll().await;
        });
    }

    /// Deletes a chat; that can be undone.
    pub fn delete(self, id: ConversationId) {
        let title = self.summary(id).map(|known| known.title).unwrap_or_default();
        self.redraw(|sidebar| {
            sidebar.listing.conversations.retain(|known| known.id != id);
            sidebar.deleted = Some((id, title));
        });
        let is_shown = untrack(|| self.address.place(self)).key() == id.0;
        if is_shown {
            // Undo stands in it.
            self.sidebar.update(|sidebar| sidebar.stays_open = true);
            self.address.go("/");
        }
        self.change(id, ConversationChange::Deleted(true));
    }

    /// Brings a deleted chat back.
    pub fn undo_delete(self, id: ConversationId) {
        self.redraw(|sidebar| sidebar.deleted = None);
        self.change(id, ConversationChange::Deleted(false));
    }

    /// Lists older chats too.
    pub fn list_more(self) {
        self.sidebar.update(|sidebar| {
            sidebar.limit = u32::try_from(sidebar.listing.conversations.len()).unwrap_or_default() + MORE;
            // Asked for with another number, so that there is an answer.
            sidebar.listing.revision = 0;
        });
        self.poll_soon();
    }

    /// Searches, once nobody types any more.
    pub fn search(self, query: String) {
        self.sidebar.update(|sidebar| {
            sidebar.query.clone_from(&query);
            if query.trim().is_empty() {
                sidebar.found = Remote::NotAsked;
            }
        });
        spawn_local(async move {
            browser::sleep(SEARCH_AFTER).await;
            let is_current = move |query: &str| self.sidebar.with_untracked(|sidebar| sidebar.query == query);
            if query.trim().is_empty() || !is_current(&query) {
                return;
            }
            self.sidebar.update_untracked(|sidebar| sidebar.found.begin());
            let found = search_conversations(query.clone()).await;
            if is_current(&query) {
                self.redraw(|sidebar| sidebar.found = found.into());
            }
        });
    }

    pub fn summary(self, id: ConversationId) -> Option<ConversationSummary> {
        self.sidebar.with_untracked(|sidebar| {
            sidebar.listing.conversations.iter().find(|known| known.id == id).cloned()
        })
    }

    /// Changes what is shown; what had the focus keeps it if it is still there. The browser takes the focus from a row
    /// that is moved.
    pub fn redraw(self, change: impl FnOnce(&mut Sidebar)) {
        let focus = Focus::now();
        self.sidebar.update(change);
        if let Some(focus) = focus {
            // By then a person may have gone elsewhere.
            browser::before_next_frame(move || focus.restore_if_lost());
        }
    }
}
