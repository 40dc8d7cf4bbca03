//! Text that grows at its end, in one text node: what is there is not written again.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::live_answer::LiveAnswer;
use crate::chat::Answer;

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

/// Shows a part of an answer.
#[component]
pub fn GrowingText(live: LiveAnswer, part: Part, class: &'static str) -> impl IntoView {
    let element = NodeRef::<leptos::html::Div>::new();
    let initial = live.answer.with_untracked(|answer| part.of(answer).to_owned());
    // Bytes of the part that are in the document.
    let shown = StoredValue::new(initial.len());
    Effect::new(move || {
        let Some(element) = element.get() else { return };
        live.answer.with(|answer| {
            let text = part.of(answer);
            match text.get(shown.get_value()..) {
                Some(more) if !more.is_empty() => append(&element, more),
                Some(_) => return,
                // A seam came, or a crash, after which the server has a little less than was seen here.
                None => element.set_text_content(Some(text)),
            }
            shown.set_value(text.len());
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
