//! The page: rendered on the server, alive in the browser.
//!
//! The chat's state ([`chats::Chats`]) belongs to the root, not to the components that show it: a component
//! may come and go while an answer streams, and has one connection all the same.
//!
//! The browser does not adopt the elements that the server rendered: it builds the same page from the same data
//! within one task, so that no frame is without it, and takes over what a person did meanwhile
//! ([`browser::take_page`]).
//!
//! What a view is made of counts in bytes: every signal of another type, every `Show` and every closure costs
//! the browser's file a kilobyte or more. So views are plain where they can be.

use std::collections::HashMap;

use leptos::nonce::use_nonce;
use leptos::prelude::*;

use crate::api::page::PageData;

pub mod address;
pub mod answer_view;
pub mod browser;
pub mod chat_page;
pub mod chat_settings;
pub mod chats;
pub mod composer;
pub mod conversation_list;
pub mod drafts;
pub mod growing_text;
pub mod icons;
pub mod keys;
pub mod live_answer;
pub mod messages;
pub mod parts;
pub mod question_view;
pub mod remote;
pub mod renderer;
pub mod settings_form;
pub mod settings_page;
pub mod sidebar;
pub mod spending;
pub mod stats;
pub mod transcript;

use address::{Address, Place};
use chats::Chats;
use icons::Icon;
use parts::{LazySettingsPage, Part, Parts};
use sidebar::{DrawerButton, SidebarView};

/// The id of the element that hands [`PageData`] to the browser's side, as JSON.
pub const PAGE_DATA_ID: &str = "page-data";

/// The id of the element that the page ends with.
const PAGE_END_ID: &str = "page-end";

/// The id of the field that a question is written in.
pub const MESSAGE_ID: &str = "message";

/// The addresses of the files that the page loads: the renderer's when there is an answer to show, a part's when it is
/// needed, the others first.
#[derive(Clone, Debug, Default)]
pub struct SiteFiles {
    pub script: String,
    pub wasm: String,
    /// What loads the parts of the page.
    pub split_script: String,
    /// The files of each part, by [`Part::name`].
    pub parts: HashMap<String, Vec<String>>,
    pub style: String,
    pub renderer_script: String,
    pub renderer_wasm: String,
}

/// Sets the chosen theme and reading face before the first paint, so that nothing flashes.
const APPEARANCE_SCRIPT: &str = "for (const key of ['theme', 'face']) { \
     try { const value = localStorage.getItem('runnel-' + key); \
     if (value) document.documentElement.dataset[key] = value } catch {} }";

/// What a page may load and run: its own files, and the scripts that carry its nonce.
#[must_use]
pub fn content_policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; frame-src 'self'; \
         base-uri 'none'; form-action 'self'"
    )
}

/// The document around the page. Its policy stands in it too: a page that was saved keeps it.
pub fn shell(files: SiteFiles) -> impl IntoView {
    let nonce = use_nonce();
    let policy = nonce.as_ref().map(|nonce| content_policy(nonce));
    let start = start_script(&files);
    let page = expect_context::<PageData>();
    let part = Part::first_of(&page).and_then(|part| files.parts.get(part.name()).cloned());
    let wasm = std::iter::once(files.wasm).chain(part.into_iter().flatten());
    let title = page.conversation.as_ref().map_or("", |conversation| &conversation.title);
    // Without an opening bracket nothing in it can end the element that holds it.
    let data = serde_json::to_string(&page.for_browser()).unwrap_or_default().replace('<', "\\u003c");
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content" />
                <meta http-equiv="Content-Security-Policy" content=policy />
                <meta name="color-scheme" content="light dark" />
                <meta name="description" content="A self-hosted chat whose answers stream." />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <link rel="stylesheet" href=files.style />
                // Drawn when it is whole: a part of it is laid out otherwise, so that a slow line or a busy machine
                // made what stood there jump. It is small (see `api::page`).
                <link rel="expect" href=format!("#{PAGE_END_ID}") blocking="render" />
                <link rel="modulepreload" href=files.script />
                <link rel="modulepreload" href=files.split_script />
                {wasm.map(|file| {
                    view! { <link rel="preload" r#as="fetch" type="application/wasm" crossorigin="anonymous" href=file /> }
                }).collect_view()}
                <script nonce=nonce.clone()>{APPEARANCE_SCRIPT}</script>
                <script type="module" nonce=nonce>{start}</script>
                <script type="application/json" id=PAGE_DATA_ID>
                    {data}
                </script>
                // As HTML: a text child would get a marker, which a title shows.
                <title inner_html=escape(&chat_page::title(title))></title>
            </head>
            <body>
                <Root />
                <div id=PAGE_END_ID hidden></div>
            </body>
        </html>
    }
}

/// Until the page is alive: where there is a keyboard one can type at once, and Enter is remembered. What is typed after
/// it shows that it was not meant yet. The form itself would load the page anew, without what was typed.
const EARLY_SCRIPT: &str = "const field = document.getElementById('message');
if (field) {
  const hasKeyboard = matchMedia('(hover: hover) and (pointer: fine)').matches;
  const submit = event => { event.preventDefault(); field.dataset.submitted = '' };
  field.addEventListener('keydown', event => {
    const submits = event.key === 'Enter' && !event.shiftKey && !event.isComposing && event.keyCode !== 229;
    if (submits && hasKeyboard) submit(event);
  });
  field.addEventListener('input', () => field.removeAttribute('data-submitted'));
  field.form.addEventListener('submit', submit);
  if (hasKeyboard && document.activeElement === document.body) field.focus({ preventScroll: true });
}
";

/// Until the renderer is here, which hears the buttons of answers: one that is pressed has it loaded, and is pressed then.
/// By then the page may have come alive and have put a button like it in its place.
const EARLY_CLICKS_SCRIPT: &str = "let isHere = false;
const buttons = () => [...document.querySelectorAll('button[data-do]')];
document.addEventListener('click', event => {
  const button = isHere ? null : event.target.closest('button[data-do]');
  if (!button) return;
  const at = buttons().indexOf(button);
  loadRenderer().then(() => (button.isConnected ? button : buttons()[at])?.click());
});
";

/// Starts the page, and tells where its renderer is. That is loaded once, when it is first asked for; a load that
/// failed may be asked for again, by another address, since browsers may keep a failed import for good.
fn start_script(files: &SiteFiles) -> String {
    format!(
        "{EARLY_SCRIPT}{EARLY_CLICKS_SCRIPT}import({script:?}).then(page => page.default({{module_or_path: {wasm:?}}}).then(() => page.hydrate()));\n\
         let renderer, tries = 0;\n\
         globalThis.loadRenderer = () => renderer ??= import({renderer_script:?} + (tries++ ? '?' + tries : ''))\
         .then(module => module.default({{module_or_path: {renderer_wasm:?}}}).then(() => {{ isHere = true; return module }}))\
         .catch(error => {{ renderer = undefined; throw error }});",
        script = files.script,
        wasm = files.wasm,
        renderer_script = files.renderer_script,
        renderer_wasm = files.renderer_wasm,
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Everything inside the document's body. Needs [`PageData`] in the context.
#[component]
pub fn Root() -> impl IntoView {
    let page = expect_context::<PageData>();
    let address = Address::new(page.path);
    provide_context(address);
    provide_context(page.server);
    let chats = Chats::new(address, Parts::new(use_context::<Part>()));
    if let Some(conversation) = &page.conversation {
        chats.merge(conversation, None);
        chats.defer(conversation.id, &page.deferred);
    }
    chats.sidebar.update(|sidebar| (sidebar.listing, sidebar.now_ms) = (page.listing, page.now_ms));
    provide_context(chats);
    keys::listen(chats);
    chats.parts.prepare_when_idle();
    if let Place::Chat(id) = untrack(|| address.place(chats))
        && untrack(|| chats.find(id)).is_none()
    {
        chats.mark_not_found(Some(id));
    }
    let place = Memo::new(move |_| address.place(chats));
    view! {
        {move || matches!(place.get(), Place::Chat(_)).then(|| view! { <SkipLink /> }.into_any())}
        <Header />
        <SidebarView />
        // Keyed, so that another chat is another page: nothing of the one before stays behind.
        <For each=move || [place.get()] key=|place| place.key() let:place>
            {match place {
                Place::Chat(id) => view! { <chat_page::ChatPage id /> }.into_any(),
                Place::Settings => view! { <LazySettingsPage parts=chats.parts /> }.into_any(),
                Place::Nowhere => {
                    let detail = "The address may be mistyped, or the page is gone.";
                    view! { <Missing heading="Page not found" detail /> }.into_any()
                }
            }}
        </For>
    }
}

/// The way past the header and the list of chats for those who go by keys. Seen while it has the focus.
#[component]
fn SkipLink() -> impl IntoView {
    let skip = |event: leptos::ev::MouseEvent| {
        // The address stays as it is.
        event.prevent_default();
        browser::focus_again(MESSAGE_ID);
    };
    view! {
        <a class="skip-link button" href=format!("#{MESSAGE_ID}") on:click=skip>
            "Skip to message field"
        </a>
    }
}

/// Plain links: [`Address`] takes every click on one.
#[component]
fn Header() -> impl IntoView {
    view! {
        <header class="top">
            <DrawerButton />
            <a href="/" class="brand">
                <Icon path=icons::STREAM />
                <span>"Runnel"</span>
            </a>
            <nav class="top-actions">
                <a href="/" class="button quiet" title="New chat">
                    <Icon path=icons::PLUS />
                    <span>"New chat"</span>
                </a>
                <a href="/settings" class="button quiet" title="Settings">
                    <Icon path=icons::SLIDERS />
                    <span>"Settings"</span>
                </a>
            </nav>
        </header>
    }
}

/// A page that is not there, with a way home.
#[component]
fn Missing(heading: &'static str, detail: &'static str) -> impl IntoView {
    view! {
        <main class="page">
            <h1>{heading}</h1>
            <p>{detail}</p>
            <a href="/" class="button">
                "Start a chat"
            </a>
        </main>
    }
}
