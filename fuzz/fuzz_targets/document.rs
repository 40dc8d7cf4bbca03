//! Any text in any pieces: it says the same as when it comes whole, a page that follows its changes shows it, and it
//! can be written as HTML. What stands before a control character U+0001 is another text, which it goes on with.

#![no_main]

use libfuzzer_sys::fuzz_target;
use runnel::markdown::node::Node;
use runnel::markdown::{Document, page, read_on};

#[path = "../../src/tests/markdown_suites/mirror.rs"]
mod mirror;
#[path = "../../src/tests/markdown_suites/same.rs"]
mod same;

use mirror::Mirror;
use same::looks_same;

fuzz_target!(|input: &[u8]| {
    let Some((lengths, text)) = input.split_at_checked(4) else { return };
    let Ok(text) = str::from_utf8(text) else { return };
    let (earlier, text) = text.split_once('\u{1}').unwrap_or(("", text));
    let mut document = Document::continuing(earlier);
    let mut mirror = Mirror::default();
    for piece in pieces(text, lengths) {
        document.push(piece);
        follow(&mut document, &mut mirror);
    }
    document.finish();
    follow(&mut document, &mut mirror);
    assert_same(document.nodes(), &read_on(earlier, text));
    write(document.nodes());
});

/// The text in pieces: the first bytes are how many characters each has, over and over.
fn pieces<'a>(mut rest: &'a str, lengths: &'a [u8]) -> impl Iterator<Item = &'a str> {
    lengths.iter().cycle().map_while(move |length| {
        let length = 1 + usize::from(*length);
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn follow(document: &mut Document, mirror: &mut Mirror) {
    for change in document.take_changes() {
        mirror.apply(change).expect("a change fits the page");
    }
    assert_same(mirror.nodes(), document.nodes());
}

fn assert_same(nodes: &[Node], expected: &[Node]) {
    assert!(looks_same(nodes, expected), "{nodes:#?}\nshould be\n{expected:#?}");
}

fn write(nodes: &[Node]) {
    assert_eq!(page::to_html(nodes).is_empty(), nodes.is_empty());
}
