//! Runnel: a self-hosted chat whose answers stream. This page is the map of its source; `docs/decisions/` has the
//! reasons, what was measured, and what else was considered.
//!
//! # Three builds of one crate
//!
//! - `ssr`: the server and the library around it. It holds the API key, keeps the chats and asks the upstream.
//! - `hydrate`: the page that the browser runs ([`ui`]), with two parts loaded when they are needed ([`ui::parts`]).
//! - `renderer`: a module beside the page that reads and writes Markdown in the browser (`renderer`, `markdown`).
//!
//! The gates between them stand in this file; elsewhere only `#[server]` hides server code.
//!
//! # One answer, from the key press to the end
//!
//! 1. [`ui::composer`] hands the question to [`ui::chats`], which makes the ids and asks
//!    [`api::answers::send_message`]. The same ids sent again join the running answer.
//! 2. `server::answers` notes question and answer in the `server::store`, durably, and spawns one task, which outlives
//!    the request: closing the tab is not Stop.
//! 3. The task reads `server::openrouter`: request, retries, two timers, and a fold of whatever the provider sends into
//!    [`chat::AnswerEvent`]s. The last event is always `End`.
//! 4. Each event gets its number, is applied to the [`chat::Answer`], encoded once, and appended to the log in memory;
//!    within 50 ms it is on the disk too. Before the end is told, the store has the whole answer; if it has not, the
//!    end says so.
//! 5. A watcher is a position in that log: [`api::answers::send_message`] streams it from the start,
//!    [`api::answers::follow_answer`] from any number. No watcher slows another.
//! 6. [`ui::live_answer`] decodes the stream with [`sse`] and applies it once a frame with the same
//!    [`chat::Answer::apply`]. Cut off, it goes on from its last number.
//! 7. [`ui::growing_text`] hands what is new to the renderer ([`ui::renderer`]), which reads it (`markdown::Document`) and
//!    changes the page where the document has changed. Nothing on this path touches the whole answer.
//!
//! # Who knows what
//!
//! - [`chat`], [`tree`], [`conversation_list`], [`sse`], [`models`], [`settings`], [`error`], [`route`], `user`, [`html`],
//!   [`action`], [`safe_url`] and `markdown` are pure: no framework, no browser, no server. `src/tests/pure_modules.rs` reads from
//!   the source who may import whom.
//! - [`api`] is the boundary between browser and server. It reaches the server only through `server::request`.
//! - `server::App` puts the services together: `answers` and `conversations` on `server::services`, which has the client,
//!   the store, the catalogue and what else they share.
//! - `server::http` has every route, layer and bound of connections; `server::sandbox` the sandboxed documents;
//!   `server::assets` the site's files; `server::config` turns what was typed into what is valid.
//! - Whoever asks is a `user::Viewer`: services and store find and change what belongs to that user, and nothing else.
//! - `server::store` is traits whose methods are transactions that a person could name, and one implementation (SQLite
//!   and a log beside it). What is done later stands in it too; `server::jobs` does it. A conversation is a [`tree`] of questions and answers, with its [`settings::TypedSettings`].
//! - Only `server::openrouter` reads the provider's JSON (`docs/wire.md`), and nothing of conversations. The key is
//!   taken out of whatever leaves it. `server::demo`, the emulator, is a real HTTP server that imports nothing of ours.
//! - [`error::AnswerError`] is what goes wrong with an answer, [`api::ApiError`] what goes wrong with a request.
//! - `server::telemetry` writes the log and `server::terminal` what people read, control characters marked.
//! - [`ui::browser::Local`] is the one place for values bound to a thread; a lint refuses the others.
//!
//! # Decisions (`docs/decisions/`)
//!
//! `0001-log-beside-the-database.md`, `0002-markdown-that-grows.md`, `0003-renderer-in-a-module-of-its-own.md`,
//! `0004-own-highlighter.md`, `0005-page-built-anew.md`, `0006-bound-on-the-first-load.md`,
//! `0007-parts-loaded-when-needed.md`, `0008-folder-named-by-content.md`, `0009-polling-for-changes.md`,
//! `0010-reads-are-post.md`, `0011-sandboxed-frames.md`, `0012-removed-for-good.md`, `0013-bounded-pages.md`,
//! `0014-nothing-bound-to-a-thread.md`, `0015-ordered-content.md`, `0016-several-answers-in-one-stream.md`,
//! `0017-everything-has-an-owner.md`, `0018-seams-of-the-store.md`, `0019-one-pulse-and-group-commit.md`.

// A page's view is one nested type; in a release build for the browser it is deeper than the default allows.
#![recursion_limit = "512"]

pub mod action;
#[cfg(feature = "page")]
pub mod api;
#[cfg(feature = "page")]
pub mod chat;
#[cfg(feature = "page")]
pub mod conversation_list;
#[cfg(feature = "page")]
pub mod error;
pub mod html;
// What an answer looks like before the browser has written anything: the server has Markdown for it, the page has not.
#[cfg(all(feature = "page", not(feature = "markdown")))]
#[path = "initial_html/browser.rs"]
mod initial_html;
#[cfg(all(feature = "page", feature = "markdown"))]
#[path = "initial_html/server.rs"]
mod initial_html;
#[cfg(feature = "markdown")]
pub mod markdown;
#[cfg(feature = "page")]
pub mod models;
#[cfg(feature = "renderer")]
pub mod renderer;
#[cfg(feature = "page")]
pub mod route;
pub mod safe_url;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "page")]
pub mod settings;
#[cfg(feature = "page")]
pub mod sse;
#[cfg(feature = "page")]
pub mod tree;
#[cfg(feature = "page")]
pub mod ui;
#[cfg(feature = "ssr")]
pub mod user;

/// Whether this code runs in a browser. Known when it is built: `leptos::prelude::is_browser` says yes on the server
/// too where no page is being rendered.
#[cfg(feature = "page")]
pub(crate) const IS_BROWSER: bool = cfg!(target_arch = "wasm32");

/// The browser's entry: makes the page that the server rendered come alive.
///
/// What the server rendered is taken away and built again within one task, so that no frame shows the page without
/// it. Adopting its elements one by one (Leptos calls that hydration) would need code for every kind of element, a
/// quarter of all there is.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let page = ui::browser::page_data();
    wasm_bindgen_futures::spawn_local(async move {
        // What the server rendered stands there until what shows it is here. Without it the page says so.
        let part = match ui::parts::Part::first_of(&page) {
            Some(part) if part.load_first().await => Some(part),
            _ => None,
        };
        // Reading a long chat and showing it are two tasks: a key pressed meanwhile is heard in between.
        leptos::prelude::set_timeout(move || show(page, part), std::time::Duration::ZERO);
    });
}

/// Shows the page, of which `part` was loaded already.
#[cfg(feature = "hydrate")]
fn show(page: api::page::PageData, part: Option<ui::parts::Part>) {
    use leptos::prelude::{StoredValue, provide_context};
    let early = ui::browser::take_page();
    leptos::mount::mount_to_body(move || {
        provide_context(page);
        if let Some(part) = part {
            provide_context(part);
        }
        provide_context(StoredValue::new(early));
        ui::Root()
    });
    ui::browser::set_document_data("alive", "true");
}
