//! Nothing flashes: what a reader sees of a text that grows stays, and markers are never seen before they act.

use proptest::prelude::*;
use runnel::markdown::node::Node;
use runnel::markdown::read;

use super::fragments::{PLAIN, documents};
use super::growing::{Growing, characters, in_pieces};
use super::properties::cases;
use super::spec_html::text_of;

/// What is written in answers, character by character; none of it shows a marker when it is whole.
const TYPICAL: &[&str] = &[
    "A **bold** word",
    "**Bold** first",
    "A __bold__ word",
    "An *italic* word",
    "An _italic_ word",
    "Some ***bold italic*** text",
    "**bold *with italic* inside**",
    "Call `main()` now",
    "``two `ticks` ``",
    "A [link](https://example.com/path) here",
    "A [link](https://example.com/a_(b) \"Title\") here",
    "A [**bold** link](<https://example.com/>) here",
    "[First](https://example.com)",
    "![Picture](https://example.com/x.png) here",
    "[![Badge](https://example.com/x.png)](https://example.com) here",
    "Some ~~struck~~ text",
    "| Name | Count |\n|------|------:|\n| One | **1** |\n| Two | `2` |\n",
    "Text before.\n\n| Name | Count |\n| :--- | ---: |\n| One | 1 |\n\nText after.",
    "```rust\nfn main() {}\n```\n\nAfter.",
    "Before:\n```\nplain\n```",
    "~~~python\nprint(1)\n~~~\n",
    "# Heading one\n\n## Heading two ##\n\n### Heading `three`\n",
    "Heading\n=======\n\nOther\n-----\n",
    "- one\n- two\n  - nested\n- three\n",
    "* one\n* **two**: text\n",
    "+ one\n+ two\n",
    "1. one\n2. two\n   1. nested\n10. ten\n",
    "- [ ] to do\n- [x] done\n",
    "1. [ ] to do\n2. [X] done\n",
    "> [!NOTE]\n> Mind the gap.\n",
    "> [!CAUTION]\n> **Hot**\n",
    "> quoted\n> **twice**\n",
    "Before\n\n---\n\nafter\n\n***\n",
    "A note[^1] here.\n\n[^1]: What it says.\n",
    "See https://example.com/path for more",
    "See <https://example.com/path> for more",
    "A line  \nbroken\\\nhere",
    "\\*not italic\\* and \\[no link\\]",
    "AT&amp;T &copy; 2024",
];

/// Formulas are shown as their source while they are open, without their delimiters in the tree.
const FORMULAS: &[&str] = &[
    "So $E = mc^2$ holds",
    "So \\(E = mc^2\\) holds",
    "$$\nE = mc^2\n$$\n",
    "\\[\nE = mc^2\n\\]\n",
    "- In a list: $a$\n\n  $$b$$\n",
];

/// Links that are explained later may be shown as what they are written as, but for their marks.
const REFERENCES: &[&str] = &["[Link][one] and [one].\n\n[one]: https://example.com\n"];

/// What no reader should see of them, at any moment.
const RAW: &[&str] = &[
    "runnel:", "**", "__", "~~", "](", "![", "|-", "| -", "|:", "```", "~~~", "- [", "[ ]", "[x", "[!", "[^",
    "]:", "$", "\\(", "\\[", "==", "--", "# ", "<http", "&amp", "&copy", "*", "`",
];

#[test]
fn no_raw_marker_flashes() {
    let problems: Vec<String> =
        TYPICAL.iter().chain(FORMULAS).chain(REFERENCES).filter_map(|text| raw_flash(text)).collect();
    assert!(problems.is_empty(), "{} texts:\n{}", problems.len(), problems.join("\n"));
}

fn raw_flash(text: &str) -> Option<String> {
    let mut growing = Growing::default();
    let whole = text_of(&read(text));
    let markers: Vec<_> = RAW.iter().filter(|marker| !whole.contains(**marker)).collect();
    let mut written = String::new();
    for piece in characters(text) {
        if let Err(problem) = growing.push(piece) {
            return Some(format!("{text:?}: {problem}"));
        }
        written.push_str(piece);
        let shown = text_of(growing.nodes());
        if let Some(marker) = markers.iter().find(|marker| shown.contains(**marker)) {
            return Some(format!("{marker:?} is seen in {shown:?} after {written:?}"));
        }
    }
    None
}

/// Stricter than that no marker is seen: each step adds to the text that will be there in the end.
#[test]
fn what_is_shown_of_typical_texts_is_the_beginning_of_what_will_be() {
    let problems: Vec<String> =
        TYPICAL.iter().chain(FORMULAS).filter_map(|text| other_beginning(text)).collect();
    assert!(problems.is_empty(), "{} texts:\n{}", problems.len(), problems.join("\n"));
}

fn other_beginning(text: &str) -> Option<String> {
    let mut growing = Growing::default();
    let whole = without_spaces(&read(text));
    let mut written = String::new();
    for piece in characters(text) {
        if let Err(problem) = growing.push(piece) {
            return Some(format!("{text:?}: {problem}"));
        }
        written.push_str(piece);
        let shown = without_spaces(growing.nodes());
        if !whole.starts_with(&shown) {
            return Some(format!("{shown:?} is seen after {written:?}, in the end it is {whole:?}"));
        }
    }
    None
}

#[test]
fn what_explains_a_link_is_never_seen() {
    for (before, explanation) in [
        ("See [the text][one].\n\n", "[one]: https://example.com \"One\"\n"),
        ("See [One] and [two][].\n\n", "[two]: /2\n[ONE]: </1>\n"),
        ("- See [it][a label].\n\n", "[a label]: https://example.com\n"),
    ] {
        let mut growing = Growing::default();
        growing.push(before).unwrap();
        let mark = |c: char| c.is_alphanumeric();
        let letters =
            |growing: &Growing| text_of(growing.nodes()).chars().filter(|c| mark(*c)).collect::<String>();
        let length = letters(&growing).len();
        for piece in characters(explanation) {
            growing.push(piece).unwrap();
            // It is shorter once the label is read as one.
            let shown = letters(&growing);
            assert!(
                shown.len() <= length,
                "{shown:?} is seen after {before:?} while {explanation:?} is written"
            );
        }
    }
}

fn without_spaces(nodes: &[Node]) -> String {
    text_of(nodes).split_whitespace().collect()
}

/// Held back is what may be a marker, nothing else.
#[test]
fn plain_words_are_shown_at_once() {
    let text = "The quick brown fox, as they say: it jumps (again) over the lazy dog's back. Is it 10 or 20%? Yes.\n\n\
                A second paragraph follows.\nIt has two lines";
    let mut growing = Growing::default();
    let mut written = String::new();
    for piece in characters(text) {
        growing.push(piece).unwrap();
        written.push_str(piece);
        let expected: String = written.split_whitespace().collect();
        assert_eq!(without_spaces(growing.nodes()), expected, "after {written:?}");
    }
}

/// The same, inside of other things. Beside each, what is shown of it.
#[test]
fn plain_words_are_shown_at_once_wherever_they_stand() {
    let places = [
        ("- ", ""),
        ("7. ", ""),
        ("- [ ] ", ""),
        ("- one\n\n  ", "one"),
        ("- one\n  - ", "one"),
        ("> ", ""),
        ("> > - ", ""),
        ("> [!NOTE]\n> ", ""),
        ("## ", ""),
        ("| one | ", "one"),
        ("| one |\n|---|\n| ", "one"),
        ("```\n", ""),
        ("    ", ""),
        ("<div>\n", "div"),
        ("One[^1]\n\n[^1]: ", "One"),
        ("One[^1]\n\n[^1]: two\n\n    ", "Onetwo"),
        ("**", ""),
        ("[", ""),
        ("`", ""),
    ];
    let problems: Vec<String> = places.iter().filter_map(|(place, shown)| words_late(place, shown)).collect();
    assert!(problems.is_empty(), "{} places:\n{}", problems.len(), problems.join("\n"));
}

fn words_late(place: &str, shown: &str) -> Option<String> {
    let mut growing = Growing::default();
    let mut written = place.to_owned();
    let mut expected = shown.to_owned();
    growing.push(place).unwrap();
    for piece in characters("Plain words as they come") {
        growing.push(piece).unwrap();
        written.push_str(piece);
        expected.push_str(piece.trim());
        let shown = letters(growing.nodes());
        if shown != expected {
            return Some(format!("{shown:?} is seen after {written:?}, not {expected:?}"));
        }
    }
    None
}

proptest! {
    #![proptest_config(cases(300))]

    /// Letters and digits that were shown are still there after the next piece, in the same order: what comes in
    /// addition may stand between them.
    #[test]
    fn nothing_that_was_shown_disappears(text in documents(PLAIN), seed: u64) {
        check_nothing_disappears(&characters(&text)).map_err(TestCaseError::fail)?;
        let mut chance = fastrand::Rng::with_seed(seed);
        check_nothing_disappears(&in_pieces(&text, &mut chance)).map_err(TestCaseError::fail)?;
    }
}

fn check_nothing_disappears(pieces: &[&str]) -> Result<(), String> {
    let mut growing = Growing::default();
    let mut written = String::new();
    let mut before = String::new();
    for piece in pieces {
        growing.push(piece)?;
        written.push_str(piece);
        let shown = letters(growing.nodes());
        assert!(!shown.contains("runnelopen"), "the mark of an open address is seen after {written:?}");
        check_still_there(&before, &shown).map_err(|lost| format!("after {written:?}: {lost}"))?;
        before = shown;
    }
    check_still_there(&before, &letters(&growing.finish()?))
        .map_err(|lost| format!("at the end of {written:?}: {lost}"))
}

fn letters(nodes: &[Node]) -> String {
    text_of(nodes).chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Whether what was shown before is a subsequence of what is shown now.
fn check_still_there(before: &str, now: &str) -> Result<(), String> {
    let mut shown = now.chars();
    let is_still_there = before.chars().all(|character| shown.any(|other| other == character));
    if is_still_there { Ok(()) } else { Err(format!("{before:?} was shown before, and now {now:?}")) }
}
