//! What language models write, in fragments that are joined by chance.

use proptest::prelude::*;
use proptest::sample::select;

/// Nothing in these refers to another place, and nothing is written otherwise than it is read: what is shown of them
/// may stay.
pub const PLAIN: &[&str] = &[
    "Sure! Here is what happens, step by step, and why it matters.",
    "# The plan",
    "## Results for *this* year ##",
    "### `main.rs`\nfollows at once.",
    "Title of old\n============",
    "A **bold** claim, an *italic* one, ***both***, and __under__ and _lines_.",
    "Words with snake_case_names, 2 * 3 * 4 = 24, a_b, and 5*6.",
    "~~Not~~ this, ~but~ that.",
    "Call `foo(a, *b)` or ``with `ticks` inside`` now.",
    "- one\n- two\n  - two and a half\n    - deeper\n- three",
    "- loose\n\n- list\n\n  with a second paragraph\n- of three",
    "* star\n* another\n+ plus\n- minus",
    "1. first\n2. second\n   - nested\n   - more\n3. third\n\n   ```sh\n   make run\n   ```\n10. tenth",
    "7) seven\n8) eight",
    "- [ ] to do\n- [x] done\n  - [ ] nested",
    "| Name | Count |\n|------|------:|\n| One | 1 |\n| `a\\|b` | **2** |",
    "a | b\n:-:|---\n1 | 2\n3 |\n| 4 | 5 | 6 |",
    "```rust\nfn main() {\n    println!(\"{}\", 1 + 1); // **two**\n}\n```",
    "````markdown\n```\ninner\n```\n````",
    "~~~\ntildes with ``` inside\n\n~~~",
    "```python\n# open to the end\nprint(f\"{x}\")",
    "    indented code\n\n    with a gap",
    "> A quote\ngoes on lazily\n> > deeper\n>\n> - a list\n> - in it",
    "> [!NOTE]\n> Mind the gap.",
    "> [!WARNING]\n>\n> ```\n> code\n> ```",
    "A [link](https://example.com/a_(b)?q=1 \"Its title\") and [another](<https://example.org/x y>).",
    "A [link with **bold** and `code`](https://example.com), ended.",
    "![A picture](https://example.com/cat.png) beside ![](data:image/png;base64,AAAA).",
    "See https://example.com/path?a=1&b=2, www.example.org and <https://example.net>; write to me@example.com.",
    "Inline $E = mc^2$ and \\(a_i \\cdot b_i\\), for $5 or $6.",
    "$$\n\\int_0^1 x^2 \\, dx = \\frac{1}{3}\n$$",
    "\\[\na^2 + b^2 = c^2\n\\]",
    "The sum $$\\sum_{i=1}^n i$$ stands in the line.",
    "<details>\n<summary>More</summary>\n\nHidden *text*.\n\n</details>",
    "Raw <b>bold</b>, <br/> and <!-- a remark --> here.",
    "<div align=\"center\">\n  <img src=\"x.png\">\n</div>",
    "---",
    "***",
    "A line  \nbroken twice\\\nhere.",
    "Escaped \\*stars\\*, \\`ticks\\`, \\[brackets\\] and a backslash \\\\.",
    "Emoji 👩‍👩‍👧‍👦 and 🇨🇭, 日本語**の**文章, עברית, cafe\u{301}, Żółw.",
    "Tab\tseparated\tvalues\n\n-\ttabbed item\n\n\t\tcode in it",
    "- Item with a table:\n\n  | x | y |\n  |---|---|\n  | 1 | 2 |\n\n  and text.",
    "1. Quote in it:\n   > said\n   > twice\n2. > again",
    "###### Smallest\n#7 is no heading\n#",
    "It says so[^1].\n\n[^1]: Where it says so.\n\n    In two paragraphs.",
    "Line one\nline two\n- list at once\n\n\n\nand three blank lines before.",
];

/// These refer to other places, are shown as something else than is written, or never end what they begin.
pub const OTHERS: &[&str] = &[
    "A [reference][one], [two] and [One][].",
    "[one]: https://example.com/one",
    "[two]: <https://example.com/two> 'Two'\n[three]:\nhttps://example.com/three\n\"Three\"",
    "[one]: https://example.com/another",
    "![pictured][two] and [three]",
    "- [two]\n\n  [two]: /in/a/list",
    "> [three]: /in/a/quote",
    "A note[^1], and another[^long-name].",
    "[^1]: What the note says, with `code`.",
    "[^long-name]: Two paragraphs.\n\n    The second one.\n\nAnd a text after it.",
    "Entities: &amp; &lt; &copy; &#128512; &#x41; &nbsp;.",
    "AT&T;, R&D and &unknown;.",
    "[not a definition]: \n\nbut text",
    "[foo]: /url \"title\" and more",
    "\\[one]: /escaped",
    "Unknown [label] and [x] and [^nowhere].",
    "Ends in [a link that never",
    "**Not closed, and `neither is this",
];

/// What Markdown takes notice of, piece by piece.
const MARKERS: &[&str] = &[
    "*",
    "**",
    "***",
    "_",
    "__",
    "`",
    "``",
    "```",
    "~",
    "~~",
    "~~~",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "  ",
    "    ",
    "> ",
    ">",
    "- ",
    "-",
    "+ ",
    "* ",
    "1. ",
    "2) ",
    "12",
    "[",
    "]",
    "](",
    "](<",
    ")",
    "(",
    "![",
    "!",
    "[^1]",
    "[^1]: ",
    "[a]: ",
    "[a]",
    "[A][]",
    "[b]: /u",
    "|",
    "| ",
    "|--|",
    "|:-:|-|",
    "---",
    "===",
    "$",
    "$$",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "<",
    ">",
    "</",
    "/>",
    "<!--",
    "-->",
    "<div>",
    "</div>",
    "<pre>",
    "<?",
    "<![CDATA[",
    "]]>",
    "&amp;",
    "&",
    ";",
    "&#0;",
    "# ",
    "## ",
    "#",
    "[!NOTE]",
    "[!TIP",
    "[ ] ",
    "[x] ",
    "\\",
    "\\\n",
    "\"",
    "'",
    ":",
    "=",
    "a",
    "b",
    "word",
    "é",
    "世",
    "😀",
    "\u{0}",
    "\u{a0}",
    "\u{feff}",
    "\u{2028}",
    "\u{202e}",
    "http://a.bc",
    "www.a.bc",
    "x@y.zz",
    "<http://a.bc>",
    "{",
    "}",
    "^",
    "%",
];

/// What stands between two fragments.
const JOINTS: &[&str] = &["\n\n", "\n\n", "\n\n", "\n", " "];

/// What a fragment stands in: the beginning of its first line, and that of the others.
const FRAMES: &[(&str, &str)] =
    &[("", ""), ("", ""), ("", ""), ("", ""), ("> ", "> "), ("- ", "  "), ("1. ", "   "), ("> - ", ">   ")];

/// A document such as models write; some have line ends of two characters, some stand in a quote or an item.
pub fn documents(fragments: &'static [&'static str]) -> impl Strategy<Value = String> {
    let parts = proptest::collection::vec((select(fragments), select(JOINTS), select(FRAMES)), 1..7);
    (parts, prop::bool::weighted(0.2)).prop_map(|(parts, is_crlf)| {
        let text: String = parts
            .into_iter()
            .map(|(fragment, joint, (first, later))| framed(fragment, first, later) + joint)
            .collect();
        if is_crlf { text.replace('\n', "\r\n") } else { text }
    })
}

/// A fragment inside a quote or an item.
fn framed(fragment: &str, first: &str, later: &str) -> String {
    first.to_owned() + &fragment.replace('\n', &format!("\n{later}"))
}

/// Fragments of both kinds.
pub fn all() -> &'static [&'static str] {
    static ALL: std::sync::LazyLock<Vec<&str>> = std::sync::LazyLock::new(|| [PLAIN, OTHERS].concat());
    &ALL
}

/// Any text at all, of what Markdown takes notice of.
pub fn markers() -> impl Strategy<Value = String> {
    proptest::collection::vec(select(MARKERS), 0..30).prop_map(|pieces| pieces.concat())
}
