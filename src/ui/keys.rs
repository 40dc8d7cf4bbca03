//! What keys mean: those that submit a field, and those that work wherever the focus is.

use leptos::ev::KeyboardEvent;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::MESSAGE_ID;
use super::address::Place;
use super::browser;
use super::chats::Chats;
use super::composer::close_panel;
use super::live_answer::LiveAnswer;
use super::sidebar::{close_drawer, close_menu};

/// True if the key submits the field that it was pressed in: Enter without Shift, unless it chooses a word.
pub fn is_submit_key(event: &KeyboardEvent) -> bool {
    event.key() == "Enter" && !event.shift_key() && !is_composing(event)
}

/// The same for a field of several lines. Where the only keyboard is one on the screen, which has no Shift+Enter, Enter
/// breaks the line and the button submits.
pub fn submits_lines(event: &KeyboardEvent) -> bool {
    is_submit_key(event) && (browser::has_keyboard() || event.ctrl_key() || event.meta_key())
}

/// What the Enter key of a keyboard on the screen says in a field of several lines.
pub fn enter_hint() -> &'static str {
    if browser::has_keyboard() { "send" } else { "enter" }
}

/// Listens for what works everywhere. To be called once.
pub fn listen(chats: Chats) {
    Effect::new(move || {
        let _ = window_event_listener(leptos::ev::keydown, move |event| {
            // Where browsers fill in fields, they tell of keys that are none.
            let is_key = event.dyn_ref::<web_sys::KeyboardEvent>().is_some();
            if is_key && !event.default_prevented() && !is_composing(&event) {
                press(chats, &event);
            }
        });
        let _ = window_event_listener_untyped("pointerdown", move |event| {
            let is_open = chats.panel.get_untracked();
            if is_open && !browser::is_within(&event, "#chat-settings, .opens-panel") {
                chats.panel.set(false);
            }
        });
    });
}

/// While an input method composes, keys choose and correct words (key code 229 in Safari).
pub fn is_composing(event: &KeyboardEvent) -> bool {
    event.is_composing() || event.key_code() == 229
}

fn press(chats: Chats, event: &KeyboardEvent) {
    if event.key() == "Escape" {
        escape(chats);
    } else if writes_text(event) && !browser::is_in_field() {
        // The key itself goes to whatever has the focus after this.
        browser::focus_again(MESSAGE_ID);
    }
}

/// Closes the nearest thing that is open. If nothing is, the answer of the chat that is shown stops.
fn escape(chats: Chats) {
    let (has_menu, is_drawer_open) =
        chats.sidebar.with_untracked(|sidebar| (sidebar.menu.is_some(), sidebar.is_open));
    let is_searching =
        browser::focused_id().as_deref() == Some("search") && !browser::value_of("search").is_empty();
    if has_menu {
        close_menu(chats);
    } else if is_searching {
        browser::set_value("search", "");
        chats.search(String::new());
    } else if is_drawer_open {
        close_drawer(chats);
    } else if chats.panel.get_untracked() {
        close_panel(chats);
    } else if let Some(live) = running_answer(chats) {
        live.stop();
    }
}

fn running_answer(chats: Chats) -> Option<LiveAnswer> {
    untrack(|| match chats.address.place(chats) {
        Place::Chat(id) => chats.find(id)?.running_answer(),
        _ => None,
    })
}

/// True for a key that would write or paste something. The space bar presses buttons and scrolls.
fn writes_text(event: &KeyboardEvent) -> bool {
    let key = event.key();
    let with_control = event.ctrl_key() || event.meta_key();
    let is_character = key.chars().count() == 1 && key != " ";
    !event.alt_key() && if with_control { key == "v" } else { is_character }
}
