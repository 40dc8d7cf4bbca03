//! Text that grows at its end, in one text node: what is there is never written again.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::live_answer::LiveAnswer;
use crate::chat::Answer;

/// Shows the part of an answer that `part` picks. `part` must only ever grow at its end.
#[component]
pub fn GrowingText(live: LiveAnswer, part: fn(&Answer) -> &str, class: &'static str) -> impl IntoView {
    let element = NodeRef::<leptos::html::Div>::new();
    let initial = live.answer.with_untracked(|answer| part(answer).to_owned());
    // Bytes of the part that are in the document.
    let shown = StoredValue::new(initial.len());
    Effect::new(move || {
        let Some(element) = element.get() else { return };
        live.answer.with(|answer| {
            if let Some(more) = part(answer).get(shown.get_value()..).filter(|more| !more.is_empty()) {
                append(&element, more);
                shown.update_value(|shown| *shown += more.len());
            }
        });
    });
    view! {
        <div class=class dir="auto" node_ref=element>
            {(!initial.is_empty()).then_some(initial)}
        </div>
    }
}

fn append(element: &web_sys::HtmlElement, more: &str) {
    let node = element.last_child().and_then(|node| node.dyn_into::<web_sys::Text>().ok());
    // Appending fails only for nodes that may not stand there, which text always may.
    let _ = match node {
        Some(node) => node.append_data(more),
        None => element.append_with_str_1(more),
    };
}
