//! Text that grows at its end, written as Markdown: by the server for the first look, then by the reader, a module of
//! its own (see `crate::reader`). What is there is not written again.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use web_sys::HtmlElement;

use super::browser;
use super::live_answer::LiveAnswer;
use super::reading::{self, Reader, Writer};
use crate::chat::Answer;
use crate::first_look::first_html;

/// A part of an answer that grows at its end.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// The text before the last seam: what an earlier answer wrote.
    Earlier,
    /// The text after the last seam; all of it if there is none.
    Text,
    Reasoning,
    Refusal,
}

impl Part {
    fn of(self, answer: &Answer) -> &str {
        let seam = answer.seams.last().map_or(0, |seam| usize::try_from(*seam).unwrap_or_default());
        match self {
            Self::Earlier => answer.text.get(..seam).unwrap_or_default(),
            Self::Text => answer.text.get(seam..).unwrap_or_default(),
            Self::Reasoning => &answer.reasoning,
            Self::Refusal => &answer.refusal,
        }
    }
}

/// Who writes the part, as far as that is known.
#[derive(Default)]
struct Growth {
    /// Bytes of the part that are in the document, or on their way there.
    shown: usize,
    /// Whether it was written to its end.
    is_whole: bool,
    writer: Option<Writer>,
    reader: Option<Reader>,
}

/// Shows a part of an answer.
#[component]
pub fn GrowingText(live: LiveAnswer, part: Part, class: &'static str) -> impl IntoView {
    let element = NodeRef::<leptos::html::Div>::new();
    // The same in both: what the server wrote stands in the page that the browser takes it from.
    let id = format!("text-{}-{}", live.id, part as u8);
    let html = live.answer.with_untracked(|answer| first_html(part.of(answer), answer.end().is_none()));
    let growth = StoredValue::new_local(Growth::default());
    // Whether the reader is here, or will never be.
    let is_ready = RwSignal::new(false);
    let written = id.clone();
    Effect::new(move || {
        let Some(element) = element.get() else { return };
        let length = live.answer.with(|answer| part.of(answer).len());
        if length == 0 {
            return;
        }
        let is_ended = live.answer.with_untracked(|answer| answer.end().is_some());
        if growth.with_value(|growth| growth.shown == 0) && browser::take_written(&written, &element) {
            growth.update_value(|growth| (growth.shown, growth.is_whole) = (length, is_ended));
        }
        if !is_ready.get() {
            spawn_local(async move {
                let reader = reading::reader().await;
                growth.try_update_value(|growth| growth.reader = reader);
                is_ready.try_set(true);
            });
            return;
        }
        growth.update_value(|growth| {
            live.answer.with_untracked(|answer| grow(growth, &element, part.of(answer), is_ended));
        });
    });
    view! { <div class=class id=id dir="auto" node_ref=element inner_html=html></div> }
}

fn grow(growth: &mut Growth, element: &HtmlElement, text: &str, is_ended: bool) {
    let is_written = match growth.reader.clone() {
        Some(reader) => write_more(growth, &reader, element, text, is_ended).is_ok(),
        None => false,
    };
    if !is_written {
        // The reader could not be loaded, or it broke: the text is shown as it came.
        *growth = Growth::default();
        element.set_text_content(Some(text));
        // A class can always be added.
        let _ = element.class_list().add_1("plain");
    }
    growth.shown = text.len();
    growth.is_whole = is_ended;
}

fn write_more(
    growth: &mut Growth,
    reader: &Reader,
    element: &HtmlElement,
    text: &str,
    is_ended: bool,
) -> Result<(), JsValue> {
    let more = text.get(growth.shown..).filter(|more| !growth.is_whole || more.is_empty());
    let is_anew = more.is_none() || (is_ended && growth.writer.is_none() && !growth.is_whole);
    if is_anew {
        // It is whole already; or there was a crash of the server, or a seam, after which it is another text.
        growth.writer = None;
        return reader.write(element, text);
    }
    let Some(more) = more.filter(|more| !more.is_empty() || (is_ended && growth.writer.is_some())) else {
        // What the server wrote has its pictures as data.
        return reader.show_pictures(element);
    };
    let writer = match growth.writer.take() {
        Some(writer) => writer,
        None => reader.writer(element, text.get(..growth.shown).unwrap_or_default())?,
    };
    if !more.is_empty() {
        writer.push(more)?;
    }
    if is_ended {
        return writer.finish();
    }
    growth.writer = Some(writer);
    Ok(())
}
