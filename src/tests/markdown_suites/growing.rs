//! A document that grows under watch: after every piece, a page that follows its changes shows it, and its shape is
//! right.

use fastrand::Rng;
use runnel::markdown::node::Node;
use runnel::markdown::{Document, read};

use super::chunking::looks_same;
use super::dom_sync::Mirror;
use super::shape;

/// A document and the page that follows it.
#[derive(Default)]
pub struct Growing {
    document: Document,
    mirror: Mirror,
}

impl Growing {
    pub fn push(&mut self, piece: &str) -> Result<(), String> {
        self.document.push(piece);
        self.follow().map_err(|problem| format!("after the piece {piece:?}: {problem}"))
    }

    pub fn finish(mut self) -> Result<Vec<Node>, String> {
        self.document.finish();
        self.follow().map_err(|problem| format!("at the end: {problem}"))?;
        shape::check_nothing_is_open(self.nodes())?;
        Ok(self.nodes().to_vec())
    }

    pub fn nodes(&self) -> &[Node] {
        self.document.nodes()
    }

    fn follow(&mut self) -> Result<(), String> {
        for change in self.document.take_changes() {
            self.mirror.apply(change)?;
        }
        let (page, nodes) = (self.mirror.nodes(), self.document.nodes());
        if !looks_same(page, nodes) {
            return Err(format!("the page shows\n{}\nbut it should show\n{}", outline(page), outline(nodes)));
        }
        shape::check(nodes)
    }
}

/// The finished tree of a text that comes in pieces, watched all the time.
pub fn grow<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Result<Vec<Node>, String> {
    let mut growing = Growing::default();
    for piece in pieces {
        growing.push(piece)?;
    }
    growing.finish()
}

/// However a text comes, it says the same as when it comes whole. Whether a list is loose is not compared: that is not
/// seen, and a list is committed before its end is known.
pub fn check_pieces(pieces: &[&str]) -> Result<(), String> {
    let text = pieces.concat();
    let grown =
        grow(pieces.iter().copied()).map_err(|problem| format!("{text:?} as {pieces:?}\n{problem}"))?;
    let whole = read(&text);
    if looks_same(&grown, &whole) {
        Ok(())
    } else {
        let (grown, whole) = (outline(&grown), outline(&whole));
        Err(format!("{text:?} as {pieces:?} becomes\n{grown}\nbut it should become\n{whole}"))
    }
}

/// A tree in one line.
pub fn outline(nodes: &[Node]) -> String {
    let outlines: Vec<String> = nodes
        .iter()
        .map(|node| match node {
            Node::Text(text) => format!("{text:?}"),
            Node::Element(element) => format!("{:?}({})", element.tag, outline(&element.children)),
        })
        .collect();
    outlines.join(" ")
}

/// A text, character by character.
pub fn characters(text: &str) -> Vec<&str> {
    text.char_indices().map(|(at, character)| &text[at..at + character.len_utf8()]).collect()
}

/// A text in pieces of chance: small ones, larger ones, or both.
pub fn in_pieces<'a>(text: &'a str, chance: &mut Rng) -> Vec<&'a str> {
    let longest = *chance.choice(&[2, 5, 20, 100]).unwrap();
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let length = chance.usize(1..=longest);
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// A text in pieces of so many bytes, or a little more where a character would be cut.
pub fn by_length(text: &str, length: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.ceil_char_boundary(length));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
