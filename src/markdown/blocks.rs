//! A piece of Markdown, read into blocks that know where they stand: pulldown-cmark's events, gathered into the tree,
//! and what it leaves to us: formulas between `\(` and `\)`, bare addresses, mentions of footnotes.

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{
    Alignment, BlockQuoteKind, BrokenLink, CodeBlockKind, CowStr, Event, LinkType, OffsetIter, Options,
    Parser, RefDefs, Tag as Start, TagEnd,
};
use unicase::UniCase;

use super::autolink::link_addresses;
use super::fence;
use super::formulas::{self, Formula, is_blank};
use super::node::{Alert, Align, Element, Node, Tag};
use super::parser_input;
use super::steps;

/// How deep elements may stand in each other; what is deeper stands beside. Each level is a level of recursion for
/// all who walk the tree.
pub const DEEPEST: usize = 48;
/// The address of a link whose own is still on its way.
pub const OPEN_ADDRESS: &str = "runnel:open";
/// Rows that are shorter than a table's head are filled up with cells: with so many, and one more for each byte of the
/// row. Without a bound, 1 MB of rows of one `|` would be 64 million cells in a table of 128 columns.
const MOST_FILLED_CELLS: usize = 16;
/// A footnote's label is short; a longer one is a text in brackets.
const LONGEST_LABEL: usize = 40;

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    pub blocks: Vec<Block>,
    /// Definitions of links, in order.
    pub definitions: Vec<Definition>,
    /// Labels that nothing defines, and where.
    pub undefined: Vec<(Label, usize)>,
    /// The labels of footnotes: a [`Tag::FootnoteMark`] holds a place in it in place of its number, until
    /// [`number_footnotes`].
    pub footnotes: Labels,
}

/// Labels of footnotes, each once and with its place, in the order in which they were met.
#[derive(Debug, Default)]
pub struct Labels {
    in_order: Vec<String>,
    places: HashMap<String, u32>,
}

impl Labels {
    pub fn is_empty(&self) -> bool {
        self.in_order.is_empty()
    }

    fn at(&self, place: u32) -> Option<&String> {
        usize::try_from(place).ok().and_then(|place| self.in_order.get(place))
    }

    fn place(&mut self, label: &str) -> u32 {
        if let Some(place) = self.places.get(label) {
            return *place;
        }
        let place = u32::try_from(self.in_order.len()).unwrap_or(u32::MAX);
        self.in_order.push(label.to_owned());
        self.places.insert(label.to_owned(), place);
        place
    }
}

/// The numbers of footnotes, in the order of their first mention.
pub trait Numbers {
    /// The number of this label, or the next one.
    fn number(&mut self, label: &str) -> u32;
}

impl Numbers for HashMap<String, u32> {
    fn number(&mut self, label: &str) -> u32 {
        if let Some(number) = self.get(label) {
            return *number;
        }
        let next = next_number(self.len());
        self.insert(label.to_owned(), next);
        next
    }
}

/// Numbers that are for the eye alone, beside those that count.
pub struct NumbersOfTail<'a> {
    pub committed: &'a HashMap<String, u32>,
    pub tail: HashMap<String, u32>,
}

impl Numbers for NumbersOfTail<'_> {
    fn number(&mut self, label: &str) -> u32 {
        if let Some(number) = self.committed.get(label).or_else(|| self.tail.get(label)) {
            return *number;
        }
        let next = next_number(self.committed.len() + self.tail.len());
        self.tail.insert(label.to_owned(), next);
        next
    }
}

fn next_number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1)
}

/// A block at the root, and the bytes that it was read from.
#[derive(Debug)]
pub struct Block {
    pub node: Node,
    pub range: Range<usize>,
    /// The same for the items of a list, or the rows of a table.
    pub parts: Vec<Range<usize>>,
}

/// Labels are the same if they differ in case and in spaces alone.
pub type Label = UniCase<String>;

/// Where a link's label leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub label: Label,
    pub url: String,
    pub title: String,
    pub start: usize,
}

/// Definitions from elsewhere in the document. The first of a label counts.
pub type Definitions = HashMap<Label, Definition>;

/// Whether more may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The text is all there is.
    Final,
    /// A formula that has not ended yet is an open one.
    Awaited,
}

/// Reads `text`, which begins where a block begins.
pub fn read(text: &str, end: End, known: &Definitions) -> Reading {
    let mut all = Reading::default();
    let mut labels = Labels::default();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let (mut more, used) = match formulas::block(rest) {
            Formula::Closed { tex, length } => (formula_block(&rest[tex], 0..length, false), length),
            // A formula without anything in it yet is not shown.
            Formula::Open { tex } if end == End::Awaited && is_blank(&rest[tex.clone()]) => break,
            Formula::Open { tex } if end == End::Awaited => {
                (formula_block(&rest[tex], 0..rest.len(), true), rest.len())
            }
            _ => read_until_formula(rest, end, known, &mut labels),
        };
        more.shift(at);
        all.append(more);
        at += used.max(1);
    }
    all.footnotes = labels;
    // Links within links are told after what they stand in.
    all.undefined.sort_by_key(|(_, at)| *at);
    all
}

/// Gives footnotes their numbers, in the order of their first mention.
pub fn number_footnotes(node: &mut Node, labels: &Labels, numbers: &mut impl Numbers) {
    let Node::Element(element) = node else { return };
    if let Tag::Footnote { number } | Tag::FootnoteMark { number } = &mut element.tag {
        // There is a label for each place.
        *number = labels.at(*number).map_or(u32::MAX, |label| numbers.number(label));
    }
    for child in &mut element.children {
        number_footnotes(child, labels, numbers);
    }
}

/// A text whose inline markup belongs together: a paragraph, a heading, a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub range: Range<usize>,
    pub is_paragraph: bool,
}

/// The leaves of `text`, and whether it ends in one: not in code, say.
pub fn leaves(text: &str) -> (Vec<Leaf>, bool) {
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut ends_in_leaf = false;
    // Whether a text that stands in an item itself goes on.
    let mut goes_on = false;
    let mut inside_leaf = false;
    let source = parser_input::bounded(text);
    steps::count(text.len());
    for (event, range) in Parser::new_ext(&source, options() - Options::ENABLE_MATH).into_offset_iter() {
        match event {
            Event::Start(Start::Paragraph | Start::Heading { .. } | Start::TableCell) => {
                let is_paragraph = matches!(event, Event::Start(Start::Paragraph));
                leaves.push(Leaf { range, is_paragraph });
                (inside_leaf, goes_on, ends_in_leaf) = (true, false, true);
            }
            Event::End(
                TagEnd::Paragraph
                | TagEnd::Heading(_)
                | TagEnd::TableCell
                | TagEnd::CodeBlock
                | TagEnd::HtmlBlock,
            ) => inside_leaf = false,
            _ if inside_leaf => {}
            Event::Start(Start::CodeBlock(_) | Start::HtmlBlock) | Event::Rule => {
                (goes_on, ends_in_leaf) = (false, false);
                inside_leaf = !matches!(event, Event::Rule);
            }
            Event::Start(ref tag) if is_block(tag) => goes_on = false,
            Event::TaskListMarker(_) => {}
            Event::End(
                TagEnd::Item
                | TagEnd::List(_)
                | TagEnd::BlockQuote(_)
                | TagEnd::FootnoteDefinition
                | TagEnd::Table
                | TagEnd::TableHead
                | TagEnd::TableRow,
            ) => goes_on = false,
            _ => {
                match leaves.last_mut() {
                    Some(leaf) if goes_on => leaf.range.end = leaf.range.end.max(range.end),
                    _ => {
                        // An escaped character comes without the backslash before it.
                        let escapes = usize::from(text[..range.start].ends_with('\\'));
                        leaves.push(Leaf { range: range.start - escapes..range.end, is_paragraph: true });
                    }
                }
                (goes_on, ends_in_leaf) = (true, true);
            }
        }
    }
    (leaves, ends_in_leaf)
}

fn is_block(tag: &Start) -> bool {
    matches!(
        tag,
        Start::List(_)
            | Start::Item
            | Start::BlockQuote(_)
            | Start::FootnoteDefinition(_)
            | Start::Table(_)
            | Start::TableHead
            | Start::TableRow
    )
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM
        | Options::ENABLE_MATH
}

fn formula_block(tex: &str, range: Range<usize>, is_open: bool) -> Reading {
    let node = formula(tex, true, is_open);
    Reading { blocks: vec![Block { node, range, parts: Vec::new() }], ..Reading::default() }
}

fn formula(tex: &str, is_display: bool, is_open: bool) -> Node {
    let tex = tex.trim();
    let children = if tex.is_empty() { Vec::new() } else { vec![Node::text(tex)] };
    Node::element(Tag::Math { is_display, is_open }, children)
}

/// Reads up to the first paragraph that begins with a formula of its own; says how far.
///
/// What comes after it is read anew, so not much more than that is read here: each of many formulas would cost the
/// whole text behind it.
fn read_until_formula(text: &str, end: End, known: &Definitions, labels: &mut Labels) -> (Reading, usize) {
    /// Bytes after a line that may begin a formula. If they do not tell, twice as many are read, and so on.
    const BEHIND: usize = 32;
    let Some(candidate) = formulas::next_line_of_marks(text) else {
        return (read_markdown(text, known, labels), text.len());
    };
    let mut window = candidate + BEHIND;
    loop {
        let until = if window < text.len() { line_end(text, window) } else { text.len() };
        let is_whole = until == text.len();
        let mut blocks = read_markdown(&text[..until], known, labels);
        // The last block may become another one with the next line: the head of a table, say.
        let sure = blocks.blocks.len().saturating_sub(usize::from(!is_whole));
        let found = blocks.blocks[..sure]
            .iter()
            .enumerate()
            .find_map(|(place, block)| Some((place, formula_start(text, block, end)?)));
        if let Some((count, start)) = found {
            blocks.blocks.truncate(count);
            blocks.definitions.retain(|definition| definition.start < start);
            blocks.undefined.retain(|(_, at)| *at < start);
            return (blocks, start);
        }
        if is_whole {
            return (blocks, until);
        }
        window *= 2;
    }
}

/// Where the block begins, if that is a formula.
fn formula_start(text: &str, block: &Block, end: End) -> Option<usize> {
    let start = line_start(text, block.range.start);
    // A line of dashes below makes a heading of it.
    let is_text = matches!(&block.node, Node::Element(Element { tag: Tag::Paragraph | Tag::Heading(_), .. }));
    let formula = (is_text && start > 0).then(|| formulas::block(&text[start..]))?;
    let is_formula = match formula {
        Formula::Closed { .. } => true,
        Formula::Open { .. } => end == End::Awaited,
        Formula::No => false,
    };
    is_formula.then_some(start)
}

fn read_markdown(text: &str, known: &Definitions, labels: &mut Labels) -> Reading {
    let masked = formulas::mask(text);
    let source = parser_input::bounded(masked.as_deref().unwrap_or(text));
    let mut undefined = Vec::new();
    let mut find = |link: BrokenLink<'_>| {
        let label = label_of(&link.reference);
        let found = known.get(&label);
        if found.is_none() {
            undefined.push((label, link.span.start));
        }
        found.map(|found| (CowStr::from(found.url.clone()), CowStr::from(found.title.clone())))
    };
    steps::count(text.len());
    let parser = Parser::new_with_broken_link_callback(&source, options(), Some(&mut find));
    let definitions = definitions_in(parser.reference_definitions());
    let mut builder = Builder::new(text, &source, known, labels);
    builder.take(parser.into_offset_iter());
    Reading { definitions, undefined, ..builder.blocks }
}

fn definitions_in(read: &RefDefs<'_>) -> Vec<Definition> {
    let mut definitions: Vec<_> = read
        .iter()
        .map(|(label, definition)| Definition {
            label: label_of(label),
            url: unmasked(&definition.dest),
            title: definition.title.as_deref().map(unmasked).unwrap_or_default(),
            start: definition.span.start,
        })
        .collect();
    definitions.sort_by_key(|definition| definition.start);
    definitions
}

/// Spaces count as one.
fn label_of(label: &str) -> Label {
    UniCase::new(label.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn unmasked(text: &str) -> String {
    formulas::unmask(text).into_owned()
}

impl Reading {
    fn shift(&mut self, by: usize) {
        for block in &mut self.blocks {
            for range in std::iter::once(&mut block.range).chain(&mut block.parts) {
                *range = range.start + by..range.end + by;
            }
        }
        self.definitions.iter_mut().for_each(|definition| definition.start += by);
        self.undefined.iter_mut().for_each(|(_, at)| *at += by);
    }

    fn append(&mut self, mut more: Self) {
        self.blocks.append(&mut more.blocks);
        self.definitions.append(&mut more.definitions);
        self.undefined.append(&mut more.undefined);
    }
}

/// Where the line begins that `at` stands in.
pub fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

/// Where the next line begins, or the text ends.
pub fn line_end(text: &str, at: usize) -> usize {
    // Of bytes: `at` may be within a character.
    let newline = text.as_bytes()[at..].iter().position(|byte| *byte == b'\n');
    newline.map_or(text.len(), |newline| at + newline + 1)
}

/// Gathers events into blocks.
struct Builder<'a> {
    /// As it was written, and as the parser reads it: equally long.
    text: &'a str,
    source: &'a str,
    /// What was defined before the text.
    known: &'a Definitions,
    labels: &'a mut Labels,
    open: Vec<Open>,
    /// How many elements are open that are not made: their children stand in the last that is.
    not_made: usize,
    alignments: Vec<Align>,
    blocks: Reading,
}

/// An element that has not ended.
struct Open {
    element: Element,
    range: Range<usize>,
    parts: Vec<Range<usize>>,
    /// Whether its last child is a paragraph that texts without one stand in.
    has_own_paragraph: bool,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, source: &'a str, known: &'a Definitions, labels: &'a mut Labels) -> Self {
        Self {
            text,
            source,
            known,
            labels,
            open: Vec::new(),
            not_made: 0,
            alignments: Vec::new(),
            blocks: Reading::default(),
        }
    }

    fn take<F>(&mut self, events: OffsetIter<'a, F>)
    where
        F: pulldown_cmark::BrokenLinkCallback<'a>,
    {
        for (event, range) in events {
            steps::count(1);
            match event {
                Event::Start(tag) => self.start(tag, range),
                Event::End(end) => self.end(end),
                Event::Text(text) | Event::Html(text) => self.text_at(&text, range),
                Event::SoftBreak => self.text("\n"),
                Event::HardBreak => self.inline(Tag::Break, ""),
                Event::Code(code) => self.inline(Tag::Code, &code),
                Event::InlineHtml(html) => self.inline(Tag::Html, &html),
                Event::InlineMath(_) | Event::DisplayMath(_) => self.formula(range),
                Event::FootnoteReference(label) => {
                    let number = self.footnote(&label);
                    self.inline(Tag::FootnoteMark { number }, "");
                }
                Event::Rule => {
                    self.open(Tag::Rule, range);
                    self.close();
                }
                Event::TaskListMarker(is_done) => self.task(is_done),
            }
        }
    }

    fn start(&mut self, tag: Start<'_>, range: Range<usize>) {
        // The body begins with the first row after the head.
        if matches!(tag, Start::TableRow)
            && self.open.last().is_some_and(|open| open.element.tag == Tag::Table)
        {
            self.open(Tag::TableBody, range.clone());
        }
        if let Start::Table(alignments) = &tag {
            self.alignments = alignments.iter().copied().map(align).collect();
        }
        if matches!(tag, Start::TableCell) && range.is_empty() && !self.may_fill() {
            self.not_made += 1;
            return;
        }
        let tag = self.tag(tag);
        self.open(tag, range);
    }

    /// Whether the row that is open gets another cell that was not written.
    fn may_fill(&self) -> bool {
        let Some(row) = self.open.last().filter(|_| self.not_made == 0) else { return false };
        row.element.children.len() < row.range.len() + MOST_FILLED_CELLS
    }

    fn tag(&mut self, tag: Start<'_>) -> Tag {
        match tag {
            Start::Paragraph => Tag::Paragraph,
            Start::Heading { level, .. } => Tag::Heading(level as u8),
            Start::BlockQuote(None) => Tag::Quote,
            Start::BlockQuote(Some(kind)) => Tag::Alert(alert(kind)),
            Start::CodeBlock(kind) => {
                let is_indented = matches!(kind, CodeBlockKind::Indented);
                let language = match &kind {
                    CodeBlockKind::Fenced(info) => unmasked(fence::language(info)),
                    CodeBlockKind::Indented => String::new(),
                };
                Tag::CodeBlock { language, is_indented }
            }
            Start::List(start) => Tag::List { start, is_loose: false },
            Start::Item => Tag::Item,
            Start::FootnoteDefinition(label) => Tag::Footnote { number: self.footnote(&label) },
            Start::Table(_) => Tag::Table,
            Start::TableHead => Tag::TableHead,
            Start::TableRow => Tag::TableRow,
            Start::TableCell => self.cell(),
            Start::Emphasis => Tag::Emphasis,
            Start::Strong => Tag::Strong,
            Start::Strikethrough => Tag::Strike,
            Start::Link { dest_url, .. } if &*dest_url == OPEN_ADDRESS => Tag::OpenLink,
            Start::Image { dest_url, .. } if &*dest_url == OPEN_ADDRESS => Tag::OpenImage,
            Start::Link { dest_url, title, link_type: LinkType::Email, .. } => {
                Tag::Link { url: format!("mailto:{}", unmasked(&dest_url)), title: unmasked(&title) }
            }
            Start::Link { link_type, dest_url, title, id } => {
                let (url, title) = self.address(link_type, &dest_url, &title, &id);
                Tag::Link { url, title }
            }
            Start::Image { link_type, dest_url, title, id } => {
                let (url, title) = self.address(link_type, &dest_url, &title, &id);
                Tag::Image { url, title }
            }
            // The rest belongs to extensions that are off.
            _ => Tag::HtmlBlock,
        }
    }

    /// Where a link leads, and its title. The first definition of a label counts, also if it was read before.
    fn address(&self, link_type: LinkType, url: &str, title: &str, label: &str) -> (String, String) {
        let has_label = matches!(link_type, LinkType::Reference | LinkType::Collapsed | LinkType::Shortcut);
        let earlier =
            if has_label && !self.known.is_empty() { self.known.get(&label_of(label)) } else { None };
        match earlier {
            Some(earlier) => (earlier.url.clone(), earlier.title.clone()),
            None => (unmasked(url), unmasked(title)),
        }
    }

    fn cell(&self) -> Tag {
        let row = self.open.last();
        let place = row.map_or(0, |row| row.element.children.len());
        let align = self.alignments.get(place).copied().unwrap_or_default();
        match row.map(|row| &row.element.tag) {
            Some(Tag::TableHead) => Tag::HeaderCell(align),
            _ => Tag::Cell(align),
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::List(_) => self.note_looseness(),
            TagEnd::Table if self.is_open(&Tag::TableBody) => self.close(),
            TagEnd::Table if self.not_made == 0 => {
                self.open(Tag::TableBody, 0..0);
                self.close();
            }
            _ => {}
        }
        self.close();
    }

    fn is_open(&self, tag: &Tag) -> bool {
        self.not_made == 0 && self.open.last().is_some_and(|open| open.element.tag == *tag)
    }

    /// The parser gives the texts of a tight list's items no paragraphs.
    fn note_looseness(&mut self) {
        let Some(list) = self.open.last_mut().filter(|_| self.not_made == 0) else { return };
        let has_own = list.parts.iter().any(Range::is_empty);
        list.parts.retain(|part| !part.is_empty());
        if let Tag::List { is_loose, .. } = &mut list.element.tag {
            *is_loose = has_own;
        }
    }

    /// A text of the source itself is shown as it was written.
    fn text_at(&mut self, text: &str, range: Range<usize>) {
        if !text.is_empty() && self.source.get(range.clone()) == Some(text) {
            self.append(Node::text(&self.text[range]));
        } else {
            self.text(text);
        }
    }

    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.append(Node::text(formulas::unmask(text)));
        }
    }

    fn inline(&mut self, tag: Tag, text: &str) {
        let children = if text.is_empty() { Vec::new() } else { vec![Node::text(formulas::unmask(text))] };
        self.append(Node::element(tag, children));
    }

    /// A box stands in its item, before the text: also where the parser has it in the text.
    fn task(&mut self, is_done: bool) {
        let is_item = |open: &&mut Open| open.element.tag == Tag::Item && self.not_made == 0;
        let item = match self.open.as_mut_slice() {
            [.., item, text] if matches!(text.element.tag, Tag::Paragraph | Tag::Heading(_)) => Some(item),
            [.., item] => Some(item),
            [] => None,
        };
        match item.filter(is_item) {
            Some(item) => item.element.children.push(Node::element(Tag::Task { is_done }, Vec::new())),
            None => self.text(if is_done { "[x] " } else { "[ ] " }),
        }
    }

    fn formula(&mut self, range: Range<usize>) {
        let written = self.text.get(range.clone()).unwrap_or_default();
        let read = self.source.get(range).unwrap_or_default();
        let marks = if read.starts_with("$$") { 2 } else { 1 };
        let tex = written.get(marks..written.len().saturating_sub(marks)).unwrap_or_default();
        if tex.trim().is_empty() {
            self.text(written);
        } else {
            let is_display = marks == 2 && !written.starts_with("\\(");
            self.append(formula(tex, is_display, false));
        }
    }

    fn footnote(&mut self, label: &str) -> u32 {
        self.labels.place(label)
    }

    fn open(&mut self, tag: Tag, range: Range<usize>) {
        // A list or a table comes with what it holds, or not at all.
        let room = if matches!(tag, Tag::List { .. } | Tag::Table) { 4 } else { 1 };
        // Nor does a link that is still on its way hold another.
        let is_in_link = matches!(tag, Tag::Link { .. } | Tag::OpenLink)
            && self.open.iter().any(|open| open.element.tag == Tag::OpenLink);
        if self.open.len() + room > DEEPEST || self.not_made > 0 || is_in_link {
            self.not_made += 1;
            return;
        }
        let element = Element { tag, children: Vec::new() };
        self.open.push(Open { element, range, parts: Vec::new(), has_own_paragraph: false });
    }

    fn close(&mut self) {
        if self.not_made > 0 {
            self.not_made -= 1;
            return;
        }
        let Some(open) = self.open.pop() else { return };
        if let Some(parent) = self.open.last_mut() {
            note_part(parent, &open);
        }
        let range = open.range.clone();
        let parts = open.parts.clone();
        let is_root = self.open.is_empty();
        let start = if is_root { line_start(self.text, range.start) } else { range.start };
        let node = finish(open, &self.text[start..range.end], self.labels, is_root);
        if is_root {
            self.blocks.blocks.push(Block { node, range, parts });
        } else {
            self.append(node);
        }
    }

    fn append(&mut self, node: Node) {
        let Some(parent) = self.open.last_mut() else {
            // Inline content always stands in a block.
            return;
        };
        if !holds_blocks(&parent.element.tag) || is_block_node(&node) {
            parent.has_own_paragraph = false;
            push(&mut parent.element.children, node);
            return;
        }
        if !parent.has_own_paragraph {
            parent.element.children.push(Node::element(Tag::Paragraph, Vec::new()));
            parent.has_own_paragraph = true;
        }
        if let Some(Node::Element(paragraph)) = parent.element.children.last_mut() {
            push(&mut paragraph.children, node);
        }
    }
}

/// Notes where an item or a row stands, and (as an empty range) that an item has a paragraph of its own, which the
/// parser gives to items of loose lists alone.
fn note_part(parent: &mut Open, child: &Open) {
    match (&parent.element.tag, &child.element.tag) {
        (Tag::List { .. }, Tag::Item) => {
            parent.parts.push(child.range.clone());
            parent.parts.extend(child.parts.iter().filter(|part| part.is_empty()).cloned());
        }
        (Tag::TableBody, Tag::TableRow) => parent.parts.push(child.range.clone()),
        (Tag::Table, Tag::TableBody) => parent.parts.extend(child.parts.iter().cloned()),
        (Tag::Item, Tag::Paragraph) => parent.parts.push(0..0),
        _ => {}
    }
}

/// An element that has ended, with what the parser leaves to us.
fn finish(open: Open, text: &str, footnotes: &mut Labels, is_root: bool) -> Node {
    let Open { element: Element { tag, mut children }, .. } = open;
    match &tag {
        Tag::CodeBlock { language, is_indented } => {
            let code = match children.first() {
                Some(Node::Text(code)) if !is_root || *is_indented => code.clone(),
                _ if is_root && !*is_indented => fence::code(text),
                _ => String::new(),
            };
            children = fence::lines(language, &code);
        }
        Tag::Paragraph | Tag::Heading(_) | Tag::Cell(_) | Tag::HeaderCell(_) => {
            children = finish_inline(children, footnotes);
        }
        tag if holds_blocks(tag) => {
            for child in &mut children {
                finish_own_paragraph(child, footnotes);
            }
        }
        _ => {}
    }
    Node::element(tag, children)
}

/// A paragraph that we made has not been finished with its end; for the others this changes nothing more.
fn finish_own_paragraph(child: &mut Node, footnotes: &mut Labels) {
    if let Node::Element(Element { tag: Tag::Paragraph, children }) = child {
        *children = finish_inline(std::mem::take(children), footnotes);
    }
}

fn finish_inline(children: Vec<Node>, footnotes: &mut Labels) -> Vec<Node> {
    link_addresses(mark_footnotes(children, footnotes))
}

/// Mentions of footnotes that are defined elsewhere are texts to the parser.
fn mark_footnotes(nodes: Vec<Node>, footnotes: &mut Labels) -> Vec<Node> {
    let mut marked = Vec::with_capacity(nodes.len());
    for node in nodes {
        match node {
            Node::Text(text) if text.contains("[^") => mark_footnotes_in(&text, footnotes, &mut marked),
            Node::Element(Element { tag: tag @ (Tag::Emphasis | Tag::Strong | Tag::Strike), children }) => {
                marked.push(Node::element(tag, mark_footnotes(children, footnotes)));
            }
            node => marked.push(node),
        }
    }
    marked
}

fn mark_footnotes_in(text: &str, footnotes: &mut Labels, marked: &mut Vec<Node>) {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(at) = rest.find("[^") {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(label) = footnote_label(rest) else {
            plain.push_str("[^");
            rest = &rest[2..];
            continue;
        };
        if !plain.is_empty() {
            marked.push(Node::Text(std::mem::take(&mut plain)));
        }
        let number = footnotes.place(label);
        marked.push(Node::element(Tag::FootnoteMark { number }, Vec::new()));
        rest = &rest[label.len() + 3..];
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        marked.push(Node::Text(plain));
    }
}

/// The label in `[^label]…`.
fn footnote_label(text: &str) -> Option<&str> {
    let label = text.get(2..)?;
    let length = label.bytes().take(LONGEST_LABEL).position(|byte| byte == b']')?;
    let label = &label[..length];
    let is_label = !label.is_empty() && !label.contains(|c: char| c.is_whitespace() || c == '[' || c == '^');
    is_label.then_some(label)
}

/// Adds a node; texts side by side become one.
fn push(children: &mut Vec<Node>, node: Node) {
    match (children.last_mut(), node) {
        (Some(Node::Text(before)), Node::Text(text)) => before.push_str(&text),
        (_, node) => children.push(node),
    }
}

fn holds_blocks(tag: &Tag) -> bool {
    matches!(tag, Tag::Item | Tag::Quote | Tag::Alert(_) | Tag::Footnote { .. })
}

fn is_block_node(node: &Node) -> bool {
    let Node::Element(element) = node else { return false };
    matches!(
        element.tag,
        Tag::Paragraph
            | Tag::Heading(_)
            | Tag::Quote
            | Tag::Alert(_)
            | Tag::List { .. }
            | Tag::Item
            | Tag::Task { .. }
            | Tag::CodeBlock { .. }
            | Tag::Table
            | Tag::Footnote { .. }
            | Tag::Rule
            | Tag::HtmlBlock
    )
}

fn align(alignment: Alignment) -> Align {
    match alignment {
        Alignment::None => Align::None,
        Alignment::Left => Align::Left,
        Alignment::Center => Align::Center,
        Alignment::Right => Align::Right,
    }
}

fn alert(kind: BlockQuoteKind) -> Alert {
    match kind {
        BlockQuoteKind::Note => Alert::Note,
        BlockQuoteKind::Tip => Alert::Tip,
        BlockQuoteKind::Important => Alert::Important,
        BlockQuoteKind::Warning => Alert::Warning,
        BlockQuoteKind::Caution => Alert::Caution,
    }
}
