//! The renderer: what writes Markdown in the browser, a module of its own beside the page's.
//!
//! The page loads it when one begins to write or there is an answer to show (`loadRenderer` in the shell), so that the
//! first load does not hold it. The two share nothing but the document: each has its own memory. The page hands over
//! elements and text; the renderer writes into the elements, and hears the buttons that stand in what it wrote.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlElement, MediaQueryList, Window};

use crate::markdown::{Document, read_on};

mod actions;
mod dom;

/// Milliseconds. Text that came together is spread over so long: all that is older is shown with the next step.
const SPREAD_MS: f64 = 50.0;
/// Milliseconds from one step of writing to the next, at least: two frames of a screen with 60 a second, three of one
/// with 120. Between two steps a page has nothing to paint. To write with every frame cost it 9.0 s of main thread for
/// 100 KB, this 5.7 s (the figures beneath the text, which change less often too, included).
const STEP_MS: f64 = 24.0;
/// Milliseconds of a frame that go into writing when there is more than can be shown at once.
const FRAME_SHARE_MS: f64 = 6.0;
/// The same while it is made aside: nothing else is to be done for it in that frame.
const ASIDE_SHARE_MS: f64 = 24.0;
/// Bytes that are written before the clock is looked at again.
const SLICE: usize = 2048;
/// The same while it is made aside: with each slice, what waits is copied.
const ASIDE_SLICE: usize = 16 * 1024;
/// Bytes. What is shorter is written at once.
const SHORT: usize = 24 * 1024;
/// The attribute of the element at whose end the caret stands.
const CARET: &str = "data-caret";
/// A page in the background gets no frames; its text must grow all the same.
const BACKGROUND_INTERVAL_MS: i32 = 250;

/// Hears the buttons and keys, from now on.
#[wasm_bindgen(start)]
pub fn start() {
    actions::listen();
}

/// Writes a whole text, which goes on with `earlier`, into `container`, in place of what stands there.
#[wasm_bindgen]
pub fn write(container: HtmlElement, earlier: &str, text: &str) {
    if text.len() <= SHORT {
        dom::write_all(&container, &read_on(earlier, text));
        actions::load_pictures(&container);
        return;
    }
    let mut writer = Writer::new(container, earlier, "");
    writer.push(text);
    writer.finish();
}

/// Writes a whole text, which goes on with `earlier`, into `container`, where its end stands already. What comes before
/// that is made aside, over many frames, and put there at once: nothing that can be seen goes away meanwhile.
#[wasm_bindgen]
pub fn write_before(container: HtmlElement, earlier: &str, text: &str) {
    let Some(aside) = dom::empty_like(&container) else { return write(container, earlier, text) };
    let mut writer = Writer::new(aside, earlier, "");
    writer.0.borrow_mut().page = Some(container);
    writer.push(text);
    writer.finish();
}

/// What writes a growing text, which goes on with `earlier`, into `container`, where `shown` stands already.
#[wasm_bindgen]
pub fn writer(container: HtmlElement, earlier: &str, shown: &str) -> Writer {
    Writer::new(container, earlier, shown)
}

/// Shows the pictures that `element` holds as data.
#[wasm_bindgen]
pub fn show_pictures(element: &HtmlElement) {
    actions::load_pictures(element);
}

/// Writes one growing text into one element, which is its own.
#[wasm_bindgen]
pub struct Writer(Rc<RefCell<Text>>);

#[wasm_bindgen]
impl Writer {
    /// More of the text has come. It is shown within the next frames, evenly.
    pub fn push(&mut self, text: &str) {
        {
            let mut own = self.0.borrow_mut();
            own.waiting.push_str(text);
            let length = own.waiting.len();
            own.arrivals.push_back((now_ms(), length));
        }
        schedule(&self.0);
    }

    /// No more will come: what waits is shown now, or (if it is much) as soon as frames have room for it.
    pub fn finish(&mut self) {
        let mut own = self.0.borrow_mut();
        own.is_ended = true;
        if own.waiting.len() <= SHORT {
            let length = own.waiting.len();
            own.show(length);
            own.end();
        } else {
            drop(own);
            schedule(&self.0);
        }
    }
}

impl Writer {
    fn new(container: HtmlElement, earlier: &str, shown: &str) -> Self {
        let mut document = Document::continuing(earlier);
        document.push(shown);
        document.take_changes();
        dom::write_all(&container, document.nodes());
        actions::load_pictures(&container);
        Self(Rc::new(RefCell::new(Text {
            container,
            document,
            waiting: String::new(),
            arrivals: VecDeque::new(),
            is_scheduled: false,
            is_ended: false,
            is_behind: false,
            last_step_ms: 0.0,
            less_motion: less_motion(),
            caret: None,
            page: None,
        })))
    }
}

struct Text {
    container: HtmlElement,
    document: Document,
    /// What has come and is not shown yet.
    waiting: String,
    /// When text came, and how many of the waiting bytes there were then.
    arrivals: VecDeque<(f64, usize)>,
    is_scheduled: bool,
    is_ended: bool,
    /// Whether the last step had to stop before it had shown its share.
    is_behind: bool,
    last_step_ms: f64,
    less_motion: Option<MediaQueryList>,
    /// The element at whose end the caret stands.
    caret: Option<Element>,
    /// Where what was written goes in the end, if it is made aside.
    page: Option<HtmlElement>,
}

impl Text {
    /// One frame's work; says whether there is more.
    fn frame(&mut self) -> bool {
        let now = now_ms();
        if self.is_behind || now - self.last_step_ms >= STEP_MS {
            self.step(now);
        }
        !self.waiting.is_empty()
    }

    fn step(&mut self, now: f64) {
        let share = self.share(now);
        let (most, slice) =
            if self.page.is_some() { (ASIDE_SHARE_MS, ASIDE_SLICE) } else { (FRAME_SHARE_MS, SLICE) };
        self.last_step_ms = now;
        let mut shown = 0;
        while shown < share {
            let length = self.boundary((share - shown).min(slice));
            self.show(length);
            shown += length;
            if now_ms() - now > most {
                break;
            }
        }
        self.is_behind = shown < share;
        if self.waiting.is_empty() && self.is_ended {
            self.end();
        } else {
            self.move_caret(dom::newest(&self.container));
        }
    }

    /// How many of the waiting bytes this frame is to show: its part of them, and all that came too long ago.
    fn share(&self, now: f64) -> usize {
        let length = self.waiting.len();
        if self.is_ended || length <= 4 || is_hidden() || self.wants_less_motion() {
            return length;
        }
        let due =
            self.arrivals.iter().rev().find(|(came, _)| now - came >= SPREAD_MS).map_or(0, |(_, end)| *end);
        let passed = (now - self.last_step_ms).clamp(1.0, SPREAD_MS);
        // Fractions of a byte are of no account.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "at most `length`"
        )]
        let part = (length as f64 * passed / SPREAD_MS).ceil() as usize;
        self.boundary(due.max(part).min(length))
    }

    /// The end of the character that the byte before `at` belongs to.
    fn boundary(&self, at: usize) -> usize {
        let at = at.clamp(1, self.waiting.len().max(1));
        (at..=self.waiting.len()).find(|at| self.waiting.is_char_boundary(*at)).unwrap_or(self.waiting.len())
    }

    fn wants_less_motion(&self) -> bool {
        self.less_motion.as_ref().is_some_and(MediaQueryList::matches)
    }

    fn show(&mut self, length: usize) {
        let rest = self.waiting.split_off(length.min(self.waiting.len()));
        let text = std::mem::replace(&mut self.waiting, rest);
        for (_, end) in &mut self.arrivals {
            *end = end.saturating_sub(length);
        }
        self.arrivals.retain(|(_, end)| *end > 0);
        self.write(&text);
    }

    fn write(&mut self, text: &str) {
        self.document.push(text);
        self.apply();
    }

    fn end(&mut self) {
        self.document.finish();
        self.apply();
        self.move_caret(None);
        if let Some(page) = self.page.take() {
            dom::put_before(&self.container, &page);
            actions::load_pictures(&page);
        }
    }

    fn move_caret(&mut self, to: Option<Element>) {
        if self.caret == to {
            return;
        }
        // The name of an attribute is never refused.
        if let Some(caret) = &to {
            let _ = caret.set_attribute(CARET, "");
        }
        if let Some(caret) = std::mem::replace(&mut self.caret, to) {
            let _ = caret.remove_attribute(CARET);
        }
    }

    fn apply(&mut self) {
        let mut has_pictures = false;
        for change in self.document.take_changes() {
            has_pictures |= dom::apply(&self.container, change);
        }
        if has_pictures && self.page.is_none() {
            actions::load_pictures(&self.container);
        }
    }
}

/// Has the text go on with the next frame.
fn schedule(text: &Rc<RefCell<Text>>) {
    if std::mem::replace(&mut text.borrow_mut().is_scheduled, true) {
        return;
    }
    let own = Rc::clone(text);
    let work = Closure::once_into_js(move || {
        own.borrow_mut().is_scheduled = false;
        let has_more = own.borrow_mut().frame();
        if has_more {
            schedule(&own);
        }
    });
    let Some(window) = window() else { return };
    let work = work.unchecked_ref();
    // Neither fails for a function.
    let _ = if is_hidden() {
        window.set_timeout_with_callback_and_timeout_and_arguments_0(work, BACKGROUND_INTERVAL_MS)
    } else {
        window.request_animation_frame(work)
    };
}

fn window() -> Option<Window> {
    web_sys::window()
}

fn now_ms() -> f64 {
    window().and_then(|window| window.performance()).map_or(0.0, |performance| performance.now())
}

fn is_hidden() -> bool {
    window().and_then(|window| window.document()).is_some_and(|document| document.hidden())
}

fn less_motion() -> Option<MediaQueryList> {
    window()?.match_media("(prefers-reduced-motion: reduce)").ok()?
}
