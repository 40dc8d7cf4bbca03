//! Cost grows with what is new: counted in bytes that are read again, not in time.
//!
//! `RUNNEL_MARKDOWN_BYTES` is how long the long texts are; a megabyte takes a minute in a debug build.

use runnel::markdown::Document;
use runnel::markdown::change::Change;

use super::growing::by_length;
use super::spec_html::text_of;
use crate::random;

const SHORT: usize = 10_000;
const LONG: usize = 100_000;
/// What comes at once, in bytes: a few tokens.
const PIECE: usize = 20;
/// How much more a byte of a long text may cost than one of a short one.
const GROWTH: f64 = 1.2;

/// Bytes for each byte that was pushed.
#[derive(Debug)]
struct Cost {
    /// Read, once or again.
    read: f64,
    /// Of text in the changes that the page has to make.
    changed: f64,
}

#[test]
fn a_long_fence_costs_no_more_for_each_byte() {
    check("```rust\n", |line| format!("    let value_{line} = compute({line}, \"some text\"); // and why\n"));
}

#[test]
fn a_long_table_costs_no_more_for_each_byte() {
    check("| Name | Value | Remark |\n|---|--:|---|\n", |line| {
        format!("| `name_{line}` | {line} | some **words** about it |\n")
    });
}

#[test]
fn a_long_list_costs_no_more_for_each_byte() {
    check("", |line| format!("- item {line} with *some* words about it\n"));
}

#[test]
fn a_long_nested_list_costs_no_more_for_each_byte() {
    check("", |line| format!("{}- item {line} with some words\n", "  ".repeat(line % 4)));
}

#[test]
fn long_prose_costs_no_more_for_each_byte() {
    check("", |line| {
        let end = if line % 5 == 4 { "\n\n" } else { " " };
        format!(
            "This is sentence {line} of many, with a **bold** word and [a link](https://example.com).{end}"
        )
    });
}

/// A browser takes a third of a millisecond for each change of a paragraph, however small: 12,000 footnote marks that
/// came one by one stopped a page for some seconds.
#[test]
fn what_comes_at_once_is_few_changes_however_many_nodes_it_is() {
    for unit in ["[^a]", "`a` ", "*a* ", "<https://a.b> ", "[a](b) ", "a  \n", "- a\n", "# a\n", "| a |\n"] {
        let mut document = Document::default();
        document.push(&unit.repeat(300));
        let first = document.take_changes().len();
        document.push(&unit.repeat(300));
        let second = document.take_changes().len();
        assert!(first.max(second) <= 12, "{unit:?}: {first} and {second} changes for 300 nodes");
    }
}

fn check(beginning: &str, line: impl Fn(usize) -> String) {
    let length = random::number("RUNNEL_MARKDOWN_BYTES", LONG);
    let (short, long) = (cost(&text(beginning, &line, SHORT)), cost(&text(beginning, &line, length)));
    random::tell(&format!("{SHORT} bytes: {short:.2?}, {length} bytes: {long:.2?}"));
    assert!(long.read <= GROWTH * short.read, "short: {short:?}, long: {long:?}");
    assert!(long.changed <= GROWTH * short.changed, "short: {short:?}, long: {long:?}");
}

fn text(beginning: &str, line: &impl Fn(usize) -> String, length: usize) -> String {
    let mut text = beginning.to_owned();
    for number in 0.. {
        if text.len() >= length {
            break;
        }
        text.push_str(&line(number));
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of numbers far below 2^52")]
fn cost(text: &str) -> Cost {
    let mut document = Document::default();
    let mut changed = 0;
    for piece in by_length(text, PIECE) {
        document.push(piece);
        changed += document.take_changes().iter().map(size).sum::<usize>();
    }
    let pushed = text.len() as f64;
    Cost { read: document.bytes_parsed() as f64 / pushed, changed: changed as f64 / pushed }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Append { nodes, .. } => text_of(nodes).len(),
        Change::Replace { node, .. } => text_of(std::slice::from_ref(node)).len(),
        Change::Extend { more, .. } => more.len(),
        Change::RemoveLast { .. } => 0,
    }
}
