//! Links that are explained later: what was read long ago becomes a link after all.

use runnel::markdown::read;

use super::growing::{Growing, by_length, characters, check_pieces};
use super::spec_html::{normal, spec_html, text_of};

/// A text, and its HTML when all of it is there.
const EXAMPLES: &[(&str, &str)] = &[
    ("See [one].\n\nMore.\n\n[one]: /1\n", "<p>See <a href=\"/1\">one</a>.</p><p>More.</p>"),
    (
        "See [text][One] and [*one*][].\n\n# A heading\n\n[one]: </1> \"First\"\n[ONE]: /other\n",
        "<p>See <a href=\"/1\" title=\"First\">text</a> and [<em>one</em>][].</p><h1>A heading</h1>",
    ),
    (
        "- [one]\n- two\n\n  [two]\n\nBetween.\n\n> [one]\n\n[two]: /2\n\n[one]: /1\n",
        "<ul><li><p><a href=\"/1\">one</a></p></li><li><p>two</p><p><a href=\"/2\">two</a></p></li></ul><p>Between.</p>\
         <blockquote><p><a href=\"/1\">one</a></p></blockquote>",
    ),
    (
        "| a |\n|---|\n| [one] |\n| ![one] |\n\nText.\n\n[one]: /1\n",
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td><a href=\"/1\">one</a></td></tr><tr><td>\
         <img src=\"/1\" alt=\"one\"></td></tr></tbody></table><p>Text.</p>",
    ),
    (
        "## [one]\n\n`[one]`\n\n```\n[one]\n```\n\n\\[one]\n\n> [one]: /1\n",
        "<h2><a href=\"/1\">one</a></h2><p><code>[one]</code></p><pre><code>[one]\n</code></pre><p>[one]</p>\
         <blockquote></blockquote>",
    ),
    (
        "[one]: /1\n\nSee [one].\n\n[one]: /2\n\nSee [one].\n",
        "<p>See <a href=\"/1\">one</a>.</p><p>See <a href=\"/1\">one</a>.</p>",
    ),
    (
        "[one] [one] [two]\n\n[one][two]\n\n[two]: /2\n",
        "<p>[one] [one] <a href=\"/2\">two</a></p><p><a href=\"/2\">one</a></p>",
    ),
];

#[test]
fn links_explained_later_read_as_specified() {
    for (text, html) in EXAMPLES {
        assert_eq!(normal(&spec_html(&read(text))), normal(html), "{text:?}");
    }
}

#[test]
fn links_explained_later_read_the_same_in_any_pieces() {
    for (text, _) in EXAMPLES {
        check_pieces(&characters(text)).unwrap();
        for length in 2..12 {
            check_pieces(&by_length(text, length).collect::<Vec<_>>()).unwrap();
        }
        let crlf = text.replace('\n', "\r\n");
        check_pieces(&characters(&crlf)).unwrap();
    }
}

#[test]
fn a_paragraph_of_long_ago_becomes_a_link_as_soon_as_it_is_explained() {
    let between = "Much more text.\n\n".repeat(50);
    let mut growing = Growing::default();
    for piece in by_length(&format!("See [one].\n\n{between}"), 7) {
        growing.push(piece).unwrap();
        assert!(!html(&growing).contains("href"), "{}", html(&growing));
    }
    growing.push("[one]: /1\n\nThe answer goes on").unwrap();
    assert!(html(&growing).starts_with("<p>See <a href=\"/1\">one</a>.</p>"), "{}", html(&growing));
}

/// Its label is, while it may still be a link.
#[test]
fn the_address_and_the_title_of_an_explanation_are_never_shown() {
    let mut growing = Growing::default();
    growing.push("See [one].\n\n").unwrap();
    for piece in characters("[one]: /address \"Its title\"\n\nMore") {
        growing.push(piece).unwrap();
        let shown = text_of(growing.nodes());
        assert!(!["]:", "/", "a", "I", "\""].iter().any(|part| shown.contains(part)), "{shown}");
    }
}

fn html(growing: &Growing) -> String {
    normal(&spec_html(growing.nodes()))
}
