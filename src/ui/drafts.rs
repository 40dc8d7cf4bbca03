//! Where this browser keeps what was typed and not sent.
//!
//! A chat that has begun has a key of its own. The new chat at `/` is another one in each tab, so its key holds the
//! tab's name. A tab keeps its name over a reload (`sessionStorage`), and so does a copy of it at first: tabs ask each
//! other for their names, and the younger of two with one name takes a new one, whenever it hears of the other. What is
//! kept under a name that nobody answers to was left by a tab that was closed or broke down; the next new chat that is
//! empty takes it over, and gives it back if its tab was only late to answer.

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
/// So long a tab waits for the names of the others before it takes over what none of them seems to own. A tab that is
/// busy or frozen answers later, and is given back what was taken.
const PATIENCE: Duration = Duration::from_millis(250);

/// So long the next page may take to come.
const LONGEST_LEAVING: Duration = Duration::from_secs(10);

/// What this tab knows of the others.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tabs {
    channel: browser::Local<Option<web_sys::BroadcastChannel>>,
    /// When the page was made (a UUID of version 7 as text): which of two tabs with one name is the older.
    page: StoredValue<String>,
    /// The names of other tabs that were heard.
    heard: StoredValue<Vec<String>>,
    /// The draft that was taken over from another tab, and that tab's key for it.
    taken: StoredValue<Option<Taken>>,
    /// Whether this page is being left: the next one may have been written already.
    is_leaving: StoredValue<bool>,
}

#[derive(Clone, Debug)]
struct Taken {
    key: String,
    draft: String,
}

impl Chats {
    /// The key of a chat's draft. A chat that has not begun has no address to come back to: its draft is the new
    /// chat's.
    pub fn draft_key(chat: Chat) -> String {
        let has_begun = !untrack(|| chat.is_empty());
        if has_begun { format!("{DRAFT}{}", chat.id) } else { format!("{NEW_CHATS_DRAFT}{}", own_name()) }
    }

    /// Tells other tabs that this one is there, as long as it is. What this one kept of the new chat is here by then:
    /// it is kept again with each answer, also by a page that shows another chat.
    pub fn answer_roll_calls(self) {
        if let Some(chat) = untrack(|| self.find(self.new_chat()))
            && let Some(kept) = browser::stored(&Self::draft_key(chat))
            && chat.draft.with_untracked(String::is_empty)
        {
            chat.draft.set(kept);
        }
        let Ok(channel) = web_sys::BroadcastChannel::new(CHANNEL) else { return };
        self.tabs.page.set_value(Uuid::now_v7().to_string());
        let hear = Closure::<dyn Fn(_)>::new(move |event: web_sys::MessageEvent| {
            match event.data().as_string().as_deref() {
                Some(ROLL_CALL) => {
                    // A copy of this tab may have written under its name before it had another.
                    self.keep_new_chats_draft();
                    self.tabs.answer();
                }
                Some(answer) => self.hear(answer),
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

    /// Asks the other tabs for their names, and takes over what a tab left that is gone, if the new chat is empty.
    pub fn sort_out_drafts(self) {
        spawn_local(async move {
            if !self.tabs.call_roll().await {
                return;
            }
            let Some(chat) = untrack(|| self.find(self.new_chat())) else { return };
            if !chat.draft.with_untracked(String::is_empty) {
                return;
            }
            let Some(key) = browser::stored_keys().into_iter().find(|key| self.tabs.is_left(key)) else {
                return;
            };
            let draft = browser::stored(&key).unwrap_or_default();
            chat.draft.set(draft.clone());
            self.keep_new_chats_draft();
            browser::store(&key, "");
            self.tabs.taken.set_value(Some(Taken { key, draft }));
        });
    }

    /// Takes in what another tab answered to a roll call of any tab: its name, and when its page was made.
    fn hear(self, answer: &str) {
        let Some((name, page)) = answer.split_once(' ') else { return };
        if name == own_name() {
            let is_younger = self.tabs.page.with_value(|own| page < own.as_str());
            if is_younger {
                browser::store_in_tab(NAME, &Uuid::now_v7().to_string());
            }
            self.keep_new_chats_draft();
            // The younger has the older keep its own draft once more; the older has the younger take another name.
            if is_younger { self.tabs.say(ROLL_CALL) } else { self.tabs.answer() }
        }
        self.tabs.heard.update_value(|heard| heard.push(name.to_owned()));
        self.give_back(name);
    }

    /// The tab `name` is there after all, and has kept its draft again.
    fn give_back(self, name: &str) {
        let is_its = |taken: &Taken| taken.key.strip_prefix(NEW_CHATS_DRAFT) == Some(name);
        let Some(taken) = self.tabs.taken.get_value().filter(is_its) else { return };
        self.tabs.taken.set_value(None);
        let Some(chat) = untrack(|| self.find(self.new_chat())) else { return };
        // What was typed here since belongs to this tab.
        if chat.draft.get_untracked() == taken.draft {
            chat.draft.set(String::new());
            self.keep_new_chats_draft();
        }
    }

    fn keep_new_chats_draft(self) {
        if let Some(chat) = untrack(|| self.find(self.new_chat())) {
            browser::store(&Self::draft_key(chat), &chat.draft.get_untracked());
        }
    }
}

impl Tabs {
    /// Asks the other tabs for their names and waits a while; `false` if this browser has no way to ask them.
    async fn call_roll(self) -> bool {
        self.heard.set_value(Vec::new());
        self.say(ROLL_CALL);
        browser::sleep(PATIENCE).await;
        self.channel.update(|channel| channel.is_some()).unwrap_or_default()
    }

    fn answer(self) {
        self.say(&[own_name(), self.page.get_value()].join(" "));
    }

    /// Whether nobody answers to the name in this key of a new chat's draft.
    fn is_left(self, key: &str) -> bool {
        let is_known = |name: &str| {
            name == own_name() || self.heard.with_value(|heard| heard.iter().any(|it| it == name))
        };
        key == EARLIER_DRAFT || key.strip_prefix(NEW_CHATS_DRAFT).is_some_and(|name| !is_known(name))
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
