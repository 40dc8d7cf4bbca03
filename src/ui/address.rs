//! Where the page is: the address bar as a signal.
//!
//! Runnel has three addresses. The library for routes costs some forty kilobytes compressed, a sixth of what
//! the whole first load may weigh; following links and the history takes these few lines.

use leptos::ev;
use leptos::prelude::*;
use uuid::Uuid;
use wasm_bindgen::{JsCast, JsValue};

use super::chats::Chats;
use crate::chat::ConversationId;
use crate::route::Route;

/// The path in the address bar, with what stands behind `#`.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    path: RwSignal<String>,
    /// Once the server has another build of the page: what may still hold the page back.
    outdated: RwSignal<Option<Chats>>,
}

/// What an address shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Chat(ConversationId),
    Settings,
    Nowhere,
}

impl Place {
    /// Tells places apart.
    pub const fn key(self) -> Uuid {
        match self {
            Self::Chat(id) => id.0,
            Self::Settings => Uuid::max(),
            Self::Nowhere => Uuid::nil(),
        }
    }
}

impl Address {
    /// At `path`; in the browser, from then on wherever links and the history lead.
    pub fn new(path: String) -> Self {
        let address = Self { path: RwSignal::new(path), outdated: RwSignal::new(None) };
        Effect::new(move || address.listen());
        address
    }

    /// What the address shows. `/` is the chat that has not begun.
    pub fn place(self, chats: Chats) -> Place {
        match self.path.with(|path| Route::parse(path)) {
            Route::NewChat => Place::Chat(chats.new_chat()),
            Route::Chat(id) => Place::Chat(id),
            Route::Settings => Place::Settings,
            Route::NotFound => Place::Nowhere,
        }
    }

    /// The message that the address names.
    pub fn message(self) -> Option<Uuid> {
        self.path.with(|path| path.split_once('#')?.1.parse().ok())
    }

    /// The server has another build of the page: from now on links load it, unless `chats` hold what would be lost.
    pub fn outdate(self, chats: Chats) {
        self.outdated.set(Some(chats));
    }

    /// Where the page that the server has now is, if this one is out of date.
    pub fn newer_page(self) -> Option<String> {
        // With a fragment the browser would stay in this page.
        let path = || self.path.with(|path| path.split('#').next().unwrap_or_default().to_owned());
        self.outdated.get().map(|_| path())
    }

    /// Runs the caller again when the address changes.
    pub fn track(self) {
        self.path.track();
    }

    /// Goes to `path`; "back" returns.
    pub fn go(self, path: &str) {
        let history = window().history();
        // Refused only when a page goes on hundreds of times a minute; then the address stays behind.
        let _ = history.and_then(|history| history.push_state_with_url(&JsValue::NULL, "", Some(path)));
        self.path.set(path.to_owned());
    }

    /// Goes to `path` in place of where the page is; "back" leads to what was before.
    pub fn replace(self, path: &str) {
        let history = window().history();
        // Refused only as in [`Self::go`].
        let _ = history.and_then(|history| history.replace_state_with_url(&JsValue::NULL, "", Some(path)));
        self.path.set(path.to_owned());
    }

    fn listen(self) {
        self.read();
        let _ = window_event_listener(ev::popstate, move |_| self.read());
        let _ = window_event_listener(ev::click, move |event| {
            // An outdated page leaves its links to the browser, which loads the page that the server has now.
            let is_left = self.outdated.get_untracked().is_some_and(|chats| !chats.hold_what_is_here_alone());
            if let Some(path) = followed_path(&event).filter(|_| !is_left) {
                event.prevent_default();
                self.go(&path);
            }
        });
    }
}

impl Address {
    fn read(self) {
        let location = window().location();
        let path = location.pathname().unwrap_or_default() + &location.hash().unwrap_or_default();
        if self.path.with_untracked(|known| *known != path) {
            self.path.set(path);
        }
    }
}

/// The path that a click leads to, if it is a plain click on a link within the site.
fn followed_path(event: &web_sys::MouseEvent) -> Option<String> {
    let modified = event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key();
    if modified || event.button() != 0 || event.default_prevented() {
        return None;
    }
    let target = event.target()?.dyn_into::<web_sys::Element>().ok()?;
    let link = target.closest("a[href]").ok()??;
    let path = link.get_attribute("href")?;
    let within_site = path.starts_with('/') && !path.starts_with("//") && !link.has_attribute("target");
    within_site.then_some(path)
}
