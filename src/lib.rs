//! Runnel: a self-hosted chat whose answers stream.

// A page's view is one nested type; in a release build for the browser it is deeper than the default allows.
#![recursion_limit = "512"]

pub mod api;
pub mod chat;
pub mod models;
pub mod problem;
pub mod settings;
pub mod sse;
pub mod ui;

#[cfg(feature = "ssr")]
pub mod server;

/// The browser's entry: makes the page that the server rendered come alive.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(|| {
        leptos::prelude::provide_context(ui::browser::page_data());
        ui::Root()
    });
}
