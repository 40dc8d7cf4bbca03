//! Markdown that grows: what is finished is frozen, what is open alone is read again.
//!
//! A [`Document`] is pushed text in whatever pieces it comes. Reading that no later text can change are read once and
//! frozen; the text after them, the tail, is read anew with each piece, completed to what it will likely become
//! ([`likely`]). A list, a table or a fence that is still open is frozen item by item, row by row, line by line. So a
//! piece costs what is new, however long the answer or the block is.
//!
//! That is sound because Markdown's blocks are decided line by line: a block that is followed by another is never
//! changed again (CommonMark 0.31.2, appendix "A parsing strategy"). The exceptions are links whose address is defined
//! later: what mentions them is remembered and read again when the definition comes.
//!
//! The parser is pulldown-cmark; [`blocks`] makes the tree ([`node`]) of its events. Pushed in pieces equals pushed
//! whole: the specification's own examples are tested in every prefix.

use std::collections::HashMap;
use std::ops::Range;

use blocks::{Block, Definitions, End, Label, Reading, line_end, line_start, number_footnotes};
use change::{Change, Path, overwrite, replace, splice};
use fence::Fence;
use highlight::Highlighter;
use node::{Element, Node, Tag};

mod autolink;
mod blocks;
pub mod change;
mod fence;
mod formulas;
pub mod highlight;
mod likely;
pub mod links;
pub mod math;
pub mod node;
pub mod page;

/// Bytes that are read at once. A block that does not end within them gets twice as many, and so on.
const WINDOW: usize = 8 * 1024;
/// Bytes. A tail longer than that is not read again with each piece but when it has grown by an eighth: a single
/// paragraph of a megabyte would cost the square of its length.
const LONG_TAIL: usize = 4 * 1024;

/// Reads a whole text.
#[must_use]
pub fn read(text: &str) -> Vec<Node> {
    let mut document = Document::default();
    document.push(text);
    document.finish();
    document.nodes
}

/// A text that grows, and the tree that it reads as.
#[derive(Debug, Default)]
pub struct Document {
    /// With line ends made `\n`.
    source: String,
    /// Whether the last piece ended between the halves of a line end, perhaps.
    ends_in_return: bool,
    nodes: Vec<Node>,
    /// So many of them are frozen. If a block is open, it is the last of these.
    frozen: usize,
    /// Where the tail begins.
    tail: usize,
    open: Open,
    /// The tail is read again when it is that long.
    next_freeze: usize,
    next_show: usize,
    /// How much of the source is shown.
    shown: usize,
    definitions: Definitions,
    waiting: HashMap<Label, Vec<Piece>>,
    footnotes: HashMap<String, u32>,
    changes: Vec<Change>,
    bytes_parsed: u64,
}

/// The frozen block that still grows.
#[derive(Debug, Default)]
enum Open {
    #[default]
    None,
    /// So many of its items are frozen.
    List {
        frozen: usize,
    },
    /// `head` are its first two lines.
    Table {
        head: Range<usize>,
        frozen: usize,
    },
    Fence {
        fence: Fence,
        highlighter: Option<Highlighter>,
        frozen: usize,
    },
}

/// Something frozen that mentions a link without a definition.
#[derive(Clone, Debug)]
struct Piece {
    source: Range<usize>,
    /// The block's place, and the item's or the row's in it.
    block: usize,
    part: Option<usize>,
    /// The head of the table that it is a row of.
    head: Option<Range<usize>>,
}

impl Document {
    /// Adds text at the end.
    pub fn push(&mut self, text: &str) {
        let text = self.with_plain_line_ends(text);
        if text.is_empty() {
            return;
        }
        self.source.push_str(&text);
        self.freeze(text.contains('\n'), false);
        self.show();
    }

    /// Reads what is left as all there is. Nothing may be pushed afterwards.
    pub fn finish(&mut self) {
        if std::mem::take(&mut self.ends_in_return) {
            self.source.push('\n');
        }
        self.freeze(true, true);
        self.close_open();
        self.nodes_from(self.frozen, Vec::new());
    }

    /// The tree, open blocks as they will likely be.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What has changed since it was asked last.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// How many bytes the parser was given so far: the cost, in a number that does not depend on the machine.
    #[must_use]
    pub fn bytes_parsed(&self) -> u64 {
        self.bytes_parsed
    }

    /// Makes every line end `\n`, and replaces the characters that stand for something here or may not stand in a
    /// document (CommonMark 0.31.2, section 2.3).
    fn with_plain_line_ends(&mut self, text: &str) -> String {
        let mut plain = String::with_capacity(text.len() + 1);
        for character in text.chars() {
            if std::mem::take(&mut self.ends_in_return) {
                plain.push('\n');
                if character == '\n' {
                    continue;
                }
            }
            match character {
                '\r' => self.ends_in_return = true,
                '\0' | formulas::MASK => plain.push(char::REPLACEMENT_CHARACTER),
                character => plain.push(character),
            }
        }
        plain
    }
}

/// Freezing.
impl Document {
    fn freeze(&mut self, has_new_line: bool, is_end: bool) {
        if !is_end && (!has_new_line || self.source.len() - self.tail < self.next_freeze) {
            return;
        }
        let before = self.tail;
        while self.tail < self.source.len() && self.freeze_some(is_end) {}
        let length = self.source.len() - self.tail;
        if self.tail > before {
            self.next_show = 0;
        }
        self.next_freeze = if length > LONG_TAIL { length + length / 8 } else { 0 };
        // A fence reads no line twice.
        if matches!(self.open, Open::Fence { .. }) {
            self.next_freeze = 0;
        }
    }

    /// Freezes what has come to its end; says whether anything did.
    fn freeze_some(&mut self, is_end: bool) -> bool {
        if let Open::Fence { .. } = self.open {
            return self.freeze_lines(is_end);
        }
        let all = if is_end {
            self.source.len()
        } else {
            line_start(&self.source, self.source.len()).max(self.tail)
        };
        let mut window = WINDOW;
        loop {
            let end = self.window_end(all, window);
            if self.freeze_until(end, is_end && end == all) {
                return true;
            }
            if end == all {
                return false;
            }
            window *= 2;
        }
    }

    /// A window ends where a line does.
    fn window_end(&self, all: usize, window: usize) -> usize {
        let end = self.tail.saturating_add(window);
        if end >= all {
            return all;
        }
        let bytes = &self.source.as_bytes()[..all];
        bytes[end..].iter().position(|byte| *byte == b'\n').map_or(all, |newline| end + newline + 1)
    }

    fn freeze_until(&mut self, end: usize, is_all: bool) -> bool {
        match &self.open {
            Open::List { .. } => self.freeze_items(end, is_all),
            Open::Table { head, .. } => {
                let head = head.clone();
                self.freeze_rows(head, end, is_all)
            }
            Open::None | Open::Fence { .. } => self.freeze_blocks(end, is_all),
        }
    }

    fn freeze_blocks(&mut self, end: usize, is_all: bool) -> bool {
        let text = &self.source[self.tail..end];
        let empty = empty_lines(text);
        if empty > 0 {
            self.tail += empty;
            return true;
        }
        let text = text.to_owned();
        let mut read = self.read(&text, if is_all { End::Final } else { End::Awaited });
        let blocks = std::mem::take(&mut read.blocks);
        let Some(last) = blocks.last() else {
            // Definitions alone: another line could belong to the last of them.
            let are_ended = is_all || text.ends_with("\n\n");
            return are_ended && self.freeze_to(text.len(), &read);
        };
        let is_ended = is_all || is_ended(last, &text);
        let (whole, open) = if is_ended { (blocks.len(), None) } else { (blocks.len() - 1, Some(())) };
        let mut blocks = blocks.into_iter();
        let mut until = 0;
        for block in blocks.by_ref().take(whole) {
            until = line_end(&text, block.range.end.max(1) - 1);
            let source = self.tail + line_start(&text, block.range.start)..self.tail + until;
            self.freeze_node(block.node, &read, source, &block.range);
        }
        if let (Some(()), Some(block)) = (open, blocks.next()) {
            until = line_start(&text, block.range.start);
            return self.freeze_open(block, until, &text, &read)
                || (whole > 0 && self.freeze_to(until, &read));
        }
        if is_all {
            until = text.len();
        }
        self.freeze_to(until, &read)
    }

    /// Freezes the beginning of a block that goes on; false if it is to be frozen whole.
    fn freeze_open(&mut self, block: Block, start: usize, text: &str, read: &Reading) -> bool {
        let Block { node: Node::Element(Element { tag, mut children }), range, parts } = block else {
            return false;
        };
        let first_line = line_end(text, start);
        match &tag {
            Tag::CodeBlock { is_indented: false, language } => {
                let Some(fence) = Fence::opening(&text[start..first_line]) else { return false };
                let highlighter = Highlighter::new(language);
                self.append(Node::element(tag, Vec::new()));
                self.open = Open::Fence { fence, highlighter, frozen: 0 };
                self.freeze_to(first_line, read)
            }
            Tag::List { .. } if children.len() > 1 => {
                children.truncate(children.len() - 1);
                let until = line_start(text, parts[children.len()].start);
                self.number(&mut children, read);
                self.append(Node::element(tag, children.clone()));
                self.open = Open::List { frozen: 0 };
                self.freeze_parts(children, &parts, text, read, None);
                self.freeze_to(until, read)
            }
            Tag::Table => {
                let head_end = line_end(text, first_line);
                let head = self.tail + start..self.tail + head_end;
                self.number(&mut children, read);
                let table = Node::element(tag, children);
                self.append(table.clone());
                let piece = Piece { source: head.clone(), block: self.frozen - 1, part: None, head: None };
                self.note_undefined(read, &(start..head_end), &piece);
                self.open = Open::Table { head: head.clone(), frozen: 0 };
                self.freeze_parts(rows_of(table), &parts, text, read, Some((&head, 0)));
                self.freeze_to(line_end(text, range.end - 1), read)
            }
            _ => false,
        }
    }

    /// All items but the last: that may go on.
    fn freeze_items(&mut self, end: usize, is_all: bool) -> bool {
        let text = self.source[self.tail..end].to_owned();
        let mut read = self.read(&text, if is_all { End::Final } else { End::Awaited });
        let mut blocks = std::mem::take(&mut read.blocks).into_iter();
        let Some(Block {
            node: Node::Element(Element { tag: Tag::List { is_loose, .. }, mut children }),
            parts,
            ..
        }) = blocks.next()
        else {
            self.close_open();
            return true;
        };
        self.note_looseness(is_loose);
        self.number(&mut children, &read);
        let next = blocks.next().map(|block| line_start(&text, block.range.start));
        let is_ended = next.is_some() || is_all;
        if !is_ended {
            children.pop();
        }
        let count = children.len();
        self.freeze_parts(children, &parts, &text, &read, None);
        if is_ended {
            self.close_open();
            return self.freeze_to(next.unwrap_or(text.len()), &read);
        }
        count > 0 && self.freeze_to(line_start(&text, parts[count].start), &read)
    }

    /// Every line that has ended is a row, or ends the table.
    fn freeze_rows(&mut self, head: Range<usize>, end: usize, is_all: bool) -> bool {
        let text = format!("{}{}", &self.source[head.clone()], &self.source[self.tail..end]);
        let mut read = self.read(&text, End::Final);
        let mut blocks = std::mem::take(&mut read.blocks).into_iter();
        let (mut rows, parts, table_end) = match blocks.next() {
            Some(Block { node, range, parts }) => {
                (rows_of(node), parts, line_end(&text, range.end.max(1) - 1))
            }
            None => (Vec::new(), Vec::new(), head.len()),
        };
        let table_end = table_end.max(head.len());
        let is_ended = table_end < text.len() || is_all;
        self.number(&mut rows, &read);
        self.freeze_parts(rows, &parts, &text, &read, Some((&head, head.len())));
        if is_ended {
            self.close_open();
        }
        let until = table_end - head.len();
        // What defines links stands after the table, and is read again.
        read.definitions.clear();
        self.freeze_to(until, &read) || is_ended
    }

    fn freeze_lines(&mut self, is_end: bool) -> bool {
        let Open::Fence { fence, highlighter, frozen } = &mut self.open else { return false };
        let mut lines = Vec::new();
        let (mut at, mut is_closed) = (self.tail, false);
        for line in self.source[self.tail..].split_inclusive('\n') {
            if !line.ends_with('\n') && !is_end {
                break;
            }
            at += line.len();
            is_closed = fence.is_closed_by(line);
            if is_closed {
                break;
            }
            let code = fence.content(line);
            if !code.is_empty() {
                lines.push(fence::line(highlighter, code));
            }
        }
        self.bytes_parsed += u64::try_from(at - self.tail).unwrap_or_default();
        let from = *frozen;
        *frozen += lines.len();
        self.tail = at;
        self.overwrite_open(from, lines);
        if is_closed || is_end {
            self.close_open();
        }
        is_closed
    }

    /// Freezes items or rows. For rows, `head` is the table's, and how many bytes of it `text` begins with.
    fn freeze_parts(
        &mut self,
        nodes: Vec<Node>,
        parts: &[Range<usize>],
        text: &str,
        read: &Reading,
        head: Option<(&Range<usize>, usize)>,
    ) {
        let (Open::List { frozen } | Open::Table { frozen, .. }) = &mut self.open else { return };
        let from = *frozen;
        *frozen += nodes.len();
        let before = head.map_or(0, |(_, before)| before);
        for (place, range) in (from..).zip(parts.iter().take(nodes.len())) {
            let start = self.tail + line_start(text, range.start) - before;
            let end = self.tail + line_end(text, range.end.max(1) - 1) - before;
            let head = head.map(|(head, _)| head.clone());
            let piece = Piece { source: start..end, block: self.frozen - 1, part: Some(place), head };
            self.note_undefined(read, range, &piece);
        }
        self.overwrite_open(from, nodes);
    }

    fn number(&mut self, nodes: &mut [Node], read: &Reading) {
        for node in nodes {
            number_footnotes(node, &read.footnotes, &mut self.footnotes);
        }
    }

    fn freeze_node(&mut self, mut node: Node, read: &Reading, source: Range<usize>, range: &Range<usize>) {
        number_footnotes(&mut node, &read.footnotes, &mut self.footnotes);
        self.append(node);
        let piece = Piece { source, block: self.frozen - 1, part: None, head: None };
        self.note_undefined(read, range, &piece);
    }

    /// What is read up to here is never read again.
    fn freeze_to(&mut self, length: usize, read: &Reading) -> bool {
        self.tail += length;
        for definition in read.definitions.iter().filter(|definition| definition.start < length) {
            if !self.definitions.contains_key(&definition.label) {
                self.definitions.insert(definition.label.clone(), definition.clone());
                for piece in self.waiting.remove(&definition.label).unwrap_or_default() {
                    self.read_again(&piece);
                }
            }
        }
        length > 0
    }

    fn note_undefined(&mut self, read: &Reading, range: &Range<usize>, piece: &Piece) {
        for (label, _) in read.undefined.iter().filter(|(_, at)| range.contains(at)) {
            let waiting = self.waiting.entry(label.clone()).or_default();
            let is_known =
                waiting.last().is_some_and(|last| (last.block, last.part) == (piece.block, piece.part));
            if !is_known {
                waiting.push(piece.clone());
            }
        }
    }

    /// A link that something frozen mentions has been defined.
    fn read_again(&mut self, piece: &Piece) {
        let head = piece.head.as_ref().map_or("", |head| &self.source[head.clone()]);
        let text = format!("{head}{}", &self.source[piece.source.clone()]);
        let read = self.read(&text, End::Final);
        let Some(Block { mut node, .. }) = read.blocks.into_iter().next() else { return };
        number_footnotes(&mut node, &read.footnotes, &mut self.footnotes);
        let mut at = vec![self.nodes.len() - 1 - piece.block];
        let Some(mut old) = self.nodes.get_mut(piece.block) else { return };
        if let Some(part) = piece.part {
            let Some((children, node_of_part)) = parts_of(old, node, &mut at) else { return };
            let Some(count) = children.len().checked_sub(part + 1) else { return };
            at.push(count);
            old = &mut children[part];
            node = node_of_part;
        } else if let (Some(_), Node::Element(table)) = (table_body(old), &mut node) {
            // The head alone: the rows are pieces of their own.
            let Node::Element(old_table) = old else { return };
            at.push(1);
            let head = table.children.swap_remove(0);
            replace(&mut old_table.children[0], head, at, &mut self.changes);
            return;
        }
        replace(old, node, at, &mut self.changes);
    }

    fn note_looseness(&mut self, loose: bool) {
        if let Some(Node::Element(Element { tag: Tag::List { is_loose, .. }, .. })) =
            self.nodes.get_mut(self.frozen.wrapping_sub(1))
        {
            *is_loose |= loose;
        }
    }

    /// Adds a frozen block, in place of the one that was shown so far.
    fn append(&mut self, node: Node) {
        overwrite(&mut self.nodes, self.frozen, vec![node], &Path::new(), &mut self.changes);
        self.frozen += 1;
    }

    /// The open block is whole.
    fn close_open(&mut self) {
        if let Open::List { frozen } | Open::Table { frozen, .. } | Open::Fence { frozen, .. } = self.open {
            self.splice_open(frozen, Vec::new());
        }
        self.open = Open::None;
    }

    fn read(&mut self, text: &str, end: End) -> Reading {
        self.bytes_parsed += u64::try_from(text.len()).unwrap_or_default();
        blocks::read(text, end, &self.definitions)
    }
}

/// Showing.
impl Document {
    fn show(&mut self) {
        if let Open::Fence { .. } = self.open {
            return self.show_line();
        }
        let length = self.source.len() - self.tail;
        if length < self.next_show {
            return self.show_raw();
        }
        self.next_show = if length > LONG_TAIL { length + length / 8 } else { 0 };
        let head = match &self.open {
            Open::Table { head, .. } => head.clone(),
            _ => 0..0,
        };
        let text = format!("{}{}", &self.source[head], &self.source[self.tail..]);
        let likely = likely::likely(&text);
        let mut read = self.read(&likely.text, End::Awaited);
        self.bytes_parsed += u64::try_from(text.len()).unwrap_or_default();
        let mut nodes: Vec<Node> =
            std::mem::take(&mut read.blocks).into_iter().map(|block| block.node).collect();
        if !read.footnotes.is_empty() {
            // For the eye alone: what is frozen counts.
            let mut numbers = self.footnotes.clone();
            for node in &mut nodes {
                number_footnotes(node, &read.footnotes, &mut numbers);
            }
        }
        if likely.has_open_formula {
            nodes.last_mut().map(open_last_formula);
        }
        let parts = self.take_open_parts(&mut nodes);
        self.show_nodes(parts, nodes);
        self.shown = self.source.len();
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
        if let Open::List { frozen } | Open::Table { frozen, .. } | Open::Fence { frozen, .. } = &self.open {
            self.splice_open(*frozen, parts);
        }
        self.nodes_from(self.frozen, nodes);
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
        let more = self.source[self.shown.max(self.tail)..].to_owned();
        if !self.shows_tail() {
            return;
        }
        let mut at = Path::new();
        let Some(children) = last_inline_children(&mut self.nodes, &mut at) else { return };
        if let Some(Node::Text(text)) = children.last_mut() {
            text.push_str(&more);
            at.push(0);
            self.changes.push(Change::Extend { at, more });
        } else {
            let node = Node::Text(more);
            children.push(node.clone());
            self.changes.push(Change::Append { parent: at, node });
        }
        self.shown = self.source.len();
    }

    /// Whether the last text of the tree is the tail's.
    fn shows_tail(&self) -> bool {
        let is_longer = |frozen: usize| match self.nodes.last() {
            Some(Node::Element(block)) => match table_body(&self.nodes[self.nodes.len() - 1]) {
                Some(body) => body.children.len() > frozen,
                None => block.children.len() > frozen,
            },
            _ => false,
        };
        self.nodes.len() > self.frozen
            || match self.open {
                Open::None => false,
                Open::List { frozen } | Open::Table { frozen, .. } | Open::Fence { frozen, .. } => {
                    is_longer(frozen)
                }
            }
    }

    fn nodes_from(&mut self, from: usize, nodes: Vec<Node>) {
        splice(&mut self.nodes, from, nodes, &Path::new(), &mut self.changes);
    }

    /// Makes `parts` the children of the open block from `from` on.
    fn splice_open(&mut self, from: usize, parts: Vec<Node>) {
        if let Some((children, path)) = open_children(&mut self.nodes, self.frozen) {
            splice(children, from, parts, &path, &mut self.changes);
        }
    }

    /// The same, but what comes after them is left for now.
    fn overwrite_open(&mut self, from: usize, parts: Vec<Node>) {
        if let Some((children, path)) = open_children(&mut self.nodes, self.frozen) {
            overwrite(children, from, parts, &path, &mut self.changes);
        }
    }
}

/// The children of the block that grows, the last of the frozen ones, and the way to them.
fn open_children(nodes: &mut [Node], frozen: usize) -> Option<(&mut Vec<Node>, Path)> {
    let place = frozen.checked_sub(1)?;
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

/// The bytes of the empty lines that a text begins with.
fn empty_lines(text: &str) -> usize {
    text.split_inclusive('\n')
        .take_while(|line| line.ends_with('\n') && formulas::is_blank(line))
        .map(str::len)
        .sum()
}

/// Whether no line after `text` can belong to its last block.
fn is_ended(block: &Block, text: &str) -> bool {
    let Node::Element(element) = &block.node else { return false };
    let start = line_start(text, block.range.start);
    let end = line_end(text, block.range.end.max(1) - 1);
    match &element.tag {
        Tag::Heading(_) | Tag::Rule => true,
        Tag::Math { is_open, .. } => !is_open,
        Tag::Paragraph | Tag::Quote | Tag::Alert(_) | Tag::Table | Tag::HtmlBlock => end < text.len(),
        Tag::CodeBlock { is_indented, .. } => !is_indented && fence::is_closed(&text[start..end]),
        _ => false,
    }
}

fn rows_of(table: Node) -> Vec<Node> {
    match table {
        Node::Element(Element { tag: Tag::Table, mut children }) => match children.pop() {
            Some(Node::Element(body)) => body.children,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn table_body(node: &Node) -> Option<&Element> {
    let Node::Element(Element { tag: Tag::Table, children }) = node else { return None };
    match children.last() {
        Some(Node::Element(body)) => Some(body),
        _ => None,
    }
}

/// The items of a list, or the rows of a table, and the one that was read.
fn parts_of<'a>(old: &'a mut Node, read: Node, at: &mut Path) -> Option<(&'a mut Vec<Node>, Node)> {
    let Node::Element(block) = old else { return None };
    if block.tag == Tag::Table {
        at.push(0);
        let Some(Node::Element(body)) = block.children.last_mut() else { return None };
        return Some((&mut body.children, rows_of(read).into_iter().next()?));
    }
    let Node::Element(list) = read else { return None };
    Some((&mut block.children, list.children.into_iter().next()?))
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
