//! The document in few words: what is missing is `None`. Each function of the browser's that is used adds 300 bytes to
//! the renderer's files (before compression), so they are few.

use js_sys::Array;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::JsValue;
use web_sys::{Blob, BlobPropertyBag, Element, Event, EventTarget, HtmlElement, Node, NodeList};

/// The document's outermost element.
pub fn root() -> Option<Element> {
    web_sys::window()?.document()?.document_element()
}

/// Calls `react` at each event, on its way down if it does not bubble; for as long as the page is there.
pub fn listen(target: &EventTarget, event: &str, react: fn(&Event)) {
    let callback = Closure::<dyn Fn(Event)>::new(move |event: Event| react(&event)).into_js_value();
    let is_on_its_way_down = event == "load";
    // None fails for a function.
    let _ =
        target.add_event_listener_with_callback_and_bool(event, callback.unchecked_ref(), is_on_its_way_down);
}

pub fn target(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

pub fn closest(element: &Element, selector: &str) -> Option<Element> {
    element.closest(selector).ok().flatten()
}

/// The first within.
pub fn first(element: &Element, selector: &str) -> Option<Element> {
    element.query_selector(selector).ok().flatten()
}

/// All within, as they are now.
pub fn all(element: &Element, selector: &str) -> Vec<Element> {
    let found = element.query_selector_all(selector).ok();
    found.map(|found| nodes(&found).into_iter().map(Node::unchecked_into).collect()).unwrap_or_default()
}

pub fn children(node: &Node) -> Vec<Node> {
    nodes(&node.child_nodes())
}

fn nodes(list: &NodeList) -> Vec<Node> {
    (0..list.length()).filter_map(|at| list.get(at)).collect()
}

/// An attribute's value; without the attribute it is empty.
pub fn attribute(element: &Element, name: &str) -> String {
    element.get_attribute(name).unwrap_or_default()
}

pub fn set(element: &Element, name: &str, value: &str) {
    // The names are all ours, so none is refused.
    let _ = element.set_attribute(name, value);
}

pub fn unset(element: &Element, name: &str) {
    let _ = element.remove_attribute(name);
}

pub fn text(node: &Node) -> String {
    node.text_content().unwrap_or_default()
}

/// Gives the focus to an element that has none by itself.
pub fn focus(element: &Element) {
    set(element, "tabindex", "-1");
    let _ = as_html(element).focus();
}

/// For elements that our own HTML has made.
pub fn as_html(element: &Element) -> &HtmlElement {
    element.unchecked_ref()
}

/// Calls `work` later.
pub fn after(milliseconds: i32, work: impl FnOnce() + 'static) {
    if let Some(window) = web_sys::window() {
        let work = Closure::once_into_js(work);
        let _ =
            window.set_timeout_with_callback_and_timeout_and_arguments_0(work.unchecked_ref(), milliseconds);
    }
}

/// Text or bytes as something that has a type.
pub fn blob(content: &JsValue, kind: &str) -> Option<Blob> {
    let options = BlobPropertyBag::new();
    options.set_type(kind);
    // The browser sees for itself which of the two it is.
    Blob::new_with_str_sequence_and_options(&Array::of1(content), &options).ok()
}
