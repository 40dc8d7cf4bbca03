//! What is set for a chat's next question. A chat keeps its own settings, at the server; until a question was asked or
//! something was changed in it, those for new chats hold.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::browser;
use super::chats::{Chat, Chats};
use crate::api::ApiErrorKind;
use crate::api::conversations::change_conversation;
use crate::conversation_list::ConversationChange;
use crate::models::ModelRule;
use crate::settings::{Settings, TypedSettings};

/// The settings for new chats, in this browser.
const DEFAULTS_KEY: &str = "runnel-settings";
/// Those of the chat that has not begun, in this tab.
const NEW_CHAT_KEY: &str = "runnel-new-chat-settings";
/// So long nobody types before a change goes to the server.
const SEND_AFTER: Duration = Duration::from_millis(600);

/// The settings that a chat has of its own; none at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChatSettings {
    /// `None` while those for new chats hold.
    own: RwSignal<Option<TypedSettings>>,
    /// How many changes were made here, and how many of them the server has heard of or need not hear of.
    changes: StoredValue<(usize, usize)>,
}

impl ChatSettings {
    /// How many changes were made here.
    pub fn count_changes(self) -> usize {
        self.changes.get_value().0
    }

    /// True while the server has not heard of a change that was made here.
    pub fn are_unsent(self) -> bool {
        let (made, heard) = self.changes.get_value();
        made != heard
    }

    /// Takes over what the server has, which it was asked for after `changes` changes, unless something newer was
    /// typed here.
    pub fn merge(self, kept: Option<&TypedSettings>, changes: usize) {
        let is_settled = self.changes.get_value() == (changes, changes);
        if is_settled && self.own.with_untracked(|own| own.as_ref() != kept) {
            self.own.set(kept.cloned());
        }
    }
}

impl Chats {
    /// Reads what this browser keeps, and from then on keeps what is set for the chat that has not begun. After
    /// hydration, so that the first render equals the server's.
    pub(super) fn keep_settings(self) {
        let read = |json: Option<String>| serde_json::from_slice(json?.as_bytes()).ok();
        Effect::new(move || {
            if let Some(settings) = read(browser::stored(DEFAULTS_KEY)) {
                self.defaults.set(Some(settings));
            }
            let new_chat = untrack(|| self.find(self.new_chat()));
            if let (Some(chat), Some(settings)) = (new_chat, read(browser::stored_in_tab(NEW_CHAT_KEY))) {
                chat.settings.own.set(Some(settings));
            }
        });
        Effect::new(move || {
            let own = self.find(self.new_chat()).and_then(|chat| chat.settings.own.get());
            browser::store_in_tab(NEW_CHAT_KEY, &own.map(|settings| json(&settings)).unwrap_or_default());
        });
    }

    /// What is set for the next question of `chat`, or for new chats.
    pub fn settings_of(self, chat: Option<Chat>) -> TypedSettings {
        chat.and_then(|chat| chat.settings.own.get()).or_else(|| self.defaults.get()).unwrap_or_default()
    }

    /// What is set for the next question; if that cannot be used, the composer says so.
    pub fn usable_settings(self, chat: Chat, rule: ModelRule) -> Option<Settings> {
        let settings = untrack(|| self.settings_of(Some(chat))).read(rule).ok();
        if settings.is_none() {
            chat.refusal.set(
                "Something in the chat settings cannot be used. Correct it there, then try again.".to_owned(),
            );
        }
        settings
    }

    /// Changes what is set for the next question of `chat`, or for new chats.
    pub fn change_settings(self, chat: Option<Chat>, change: impl FnOnce(&mut TypedSettings)) {
        let mut settings = untrack(|| self.settings_of(chat));
        change(&mut settings);
        if let Some(chat) = chat {
            chat.settings.own.set(Some(settings.clone()));
            chat.settings.changes.update_value(|(made, _)| *made += 1);
            spawn_local(self.send_settings(chat, settings));
        } else {
            browser::store(DEFAULTS_KEY, &json(&settings));
            self.defaults.set(Some(settings));
        }
    }

    /// A question was asked with them: from now on they are the chat's own.
    pub(super) fn settle_settings(self, chat: Chat) {
        if chat.settings.own.with_untracked(Option::is_none) {
            chat.settings.own.set(Some(self.defaults.get_untracked().unwrap_or_default()));
        }
    }

    /// Tells the server, once nobody types any more and as soon as it can be reached.
    async fn send_settings(self, chat: Chat, settings: TypedSettings) {
        let ChatSettings { own, changes } = chat.settings;
        loop {
            browser::sleep(SEND_AFTER).await;
            let is_current = own.try_with_untracked(|now| now.as_ref() == Some(&settings)) == Some(true);
            let is_on_its_way = chat.version.get_value() == 0 && !untrack(|| chat.is_empty());
            if !is_current || !(is_on_its_way || self.is_at_server(chat)) {
                break;
            }
            if is_on_its_way {
                continue;
            }
            let change = ConversationChange::Settings(settings.clone());
            match change_conversation(chat.id, change).await {
                Err(error) if error.kind == ApiErrorKind::Network => {}
                Err(error) => {
                    chat.refusal.set(error.message);
                    break;
                }
                Ok(()) => break,
            }
        }
        changes.update_value(|(_, settled)| *settled += 1);
    }
}

fn json(settings: &TypedSettings) -> String {
    // Types like these always serialize.
    serde_json::to_string(settings).unwrap_or_default()
}
