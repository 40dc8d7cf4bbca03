//! What can be done with an answer: by its blocks' buttons, and by keys.
//!
//! Blocks come and go, written by the server or by the renderer, so nothing listens on a block: the document listens,
//! once, and finds out what was meant. A button names its [`Action`].

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
use crate::action::{self, Action};

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
    match Action::parse(&button.get_attribute(action::DO)?)? {
        Action::CopyCode => code::copy(button),
        Action::WrapCode => code::wrap(button),
        Action::DownloadCode => code::download(button),
        Action::ShowDiagram => diagrams::toggle(button),
        Action::CopyCsv => tables::copy_csv(button),
        Action::CopyTable => tables::copy_markdown(button),
        Action::CopyTex => clipboard::copy_tex(button),
        Action::CopyRich => clipboard::copy_rich(button),
        Action::Footnote => places::go_to_footnote(button),
        Action::ShowPicture => pictures::show(button),
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
