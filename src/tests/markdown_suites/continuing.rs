//! A text that goes on where another broke off, as an answer that was continued does.

use runnel::markdown::{Document, read, read_on};

use super::growing::characters;
use super::spec_html::{normal, spec_html};

/// What broke off, what goes on, and what that reads as.
const EXAMPLES: &[(&str, &str, &str)] = &[
    (
        "Text.\n\n```rust\nfn main() {\n",
        "    go();\n}\n```\n\nAfter.",
        "<pre><code class=\"language-rust\">    go();\n}\n</code></pre><p>After.</p>",
    ),
    ("~~~~\none\n", "~~~\ntwo\n~~~~\n*x*", "<pre><code>~~~\ntwo\n</code></pre><p><em>x</em></p>"),
    ("```\none", "```\nAfter.", "<pre><code></code></pre><p>After.</p>"),
    ("```rust\nlet a", "```rust\nlet b\n```\n", "<pre><code class=\"language-rust\">let b\n</code></pre>"),
    ("```js\na", "``", "<pre><code class=\"language-js\">``</code></pre>"),
    (
        "| a | b |\n|---|--:|\n| 1 | 2 |\n",
        "| 3 | 4 |\n\nAfter.",
        "<table><thead><tr><th>a</th><th align=\"right\">b</th></tr></thead><tbody><tr><td>3</td>\
         <td align=\"right\">4</td></tr></tbody></table><p>After.</p>",
    ),
    ("| a |\n|---|\n| 1 |\n", "After.", "<p>After.</p>"),
    ("| a |\n|---|\n| 1 |\n\n", "| 3 |", "<p>| 3 |</p>"),
    ("| a |\r\n|---|\r\n| 1 |\r\n\r\n", "| 3 |", "<p>| 3 |</p>"),
    ("```\none\n```\n", "    two", "<pre><code>two</code></pre>"),
    ("Some *text", " goes* on.", "<p>goes* on.</p>"),
    ("", "```\n", "<pre><code></code></pre>"),
];

#[test]
fn a_text_goes_on_in_the_code_or_the_table_that_broke_off() {
    for (earlier, text, html) in EXAMPLES {
        assert_eq!(normal(&spec_html(&read_on(earlier, text))), normal(html), "{earlier:?} and {text:?}");
    }
}

#[test]
fn it_does_in_any_pieces() {
    for (earlier, text, _) in EXAMPLES {
        let mut document = Document::continuing(earlier);
        for piece in characters(text) {
            document.push(piece);
        }
        document.finish();
        assert_eq!(document.nodes(), read_on(earlier, text), "{earlier:?} and {text:?}");
    }
}

#[test]
fn after_what_has_ended_it_reads_as_ever() {
    for earlier in ["Text.", "- one\n", "> ```\n> code", "```\ncode\n```", "| a |\n|---|\n| 1 |\n\nText."] {
        for text in ["more", "| a |", "```\ncode", "- item"] {
            assert_eq!(read_on(earlier, text), read(text), "{earlier:?} and {text:?}");
        }
    }
}
