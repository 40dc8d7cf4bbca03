//! What only a browser can do. Nothing here may be called while the server renders.

use std::cell::Cell;
use std::time::Duration;

use futures::channel::oneshot;
use leptos::prelude::*;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use super::{MESSAGE_ID, PAGE_DATA_ID};
use crate::api::page::PageData;

/// A page in the background gets no frames; its text must grow all the same.
const BACKGROUND_INTERVAL: Duration = Duration::from_millis(250);

/// The pause before something is tried again, and the longest for what is tried until it succeeds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
pub const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// So long after it came alive a page is taken to have nothing else to do, if the browser does not tell.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// A value that stays on the browser's one thread, such as one with elements of the page in it. It begins as its
/// type's default when it is first used, and belongs to the owner that it was made in.
///
/// On the server there is never a value in it: a page is rendered on several threads, and what is bound to one of
/// them must not be dropped on another.
#[derive(Debug)]
pub struct Local<T: 'static>(StoredValue<Option<SendWrapper<T>>>);

impl<T> Clone for Local<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Local<T> {}

impl<T> Default for Local<T> {
    fn default() -> Self {
        Self(StoredValue::new(None))
    }
}

impl<T: Default> Local<T> {
    /// Changes the value; `None` on the server, and once the owner is gone.
    pub fn update<R>(self, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !crate::IS_BROWSER {
            return None;
        }
        self.0.try_update_value(|value| change(value.get_or_insert_with(|| bound_to_thread(T::default()))))
    }
}

/// The one place where something is bound to the thread that it is on. In the browser there is one.
#[expect(clippy::disallowed_methods, reason = "never called on the server, where there are several")]
fn bound_to_thread<T>(value: T) -> SendWrapper<T> {
    SendWrapper::new(value)
}

/// What the server told with the page.
pub fn page_data() -> PageData {
    let json = document().get_element_by_id(PAGE_DATA_ID).and_then(|element| element.text_content());
    serde_json::from_slice(json.unwrap_or_default().as_bytes()).unwrap_or_default()
}

/// What a person did with the page before it came alive.
#[derive(Clone, Debug, Default)]
pub struct PreHydration {
    /// What stands in the composer, and between which places it is selected.
    pub draft: String,
    pub selected: Option<(u32, u32)>,
    /// Whether it was submitted.
    pub is_submitted: bool,
    /// How far the chat is scrolled, in CSS pixels, if it is.
    pub scrolled: i32,
    /// The page itself: answers that the server wrote need not be written again.
    page: Option<SendWrapper<web_sys::Element>>,
}

/// Clears the page that the server rendered, and tells what a person did with it.
pub fn take_page() -> PreHydration {
    let field = document().get_element_by_id(MESSAGE_ID);
    let field = field.and_then(|field| field.dyn_into::<web_sys::HtmlTextAreaElement>().ok());
    let focused = focused_id();
    let selected = field
        .as_ref()
        .filter(|_| focused.as_deref() == Some(MESSAGE_ID))
        .and_then(|field| field.selection_start().ok().flatten().zip(field.selection_end().ok().flatten()));
    let scroller = document().query_selector(".transcript").ok().flatten();
    let early = PreHydration {
        is_submitted: field.as_ref().is_some_and(|field| field.has_attribute("data-submitted")),
        draft: field.map(|field| field.value()).unwrap_or_default(),
        selected,
        scrolled: scroller.map_or(0, |scroller| scroller.scroll_top()),
        page: document().create_element("div").ok().map(bound_to_thread),
    };
    if let (Some(body), Some(page)) = (document().body(), &early.page) {
        move_children(&body, page);
    }
    early
}

/// How much of a text the server wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Nothing,
    /// What stands before it was too much for a page.
    End,
    All,
}

/// On an element that holds the end of a text alone.
pub const CUT: &str = "data-cut";

/// Moves what the server wrote into the element with this id there into `element`.
pub fn take_written(id: &str, element: &web_sys::Element) -> Written {
    let page = take_pre_hydration(|early| early.page.clone());
    let Some(written) = page.and_then(|page| page.query_selector(&format!("#{id}")).ok().flatten()) else {
        return Written::Nothing;
    };
    move_children(&written, element);
    // It is for the first who asks.
    written.remove();
    if !written.has_attribute(CUT) {
        return Written::All;
    }
    // The name of an attribute is never refused.
    let _ = element.set_attribute(CUT, "");
    Written::End
}

fn move_children(from: &web_sys::Element, to: &web_sys::Element) {
    while let Some(child) = from.first_child() {
        if to.append_child(&child).is_err() {
            return;
        }
    }
}

/// Takes a part of what a person did with the page before it came alive: it is for the first who asks.
pub fn take_pre_hydration<T: Default>(part: impl FnOnce(&mut PreHydration) -> T) -> T {
    use_context::<StoredValue<PreHydration>>()
        .and_then(|early| early.try_update_value(part))
        .unwrap_or_default()
}

/// Sets what the tab is called.
pub fn set_title(title: &str) {
    document().set_title(title);
}

/// Runs `work` before the next paint, or soon if the page is not being painted.
pub fn before_next_frame(work: impl FnOnce() + 'static) {
    if document().hidden() {
        set_timeout(work, BACKGROUND_INTERVAL);
    } else {
        request_animation_frame(work);
    }
}

/// Runs `work` once the page has nothing else to do.
pub fn when_idle(work: impl Fn() + Copy + 'static) {
    let callback = Closure::once_into_js(work);
    // Some browsers do not tell when that is.
    if window().request_idle_callback(callback.unchecked_ref()).is_err() {
        set_timeout(work, IDLE_AFTER);
    }
}

/// True if nobody looks at the page.
pub fn is_hidden() -> bool {
    document().hidden()
}

/// Waits until the page is hidden, or until it is not.
pub async fn until_hidden(hidden: bool) {
    while document().hidden() != hidden {
        let (wake, woken) = oneshot::channel();
        let wake = Cell::new(Some(wake));
        let listener = window_event_listener_untyped("visibilitychange", move |_| {
            if let Some(wake) = wake.take() {
                // Nobody waits any more if the receiver is gone.
                let _ = wake.send(());
            }
        });
        let _listening = Listening(Some(listener));
        // The listener keeps its sender as long as it listens.
        let _ = woken.await;
    }
}

/// Listens until it is dropped.
struct Listening(Option<WindowListenerHandle>);

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(listener) = self.0.take() {
            listener.remove();
        }
    }
}

/// Waits for the next frame, or a moment if the page is not being painted.
pub async fn next_frame() {
    let (wake, woken) = oneshot::channel();
    before_next_frame(move || {
        // Nobody waits any more if the receiver is gone.
        let _ = wake.send(());
    });
    // The callback keeps its sender until it is called.
    let _ = woken.await;
}

/// How high the page is, in CSS pixels; `None` on the server.
pub fn height() -> Option<usize> {
    let element = crate::IS_BROWSER.then(document)?.document_element()?;
    usize::try_from(element.client_height()).ok()
}

/// Scrolls to an element, and gives it the focus if it can have it. What comes into view is laid out for the first time,
/// and may be longer or shorter than it was thought to be: so it is done again for some `frames`, until all of it stands
/// or the person does something.
pub async fn hold_in_view(id: &str, frames: usize) {
    let has_acted = std::rc::Rc::new(Cell::new(false));
    let _listening = ["pointerdown", "click", "wheel", "touchmove", "keydown"].map(|event| {
        let has_acted = has_acted.clone();
        Listening(Some(window_event_listener_untyped(event, move |_| has_acted.set(true))))
    });
    for _ in 0..frames {
        next_frame().await;
        if has_acted.get() {
            return;
        }
        if let Some(element) = document().get_element_by_id(id) {
            element.scroll_into_view();
            focus_again(id);
        }
    }
}

/// The id of the element that has the focus.
pub fn focused_id() -> Option<String> {
    document().active_element().map(|element| element.id()).filter(|id| !id.is_empty())
}

/// Gives the focus to the element with this id.
pub fn focus_again(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // What cannot have it leaves it where it is.
        let _ = element.focus();
    }
}

/// Gives the focus to the field with this id, with all that stands in it selected.
pub fn focus_and_select(id: &str) {
    focus_again(id);
    if let Some(field) = field(id) {
        field.select();
    }
}

/// Gives the focus to the first element that there is of these selectors.
pub fn focus_first(selectors: &[&str]) {
    let find = |selector: &&str| document().query_selector(selector).ok().flatten();
    let element = selectors.iter().find_map(find);
    if let Some(element) = element.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // What cannot have it leaves it where it is.
        let _ = element.focus();
    }
}

/// Gives the focus back to where one types, where that brings no keyboard up over the page.
pub fn focus_message() {
    if has_keyboard() {
        before_next_frame(|| focus_again(MESSAGE_ID));
    }
}

/// True if what has the focus takes what is typed.
pub fn is_in_field() -> bool {
    is_focus_within("input, textarea, select, [contenteditable]")
}

/// True if what has the focus is such an element, or stands in one.
pub fn is_focus_within(selector: &str) -> bool {
    document().active_element().is_some_and(|element| element.closest(selector).ok().flatten().is_some())
}

/// True if the event happened in such an element.
pub fn is_within(event: &web_sys::Event, selector: &str) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    target.is_some_and(|target| target.closest(selector).ok().flatten().is_some())
}

/// Where the focus is: in the element with this id, with this part of its text selected.
#[derive(Clone, Debug)]
pub struct Focus {
    id: String,
    selected: Option<(u32, u32)>,
}

impl Focus {
    /// Where it is now, if that can be said.
    pub fn now() -> Option<Self> {
        let id = focused_id()?;
        let selected = field(&id).and_then(|field| {
            field.selection_start().ok().flatten().zip(field.selection_end().ok().flatten())
        });
        Some(Self { id, selected })
    }

    /// Gives it back if nothing has it: what had it was taken out of the page, and is there again.
    pub fn restore_if_lost(&self) {
        let document = document();
        let focused = document.active_element();
        if focused.is_some() && focused != document.body().map(Into::into) {
            return;
        }
        focus_again(&self.id);
        if let (Some((from, to)), Some(field)) = (self.selected, field(&self.id)) {
            // Only fields for text had a selection.
            let _ = field.set_selection_range(from, to);
        }
    }
}

/// What stands in the field with this id.
pub fn value_of(id: &str) -> String {
    field(id).map(|field| field.value()).unwrap_or_default()
}

/// Writes something else into the field with this id.
pub fn set_value(id: &str, value: &str) {
    if let Some(field) = field(id) {
        field.set_value(value);
    }
}

fn field(id: &str) -> Option<web_sys::HtmlInputElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// Now in the reader's time zone, in milliseconds since 1970, and what is added to a time to get it there.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are far below 2^53, and whole minutes"
)]
pub fn local_time() -> (u64, i64) {
    let now = js_sys::Date::new_0();
    let offset_ms = -(now.get_timezone_offset() as i64) * 60_000;
    ((now.get_time() as u64).saturating_add_signed(offset_ms), offset_ms)
}

/// Waits; not so long if the network comes back or the page is looked at again.
pub async fn sleep_or_wake(duration: Duration) {
    let (wake, woken) = oneshot::channel();
    let wake = std::rc::Rc::new(Cell::new(Some(wake)));
    let on_wake = {
        let wake = wake.clone();
        move || {
            if let Some(wake) = wake.take() {
                // Nobody waits any more if the receiver is gone.
                let _ = wake.send(());
            }
        }
    };
    let _listening = ["online", "pageshow", "visibilitychange"].map(|event| {
        let on_wake = on_wake.clone();
        Listening(Some(window_event_listener_untyped(event, move |_| on_wake())))
    });
    set_timeout(on_wake, duration);
    // The timer keeps its sender until it fires.
    let _ = woken.await;
}

/// The pauses before something is tried again: each is twice as long as the one before.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// From half a second up to `longest`.
    pub fn up_to(longest: Duration) -> Self {
        Self { next: FIRST_PAUSE, longest }
    }

    /// Waits for the next pause; not so long if the network comes back or the page is looked at again.
    pub async fn wait(&mut self) {
        sleep_or_wake(self.next).await;
        self.next = (self.next * 2).min(self.longest);
    }

    /// Begins anew: something succeeded.
    pub fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }
}

/// Between which places the text of the field with this id is selected, if it has the focus.
pub fn selected_in(id: &str) -> Option<(u32, u32)> {
    let focused = document().active_element().filter(|focused| focused.id() == id)?;
    let field = focused.dyn_into::<web_sys::HtmlTextAreaElement>().ok()?;
    field.selection_start().ok().flatten().zip(field.selection_end().ok().flatten())
}

/// Makes a field as tall as its text, up to the limit that the style sets.
///
/// What is around it keeps its height while the field is measured: the transcript above would be taller for that moment,
/// and be scrolled away from its end.
pub fn grow(field: &web_sys::HtmlTextAreaElement) {
    let set = |element: &web_sys::HtmlElement, name, value: &str| {
        // A value that is none is passed over.
        let _ = element.style().set_property(name, value);
    };
    let around = field.parent_element().and_then(|around| around.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(around) = &around {
        set(around, "min-height", &format!("{}px", around.offset_height()));
    }
    set(field, "height", "auto");
    set(field, "height", &format!("{}px", field.scroll_height()));
    if let Some(around) = &around {
        set(around, "min-height", "");
    }
}

/// Waits.
pub async fn sleep(duration: Duration) {
    let (wake, woken) = oneshot::channel();
    set_timeout(
        move || {
            // Nobody waits any more if the receiver is gone.
            let _ = wake.send(());
        },
        duration,
    );
    // The timer keeps its sender until it fires.
    let _ = woken.await;
}

/// Whole milliseconds since the page was opened.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is neither negative nor above 2^52"
)]
pub fn now_ms() -> u64 {
    window().performance().map_or(0, |performance| performance.now() as u64)
}

/// What is kept in this browser under `key`.
pub fn stored(key: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(key).ok()?
}

/// Keeps `value` in this browser under `key`; an empty one is removed. A browser that keeps nothing (private
/// mode, or full) works on without.
pub fn store(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().local_storage() {
        let _ = if value.is_empty() { storage.remove_item(key) } else { storage.set_item(key, value) };
    }
}

/// The keys of all that is kept in this browser.
pub fn stored_keys() -> Vec<String> {
    let Ok(Some(storage)) = window().local_storage() else { return Vec::new() };
    let count = storage.length().unwrap_or_default();
    (0..count).filter_map(|index| storage.key(index).ok().flatten()).collect()
}

/// What is kept in this tab under `key`; it is kept over a reload.
pub fn stored_in_tab(key: &str) -> Option<String> {
    window().session_storage().ok()??.get_item(key).ok()?
}

/// Keeps `value` in this tab under `key`; an empty one is removed.
pub fn store_in_tab(key: &str, value: &str) {
    if let Ok(Some(storage)) = window().session_storage() {
        // Refused in private mode, or if it is full: the tab works on without.
        let _ = if value.is_empty() { storage.remove_item(key) } else { storage.set_item(key, value) };
    }
}

/// Sets or removes `data-<name>` on the document.
pub fn set_document_data(name: &str, value: &str) {
    if let Some(root) = document().document_element() {
        let name = format!("data-{name}");
        let _ =
            if value.is_empty() { root.remove_attribute(&name) } else { root.set_attribute(&name, value) };
    }
}

/// Puts `text` on the clipboard. False if the browser does not allow it.
pub async fn copy(text: &str) -> bool {
    let clipboard = window().navigator().clipboard();
    // Without a secure context there is no clipboard: over plain HTTP from another machine.
    if clipboard.is_undefined() {
        return false;
    }
    wasm_bindgen_futures::JsFuture::from(clipboard.write_text(text)).await.is_ok()
}

/// True where a keyboard is at hand, so that focusing a field brings no keyboard up over the page. On the server,
/// which does not know, false.
pub fn has_keyboard() -> bool {
    crate::IS_BROWSER
        && window()
            .match_media("(hover: hover) and (pointer: fine)")
            .ok()
            .flatten()
            .is_some_and(|query| query.matches())
}

/// Calls `react` whenever the element's size changes, before the paint that shows it; until the owner is gone.
pub fn on_resize(element: NodeRef<leptos::html::Div>, react: impl Fn() + Clone + 'static) {
    Effect::new(move || {
        let Some(element) = element.get() else { return };
        let react = react.clone();
        let callback = Closure::<dyn Fn()>::new(react);
        let Ok(observer) = web_sys::ResizeObserver::new(callback.as_ref().unchecked_ref()) else { return };
        observer.observe(&element);
        let held = bound_to_thread((observer, callback));
        on_cleanup(move || held.0.disconnect());
    });
}

/// Calls `tick` now and four times a second while `condition` holds; until the owner is gone.
pub fn while_true(condition: Memo<bool>, tick: impl Fn() + Clone + 'static) {
    Effect::new(move || {
        if condition.get() {
            tick();
            let tick = tick.clone();
            if let Ok(interval) = set_interval_with_handle(tick, Duration::from_millis(250)) {
                on_cleanup(move || interval.clear());
            }
        }
    });
}
