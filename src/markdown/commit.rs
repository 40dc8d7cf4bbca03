//! The part of a document that no later text can change: each piece of it is read once, and never looked at again.

use std::ops::Range;

use super::blocks::{self, Block, End, Reading, line_end, line_start, number_footnotes};
use super::change::{Path, overwrite, replace};
use super::fence::{self, Fence};
use super::formulas;
use super::highlight::Highlighter;
use super::node::{Element, Node, Tag};
use super::{Document, LONG_TAIL, Open, Piece, WINDOW, rows_of, steps, table_body};

/// How many times the text's length may be read again for links that are defined later. Each of many definitions could
/// have a long text read again otherwise; what is more waits for the end.
const MOST_READ_AGAIN: usize = 4;

impl Document {
    /// Commits what it can; `is_end` if no more will come.
    pub(super) fn commit(&mut self, has_new_line: bool, is_end: bool) {
        if !is_end && (!has_new_line || self.unread_length() < self.next_commit) {
            return;
        }
        let before = self.tail;
        while self.tail < self.source.len() && self.commit_some(is_end) {}
        let length = self.unread_length();
        if self.tail > before {
            self.next_show = 0;
        }
        self.next_commit = if length > LONG_TAIL { length + length / 8 } else { 0 };
        // A fence reads no line twice.
        if matches!(self.open, Open::Fence { .. }) {
            self.next_commit = 0;
        }
    }

    /// Bytes that are read when the tail is read: those of a table's head, too.
    pub(super) fn unread_length(&self) -> usize {
        self.source.len() - self.tail + self.open_head().len()
    }

    /// The head of the table that is open.
    pub(super) fn open_head(&self) -> Range<usize> {
        match &self.open {
            Open::Table { head, .. } => head.clone(),
            _ => 0..0,
        }
    }

    /// Commits what has come to its end; says whether anything did.
    fn commit_some(&mut self, is_end: bool) -> bool {
        if let Open::Fence { .. } = self.open {
            return self.commit_lines(is_end);
        }
        let all = if is_end {
            self.source.len()
        } else {
            line_start(&self.source, self.source.len()).max(self.tail)
        };
        // A long head is read again with each window.
        let mut window = WINDOW.max(self.open_head().len());
        loop {
            let end = self.window_end(all, window);
            if self.commit_until(end, is_end && end == all) {
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

    fn commit_until(&mut self, end: usize, is_all: bool) -> bool {
        match &self.open {
            Open::List { .. } => self.commit_items(end, is_all),
            Open::Table { head, .. } => {
                let head = head.clone();
                self.commit_rows(head, end, is_all)
            }
            Open::None | Open::Fence { .. } => self.commit_blocks(end, is_all),
        }
    }

    fn commit_blocks(&mut self, end: usize, is_all: bool) -> bool {
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
            return are_ended && self.commit_to(text.len(), &read);
        };
        let whole = if is_all || is_ended(last, &text) { blocks.len() } else { blocks.len() - 1 };
        let mut blocks = blocks.into_iter();
        let mut until = 0;
        for block in blocks.by_ref().take(whole) {
            until = line_end(&text, block.range.end.max(1) - 1);
            let source = self.tail + line_start(&text, block.range.start)..self.tail + until;
            self.commit_node(block.node, &read, source, &block.range);
        }
        let Some(open) = blocks.next() else {
            return self.commit_to(if is_all { text.len() } else { until }, &read);
        };
        until = line_start(&text, open.range.start);
        self.commit_open(open, until, &text, &read) || (whole > 0 && self.commit_to(until, &read))
    }

    /// Commits the beginning of a block that goes on; false if it is to be committed whole.
    fn commit_open(&mut self, block: Block, start: usize, text: &str, read: &Reading) -> bool {
        let Block { node: Node::Element(Element { tag, mut children }), range, parts } = block else {
            return false;
        };
        let first_line = line_end(text, start);
        match &tag {
            Tag::CodeBlock { is_indented: false, language } => {
                let Some(fence) = Fence::opening(&text[start..first_line]) else { return false };
                let highlighter = Highlighter::new(language);
                self.append(Node::element(tag, Vec::new()));
                self.open = Open::Fence { fence, highlighter, committed: 0 };
                self.commit_to(first_line, read)
            }
            Tag::List { .. } if children.len() > 1 => {
                children.truncate(children.len() - 1);
                let until = line_start(text, parts[children.len()].start);
                self.number(&mut children, read);
                self.append(Node::element(tag, children.clone()));
                self.open = Open::List { committed: 0 };
                self.commit_parts(children, &parts, text, read, None);
                self.commit_to(until, read)
            }
            Tag::Table => {
                let head_end = line_end(text, first_line);
                let head = self.tail + start..self.tail + head_end;
                self.number(&mut children, read);
                let table = Node::element(tag, children);
                self.append(table.clone());
                let piece = Piece { source: head.clone(), block: self.committed - 1, part: None, head: None };
                self.note_undefined(read, &(start..head_end), &piece);
                self.open = Open::Table { head: head.clone(), committed: 0 };
                self.commit_parts(rows_of(table), &parts, text, read, Some((&head, 0)));
                self.commit_to(line_end(text, range.end - 1), read)
            }
            _ => false,
        }
    }

    /// All items but the last: that may go on.
    fn commit_items(&mut self, end: usize, is_all: bool) -> bool {
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
        self.commit_parts(children, &parts, &text, &read, None);
        if is_ended {
            self.close_open();
            return self.commit_to(next.unwrap_or(text.len()), &read);
        }
        count > 0 && self.commit_to(line_start(&text, parts[count].start), &read)
    }

    /// Every line that has ended is a row, or ends the table.
    fn commit_rows(&mut self, head: Range<usize>, end: usize, is_all: bool) -> bool {
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
        self.commit_parts(rows, &parts, &text, &read, Some((&head, head.len())));
        if is_ended {
            self.close_open();
        }
        let until = table_end - head.len();
        // What defines links stands after the table, and is read again.
        read.definitions.clear();
        self.commit_to(until, &read) || is_ended
    }

    fn commit_lines(&mut self, is_end: bool) -> bool {
        let Open::Fence { fence, highlighter, committed } = &mut self.open else { return false };
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
        let from = *committed;
        *committed += lines.len();
        self.tail = at;
        self.overwrite_open(from, lines);
        if is_closed || is_end {
            self.close_open();
        }
        is_closed
    }

    /// Commits items or rows. For rows, `head` is the table's, and how many bytes of it `text` begins with.
    fn commit_parts(
        &mut self,
        nodes: Vec<Node>,
        parts: &[Range<usize>],
        text: &str,
        read: &Reading,
        head: Option<(&Range<usize>, usize)>,
    ) {
        let (Open::List { committed } | Open::Table { committed, .. }) = &mut self.open else { return };
        let from = *committed;
        *committed += nodes.len();
        let before = head.map_or(0, |(_, before)| before);
        for (place, range) in (from..).zip(parts.iter().take(nodes.len())) {
            let start = self.tail + line_start(text, range.start) - before;
            let end = self.tail + line_end(text, range.end.max(1) - 1) - before;
            let head = head.map(|(head, _)| head.clone());
            let piece = Piece { source: start..end, block: self.committed - 1, part: Some(place), head };
            self.note_undefined(read, range, &piece);
        }
        self.overwrite_open(from, nodes);
    }

    fn number(&mut self, nodes: &mut [Node], read: &Reading) {
        for node in nodes {
            number_footnotes(node, &read.footnotes, &mut self.footnotes);
        }
    }

    fn commit_node(&mut self, mut node: Node, read: &Reading, source: Range<usize>, range: &Range<usize>) {
        number_footnotes(&mut node, &read.footnotes, &mut self.footnotes);
        self.append(node);
        let piece = Piece { source, block: self.committed - 1, part: None, head: None };
        self.note_undefined(read, range, &piece);
    }

    /// What is read up to here is never read again.
    fn commit_to(&mut self, length: usize, read: &Reading) -> bool {
        self.tail += length;
        for definition in read.definitions.iter().filter(|definition| definition.start < length) {
            if !self.definitions.contains_key(&definition.label) {
                self.definitions.insert(definition.label.clone(), definition.clone());
                self.awaited.remove(&definition.label.to_lowercase());
                for piece in self.waiting.remove(&definition.label).unwrap_or_default() {
                    self.due.insert((piece.block, piece.part), piece);
                }
            }
        }
        self.read_due(false);
        length > 0
    }

    /// Reads again what mentions links that have been defined meanwhile: all of it at the end, before it as much as
    /// [`MOST_READ_AGAIN`] allows.
    pub(super) fn read_due(&mut self, is_end: bool) {
        while let Some((place, piece)) = self.due.pop_first() {
            let length = piece.source.len() + piece.head.as_ref().map_or(0, Range::len);
            if !is_end && self.read_again + length > MOST_READ_AGAIN * self.source.len() {
                self.due.insert(place, piece);
                return;
            }
            self.read_again += length;
            self.read_piece_again(&piece);
        }
    }

    fn note_undefined(&mut self, read: &Reading, range: &Range<usize>, piece: &Piece) {
        // They are in order of their places.
        let first = read.undefined.partition_point(|(_, at)| *at < range.start);
        for (label, _) in read.undefined[first..].iter().take_while(|(_, at)| *at < range.end) {
            steps::count(1);
            self.awaited.insert(label.to_lowercase());
            let waiting = self.waiting.entry(label.clone()).or_default();
            let is_known =
                waiting.last().is_some_and(|last| (last.block, last.part) == (piece.block, piece.part));
            if !is_known {
                waiting.push(piece.clone());
            }
        }
    }

    /// A link that something committed mentions has been defined.
    fn read_piece_again(&mut self, piece: &Piece) {
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
            self.nodes.get_mut(self.committed.wrapping_sub(1))
        {
            *is_loose |= loose;
        }
    }

    /// Adds a committed block, in place of the one that was shown so far.
    fn append(&mut self, node: Node) {
        overwrite(&mut self.nodes, self.committed, vec![node], &Path::new(), &mut self.changes);
        self.committed += 1;
    }

    /// The open block is whole.
    pub(super) fn close_open(&mut self) {
        if let Open::List { committed } | Open::Table { committed, .. } | Open::Fence { committed, .. } =
            self.open
        {
            self.splice_open(committed, Vec::new());
        }
        self.open = Open::None;
    }

    pub(super) fn read(&mut self, text: &str, end: End) -> Reading {
        self.bytes_parsed += u64::try_from(text.len()).unwrap_or_default();
        blocks::read(text, end, &self.definitions)
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
