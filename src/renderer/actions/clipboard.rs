//! The clipboard, and the button that says what came of it.

use std::cell::Cell;

use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::JsValue;
use web_sys::{Clipboard, ClipboardItem, Element};

use super::browser;
use super::writer::{Form, write};

/// How long a button says what it did.
const TOLD_MS: i32 = 2000;
/// How long until it is looked again whether the beginning of a long answer has come.
const UNTIL_WHOLE_MS: i32 = 100;
const REFUSED: &str = "This browser does not let pages copy";

/// Puts the text on the clipboard.
pub fn copy(button: &Element, text: &str) {
    tell_when_done(button, clipboard().map(|clipboard| clipboard.write_text(text)));
}

/// Puts the formula's LaTeX on the clipboard.
pub fn copy_tex(button: &Element) -> Option<()> {
    copy(button, &browser::attribute(&browser::closest(button, "[data-tex]")?, "data-tex"));
    Some(())
}

/// Puts the whole answer on the clipboard, formatted and as plain text; whoever pastes takes what they can.
pub fn copy_rich(button: &Element) -> Option<()> {
    let answer = browser::closest(button, ".answer")?;
    if button.is_connected() && browser::first(&answer, "[data-cut]").is_some() {
        let button = button.clone();
        browser::after(UNTIL_WHOLE_MS, move || copy_rich(&button).unwrap_or_default());
        return Some(());
    }
    let (mut html, mut plain) = (String::new(), String::new());
    for part in browser::all(&answer, ".answer-text.markdown") {
        html.push_str(&write(&part, Form::Html));
        plain.push_str(&write(&part, Form::Plain));
    }
    let plain = plain.trim();
    match item(&html, plain) {
        Some(item) => {
            tell_when_done(button, clipboard().map(|clipboard| clipboard.write(&Array::of1(&item))));
        }
        // Too old for more than text.
        None => copy(button, plain),
    }
    Some(())
}

fn item(html: &str, plain: &str) -> Option<ClipboardItem> {
    let both = Object::new();
    for (kind, text) in [("text/html", html), ("text/plain", plain)] {
        let blob = browser::blob(&text.into(), kind)?;
        Reflect::set(&both, &kind.into(), &blob).ok()?;
    }
    ClipboardItem::new_with_record_from_str_to_blob_promise(&both).ok()
}

/// Without a secure context there is none: over plain HTTP from another machine.
fn clipboard() -> Option<Clipboard> {
    let clipboard = web_sys::window()?.navigator().clipboard();
    (!clipboard.is_undefined()).then_some(clipboard)
}

fn tell_when_done(button: &Element, copying: Option<Promise>) {
    let Some(copying) = copying else {
        return tell(button, REFUSED, false);
    };
    let (copied, refused) = (button.clone(), button.clone());
    let done = Closure::once(move |_: JsValue| tell(&copied, "Copied", true));
    let refused = Closure::once(move |_: JsValue| tell(&refused, REFUSED, false));
    let _ = copying.then2(&done, &refused);
    // One of them is never called: the browser clears both away.
    let _ = (done.into_js_value(), refused.into_js_value());
}

/// The button has other words for a while.
fn tell(button: &Element, words: &str, is_copied: bool) {
    if browser::attribute(button, "data-told").is_empty() {
        browser::set(button, "data-name", &browser::attribute(button, "aria-label"));
    }
    let number = next_number();
    browser::set(button, "data-told", &number);
    set_name(button, words);
    let _ = button.class_list().toggle_with_force("copied", is_copied);
    let button = button.clone();
    browser::after(TOLD_MS, move || {
        // Unless it was pressed again meanwhile.
        if browser::attribute(&button, "data-told") == number {
            set_name(&button, &browser::attribute(&button, "data-name"));
            browser::unset(&button, "data-name");
            browser::unset(&button, "data-told");
            let _ = button.class_list().toggle_with_force("copied", false);
        }
    });
}

fn set_name(button: &Element, name: &str) {
    browser::set(button, "aria-label", name);
    browser::set(button, "title", name);
}

fn next_number() -> String {
    thread_local! {
        static TOLD: Cell<u64> = const { Cell::new(0) };
    }
    TOLD.set(TOLD.get().wrapping_add(1));
    TOLD.get().to_string()
}
