//! Runnel: a self-hosted chat whose answers stream. This page is its architecture.
//!
//! One crate, three builds: with the feature `ssr` it is the server and the library around it, with `hydrate` it
//! is the page that the browser runs, and with `reader` the module beside it that writes Markdown. The server holds the API key and proxies the upstream's event stream; the browser
//! reads its response with an incremental decoder and lets the message grow in place.
//!
//! # One answer, from the key press to the end
//!
//! 1. [`ui::composer`] hands the question to [`ui::chats`], which makes the ids and asks
//!    [`api::answers::send_message`]. The same ids sent again join the running answer.
//! 2. `server::answers` notes the question and a running answer in the `server::store`, durably, and spawns one
//!    task, which outlives the request: closing the tab is not Stop.
//! 3. The task reads `server::openrouter`: request, retries, two timers, and a fold of whatever the provider
//!    sends into [`chat::AnswerEvent`]s. The last event is always `End`.
//! 4. Each event gets its number, is applied to the [`chat::Answer`], encoded once and appended to the log in
//!    memory; within 50 ms it is in the log on the disk too. The whole answer is in the store before its end is told,
//!    or the end says that it is not: a full disk is tried again until it takes the answer.
//! 5. The response of `send_message` is that log from the start, `follow_answer` is it from any number: a
//!    watcher is a position in the log, woken when there is more. Many watchers, slow ones and late ones are the
//!    same case, and none slows another.
//! 6. [`ui::live_answer`] decodes the response with [`sse`], collects what arrives and applies it once a frame
//!    with the same [`chat::Answer::apply`]. It belongs to the page's state, not to a component: a message may
//!    be unmounted and mounted, and there is still one connection. Cut off, it goes on from its last number.
//!    If the answer has ended in another life of the server meanwhile, its conversation is loaded instead.
//! 7. [`ui::growing_text`] hands what is new to the reader (`reader`, [`ui::reading`]), which spreads it over the next
//!    frames, has `markdown::Document` read it, and makes in the page the changes that the document tells. Nothing on
//!    this path touches the whole answer.
//!
//! # Markdown
//!
//! `markdown` is pure and the same on both sides: the server writes the first look of an answer with it, the browser
//! the rest. A `Document` commits what no later text can change; the tail alone is read again, completed to what it
//! will likely become. It is a tree of meanings (`markdown::node`), and each node of it is one node of the page
//! (`markdown::page`), so that a change in the tree is a change at the same place in the page (`reader::dom`). Raw HTML
//! is text, addresses are judged where they are written (`markdown::links`). What stands after a seam is a document of
//! its own, which goes on in the code or the table that broke off (`markdown::continuation`).
//!
//! What a frame costs grows with what the page holds, not with what is new. Measured with Chromium for 100 KB of text
//! (main thread, one run each, and runs differ by up to a quarter): 9.0 s at first; 5.7 s with text written at most 40
//! times a second and the figures beneath it 4 times (`reader`); then, traced, 0.9 s became 0.1 s with each block a layer
//! of its own, so that the others are not looked at, and 1.5 s of painting 0.8 s with fewer layers within them: icons
//! that are not seen, short formulas and a table's cells are none (`style/markdown.css`).
//!
//! What was measured for it, compressed: the reader is 192 KB: the parser 60, formulas 57 (math-core, the one of three
//! libraries that reads most of what models write), highlighting 18, the rest our own. None of it is in the first load:
//! the page asks for it when one begins to write, or when it shows an answer. Highlighting is ours since it goes line by
//! line and can be resumed (`markdown::highlight`): a fence costs what is new in it, and the server colours the same.
//! Syntect would be 600 KB and the server's alone, highlight.js 39 KB and the browser's alone, and both read a block
//! anew for every piece.
//!
//! Conformance is checked in pieces and whole: `src/tests/markdown_suites`, and `fuzz/` for what nobody thinks of.
//!
//! # What is kept
//!
//! `server::store` is a trait whose methods are transactions that a person could name, and an SQLite file. What is
//! being written goes to a log of our own beside it (`server::store::log`): the database would write whole pages for
//! ten bytes. An answer goes from there into the database once, when it ends. `make bench` prints what that costs:
//! for an answer of 100 KB, 1.1 bytes for each of its own to the log and 1.7 to 2.0 to the database's write-ahead log,
//! which a checkpoint copies once more; writing the whole message with each batch costs 250. Pages are of 1 KiB for
//! that reason.
//!
//! What is deleted can be brought back for an hour. Then it is removed for good: SQLite overwrites it, the search index
//! gives its words up at once, and both logs are left behind (`server::store`'s `erase` says how). A search has a
//! connection of its own and five seconds. One Runnel at a time writes to a file, whatever the file's name (`lock`).
//!
//! A conversation is a [`tree`] of questions and answers; the branch that is shown is named by its last answer. Asking
//! again, or differently, adds to the tree. Going on with a broken-off answer is a new answer that begins with the
//! old one's text and a seam.
//!
//! What is set for a conversation's next question is kept with it, as typed ([`settings::TypedSettings`]).
//!
//! After a crash, answers that were being written are ended as interrupted with what the log holds (`make soak` kills
//! the program hundreds of times: 46 ms of text at most were lost). A stream that broke off has no bill:
//! `server::bills` asks the upstream for it, also after a restart.
//!
//! Pages learn of each other's changes by asking every two seconds whether there are any ([`ui::conversation_list`]): a stream
//! of changes would take one of the six connections that a browser has for a server (HTTP/1.1).
//!
//! # Principles
//!
//! - **One gate, at the root.** `server` and `hydrate` are behind features here; elsewhere only `#[server]`
//!   hides server code.
//! - **One vocabulary.** [`chat::AnswerEvent`] is what the client yields, what the log keeps, what is sent and
//!   what the page applies. One decoder reads the upstream and our own server.
//! - **The seam is the network.** The emulator (`server::demo`) is a real HTTP server that shares no types with
//!   the client; every test runs the real client against it.
//! - **Cost grows with what is new.** A piece of text is decoded, numbered, encoded and rendered once.
//!
//! # Who knows what
//!
//! - [`chat`], [`tree`], [`conversation_list`], [`sse`], [`models`], [`settings`], [`problem`], [`html`] and `markdown` are pure: no framework, no
//!   browser, no server.
//! - Only `server::openrouter` knows the provider's JSON. It knows nothing of conversations.
//! - `server::demo` imports nothing of ours.
//! - [`api`] is the boundary between browser and server; its bodies are thin and reach the server only through
//!   `server::request`.
//! - Errors: [`problem::Problem`] is what goes wrong with an answer, [`api::ApiError`] what goes wrong with a
//!   request. Both are sentences with something to do. The key is taken out of whatever leaves `server::openrouter`.
//! - What comes from elsewhere is not obeyed: `server::telemetry` writes one line for each event of the log, and
//!   `server::terminal` what is said to people, both with marks in place of control characters.
//!
//! # The server
//!
//! `server::App` is the composition root: the chat service (`answers`), the conversations, the bills, the titles, the
//! list of models (`catalogue`), the watch over whether the upstream can be asked (`upstream`) and, in demo mode, the emulator. `server::http` has every route and layer, and what bounds
//! connections and bodies; `server::config` turns what was typed into what is valid, `server::assets` holds the site's files.
//!
//! Reads of chats are `POST` with JSON, as changes are: another site can make a browser send a `GET`, and the time that it
//! takes would tell which words are in the chats. A page is rendered by several threads, so that nothing bound to a thread
//! may be made on the server: [`ui::browser::Local`] is the one place for such values, and a lint refuses the others.
//!
//! # What the browser loads
//!
//! The first load has a bound of 245 KB compressed; an empty page has 230 KB. `site/budget.json` has a bound for each
//! file, and the build prints what they weigh. Measured while building it: views with erased types
//! (`--cfg erase_components`) took off 41 KB, an own table of three addresses in place of the router library, and
//! page data in place of resources, 47 KB, events tagged by their one key and read by one JSON reader 42 KB, building
//! the page anew in place of adopting the server's elements 19 KB (see [`ui`]), lists as text ([`html`]) and fewer
//! kinds of signals 14 KB. So views are plain where they can be, dynamic texts are `Option<String>`, and numbers are
//! formatted as whole ones.
//!
//! Settings and transcript are parts ([`ui::parts`]): functions that cargo-leptos splits off the page's module, 21 and
//! 45 KB, and loads when they are needed. They took 40 KB off the first load. A page that shows one from the start names
//! its files in its head, so that they come beside the others.
//!
//! Two more things are loaded later. The reader (the feature `reader`: `markdown`, [`html`] and
//! nothing of the page's) is a second WebAssembly module, which the page asks for with `loadReader()` when one begins
//! to write or there is an answer to show; text that would wait for it too long is shown as it came. Mermaid,
//! 745 KB, is loaded by the frame around a diagram and by nothing else.
//!
//! A page is bounded, however long its chat is ([`api::page`]). As HTML it holds the last turns, 256 KB of text at most,
//! and of a long text the last 128 KB (`initial_html`); as data, 1 MiB of what was said. The browser asks for the rest
//! once the page is alive, and writes what comes before an answer's end aside, over many frames (`reader`). So the page
//! can wait until it is whole before it is drawn.
//!
//! # Frames
//!
//! Pictures from elsewhere and diagrams are shown by `server::sandbox`, documents for `<iframe sandbox>`: theirs is an
//! origin that is nobody's, so that the page's own policy stays closed and a fault of what draws a diagram is a fault
//! in an empty room. A picture is fetched by the browser, after a click, and never by the server.

// A page's view is one nested type; in a release build for the browser it is deeper than the default allows.
#![recursion_limit = "512"]

#[cfg(feature = "page")]
pub mod api;
#[cfg(feature = "page")]
pub mod chat;
// What an answer looks like before the browser has written anything: the server has Markdown for it, the page has not.
#[cfg(feature = "page")]
pub mod conversation_list;
pub mod html;
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
#[cfg(feature = "page")]
pub mod problem;
#[cfg(feature = "reader")]
pub mod reader;
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
