//! Where this browser keeps what was typed and not sent.
//!
//! A chat that has begun has a key of its own. The new chat at `/` is another one in each tab, so its key holds the
//! tab's name. A tab keeps its name over a reload (`sessionStorage`), and so does a copy of it at first: tabs ask each
//! other for their names, and the copy takes a new one. What is kept under a name that nobody answers to was left by a
//! tab that was closed or broke down; the next new chat that is empty takes it over.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use uuid::Uuid;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::browser;
use super::chats::{Chat, Chats};

const DRAFT: &str = "runnel-draft-";
const NEW_CHATS_DRAFT: &str = "runnel-draft-new-";
/// Where the new chat's draft was before each tab had its own.
const EARLIER_DRAFT: &str = "runnel-draft";
const NAME: &str = "runnel-tab";
const CHANNEL: &str = "runnel-tabs";
/// Asks every other tab for its name.
const ROLL_CALL: &str = "?";
/// So long a tab waits for the names of the others. Each needs one task for it.
const PATIENCE: Duration = Duration::from_millis(250);

/// So long the next page may take to come.
const LONGEST_LEAVING: Duration = Duration::from_secs(10);

/// What this tab knows of the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tabs {
    channel: browser::Local<Option<web_sys::BroadcastChannel>>,
    /// The names that were heard since the last roll call.
    heard: StoredValue<Vec<String>>,
    /// Whether this page is being left: the next one may have been written already.
    is_leaving: StoredValue<bool>,
}

impl Chats {
    /// The key of a chat's draft. A chat that has not begun has no address to come back to: its draft is the new
    /// chat's.
    pub fn draft_key(chat: Chat) -> String {
        let has_begun = !untrack(|| chat.is_empty());
        if has_begun { format!("{DRAFT}{}", chat.id) } else { format!("{NEW_CHATS_DRAFT}{}", own_name()) }
    }

    /// Tells other tabs that this one is there, as long as it is.
    pub fn answer_roll_calls(self) {
        let Ok(channel) = web_sys::BroadcastChannel::new(CHANNEL) else { return };
        let hear = Closure::<dyn Fn(_)>::new(move |event: web_sys::MessageEvent| {
            match event.data().as_string() {
                Some(name) if name != ROLL_CALL => self.tabs.heard.update_value(|heard| heard.push(name)),
                Some(_) => {
                    // A copy of this tab may have written under its name before it had another.
                    self.keep_new_chats_draft();
                    self.tabs.say(&own_name());
                }
                None => {}
            }
        });
        channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        // For as long as the page is there.
        hear.forget();
        self.tabs.channel.update(|known| *known = Some(channel));
    }

    /// Notes when the page is being left. A link to a file is followed in the same way, and the page stays.
    pub fn notice_leaving(self) {
        let leaving = self.tabs.is_leaving;
        let _ = window_event_listener_untyped("beforeunload", move |_| {
            leaving.set_value(true);
            set_timeout(move || leaving.set_value(false), LONGEST_LEAVING);
        });
    }

    /// Drops this browser's copy of a draft that the server keeps now. A page that is being left keeps it: the next one
    /// may have been written before the server had the draft.
    pub fn drop_kept_draft(self, chat: Chat) {
        if !self.tabs.is_leaving.get_value() {
            browser::store(&Self::draft_key(chat), "");
        }
    }

    /// Makes sure that this tab's name is its own, and takes over what a tab left that is gone, if the new chat is
    /// empty.
    pub fn sort_out_drafts(self) {
        spawn_local(async move {
            let Some(heard) = self.tabs.call_roll().await else { return };
            if heard.contains(&own_name()) {
                browser::store_in_tab(NAME, &Uuid::now_v7().to_string());
                self.keep_new_chats_draft();
                // The other keeps its own draft once more.
                self.tabs.say(ROLL_CALL);
            }
            let left = browser::stored_keys().into_iter().find(|key| {
                let name = key.strip_prefix(NEW_CHATS_DRAFT);
                key == EARLIER_DRAFT
                    || name.is_some_and(|name| name != own_name() && heard.iter().all(|heard| heard != name))
            });
            let Some(chat) = untrack(|| self.find(self.new_chat())) else { return };
            if let Some(left) = left.filter(|_| chat.draft.with_untracked(String::is_empty)) {
                chat.draft.set(browser::stored(&left).unwrap_or_default());
                self.keep_new_chats_draft();
                browser::store(&left, "");
            }
        });
    }

    fn keep_new_chats_draft(self) {
        if let Some(chat) = untrack(|| self.find(self.new_chat())) {
            browser::store(&Self::draft_key(chat), &chat.draft.get_untracked());
        }
    }
}

impl Tabs {
    /// The names of the other tabs; `None` if this browser has no way to ask them.
    async fn call_roll(self) -> Option<Vec<String>> {
        self.heard.set_value(Vec::new());
        self.say(ROLL_CALL);
        browser::sleep(PATIENCE).await;
        self.channel.update(|channel| channel.is_some())?.then(|| self.heard.get_value())
    }

    fn say(self, words: &str) {
        self.channel.update(|channel| {
            if let Some(channel) = channel {
                // Refused once it is closed, which it never is here.
                let _ = channel.post_message(&words.into());
            }
        });
    }
}

/// This tab's name.
fn own_name() -> String {
    browser::stored_in_tab(NAME).unwrap_or_else(|| {
        let name = Uuid::now_v7().to_string();
        browser::store_in_tab(NAME, &name);
        name
    })
}
