//! The parts of the page that are loaded when they are needed: files of their own, split off the page's WebAssembly
//! module when the site is built (`cargo leptos build --split`).
//!
//! A part that is there is shown at once, in the same task. While one is on its way, the page says so in its place; if it
//! cannot be loaded, the page works on without it, says so, and tries again.

#![expect(
    clippy::unnecessary_wraps,
    reason = "a part whose loading can fail returns a `Result`, as its loading does"
)]

use futures::FutureExt;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use super::browser::{self, Backoff, LONGEST_PAUSE};
use super::chats::Chat;
use super::settings_page::{SettingsPage, SettingsPanel};
use super::transcript::Transcript;
use crate::api::page::PageData;
use crate::route::Route;

/// So often a part is tried again while the page waits for it and is not alive: for three and a half seconds.
const FIRST_TRIES: usize = 3;

/// One of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The settings' page, and a chat's settings.
    Settings,
    /// What was said in a chat.
    Transcript,
}

impl Part {
    /// The part that a page shows first, besides what every page has.
    #[must_use]
    pub fn first_of(page: &PageData) -> Option<Self> {
        match Route::parse(&page.path) {
            Route::Settings => Some(Self::Settings),
            Route::Chat(_) if page.conversation.is_some() => Some(Self::Transcript),
            Route::Chat(_) | Route::NewChat | Route::NotFound => None,
        }
    }

    /// What the part is called where it is split off.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Transcript => "transcript",
        }
    }

    /// Loads the part before the page comes alive: what the server rendered stands there until then. False if it cannot
    /// be loaded for some seconds.
    pub async fn load_first(self) -> bool {
        let mut backoff = Backoff::up_to(LONGEST_PAUSE);
        for _ in 0..FIRST_TRIES {
            if self.load().await {
                return true;
            }
            backoff.wait().await;
        }
        self.load().await
    }

    /// Loads the part, if it is not here. True once it is; false if that failed: then it may be tried again.
    async fn load(self) -> bool {
        let loaded = match self {
            Self::Settings => load_settings().await,
            Self::Transcript => load_transcript().await,
        };
        loaded.is_ok()
    }
}

/// Whether a part is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotAsked,
    Loading,
    Here,
    Failed,
}

/// The parts, as the page knows them.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    settings: RwSignal<State>,
    transcript: RwSignal<State>,
}

impl Parts {
    /// On the server all are here; in the browser the one that was loaded before the page came alive.
    pub fn new(loaded: Option<Part>) -> Self {
        let state = |part| {
            let is_here = !crate::IS_BROWSER || loaded == Some(part);
            if is_here { State::Here } else { State::NotAsked }
        };
        Self {
            settings: RwSignal::new(state(Part::Settings)),
            transcript: RwSignal::new(state(Part::Transcript)),
        }
    }

    fn state(self, part: Part) -> RwSignal<State> {
        match part {
            Part::Settings => self.settings,
            Part::Transcript => self.transcript,
        }
    }

    /// Has all of them loaded once the page has nothing else to do, since they are likely to be needed.
    pub fn prepare_when_idle(self) {
        Effect::new(move || {
            browser::when_idle(move || {
                self.prepare(Part::Transcript);
                self.prepare(Part::Settings);
            });
        });
    }

    /// Has a part loaded, since it will be needed. It is tried again until it is here.
    pub fn prepare(self, part: Part) {
        let state = self.state(part);
        if state.try_get_untracked() != Some(State::NotAsked) {
            return;
        }
        state.set(State::Loading);
        spawn_local(async move {
            let mut backoff = Backoff::up_to(LONGEST_PAUSE);
            while !part.load().await {
                state.set(State::Failed);
                backoff.wait().await;
            }
            state.set(State::Here);
        });
    }

    /// Whether a part can be shown.
    pub fn is_here(self, part: Part) -> bool {
        self.state(part).get_untracked() == State::Here
    }
}

/// Shows a part of the page, by the function that makes its view.
fn show<F>(parts: Parts, part: Part, view: impl Fn() -> F + Send + 'static) -> impl IntoView
where
    F: Future<Output = Result<AnyView, SplitLoaderError>>,
{
    let state = parts.state(part);
    parts.prepare(part);
    move || match state.get() {
        // Nothing is waited for, since it is here.
        State::Here => view().now_or_never().and_then(Result::ok),
        State::NotAsked | State::Loading => Some(view! { <p class="loading">"Loading…"</p> }.into_any()),
        State::Failed => {
            let words = "A part of this page could not be loaded. Check the connection. Trying again…";
            Some(view! { <p class="notice" role="alert">{words}</p> }.into_any())
        }
    }
}

/// The page of the settings.
#[component]
pub fn LazySettingsPage(parts: Parts) -> impl IntoView {
    show(parts, Part::Settings, || settings(None))
}

/// What is set for a chat, and what it has cost.
#[component]
pub fn LazySettingsPanel(parts: Parts, chat: Chat) -> impl IntoView {
    show(parts, Part::Settings, move || settings(Some(chat)))
}

/// What was said in a chat.
#[component]
pub fn LazyTranscript(parts: Parts, chat: Chat) -> impl IntoView {
    show(parts, Part::Transcript, move || transcript(chat))
}

// One function for each part: each has its own loader, which knows only what was loaded through it.

/// The settings of a chat, or the page of them.
#[wasm_split(settings, wasm_split_path = leptos::wasm_split, preload(load_settings), fallible)]
fn settings(chat: Option<Chat>) -> Result<AnyView, SplitLoaderError> {
    Ok(match chat {
        Some(chat) => view! { <SettingsPanel chat /> }.into_any(),
        None => view! { <SettingsPage /> }.into_any(),
    })
}

#[wasm_split(transcript, wasm_split_path = leptos::wasm_split, preload(load_transcript), fallible)]
fn transcript(chat: Chat) -> Result<AnyView, SplitLoaderError> {
    Ok(view! { <Transcript chat /> }.into_any())
}
