//! What a piece of text changed in the tree, for a page that shows it: what is there is not written again.

use super::node::{Element, Node, Tag};

/// Where a node is: for each level from the root down, how many siblings follow it. Empty is the root itself.
///
/// Counted from the end since a text grows at its end, so that a way there is short in a long document.
pub type Path = Vec<usize>;

/// One change, to be applied after those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// `parent` has these children more, at its end. They are one change, since each change of a long paragraph costs a
    /// browser as much as many nodes do.
    Append { parent: Path, nodes: Vec<Node> },
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
    let mut new = new.into_iter();
    for ((place, old), node) in children.iter_mut().enumerate().skip(from).zip(new.by_ref()) {
        let mut at = parent.clone();
        at.push(count - 1 - place);
        replace(old, node, at, changes);
    }
    let nodes: Vec<Node> = new.collect();
    append(parent, nodes.clone(), changes);
    children.extend(nodes);
}

/// Notes that `parent` has these children more, together with those that it got just before.
pub fn append(parent: &Path, nodes: Vec<Node>, changes: &mut Vec<Change>) {
    match changes.last_mut() {
        _ if nodes.is_empty() => {}
        Some(Change::Append { parent: before, nodes: known }) if before == parent => known.extend(nodes),
        _ => changes.push(Change::Append { parent: parent.clone(), nodes }),
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
