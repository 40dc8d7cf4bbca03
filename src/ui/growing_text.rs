//! Text that grows at its end, written as Markdown: by the server for the first look, then by the renderer, a module of
//! its own (see `crate::renderer`). What is there is not written again. While the renderer is on its way, what comes is
//! shown as it came: nobody waits for a module to see an answer grow.

use std::borrow::Cow;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlElement};

use super::browser::{self, CUT, Written};
use super::live_answer::LiveAnswer;
use super::renderer::{self, Renderer, Writer};
use crate::chat::{Answer, ContentBlock};
use crate::html::InitialHtml;
use crate::initial_html::initial_html;

/// How long text waits for the renderer before it is shown as it came. A renderer that the browser has kept, or that is
/// near, is there before: then nothing is shown that has to be written again.
const PATIENCE: Duration = Duration::from_millis(500);

/// So many bytes are shown, of a part whose length is not known: all of it stands in the page, but it is not loaded.
const ALL: usize = usize::MAX;

/// Bytes: the server writes no block that stands further than this from the answer's end. The browser writes it once the
/// page is alive.
const NEAR_THE_END: usize = 128 * 1024;

/// What is to be shown.
#[derive(Clone, Copy)]
struct Words<'a> {
    answer: &'a Answer,
    /// Which of the answer's blocks it is.
    block: usize,
    text: &'a str,
    /// Nothing is added to it any more.
    is_ended: bool,
}

impl<'a> Words<'a> {
    fn of(answer: &'a Answer, block: usize) -> Self {
        Self { answer, block, text: text_of(answer, block), is_ended: is_ended(answer, block) }
    }

    /// What it goes on with: that may have broken off in the middle of code.
    fn earlier(&self) -> Cow<'a, str> {
        match self.answer.content.blocks().get(self.block) {
            Some(ContentBlock::Text(_)) => self.answer.content.text_continued_at(self.block),
            _ => Cow::Borrowed(""),
        }
    }
}

fn is_ended(answer: &Answer, block: usize) -> bool {
    answer.end().is_some() || !answer.content.may_grow(block)
}

fn is_near_the_end(answer: &Answer, block: usize) -> bool {
    let later = answer.content.blocks().get(block + 1..).unwrap_or_default();
    later.iter().map(ContentBlock::size).sum::<usize>() <= NEAR_THE_END
}

/// The text of a block that grows at its end; nothing of any other.
fn text_of(answer: &Answer, block: usize) -> &str {
    match answer.content.blocks().get(block) {
        Some(ContentBlock::Text(text) | ContentBlock::Refusal(text)) => text,
        Some(ContentBlock::Reasoning(reasoning)) => &reasoning.text,
        _ => "",
    }
}

/// Who writes the block, as far as that is known.
#[derive(Default)]
struct Growth {
    /// Bytes of the block that are in the document, or on their way there.
    shown: usize,
    /// Whether it was written to its end.
    is_whole: bool,
    /// Whether the end of it stands there alone, as the server wrote it.
    is_cut: bool,
    writer: Option<Writer>,
    renderer: Option<Renderer>,
    wait: Wait,
}

/// The renderer is waited for.
#[derive(Default)]
enum Wait {
    #[default]
    NotYet,
    Short,
    /// The element that holds what came since, as it came, and up to which byte of the block that is.
    Long(Option<(Element, usize)>),
}

/// Shows the text of a block of an answer.
#[component]
pub fn GrowingText(
    live: LiveAnswer,
    block: usize,
    #[prop(into)] class: Signal<&'static str>,
) -> impl IntoView {
    let element = NodeRef::<leptos::html::Div>::new();
    // The same in both: what the server wrote stands in the page that the browser takes it from.
    let id = format!("text-{}-{block}", live.id);
    let first = live.answer.with_untracked(|answer| {
        let words = Words::of(answer, block);
        if crate::IS_BROWSER || is_near_the_end(answer, block) {
            initial_html(&words.earlier(), words.text, !words.is_ended)
        } else {
            Some(InitialHtml { html: String::new(), is_cut: true })
        }
    });
    let cut = first.as_ref().filter(|first| first.is_cut).map(|_| "");
    let html = first.map(|first| first.html);
    let growth = browser::Local::<Growth>::default();
    // Whether the renderer is here, or will never be.
    let is_ready = RwSignal::new(false);
    let written = id.clone();
    let load_renderer =
        async move || match select(pin!(renderer::renderer()), pin!(browser::sleep(PATIENCE))).await {
            Either::Left((renderer, _)) => renderer,
            Either::Right(((), renderer)) => {
                growth.update(|growth| growth.wait = Wait::Long(None));
                // As it was, but it is looked at again.
                is_ready.try_set(false);
                renderer.await
            }
        };
    let await_renderer = move || {
        spawn_local(async move {
            let renderer = load_renderer().await;
            growth.update(|growth| growth.renderer = renderer);
            is_ready.try_set(true);
        });
        Wait::Short
    };
    // Of a block that is finished nothing is looked at while others grow.
    let growing = Memo::new(move |_| {
        live.answer.with(|answer| (text_of(answer, block).len(), is_ended(answer, block)))
    });
    Effect::new(move || {
        let Some(element) = element.get() else { return };
        let (length, is_ended) = growing.get();
        let is_loaded = live.is_loaded.get();
        if length == 0 && is_loaded {
            return;
        }
        if growth.update(|growth| growth.shown == 0 && !growth.is_cut).unwrap_or_default() {
            let written = browser::take_written(&written, &element);
            growth.update(|growth| match written {
                Written::Nothing => (),
                Written::End => growth.is_cut = true,
                Written::All => growth.shown = ALL,
            });
        }
        if !is_loaded {
            return;
        }
        growth.update(|growth| {
            if growth.shown == ALL {
                (growth.shown, growth.is_whole) = (length, is_ended);
            }
        });
        let is_ready = is_ready.get();
        growth.update(|growth| {
            live.answer.with_untracked(|answer| {
                let words = Words::of(answer, block);
                match &growth.wait {
                    _ if is_ready => grow(growth, &element, words),
                    Wait::NotYet => growth.wait = await_renderer(),
                    Wait::Short => (),
                    // It goes before what stands there, and that can be read.
                    Wait::Long(_) if growth.is_cut => (),
                    Wait::Long(_) => show_as_it_came(growth, &element, words.text),
                }
            });
        });
    });
    view! { <div class=move || class.get() id=id dir="auto" data-cut=cut node_ref=element inner_html=html></div> }
}

/// Shows what came while the renderer is on its way, beneath what the server wrote.
fn show_as_it_came(growth: &mut Growth, element: &HtmlElement, text: &str) {
    let Some(more) = text.get(growth.shown..).filter(|more| !more.is_empty()) else { return };
    let Wait::Long(plain) = &mut growth.wait else { return };
    if plain.is_none() {
        // A paragraph can always be put there.
        let _ = element.insert_adjacent_html("beforeend", "<p class=plain></p>");
        *plain = element.last_element_child().map(|paragraph| (paragraph, 0));
    }
    if let Some((paragraph, to)) = plain {
        paragraph.set_text_content(Some(more));
        *to = text.len();
    }
}

fn grow(growth: &mut Growth, element: &HtmlElement, words: Words) {
    let is_written = match growth.renderer.clone() {
        Some(renderer) => write_more(growth, &renderer, element, words).is_ok(),
        None => false,
    };
    if !is_written {
        // The renderer could not be loaded, or it broke: the text is shown as it came.
        *growth = Growth::default();
        element.set_text_content(Some(words.text));
        // The name of an attribute is never refused.
        let _ = element.remove_attribute(CUT);
        // A class can always be added.
        let _ = element.class_list().add_1("plain");
    }
    growth.shown = words.text.len();
    growth.is_whole = words.is_ended;
}

fn write_more(
    growth: &mut Growth,
    renderer: &Renderer,
    element: &HtmlElement,
    words: Words,
) -> Result<(), JsValue> {
    let Words { text, is_ended, .. } = words;
    if let Wait::Long(Some((_, to))) = std::mem::take(&mut growth.wait) {
        // It can be read already, and is written at once, so that nothing of it goes away.
        (growth.shown, growth.is_whole) = (to, false);
        growth.writer =
            Some(renderer.writer(element, &words.earlier(), text.get(..to).unwrap_or_default())?);
    }
    if std::mem::take(&mut growth.is_cut) {
        if is_ended {
            return renderer.write_before(element, &words.earlier(), text);
        }
        // What is being written is written from its beginning.
        element.remove_attribute(CUT)?;
    }
    let more = text.get(growth.shown..).filter(|more| !growth.is_whole || more.is_empty());
    let is_anew = more.is_none() || (is_ended && growth.writer.is_none() && !growth.is_whole);
    if is_anew {
        // It is whole already; or there was a crash of the server, after which it is another text.
        growth.writer = None;
        return renderer.write(element, &words.earlier(), text);
    }
    let Some(more) = more.filter(|more| !more.is_empty() || (is_ended && growth.writer.is_some())) else {
        // What the server wrote has its pictures as data.
        return renderer.show_pictures(element);
    };
    let writer = match growth.writer.take() {
        Some(writer) => writer,
        None => renderer.writer(element, &words.earlier(), text.get(..growth.shown).unwrap_or_default())?,
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
