//! Texts that are made to cost much: each costs in proportion to its length, counted in [`steps`] and not in time.
//!
//! `RUNNEL_HOSTILE_BYTES` is how long they are. Without it they are short, since a megabyte of each takes many minutes
//! in a debug build; what cost the square of the length fails with these, too: 16 KB of `<` were 8,000 steps a byte.

#[path = "../tests/markdown_suites/hostile.rs"]
mod patterns;

use super::{Document, page, steps};
use patterns::{PATTERNS, Pattern};

/// Of what a text of half the length costs, in percent.
const MOST_GROWTH: u64 = 220;
/// Bytes. Growth says something of longer texts alone: shorter ones are not yet read in several windows.
const LONG: usize = 256 * 1024;
/// Steps a byte. Below it growth says nothing: some patterns cost the logarithm of their length too, such as 22 steps a
/// byte at 4 MB after 14 at 128 KB. What costs the square is at thousands when it is as long as that.
const FEW: u64 = 64;

#[test]
fn the_list_is_long_enough_and_names_nothing_twice() {
    let mut names: Vec<String> = PATTERNS.iter().map(|pattern| format!("{pattern:?}")).collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() >= 69 && names.len() == PATTERNS.len());
}

#[test]
fn a_hostile_text_that_comes_whole_costs_what_its_length_costs() {
    check(PATTERNS, 16 * 1024, usize::MAX, 200);
}

#[test]
fn a_hostile_text_in_pieces_of_4_kb_costs_what_its_length_costs() {
    check(PATTERNS, 16 * 1024, 4 * 1024, 2000);
}

/// Up to 4 KB of a paragraph are read again with each piece, which takes long in a debug build: some of the patterns.
#[test]
fn a_hostile_text_in_pieces_of_64_bytes_costs_what_its_length_costs() {
    let some: Vec<Pattern> = PATTERNS.iter().copied().step_by(7).collect();
    check(&some, 6 * 1024, 64, 5000);
}

/// `most` is how many steps a byte may cost.
fn check(patterns: &[Pattern], otherwise: usize, piece: usize, most: u64) {
    let length = std::env::var("RUNNEL_HOSTILE_BYTES").map_or(otherwise, |bytes| bytes.parse().unwrap());
    let is_costly = |pattern: &Pattern| {
        let whole = cost(*pattern, length, piece);
        let is_over = whole > most * u64::try_from(length).unwrap();
        let is_growing = length >= LONG
            && whole > FEW * u64::try_from(length).unwrap()
            && whole * 100 > cost(*pattern, length / 2, piece) * MOST_GROWTH;
        (is_over || is_growing).then(|| format!("{pattern:?}: {whole} steps"))
    };
    let costly: Vec<String> = patterns.iter().filter_map(is_costly).collect();
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
