//! Texts that are made to cost much: each costs in proportion to its length, counted in [`steps`] and not in time.
//!
//! `RUNNEL_HOSTILE_BYTES` is how long they are; a megabyte takes many minutes in a debug build.

#[path = "../tests/markdown_suites/hostile.rs"]
mod patterns;

use super::{Document, page, steps};
use patterns::{PATTERNS, Pattern};

/// How many times the steps a text of twice the length may cost, in percent, and how many steps more: windows begin to
/// be read twice somewhere in a text.
const MOST_GROWTH: u64 = 220;
const CONSTANT: u64 = 100_000;

#[test]
fn the_list_is_long_enough_and_names_nothing_twice() {
    let mut names: Vec<String> = PATTERNS.iter().map(|pattern| format!("{pattern:?}")).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() >= 69 && names.len() == PATTERNS.len());
}

#[test]
fn a_hostile_text_that_comes_whole_costs_what_its_length_costs() {
    check(64 * 1024, usize::MAX, 200);
}

#[test]
fn a_hostile_text_in_pieces_of_4_kb_costs_what_its_length_costs() {
    check(32 * 1024, 4 * 1024, 2000);
}

/// Up to 4 KB of a paragraph are read again with each piece.
#[test]
fn a_hostile_text_in_pieces_of_64_bytes_costs_what_its_length_costs() {
    check(16 * 1024, 64, 10_000);
}

/// `most` is how many steps a byte may cost.
fn check(otherwise: usize, piece: usize, most: u64) {
    let length = std::env::var("RUNNEL_HOSTILE_BYTES").map_or(otherwise, |bytes| bytes.parse().unwrap());
    let is_costly = |pattern: &Pattern| {
        let (half, whole) = (cost(*pattern, length / 2, piece), cost(*pattern, length, piece));
        let is_over =
            whole > half * MOST_GROWTH / 100 + CONSTANT || whole > most * u64::try_from(length).unwrap();
        is_over.then(|| format!("{pattern:?}: {half} steps, then {whole}"))
    };
    let costly: Vec<String> = PATTERNS.iter().filter_map(is_costly).collect();
    assert!(costly.is_empty(), "{length} bytes: {costly:#?}");
}

/// Steps to read a text and to write it as HTML.
fn cost(pattern: Pattern, length: usize, piece: usize) -> u64 {
    let text = pattern.text(length);
    let mut document = Document::default();
    let mut rest = &*text;
    steps::take();
    while !rest.is_empty() {
        let (first, after) = rest.split_at(rest.ceil_char_boundary(piece));
        rest = after;
        document.push(first);
        document.take_changes();
    }
    document.finish();
    page::to_html(document.nodes());
    steps::take()
}
