//! Texts that take a careless reader the square of their length: a few bytes, repeated to any length.

/// How a pattern fills a text.
#[derive(Clone, Copy, Debug)]
pub enum Pattern {
    /// Over and over.
    Repeated(&'static str),
    /// A beginning, then the rest over and over.
    After(&'static str, &'static str),
    /// One half the first, one half the second.
    Halves(&'static str, &'static str),
    /// A beginning, one half the first, one half the second, an end.
    Between(&'static str, &'static str, &'static str, &'static str),
    /// A mark once, twice, three times, and so on, each time followed by the text.
    Growing(&'static str, &'static str),
    /// A number between the two, another each time.
    Numbered(&'static str, &'static str),
    /// The same, twice: what is numbered in one half stands in the other.
    NumberedHalves(&'static str, &'static str, &'static str, &'static str),
}

use Pattern::{After, Between, Growing, Halves, Numbered, NumberedHalves, Repeated};

/// The patterns, in the order of what they attack: brackets, emphasis, code, HTML, formulas, blocks, references,
/// addresses, characters.
pub const PATTERNS: &[Pattern] = &[
    Repeated("["),
    Repeated("!["),
    Repeated("]"),
    Repeated("]("),
    Repeated("[a"),
    Repeated("[a]"),
    Repeated("[a]("),
    Repeated("[a](b"),
    Repeated("[a](<b"),
    Repeated("[a](b \"c "),
    Repeated("[a](b 'c\n"),
    Repeated("[a](b)"),
    Repeated("![a](b)"),
    Repeated("[a]["),
    Repeated("[ (]("),
    Repeated("[^"),
    Repeated("[^a]"),
    Repeated("[^a](b"),
    Halves("[", "]"),
    Halves("![", "](b)"),
    Halves("[a](", ")"),
    Halves("[a](", "\\)"),
    After("[a](b \"", "c\n"),
    After("[a](b '", "c*d\n"),
    After("[a](b\n(", "c\n"),
    Repeated("*"),
    Repeated("_"),
    Repeated("*a_ "),
    Repeated("*_"),
    Repeated("_*_"),
    Repeated("*a **a "),
    Repeated("a** b* "),
    Repeated("a**b"),
    Repeated("__a"),
    Repeated("a_"),
    Repeated("***a* "),
    Repeated("~"),
    Repeated("~~a~ "),
    Repeated("~~a "),
    Repeated("*a~b_c"),
    Halves("**a *b ", "c* d** "),
    Halves("*a ", "_b"),
    Halves("*a ", " "),
    Growing("*", "a "),
    Growing("_", "a"),
    Repeated("`"),
    Repeated("``a`"),
    Repeated("`a``"),
    Repeated("\\`"),
    Growing("`", "a "),
    Growing("`", "\n"),
    Growing("```", "\n"),
    Repeated("```\n"),
    Repeated("~~~\n```\n"),
    Repeated("<"),
    Repeated("<a "),
    Repeated("<a"),
    Repeated("<a:"),
    Repeated("<ab:c"),
    Repeated("<a b=\""),
    Repeated("<a b='c\n"),
    Repeated("<!--"),
    Repeated("<!--\n"),
    Repeated("<!A <?b <![CDATA["),
    Repeated("</a"),
    Repeated("<div>\n"),
    Repeated("<div>\n\n"),
    Repeated("<https://a.b"),
    After("<a ", "b "),
    Repeated("&"),
    Repeated("&#"),
    Repeated("&#x"),
    Repeated("&am"),
    Repeated("&amp;"),
    Repeated("\\"),
    Repeated("\\\n"),
    Repeated("$"),
    Repeated("$$"),
    Repeated("$a"),
    Repeated("$a $$b "),
    Repeated("$$\n"),
    Repeated("$$x$$\n\na\n\n"),
    Repeated("$$a\n=\n"),
    Repeated("\\("),
    Repeated("\\(a \\[b "),
    Repeated("\\["),
    Repeated("\\[{\n=\n"),
    Halves("\\(", "\\)"),
    Halves("\\({", "\\) "),
    Halves("\\(a ", "$"),
    Halves("\\[a\n\n", "b\n"),
    Halves("a ", "$$x$$\n\na\n\n"),
    Between("$", "{", "}", "$"),
    Between("$$\n", "\\sqrt{", "}", "\n$$"),
    Repeated("|"),
    Repeated("|a"),
    Repeated("|a|\n|-"),
    Repeated("|a|\n|-|\n"),
    Halves("|a", "\n|-"),
    After("|a|b|\n|-|-|\n", "|\n"),
    After("|a|b|\n|-|-|\n", "|c|d|\n"),
    Repeated("> "),
    Repeated(">"),
    Repeated("> a\n"),
    Repeated("> [!NOTE]\n> a\n\n"),
    Repeated("- "),
    Repeated("- a\n"),
    Repeated("- > "),
    Repeated("- [ ] a\n"),
    Repeated("1. "),
    Repeated("1. a\n"),
    Repeated("* a\n\n"),
    Halves(">", "a\n"),
    Halves("- ", "\na"),
    Halves("- > ", "\n\n"),
    Halves("\t- ", "\na"),
    After("- a\n", "  - b\n"),
    Growing(" ", "- a\n"),
    Growing(">", " a\n"),
    Repeated("#"),
    Repeated("# "),
    Repeated("# a\n"),
    Repeated("a\n=\n"),
    Repeated("- - - a\n"),
    Repeated("---\n"),
    Repeated(":::"),
    Repeated("[a]: b\n"),
    Repeated("[a]: b\n\n[a]\n\n"),
    Repeated("[a]: <"),
    Repeated("[a]: b \"c\n"),
    Repeated("[a]\n\n"),
    Repeated("[^a]: b\n"),
    Repeated("[^a]: "),
    Numbered("[^", "]"),
    Numbered("[^", "]\n\n"),
    Numbered("[^", "]: a\n\n"),
    Numbered("[", "]: b\n"),
    Numbered("[", "]: b\n\n"),
    NumberedHalves("[", "] ", "[", "]: b\n"),
    NumberedHalves("[", "] ", "\n\n[", "]: b"),
    NumberedHalves("[", "]: b\n\n", "[", "]: c\n\n"),
    NumberedHalves("[^", "] ", "[^", "]: b\n\n"),
    Repeated("http://"),
    Repeated("http://a.b"),
    Repeated("www."),
    Repeated("a@"),
    Repeated("a@b."),
    Repeated("a"),
    Repeated("a "),
    Repeated("a\n"),
    Repeated("a\n\n"),
    Repeated("a\r\n"),
    Repeated("\r"),
    Repeated("\n"),
    Repeated(" "),
    Repeated(" \n"),
    Repeated("\t"),
    Repeated("a  \n"),
    Repeated("\0"),
    Repeated("世"),
    Repeated("👩\u{200d}"),
    Repeated("a\u{351}"),
    Repeated("\u{202e}א"),
    Repeated("\u{200b}"),
    Repeated("\u{a0}\u{2028}"),
    Repeated("`\u{200b}`"),
    After("```rust\n", "x"),
    After("```rust\n", "/*\"\n"),
    After("```js\n", "`${"),
    After("```json\n", "[1,\n"),
    After("- ```\n", "  a\n"),
    Halves("    a\n", "\n"),
];

impl Pattern {
    /// A text of about so many bytes; longer ones begin like shorter ones where that is possible.
    pub fn text(self, bytes: usize) -> String {
        match self {
            Repeated(unit) => repeated(unit, bytes),
            After(start, unit) => start.to_owned() + &repeated(unit, bytes),
            Halves(first, second) => repeated(first, bytes / 2) + &repeated(second, bytes / 2),
            Between(start, first, second, end) => {
                let count = bytes / (first.len() + second.len());
                [start, &first.repeat(count), &second.repeat(count), end].concat()
            }
            Growing(mark, end) => filled(bytes, |number| mark.repeat(number) + end),
            Numbered(start, end) => filled(bytes, |number| format!("{start}{number}{end}")),
            NumberedHalves(start, end, second_start, second_end) => {
                filled(bytes / 2, |number| format!("{start}{number}{end}"))
                    + "\n\n"
                    + &filled(bytes / 2, |number| format!("{second_start}{number}{second_end}"))
            }
        }
    }
}

fn repeated(unit: &str, bytes: usize) -> String {
    unit.repeat(bytes.div_ceil(unit.len()))
}

fn filled(bytes: usize, unit: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    for number in 1.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&unit(number));
    }
    text
}
