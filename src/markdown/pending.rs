//! The tail of a document: what is open, read again with each piece of text, and shown as it will likely become.

use std::collections::HashMap;

use super::blocks::{End, NumbersOfTail, line_start, number_footnotes};
use super::change::{Change, Path, append, overwrite, splice};
use super::fence;
use super::node::{Element, Node, Tag};
use super::repair;
use super::{Document, LONG_TAIL, Open, rows_of, steps, table_body};

impl Document {
    /// Shows the tail as it will likely become.
    pub(super) fn show(&mut self) {
        if let Open::Fence { .. } = self.open {
            return self.show_line();
        }
        let length = self.unread_length();
        if length < self.next_show {
            return self.show_raw();
        }
        self.next_show = if length > LONG_TAIL { length + length / 8 } else { 0 };
        let head = self.open_head();
        let mut text = format!("{}{}", &self.source[head], &self.source[self.tail..]);
        text.truncate(self.explanation(&text).unwrap_or(text.len()));
        let repaired = repair::repair(&text);
        let mut read = self.read(&repaired.text, End::Awaited);
        self.bytes_parsed += u64::try_from(text.len()).unwrap_or_default();
        let mut nodes: Vec<Node> =
            std::mem::take(&mut read.blocks).into_iter().map(|block| block.node).collect();
        if !read.footnotes.is_empty() {
            // For the eye alone: what is committed counts.
            let mut numbers = NumbersOfTail { committed: &self.footnotes, tail: HashMap::new() };
            for node in &mut nodes {
                number_footnotes(node, &read.footnotes, &mut numbers);
            }
        }
        self.undefined_in_tail = read.undefined.drain(..).map(|(label, _)| label).collect();
        if repaired.has_open_formula {
            nodes.last_mut().map(open_last_formula);
        }
        let parts = self.take_open_parts(&mut nodes);
        self.show_nodes(parts, nodes);
        self.shown = self.source.len();
    }

    /// Where the last line begins if it may come to explain a link that waits for it: nothing of that is ever shown.
    fn explanation(&self, text: &str) -> Option<usize> {
        let start = line_start(text, text.len());
        let label = text[start..].trim_start_matches([' ', '>']).strip_prefix('[')?;
        let label = label.strip_suffix(']').unwrap_or(label).to_lowercase();
        // In order, so that it does not matter how many links an answer has.
        let next = self.awaited.range(label.clone()..).next();
        let is_awaited = next.is_some_and(|known| known.starts_with(&label))
            || self.undefined_in_tail.iter().any(|known| known.to_lowercase().starts_with(&label));
        is_awaited.then_some(start)
    }

    /// The nodes that belong to the block that is open.
    fn take_open_parts(&mut self, nodes: &mut Vec<Node>) -> Vec<Node> {
        let is_open = match (&self.open, nodes.first()) {
            (Open::List { .. }, Some(Node::Element(element))) => matches!(element.tag, Tag::List { .. }),
            (Open::Table { .. }, Some(Node::Element(element))) => element.tag == Tag::Table,
            _ => false,
        };
        if !is_open {
            return Vec::new();
        }
        match nodes.remove(0) {
            Node::Element(Element { tag: Tag::List { .. }, children }) => children,
            table => rows_of(table),
        }
    }

    /// Shows the tail: what belongs to the open block, and what stands after it.
    fn show_nodes(&mut self, parts: Vec<Node>, nodes: Vec<Node>) {
        if let Open::List { committed } | Open::Table { committed, .. } | Open::Fence { committed, .. } =
            &self.open
        {
            self.splice_open(*committed, parts);
        }
        self.nodes_from(self.committed, nodes);
    }

    /// The line of code that has not ended.
    fn show_line(&mut self) {
        let length = self.source.len() - self.tail;
        if length < self.next_show {
            return self.show_raw();
        }
        // A line that long is not coloured: more of it is more text.
        self.next_show = if length > LONG_TAIL { usize::MAX } else { 0 };
        let Open::Fence { fence, highlighter, .. } = &self.open else { return };
        let line = &self.source[self.tail..];
        let parts = if fence.content(line).is_empty() || fence.may_be_closed_by(line) {
            Vec::new()
        } else {
            self.bytes_parsed += u64::try_from(line.len()).unwrap_or_default();
            vec![fence::line(&mut highlighter.clone(), fence.content(line))]
        };
        self.show_nodes(parts, Vec::new());
        self.shown = self.source.len();
    }

    /// Adds what is new as plain text to the end of what is shown of the tail, if that can hold any.
    fn show_raw(&mut self) {
        if !self.shows_tail() {
            return;
        }
        let mut at = Path::new();
        let Some(children) = last_inline_children(&mut self.nodes, &mut at) else { return };
        let more = self.source[self.shown.max(self.tail)..].to_owned();
        steps::count(more.len());
        if let Some(Node::Text(text)) = children.last_mut() {
            text.push_str(&more);
            at.push(0);
            self.changes.push(Change::Extend { at, more });
        } else {
            let node = Node::Text(more);
            children.push(node.clone());
            append(&at, vec![node], &mut self.changes);
        }
        self.shown = self.source.len();
    }

    /// Whether the last text of the tree is the tail's.
    fn shows_tail(&self) -> bool {
        let is_longer = |committed: usize| match self.nodes.last() {
            Some(Node::Element(block)) => match table_body(&self.nodes[self.nodes.len() - 1]) {
                Some(body) => body.children.len() > committed,
                None => block.children.len() > committed,
            },
            _ => false,
        };
        self.nodes.len() > self.committed
            || match self.open {
                Open::None => false,
                Open::List { committed } | Open::Table { committed, .. } | Open::Fence { committed, .. } => {
                    is_longer(committed)
                }
            }
    }

    pub(super) fn nodes_from(&mut self, from: usize, nodes: Vec<Node>) {
        splice(&mut self.nodes, from, nodes, &Path::new(), &mut self.changes);
    }

    /// Makes `parts` the children of the open block from `from` on.
    pub(super) fn splice_open(&mut self, from: usize, parts: Vec<Node>) {
        if let Some((children, path)) = open_children(&mut self.nodes, self.committed) {
            splice(children, from, parts, &path, &mut self.changes);
        }
    }

    /// The same, but what comes after them is left for now.
    pub(super) fn overwrite_open(&mut self, from: usize, parts: Vec<Node>) {
        if let Some((children, path)) = open_children(&mut self.nodes, self.committed) {
            overwrite(children, from, parts, &path, &mut self.changes);
        }
    }
}

/// The children of the block that grows, the last of the committed ones, and the way to them.
fn open_children(nodes: &mut [Node], committed: usize) -> Option<(&mut Vec<Node>, Path)> {
    let place = committed.checked_sub(1)?;
    let mut path = vec![nodes.len() - 1 - place];
    let Node::Element(block) = nodes.get_mut(place)? else { return None };
    if block.tag != Tag::Table {
        return Some((&mut block.children, path));
    }
    path.push(0);
    match block.children.last_mut()? {
        Node::Element(body) => Some((&mut body.children, path)),
        Node::Text(_) => None,
    }
}

/// The last formula was ended for the eye alone.
fn open_last_formula(node: &mut Node) {
    let Node::Element(element) = node else { return };
    if let Tag::Math { is_open, .. } = &mut element.tag {
        *is_open = true;
    } else {
        element.children.last_mut().map(open_last_formula);
    }
}

/// The children that end with the last text of the tree, or could.
fn last_inline_children<'a>(nodes: &'a mut Vec<Node>, at: &mut Path) -> Option<&'a mut Vec<Node>> {
    let goes_deeper = match nodes.last()? {
        Node::Element(element) => !is_opaque(&element.tag) && !element.children.is_empty(),
        Node::Text(_) => false,
    };
    if goes_deeper {
        at.push(0);
        return match nodes.last_mut()? {
            Node::Element(element) => last_inline_children(&mut element.children, at),
            Node::Text(_) => None,
        };
    }
    let is_text_or_beside_text = match nodes.last()? {
        Node::Text(_) => true,
        Node::Element(element) => is_inline(&element.tag) && !at.is_empty(),
    };
    is_text_or_beside_text.then_some(nodes)
}

fn is_inline(tag: &Tag) -> bool {
    matches!(
        tag,
        Tag::Math { is_display: false, .. }
            | Tag::Image { .. }
            | Tag::OpenImage
            | Tag::Link { .. }
            | Tag::Break
            | Tag::FootnoteMark { .. }
    )
}

/// What is written as a whole: its children are no nodes of the page.
fn is_opaque(tag: &Tag) -> bool {
    matches!(tag, Tag::Math { .. } | Tag::Image { .. } | Tag::OpenImage | Tag::Link { .. })
}
