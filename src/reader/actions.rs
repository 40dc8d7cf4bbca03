//! What can be done with an answer: by its blocks' buttons, and by keys.
//!
//! Blocks come and go, written by the server or by the reader, so nothing listens on a block: the document listens,
//! once, and finds out what was meant. A button says so in its `data-do`.

mod browser;
mod clipboard;
mod code;
mod diagrams;
mod pictures;
mod places;
mod tables;
mod writer;

use wasm_bindgen::JsCast;
use web_sys::{Element, Event, KeyboardEvent, MessageEvent};

pub use self::pictures::load_pictures;

/// Listens as long as the page is there. To be called once.
pub fn listen() {
    let Some(window) = web_sys::window() else { return };
    let Some(document) = window.document() else { return };
    browser::listen(&document, "click", clicked);
    browser::listen(&document, "keydown", key_pressed);
    // Does not bubble, but is told on the way down.
    browser::listen(&document, "load", loaded);
    browser::listen(&window, "message", told);
}

fn clicked(event: &Event) {
    let button = browser::target(event).and_then(|target| browser::closest(&target, "button[data-do]"));
    if let Some(button) = button {
        // Where something is missing, nothing is done.
        let _ = act(&button);
    }
}

fn act(button: &Element) -> Option<()> {
    match button.get_attribute("data-do")?.as_str() {
        "copy-code" => code::copy(button),
        "wrap-code" => code::wrap(button),
        "download-code" => code::download(button),
        "show-diagram" => diagrams::toggle(button),
        "copy-csv" => tables::copy_csv(button),
        "copy-table" => tables::copy_markdown(button),
        "copy-tex" => clipboard::copy_tex(button),
        "copy-rich" => clipboard::copy_rich(button),
        "footnote" => places::go_to_footnote(button),
        "show-picture" => pictures::show(button),
        _ => None,
    }
}

/// Where browsers fill in fields, they tell of keys that are none.
fn key_pressed(event: &Event) {
    if let Some(event) = event.dyn_ref::<KeyboardEvent>() {
        places::key_pressed(event);
    }
}

fn loaded(event: &Event) {
    if let Some(frame) = browser::target(event) {
        diagrams::loaded(&frame);
    }
}

fn told(event: &Event) {
    diagrams::told(event.unchecked_ref::<MessageEvent>());
}
