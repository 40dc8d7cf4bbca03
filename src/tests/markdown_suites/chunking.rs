//! When a page is what it should be.

use runnel::markdown::node::{Node, Tag};

/// Whether two trees are the same to a page: whether a list is loose is not seen, so no change tells of it.
pub fn looks_same(page: &[Node], nodes: &[Node]) -> bool {
    let is_pair = |(one, other): (&Node, &Node)| match (one, other) {
        (Node::Element(one), Node::Element(other)) => {
            let is_tag = match (&one.tag, &other.tag) {
                (Tag::List { start, .. }, Tag::List { start: other, .. }) => start == other,
                (tag, other) => tag == other,
            };
            is_tag && looks_same(&one.children, &other.children)
        }
        (one, other) => one == other,
    };
    page.len() == nodes.len() && page.iter().zip(nodes).all(is_pair)
}
