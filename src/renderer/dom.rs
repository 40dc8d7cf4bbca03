//! Changes of the tree, made in the document: each node of the tree is one of the page
//! ([`crate::markdown::page`]), so the same way leads to it.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Node as PageNode, Text};

use crate::action::DO_LOAD;
use crate::html::Html;
use crate::markdown::change::Change;
use crate::markdown::links::hidden_in;
use crate::markdown::node::Node;
use crate::markdown::page::{Place, to_html, write_at};

/// A selector of what text stands in, as [`crate::markdown::page`] writes it.
const HOLDS_TEXT: &str = "p, h2, h3, h4, h5, h6, th, td, .line, .raw-html";

/// A browser takes no more arguments than some ten thousand.
const AT_ONCE: usize = 1000;

/// Beside so many nodes a text is replaced and not added to: Chromium takes 1.6 s to add to the last of 9,000 nodes of a
/// paragraph, four times as long for twice as many, and some milliseconds to replace it.
const MANY_SIBLINGS: usize = 200;

/// Writes blocks in place of what stands in `container`.
pub fn write_all(container: &HtmlElement, nodes: &[Node]) {
    container.set_inner_html(&to_html(nodes));
}

/// An element of the same kind that stands nowhere.
pub fn empty_like(container: &HtmlElement) -> Option<HtmlElement> {
    container.clone_node().ok()?.dyn_into().ok()
}

/// Puts the blocks of a whole text, which were made `aside`, into `page`, which holds the last of them already. The
/// first of these may be the end of a block alone, and is replaced. Who looks at the end sees the same afterwards.
pub fn put_before(aside: &HtmlElement, page: &HtmlElement) {
    let scroller = page.closest(".transcript").ok().flatten();
    let from_end = scroller.as_ref().map(|scroller| scroller.scroll_height() - scroller.scroll_top());
    let there = page.child_element_count().min(aside.child_element_count());
    for _ in 1..there {
        if let Some(last) = aside.last_element_child() {
            last.remove();
        }
    }
    while page.child_element_count() > there.saturating_sub(1)
        && let Some(first) = page.first_element_child()
    {
        first.remove();
    }
    // Many at once: one by one, the browser would look at the styles of all others each time.
    loop {
        let last_ones: Vec<_> =
            std::iter::successors(aside.last_child(), PageNode::previous_sibling).take(AT_ONCE).collect();
        if last_ones.is_empty() {
            break;
        }
        // It fails for nothing that is an element.
        let _ = page.prepend_with_node(&last_ones.into_iter().rev().collect());
    }
    let _ = page.remove_attribute("data-cut");
    let _ = page.set_attribute("data-long", "");
    if let Some((scroller, from_end)) = scroller.zip(from_end) {
        scroller.set_scroll_top(scroller.scroll_height() - from_end);
    }
}

/// Makes one change; says whether a picture came that has to be loaded.
///
/// A way that leads nowhere means that something else changed the document: an extension of the browser, say. Then
/// the change is left out, and what is written stays.
pub fn apply(container: &HtmlElement, change: Change) -> bool {
    match change {
        Change::Append { parent, nodes } => find(container, &parent)
            .and_then(|parent| holder(&parent))
            .is_some_and(|parent| insert(&parent, "beforeend", &nodes)),
        Change::Extend { at, more } => {
            if let Some(node) = find(container, &at) {
                extend(&node, &more);
            }
            false
        }
        Change::Replace { at, node } => find(container, &at).is_some_and(|old| replace(&old, &node)),
        Change::RemoveLast { parent, count } => {
            if let Some(parent) = find(container, &parent).and_then(|parent| holder(&parent)) {
                for last in (0..count).map_while(|_| parent.last_child()) {
                    // It is there, so it can be taken away.
                    let _ = parent.remove_child(&last);
                }
            }
            false
        }
    }
}

/// Where the newest text stands: in a paragraph, a heading, a cell, or a line of code.
pub fn newest(container: &HtmlElement) -> Option<Element> {
    let last = |element: &Element| element.last_element_child();
    let last_ones = std::iter::successors(last(container), last);
    last_ones.filter(|element| element.matches(HOLDS_TEXT).unwrap_or_default()).last()
}

fn find(container: &HtmlElement, path: &[usize]) -> Option<PageNode> {
    let mut node: PageNode = container.clone().into();
    for after in path {
        node = holder(&node)?.last_child()?;
        for _ in 0..*after {
            node = node.previous_sibling()?;
        }
    }
    Some(node)
}

/// The element that holds a node's children.
fn holder(node: &PageNode) -> Option<Element> {
    let element = node.dyn_ref::<Element>()?;
    if element.has_attribute("data-block") {
        element.query_selector("[data-inner]").ok().flatten()
    } else {
        Some(element.clone())
    }
}

/// Puts the HTML of `nodes` there, `position` being one of `insertAdjacentHTML`; says whether it holds a picture.
fn insert(element: &Element, position: &str, nodes: &[Node]) -> bool {
    let parent = if position == "beforeend" { Some(element.clone()) } else { element.parent_element() };
    let Some(parent) = parent else { return false };
    let mut html = Html::default();
    let place = place_of(&parent);
    for node in nodes {
        write_at(&mut html, node, place);
    }
    let html = html.into_string();
    // It fails only for elements without a parent.
    let _ = element.insert_adjacent_html(position, &html);
    html.contains(DO_LOAD)
}

fn place_of(parent: &Element) -> Place {
    let stands_in = |selectors| parent.closest(selectors).ok().flatten().is_some();
    Place {
        is_link: stands_in("a, .dead-link, .picture-pending"),
        is_code: stands_in("code"),
        is_held: stands_in("li, blockquote"),
    }
}

fn extend(node: &PageNode, more: &str) {
    let parent = node.parent_element();
    let shows_hidden = || {
        let place = parent.as_ref().map(place_of).unwrap_or_default();
        place.is_link || place.is_code
    };
    match node.dyn_ref::<Text>() {
        Some(text) if !has_many_siblings(node) && (hidden_in(more).is_empty() || !shows_hidden()) => {
            // The end of a text is a place in it.
            let _ = text.append_data(more);
        }
        Some(text) => {
            let whole = text.data() + more;
            replace(node, &Node::Text(whole));
        }
        // A text with hidden characters is an element.
        None => {
            if let Some(element) = node.dyn_ref::<Element>() {
                insert(element, "beforeend", &[Node::text(more)]);
            }
        }
    }
}

fn has_many_siblings(node: &PageNode) -> bool {
    std::iter::successors(node.previous_sibling(), PageNode::previous_sibling)
        .nth(MANY_SIBLINGS - 1)
        .is_some()
}

fn replace(old: &PageNode, node: &Node) -> bool {
    if let Some(parent) = old.parent_element().filter(|_| old.next_sibling().is_none()) {
        // First taken away, then put there: what is put before another one has the browser look at the styles of
        // everything beside it again, 37 ms in an answer of 100 KB.
        // It is there, so it can be taken away.
        let _ = parent.remove_child(old);
        return insert(&parent, "beforeend", std::slice::from_ref(node));
    }
    if let Some(element) = old.dyn_ref::<Element>() {
        let has_picture = insert(element, "beforebegin", std::slice::from_ref(node));
        element.remove();
        return has_picture;
    }
    // HTML can be put beside elements alone.
    let (Some(parent), Some(document)) = (old.parent_node(), old.owner_document()) else { return false };
    let Ok(place) = document.create_element("span") else { return false };
    if parent.replace_child(&place, old).is_err() {
        return false;
    }
    let has_picture = insert(&place, "beforebegin", std::slice::from_ref(node));
    place.remove();
    has_picture
}
