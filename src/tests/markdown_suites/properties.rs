//! What holds for every document, tried with documents of chance.

use fastrand::Rng;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use runnel::markdown::{Document, read};

use super::chunking::looks_same;
use super::fragments::{all, documents, markers};
use super::growing::{Growing, by_length, characters, check_pieces, grow, in_pieces};
use super::hostile::PATTERNS;
use crate::random;

/// How many documents are tried: `RUNNEL_MARKDOWN_CASES`. Always the same ones, unless `RUNNEL_SEED` says otherwise.
pub fn cases(otherwise: u32) -> ProptestConfig {
    ProptestConfig {
        cases: random::number("RUNNEL_MARKDOWN_CASES", otherwise),
        rng_seed: RngSeed::Fixed(random::seed()),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn what_models_write_says_the_same_in_any_pieces(text in documents(all()), seed: u64) {
        check(check_in_all_pieces(&text, seed))?;
    }

    #[test]
    fn what_models_write_broken_off_anywhere_says_what_its_beginning_says(text in documents(all()), seed: u64) {
        check(check_broken_off(&text, seed))?;
    }

    #[test]
    fn any_markers_say_the_same_in_any_pieces(text in markers(), seed: u64) {
        check(check_in_all_pieces(&text, seed))?;
    }

    #[test]
    fn any_markers_broken_off_anywhere_say_what_their_beginning_says(text in markers(), seed: u64) {
        check(check_broken_off(&text, seed))?;
    }
}

fn check(checked: Result<(), String>) -> Result<(), TestCaseError> {
    checked.map_err(TestCaseError::fail)
}

fn check_in_all_pieces(text: &str, seed: u64) -> Result<(), String> {
    let mut chance = Rng::with_seed(seed);
    check_pieces(&characters(text))?;
    check_pieces(&in_pieces(text, &mut chance))?;
    check_pieces(&in_pieces(text, &mut chance))
}

fn check_broken_off(text: &str, seed: u64) -> Result<(), String> {
    let mut chance = Rng::with_seed(seed);
    let pieces = in_pieces(text, &mut chance);
    check_pieces(&pieces[..chance.usize(0..=pieces.len())])
}

/// Each level is a level of recursion for all who walk the tree, so `shape` bounds them.
#[test]
fn however_deep_a_text_nests_its_tree_does_not() {
    for opening in
        ["> ", "- ", "1. ", "* > ", "*a ", "**a ", "~~a ", "![", "[", "> - > [!NOTE]\n", "`", "<b>", "$", "("]
    {
        let text = opening.repeat(300) + "end";
        check_grows(&[&text]);
        check_grows(&characters(&text[..400.min(text.len())]));
    }
    for (opening, closing) in
        [("*a ", " b*"), ("**a ", " b**"), ("~~a ", " b~~"), ("![a", "](b)"), ("[a", "](b)")]
    {
        check_grows(&[&(opening.repeat(200) + &closing.repeat(200))]);
    }
    let items: Vec<String> = (0..100).map(|depth| "  ".repeat(depth) + "- item\n").collect();
    check_grows(&[&items.concat()]);
}

/// Whatever is left out of them to bound what they cost, it is the same in pieces. The long ones are read in several
/// windows; they are compared when they have ended, since more of a long tail is shown as plain text before that.
#[test]
fn hostile_texts_say_the_same_in_any_pieces() {
    for pattern in PATTERNS {
        check_pieces(&characters(&pattern.text(120)))
            .unwrap_or_else(|problem| panic!("{pattern:?}: {problem}"));
        let long = pattern.text(9_000);
        let mut document = Document::default();
        by_length(&long, 3_000).for_each(|piece| document.push(piece));
        document.finish();
        assert!(looks_same(document.nodes(), &read(&long)), "{pattern:?}");
    }
}

/// Where the tree ends, a block is still whole, or nothing.
#[test]
fn every_block_is_whole_at_any_depth() {
    for block in
        ["a | b\n-|-\n1 | 2", "```\ncode", "- [ ] item", "1. item", "> quote", "# heading", "<b>", "$$x$$"]
    {
        for depth in 0..70 {
            let lines: Vec<String> = block.lines().map(|line| "> ".repeat(depth) + line).collect();
            check_grows(&[&lines.join("\n")]);
        }
    }
}

fn check_grows(pieces: &[&str]) {
    grow(pieces.iter().copied()).unwrap_or_else(|problem| panic!("{pieces:?}: {problem}"));
}

#[test]
fn a_document_without_text_is_empty() {
    assert!(read("").is_empty());
    assert!(grow([]).unwrap().is_empty());
    assert!(grow(["", "\n", "", " \t\r\n"]).unwrap().is_empty());
}

#[test]
fn no_piece_changes_nothing() {
    let mut growing = Growing::default();
    growing.push("A *text*").unwrap();
    let before = growing.nodes().to_vec();
    growing.push("").unwrap();
    assert_eq!(growing.nodes(), before);
}
