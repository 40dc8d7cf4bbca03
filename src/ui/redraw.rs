//! Draws HTML anew and leaves alone what stays the same: whatever is pressed, typed in or looked at meanwhile.

use leptos::prelude::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, Node};

/// Makes what stands in `element` equal to `html`. The field that `field` selects, and the item of the list around it,
/// stay as they are with all that is typed there, if the field is in `html` too and has the same `data-id`.
pub fn redraw(element: &Element, html: &str, field: &str) {
    let Ok(new) = document().create_element(&element.tag_name()) else { return };
    new.set_inner_html(html);
    let typed = Typed::in_field(element, field);
    merge(element, &new, field);
    if let Some(typed) = typed {
        typed.take_along(element, field);
    }
}

/// Makes the children of `old` equal to those of `new`.
fn merge(old: &Node, new: &Node, field: &str) {
    let mut at = old.first_child();
    while let Some(wanted) = new.first_child() {
        if let Some(same) = find_same(at.clone(), &wanted, field) {
            remove_until(old, at, &same);
            at = same.next_sibling();
            let _ = new.remove_child(&wanted);
        } else if let Some(list) = at.clone().filter(|at| is_list(at) && is_list(&wanted)) {
            merge(&list, &wanted, field);
            at = list.next_sibling();
            let _ = new.remove_child(&wanted);
        } else {
            let _ = old.insert_before(&wanted, at.as_ref());
        }
    }
    while let Some(rest) = at {
        at = rest.next_sibling();
        let _ = old.remove_child(&rest);
    }
}

/// The node at or behind `at` that may stay in the place of `wanted`.
fn find_same(mut at: Option<Node>, wanted: &Node, field: &str) -> Option<Node> {
    while let Some(node) = at {
        if node.is_equal_node(Some(wanted)) || holds_same_field(&node, wanted, field) {
            return Some(node);
        }
        at = node.next_sibling();
    }
    None
}

fn holds_same_field(node: &Node, wanted: &Node, field: &str) -> bool {
    let id = |node: &Node| {
        let item = node.dyn_ref::<Element>().filter(|item| item.tag_name() == "LI")?;
        item.query_selector(field).ok()??.get_attribute("data-id")
    };
    let wanted = id(wanted);
    wanted.is_some() && id(node) == wanted
}

fn is_list(node: &Node) -> bool {
    node.node_name() == "UL"
}

fn remove_until(parent: &Node, mut at: Option<Node>, end: &Node) {
    while let Some(node) = at.filter(|node| !node.is_same_node(Some(end))) {
        at = node.next_sibling();
        let _ = parent.remove_child(&node);
    }
}

/// What is typed in a field, which has to move to another list.
struct Typed {
    field: HtmlInputElement,
    text: String,
    selected: Option<(u32, u32)>,
}

impl Typed {
    fn in_field(element: &Element, field: &str) -> Option<Self> {
        let field = find_field(element, field)?;
        let has_focus = document().active_element().is_some_and(|focused| focused.is_same_node(Some(&field)));
        let selected = field.selection_start().ok().flatten().zip(field.selection_end().ok().flatten());
        Some(Self { text: field.value(), selected: selected.filter(|_| has_focus), field })
    }

    fn take_along(self, element: &Element, field: &str) {
        let Some(new) = find_field(element, field).filter(|new| !new.is_same_node(Some(&self.field))) else {
            return;
        };
        if new.get_attribute("data-id") == self.field.get_attribute("data-id") {
            new.set_value(&self.text);
            if let Some((from, to)) = self.selected {
                let _ = new.focus();
                let _ = new.set_selection_range(from, to);
            }
        }
    }
}

fn find_field(element: &Element, field: &str) -> Option<HtmlInputElement> {
    element.query_selector(field).ok()??.dyn_into().ok()
}
