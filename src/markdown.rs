//! Markdown that grows: what is finished is committed, what is open alone is read again.
//!
//! A [`Document`] is pushed text in whatever pieces it comes. Reading that no later text can change are read once and
//! committed; the text after them, the tail, is read anew with each piece, completed to what it will likely become
//! ([`repair`]). A list, a table or a fence that is still open is committed item by item, row by row, line by line. So a
//! piece costs what is new, however long the answer or the block is.
//!
//! That is sound because Markdown's blocks are decided line by line: a block that is followed by another is never
//! changed again (CommonMark 0.31.2, appendix "A parsing strategy"). The exceptions are links whose address is defined
//! later: what mentions them is remembered and read again when the definition comes.
//!
//! The parser is pulldown-cmark; [`blocks`] makes the tree ([`node`]) of its events. Pushed in pieces equals pushed
//! whole: the specification's own examples are tested in every prefix.
//!
//! Nothing costs the square of its length, however hostile: what costs the parser that is kept from it
//! ([`parser_input`]), and a list of patterns is read with each loop's [`steps`] counted (`hostile`).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use blocks::{Definitions, Label};
use change::Change;
use continuation::Continuation;
use fence::Fence;
use highlight::Highlighter;
use node::{Element, Node, Tag};

mod autolink;
mod blocks;
pub mod change;
mod commit;
mod continuation;
mod fence;
mod formulas;
pub mod highlight;
#[cfg(test)]
mod hostile;
pub mod links;
pub mod math;
pub mod node;
pub mod page;
mod parser_input;
mod pending;
mod repair;
mod steps;

/// Bytes that are read at once. A block that does not end within them gets twice as many, and so on.
const WINDOW: usize = 8 * 1024;
/// Bytes. A tail longer than that is not read again with each piece but when it has grown by an eighth: a single
/// paragraph of a megabyte would cost the square of its length.
const LONG_TAIL: usize = 4 * 1024;

/// Reads a whole text.
#[must_use]
pub fn read(text: &str) -> Vec<Node> {
    read_on("", text)
}

/// Reads a whole text that goes on where `earlier` broke off, see [`Document::continuing`].
#[must_use]
pub fn read_on(earlier: &str, text: &str) -> Vec<Node> {
    let mut document = Document::continuing(earlier);
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
    /// So many of them are committed. If a block is open, it is the last of these.
    committed: usize,
    /// Where the tail begins.
    tail: usize,
    open: Open,
    /// The tail is read again when it is that long.
    next_commit: usize,
    next_show: usize,
    /// How much of the source is shown.
    shown: usize,
    /// What stands before the text, until the text has begun.
    continuation: Option<Continuation>,
    definitions: Definitions,
    waiting: HashMap<Label, Vec<Piece>>,
    /// What is to be read again since its links have been defined, by its place.
    due: BTreeMap<(usize, Option<usize>), Piece>,
    /// How many bytes were read again for that.
    read_again: usize,
    /// The labels that something committed waits for, in small letters and in order.
    awaited: BTreeSet<String>,
    /// The labels that nothing defines yet in what is not committed.
    undefined_in_tail: Vec<Label>,
    footnotes: HashMap<String, u32>,
    changes: Vec<Change>,
    bytes_parsed: u64,
}

/// The committed block that still grows.
#[derive(Debug, Default)]
enum Open {
    #[default]
    None,
    /// So many of its items are committed.
    List {
        committed: usize,
    },
    /// `head` are its first two lines.
    Table {
        head: Range<usize>,
        committed: usize,
    },
    Fence {
        fence: Fence,
        highlighter: Option<Highlighter>,
        committed: usize,
    },
}

/// Something committed that mentions a link without a definition.
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
    /// A document that goes on where `earlier` broke off: in the middle of code or of a table, the text is more of
    /// it, unless it begins that anew. Code within a list or a quote, and lists, are not gone on with.
    #[must_use]
    pub fn continuing(earlier: &str) -> Self {
        Self { continuation: Continuation::after(earlier), ..Self::default() }
    }

    /// Adds text at the end.
    pub fn push(&mut self, text: &str) {
        let text = self.with_plain_line_ends(text);
        let text = match self.continuation.take() {
            Some(continuation) => self.begin(continuation, &text),
            None => text,
        };
        if text.is_empty() {
            return;
        }
        self.source.push_str(&text);
        self.commit(text.contains('\n'), false);
        self.show();
    }

    /// Reads what is left as all there is. Nothing may be pushed afterwards.
    pub fn finish(&mut self) {
        if std::mem::take(&mut self.ends_in_return) {
            self.source.push('\n');
        }
        if let Some(continuation) =
            self.continuation.take().filter(|continuation| !continuation.held.is_empty())
        {
            self.source.push_str(&continuation.whole());
        }
        self.commit(true, true);
        self.close_open();
        self.nodes_from(self.committed, Vec::new());
        self.read_due(true);
    }

    /// What there is to read once it is known whether the text goes on with what `continuation` is of; nothing before that.
    fn begin(&mut self, mut continuation: Continuation, text: &str) -> String {
        continuation.held.push_str(text);
        match continuation.is_gone_on_with() {
            Some(true) => continuation.whole(),
            Some(false) => continuation.held,
            None => {
                self.continuation = Some(continuation);
                String::new()
            }
        }
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
