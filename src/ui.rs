//! The page: rendered on the server, alive in the browser.
//!
//! The chat's state ([`chats::Chats`]) belongs to the root, not to the components that show it: a component
//! may come and go while an answer streams, and the answer has one reader all the same.

use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::SsrMode;
use leptos_router::components::{A, ParentRoute, Route, Router, Routes};
use leptos_router::path;

use crate::api::site::{AboutSite, about};
use crate::models::ModelRule;

pub mod answer_view;
pub mod browser;
pub mod chat_page;
pub mod chats;
pub mod composer;
pub mod growing_text;
pub mod icons;
pub mod live_answer;
pub mod settings_form;
pub mod settings_page;
pub mod stats;
pub mod transcript;

/// The addresses of the files that the page loads.
#[derive(Clone, Debug, Default)]
pub struct SiteFiles {
    pub script: String,
    pub wasm: String,
    pub style: String,
}

/// Sets the chosen theme and reading face before the first paint, so that nothing flashes.
const APPEARANCE_SCRIPT: &str = "for (const key of ['theme', 'face']) { \
     try { const value = localStorage.getItem('runnel-' + key); \
     if (value) document.documentElement.dataset[key] = value } catch {} }";

/// The document around the page.
pub fn shell(files: SiteFiles) -> impl IntoView {
    let nonce = use_nonce();
    let policy = nonce.as_ref().map(|nonce| {
        format!(
            "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self'; \
             img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'"
        )
    });
    let start = format!(
        "import({script:?}).then(runnel => runnel.default({{module_or_path: {wasm:?}}}).then(() => runnel.hydrate()))",
        script = files.script,
        wasm = files.wasm,
    );
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
                <link rel="modulepreload" href=files.script />
                <link rel="preload" r#as="fetch" type="application/wasm" crossorigin="anonymous" href=files.wasm />
                <script nonce=nonce.clone()>{APPEARANCE_SCRIPT}</script>
                <script type="module" nonce=nonce>{start}</script>
                <MetaTags />
            </head>
            <body>
                <Root />
            </body>
        </html>
    }
}

/// Everything inside the document's body.
#[component]
pub fn Root() -> impl IntoView {
    provide_meta_context();
    provide_context(chats::Chats::new());
    provide_context(AboutResource(Resource::new_blocking(|| (), |()| async { about().await.ok() })));
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Runnel".to_owned() } else { format!("{title} · Runnel") } />
        <Router>
            <Header />
            <Routes fallback=NotFound>
                <ParentRoute path=path!("") view=chat_page::ChatPage ssr=SsrMode::Async>
                    <Route path=path!("") view=|| () ssr=SsrMode::Async />
                    <Route path=path!("c/:id") view=|| () ssr=SsrMode::Async />
                </ParentRoute>
                <Route path=path!("settings") view=settings_page::SettingsPage ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}

/// About the server: loaded once, with the page.
#[derive(Clone, Copy)]
pub struct AboutResource(Resource<Option<AboutSite>>);

impl AboutResource {
    /// What is known; nothing until it is loaded.
    pub fn get(self) -> Option<AboutSite> {
        self.0.get().flatten()
    }

    /// How the upstream names its models; until that is known, any name will do.
    pub fn model_rule(self) -> ModelRule {
        self.get().map_or(ModelRule::FreeForm, |about| about.model_rule)
    }
}

#[component]
fn Header() -> impl IntoView {
    view! {
        <header class="top">
            <A href="/" attr:class="brand" attr:aria-label="Runnel, new chat">
                <icons::Mark />
                <span>"Runnel"</span>
            </A>
            <nav class="top-actions" aria-label="Site">
                <A href="/" attr:class="button quiet" attr:title="New chat">
                    <icons::NewChat />
                    <span>"New chat"</span>
                </A>
                <A href="/settings" attr:class="button quiet" attr:title="Settings">
                    <icons::Sliders />
                    <span>"Settings"</span>
                </A>
            </nav>
        </header>
    }
}

#[component]
fn NotFound() -> impl IntoView {
    view! {
        <Title text="Not found" />
        <main class="page">
            <h1>"There is nothing here."</h1>
            <p>"The address may be mistyped, or the page is gone."</p>
            <p>
                <A href="/" attr:class="button">
                    "Start a chat"
                </A>
            </p>
        </main>
    }
}
