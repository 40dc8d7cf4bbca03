//! What a piece of text changed in the tree, for a page that shows it: what is there is not written again.

use super::node::{Element, Node, Tag};

/// Where a node is: for each level from the root down, how many siblings follow it. Empty is the root itself.
///
/// Counted from the end since a text grows at its end, so that a way there is short in a long document.
pub type Path = Vec<usize>;

/// One change, to be applied after those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `parent` has a child more, at its end.
    Append { parent: Path, node: Node },
    /// The text at `at` goes on.
    Extend { at: Path, more: String },
    /// Another node stands in place of the one at `at`.
    Replace { at: Path, node: Node },
    /// `parent` loses its last children.
    RemoveLast { parent: Path, count: usize },
}

/// Makes `new` the children from `from` on, and notes what that changes. `parent` is the way to them.
pub fn splice(
    children: &mut Vec<Node>,
    from: usize,
    new: Vec<Node>,
    parent: &Path,
    changes: &mut Vec<Change>,
) {
    let kept = from + new.len();
    if kept < children.len() {
        changes.push(Change::RemoveLast { parent: parent.clone(), count: children.len() - kept });
        children.truncate(kept);
    }
    overwrite(children, from, new, parent, changes);
}

/// Puts `new` in place of as many children from `from` on, and adds what is left of it at the end.
pub fn overwrite(
    children: &mut Vec<Node>,
    from: usize,
    new: Vec<Node>,
    parent: &Path,
    changes: &mut Vec<Change>,
) {
    let count = children.len();
    for (place, node) in (from..).zip(new) {
        if let Some(old) = children.get_mut(place) {
            let mut at = parent.clone();
            at.push(count - 1 - place);
            replace(old, node, at, changes);
        } else {
            changes.push(Change::Append { parent: parent.clone(), node: node.clone() });
            children.push(node);
        }
    }
}

/// Puts `new` in place of `old`, changing as little as that takes.
pub fn replace(old: &mut Node, new: Node, at: Path, changes: &mut Vec<Change>) {
    match (old, new) {
        (Node::Text(before), Node::Text(text)) if text.starts_with(&**before) => {
            let more = &text[before.len()..];
            if !more.is_empty() {
                changes.push(Change::Extend { at, more: more.to_owned() });
                before.push_str(more);
            }
        }
        (Node::Element(before), Node::Element(element)) if looks_alike(before, &element) => {
            before.tag = element.tag;
            splice(&mut before.children, 0, element.children, &at, changes);
        }
        (old, new) => {
            if *old != new {
                changes.push(Change::Replace { at, node: new.clone() });
                *old = new;
            }
        }
    }
}

/// Whether only children may differ, and each of them is a node of the page.
fn looks_alike(before: &Element, element: &Element) -> bool {
    match (&before.tag, &element.tag) {
        (Tag::List { start, .. }, Tag::List { start: other, .. }) => start == other,
        (Tag::Math { .. } | Tag::Image { .. } | Tag::OpenImage | Tag::Link { .. }, _) => false,
        (tag, other) => tag == other,
    }
}
