//! What is true of every tree, whenever one looks: the rules of `node.rs`.

use runnel::markdown::node::{Element, Node, Tag};

/// No text nests deeper, so that no page has to.
pub const DEEPEST: usize = 52;

/// The first rule that a tree breaks.
pub fn check(nodes: &[Node]) -> Result<(), String> {
    all(nodes, 1, Place::Blocks)
}

/// The first node of a finished tree that still waits for something.
pub fn check_nothing_is_open(nodes: &[Node]) -> Result<(), String> {
    for node in nodes {
        let Node::Element(element) = node else { continue };
        if matches!(element.tag, Tag::OpenLink | Tag::OpenImage | Tag::Math { is_open: true, .. }) {
            return Err(format!("{:?} is still open at the end", element.tag));
        }
        check_nothing_is_open(&element.children)?;
    }
    Ok(())
}

/// What may stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Blocks,
    Items,
    CodeLines,
    Code,
    Table,
    HeaderCells,
    Rows,
    Cells,
    /// Texts and what is written within them.
    Inline,
    /// The same, but no link: a link in a link is none.
    InLink,
    /// One text.
    Text,
    Nothing,
}

fn all(nodes: &[Node], depth: usize, place: Place) -> Result<(), String> {
    if depth > DEEPEST {
        return Err(format!("deeper than {DEEPEST}"));
    }
    check_texts(nodes, place)?;
    for node in nodes {
        if let Node::Element(element) = node {
            check_place(element, place)?;
            check_inside(element, depth, place)?;
        }
    }
    Ok(())
}

fn check_texts(nodes: &[Node], place: Place) -> Result<(), String> {
    for node in nodes {
        let Node::Text(text) = node else { continue };
        if text.is_empty() {
            return Err(format!("an empty text in {place:?}"));
        }
        if !matches!(place, Place::Code | Place::Inline | Place::InLink | Place::Text) {
            return Err(format!("the text {text:?} in {place:?}"));
        }
    }
    match nodes.windows(2).find(|pair| matches!(pair, [Node::Text(_), Node::Text(_)])) {
        Some(pair) => Err(format!("two texts side by side: {pair:?}")),
        None => Ok(()),
    }
}

fn check_place(element: &Element, place: Place) -> Result<(), String> {
    let tag = &element.tag;
    let fits = match place {
        Place::Blocks => is_block(tag),
        Place::Items => *tag == Tag::Item,
        Place::CodeLines => *tag == Tag::CodeLine,
        Place::Code => matches!(tag, Tag::Token(_)),
        Place::Table => matches!(tag, Tag::TableHead | Tag::TableBody),
        Place::HeaderCells => matches!(tag, Tag::HeaderCell(_)),
        Place::Rows => *tag == Tag::TableRow,
        Place::Cells => matches!(tag, Tag::Cell(_)),
        Place::Inline => is_inline(tag),
        Place::InLink => is_inline(tag) && !matches!(tag, Tag::Link { .. } | Tag::OpenLink),
        Place::Text | Place::Nothing => false,
    };
    if fits { Ok(()) } else { Err(format!("{tag:?} in {place:?}")) }
}

fn is_block(tag: &Tag) -> bool {
    matches!(
        tag,
        Tag::Paragraph
            | Tag::Heading(1..=6)
            | Tag::Quote
            | Tag::Alert(_)
            | Tag::List { .. }
            | Tag::CodeBlock { .. }
            | Tag::Table
            | Tag::Footnote { .. }
            | Tag::Rule
            | Tag::HtmlBlock
            | Tag::Math { is_display: true, .. }
    )
}

fn is_inline(tag: &Tag) -> bool {
    matches!(
        tag,
        Tag::Math { .. }
            | Tag::Emphasis
            | Tag::Strong
            | Tag::Strike
            | Tag::Code
            | Tag::Link { .. }
            | Tag::OpenLink
            | Tag::Image { .. }
            | Tag::OpenImage
            | Tag::FootnoteMark { .. }
            | Tag::Html
            | Tag::Break
    )
}

fn check_inside(element: &Element, depth: usize, around: Place) -> Result<(), String> {
    let children = element.children.as_slice();
    let inside = match &element.tag {
        Tag::Item => return all(without_task(children), depth + 1, Place::Blocks),
        Tag::Quote | Tag::Alert(_) | Tag::Footnote { .. } => Place::Blocks,
        Tag::List { .. } => Place::Items,
        Tag::CodeBlock { .. } => Place::CodeLines,
        Tag::CodeLine => Place::Code,
        Tag::Table => Place::Table,
        Tag::TableHead => Place::HeaderCells,
        Tag::TableBody => Place::Rows,
        Tag::TableRow => Place::Cells,
        Tag::Link { .. } | Tag::OpenLink => Place::InLink,
        Tag::Emphasis | Tag::Strong | Tag::Strike => around,
        // A picture's description is shown as text: links in it are none.
        Tag::Image { .. }
        | Tag::OpenImage
        | Tag::Paragraph
        | Tag::Heading(_)
        | Tag::HeaderCell(_)
        | Tag::Cell(_) => Place::Inline,
        Tag::HtmlBlock | Tag::Html | Tag::Math { .. } | Tag::Code | Tag::Token(_) => Place::Text,
        Tag::Task { .. } | Tag::Rule | Tag::FootnoteMark { .. } | Tag::Break => Place::Nothing,
    };
    check_own_rule(element)?;
    all(children, depth + 1, inside)
}

fn without_task(children: &[Node]) -> &[Node] {
    match children {
        [Node::Element(Element { tag: Tag::Task { .. }, .. }), blocks @ ..] => blocks,
        _ => children,
    }
}

/// The rules that hold for one tag alone.
fn check_own_rule(element: &Element) -> Result<(), String> {
    let children = element.children.as_slice();
    let holds = match &element.tag {
        Tag::List { .. } | Tag::TableHead | Tag::TableRow | Tag::CodeLine | Tag::Token(_) => {
            !children.is_empty()
        }
        Tag::Table => is_whole_table(children),
        Tag::CodeBlock { .. } => are_lines(children),
        Tag::Math { .. } => children.len() == 1,
        _ => true,
    };
    if holds { Ok(()) } else { Err(format!("{:?} holds {children:?}", element.tag)) }
}

/// A head and a body, and in no row more cells than in the head: the last row may still grow.
fn is_whole_table(children: &[Node]) -> bool {
    let [Node::Element(head), Node::Element(body)] = children else { return false };
    head.tag == Tag::TableHead
        && body.tag == Tag::TableBody
        && body
            .children
            .iter()
            .all(|row| matches!(row, Node::Element(row) if row.children.len() <= head.children.len()))
}

/// Each line ends in a line feed, the last one perhaps not, and has no other.
fn are_lines(lines: &[Node]) -> bool {
    let texts: Vec<String> =
        lines.iter().map(|line| super::spec_html::text_of(std::slice::from_ref(line))).collect();
    let breaks_elsewhere = texts.iter().any(|text| text.trim_end_matches('\n').contains('\n'));
    let unfinished = texts.iter().rposition(|text| text.matches('\n').count() != 1);
    !breaks_elsewhere && unfinished.is_none_or(|at| at + 1 == texts.len() && !texts[at].contains('\n'))
}
