//! The examples of CommonMark's specification and of GitHub's extensions of it (`fixtures/markdown`): whole, and
//! however they come.

use runnel::markdown::read;
use serde::Deserialize;

use super::growing::{characters, check_pieces, in_pieces};
use super::spec_html::{normal, spec_html};
use crate::random;

const COMMON_MARK: &str = include_str!("../fixtures/markdown/commonmark-0.31.2.json");
const EXTENSIONS: &str = include_str!("../fixtures/markdown/gfm-0.29-extensions.json");

/// Where CommonMark says otherwise, since an extension of it is on.
const OTHER_THAN_COMMON_MARK: &[(u32, &str)] = &[
    (606, "a bare address is a link, also one that stands in angle brackets that make none"),
    (608, "a bare address is a link, also one that stands in angle brackets that make none"),
    (611, "a bare address is a link"),
    (612, "a bare address is a link"),
];

/// Where GitHub says otherwise.
const OTHER_THAN_GITHUB: &[(u32, &str)] = &[];

/// What neither specifies: formulas, notes and footnotes.
const BEYOND_BOTH: &[(&str, &str)] = &[
    ("So $x^2$ is.", "<p>So <math>x^2</math> is.</p>"),
    ("So \\(x^2\\) is.", "<p>So <math>x^2</math> is.</p>"),
    ("$$\nx^2\n$$\n", "<math display=\"block\">x^2</math>"),
    ("\\[\nx^2\n\\]\n", "<math display=\"block\">x^2</math>"),
    ("It is $5, or $10 a month.", "<p>It is $5, or $10 a month.</p>"),
    ("A price: \\$5, \\$6.", "<p>A price: $5, $6.</p>"),
    (
        "`$x$` and [a](\\(b\\)) and <https://a.bc/$x$>",
        "<p><code>$x$</code> and <a href=\"(b)\">a</a> and <a href=\"https://a.bc/$x$\">https://a.bc/$x$</a></p>",
    ),
    (
        "- \\(a\\) first\n- so \\(b\\)\n- $c$\n",
        "<ul><li><math>a</math> first</li><li>so <math>b</math></li><li><math>c</math></li></ul>",
    ),
    ("```\n```\n\n- $a$\n", "<pre><code></code></pre><ul><li><math>a</math></li></ul>"),
    (
        "| $a$ |\n|---|\n| \\(b\\) |\n",
        "<table><thead><tr><th><math>a</math></th></tr></thead><tbody><tr><td><math>b</math></td></tr></tbody></table>",
    ),
    ("**$a$** and [$b$](/c)", "<p><strong><math>a</math></strong> and <a href=\"/c\"><math>b</math></a></p>"),
    ("> [!NOTE]\n> Mind.\n", "<div class=\"Note\"><p>Mind.</p></div>"),
    ("> [!note]\n> Mind.\n", "<div class=\"Note\"><p>Mind.</p></div>"),
    ("> [!NOTE] Mind.\n", "<blockquote><p>[!NOTE] Mind.</p></blockquote>"),
    (
        "One[^b], two[^a].\n\n[^a]: Two.\n\n[^b]: One.\n",
        "<p>One<sup>1</sup>, two<sup>2</sup>.</p><div id=\"2\"><p>Two.</p></div><div id=\"1\"><p>One.</p></div>",
    ),
    (
        "- [x] done\n\n- [ ] to do\n",
        "<ul><li><input checked=\"\" disabled=\"\" type=\"checkbox\"><p>done</p></li><li><input disabled=\"\" type=\"checkbox\"><p>to do</p></li></ul>",
    ),
];

#[derive(Deserialize)]
struct Example {
    #[serde(rename = "example")]
    number: u32,
    section: String,
    markdown: String,
    html: String,
}

impl Example {
    fn all_of(json: &str) -> Vec<Self> {
        serde_json::from_str(json).unwrap()
    }

    fn is_met(&self) -> bool {
        normal(&self.html()) == normal(&self.html)
    }

    fn html(&self) -> String {
        spec_html(&read(&self.markdown))
    }
}

#[test]
fn every_example_of_common_mark_reads_as_specified() {
    compare(COMMON_MARK, 652, OTHER_THAN_COMMON_MARK);
}

#[test]
fn every_example_of_github_reads_as_specified() {
    compare(EXTENSIONS, 23, OTHER_THAN_GITHUB);
}

#[test]
fn what_neither_specifies_reads_as_it_should() {
    let problems: Vec<String> = BEYOND_BOTH
        .iter()
        .map(|(markdown, html)| (markdown, normal(html), normal(&spec_html(&read(markdown)))))
        .filter(|(_, expected, read)| expected != read)
        .map(|(markdown, expected, read)| format!("{markdown:?}\nexpected {expected:?}\nread as  {read:?}\n"))
        .collect();
    assert!(problems.is_empty(), "{} texts:\n\n{}", problems.len(), problems.join("\n"));
}

fn compare(json: &str, count: usize, exceptions: &[(u32, &str)]) {
    let examples = Example::all_of(json);
    assert_eq!(examples.len(), count);
    let mut problems = Vec::new();
    for example in &examples {
        let exception = exceptions.iter().find(|(number, _)| *number == example.number);
        match (example.is_met(), exception) {
            (true, None) | (false, Some(_)) => (),
            (true, Some((number, reason))) => {
                problems.push(format!("{number} is no exception any more: {reason}"));
            }
            (false, None) => problems.push(difference(example)),
        }
    }
    assert!(problems.is_empty(), "{} of {count}:\n\n{}", problems.len(), problems.join("\n"));
}

fn difference(example: &Example) -> String {
    let Example { number, section, markdown, html } = example;
    let (expected, read) = (normal(html), normal(&example.html()));
    format!("{number}, {section}:\n{markdown:?}\nexpected {expected:?}\nread as  {read:?}\n")
}

#[test]
fn every_example_says_the_same_character_by_character() {
    check_all(|markdown, _| check_pieces(&characters(markdown)));
}

#[test]
fn every_example_says_the_same_in_pieces_of_chance() {
    check_all(|markdown, chance| {
        (0..5).try_for_each(|_| check_pieces(&in_pieces(markdown, chance)))?;
        // Line ends of two characters are cut between them as well.
        let markdown = markdown.replace('\n', "\r\n");
        check_pieces(&characters(&markdown))?;
        check_pieces(&in_pieces(&markdown, chance))
    });
}

#[test]
fn every_example_broken_off_anywhere_says_what_its_beginning_says() {
    check_all(|markdown, chance| {
        let ends = markdown.char_indices().map(|(at, _)| at).skip(1);
        ends.map(|end| &markdown[..end]).try_for_each(|beginning| check_pieces(&in_pieces(beginning, chance)))
    });
}

/// Checks every example, and tells of all that fail.
fn check_all(check: impl Fn(&str, &mut fastrand::Rng) -> Result<(), String>) {
    let mut chance = random::of_part(random::seed(), 0);
    let mut problems = Vec::new();
    for example in Example::all_of(COMMON_MARK).iter().chain(&Example::all_of(EXTENSIONS)) {
        if let Err(problem) = check(&example.markdown, &mut chance) {
            problems.push(format!("{}, {}: {problem}", example.number, example.section));
        }
    }
    assert!(problems.is_empty(), "{} examples:\n\n{}", problems.len(), problems.join("\n\n"));
}
