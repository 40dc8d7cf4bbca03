//! Where formulas stand: between `$`, `$$`, `\(` and `\)`, `\[` and `\]`. Prices are none.
//!
//! The parser knows dollars alone, and takes too many of them. So the text is masked before it reads it: a dollar that
//! begins or ends no formula becomes [`MASK`], and our other marks become `$$`. Both are as long as what they stand
//! for, so that places in the masked text are places in the text.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::blocks::leaves;
use super::steps;

/// Stands for a dollar that is one. [`super::Document`] lets no such character in.
pub const MASK: char = '\u{1}';

/// Bytes. What is longer is no formula in a line, and no search for its end is longer.
const LONGEST: usize = 2000;
const LONGEST_BETWEEN_DOLLARS: usize = 400;
/// How many parentheses an address may have within each other: no more than the parser takes. Without a bound,
/// `[a](` repeated would be read to its end from each of them.
pub const MOST_PARENTHESES: usize = 32;

/// A formula that is a block of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formula {
    /// `length` counts the end of its last line in.
    Closed {
        tex: Range<usize>,
        length: usize,
    },
    /// Neither its end nor an empty line has come.
    Open {
        tex: Range<usize>,
    },
    No,
}

/// The formula that `text` begins with, if it has its lines for itself.
pub fn block(text: &str) -> Formula {
    let indent = text.bytes().take_while(|byte| *byte == b' ').count();
    let rest = text.get(indent..).unwrap_or_default();
    let closing = match rest.get(..2) {
        Some("$$") => "$$",
        Some("\\[") => "\\]",
        _ => return Formula::No,
    };
    if indent > 3 {
        return Formula::No;
    }
    let start = indent + 2;
    let end = match closing_in_paragraph(text, start, closing) {
        Closing::At(end) => end,
        Closing::Awaited => return Formula::Open { tex: start..text.len() },
        Closing::No => return Formula::No,
    };
    let after = end + closing.len();
    let line = text[after..].split('\n').next().unwrap_or_default();
    if !is_blank(line) || !is_tex(&text[start..end]) {
        return Formula::No;
    }
    let length = after + line.len();
    Formula::Closed { tex: start..end, length: length + usize::from(length < text.len()) }
}

/// Where the first line after the first begins that [`block`] may find a formula in.
pub fn next_line_of_marks(text: &str) -> Option<usize> {
    let mut lines = text.match_indices('\n').map(|(newline, _)| newline + 1);
    lines.find(|&start| {
        let marks = text[start..].trim_start_matches(' ');
        marks.starts_with("$$") || marks.starts_with("\\[")
    })
}

/// Masks `text`; `None` if there is nothing to mask.
pub fn mask(text: &str) -> Option<String> {
    if !text.contains(['$', MASK]) && !text.contains("\\(") && !text.contains("\\[") {
        return None;
    }
    let mut masked = masked_dollars(text);
    for leaf in leaves(text).0 {
        let (start, leaf) = (leaf.range.start, &text[leaf.range]);
        let found = find(leaf);
        // A dollar that is alone needs no mask, nor may one in an address have it: it is a control character there.
        let is_alone = masked[start..start + leaf.len()].matches(MASK).count() == 1;
        for plain in found.addresses.into_iter().chain(is_alone.then_some(0..leaf.len())) {
            let plain = start + plain.start..start + plain.end;
            let dollars = unmask(&masked[plain.clone()]).into_owned();
            masked.replace_range(plain, &dollars);
        }
        for span in found.formulas {
            let range = start + span.start..start + span.end;
            let marks = if text[range.clone()].starts_with('$') && !text[range.clone()].starts_with("$$") {
                "$"
            } else {
                "$$"
            };
            masked.replace_range(range.start..range.start + marks.len(), marks);
            masked.replace_range(range.end - marks.len()..range.end, marks);
        }
    }
    Some(masked)
}

/// An escaped dollar is one for the parser too.
fn masked_dollars(text: &str) -> String {
    let mut is_escaped = false;
    let mask = |character| {
        let masked = if character == '$' && !is_escaped { MASK } else { character };
        is_escaped = character == '\\' && !is_escaped;
        masked
    };
    text.chars().map(mask).collect()
}

/// Dollars again.
pub fn unmask(text: &str) -> Cow<'_, str> {
    if text.contains(MASK) { Cow::Owned(text.replace(MASK, "$")) } else { Cow::Borrowed(text) }
}

/// What is found in a text without blocks.
#[derive(Debug, Default)]
struct Found {
    /// With their marks.
    formulas: Vec<Range<usize>>,
    /// Where links lead.
    addresses: Vec<Range<usize>>,
}

fn find(text: &str) -> Found {
    let bytes = text.as_bytes();
    let mut found = Found::default();
    let mut lonely = HashSet::new();
    let mut at = 0;
    while at < bytes.len() {
        steps::count(1);
        let formula = match bytes[at] {
            b'`' => {
                let ticks = run(bytes, at);
                // What had no other half before has none from here on either.
                let end = if lonely.contains(&ticks) { None } else { code_end(text, at) };
                if end.is_none() {
                    lonely.insert(ticks);
                }
                at = end.unwrap_or(at + ticks);
                continue;
            }
            b'\\' | b'$' => span_at(text, at),
            b']' | b'<' => {
                let end = address_end(text, at);
                found.addresses.extend(end.map(|end| at..end));
                at = end.unwrap_or(at + 1);
                continue;
            }
            _ => None,
        };
        if let Some(end) = formula {
            found.formulas.push(at..end);
            at = end;
        } else {
            at += match bytes[at] {
                b'\\' => 2,
                b'$' => run(bytes, at),
                _ => 1,
            };
        }
    }
    found
}

/// The end of the formula that begins with the mark at `at`, if one does.
pub fn span_at(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let (opening, closing) = match rest.as_bytes() {
        [b'\\', b'(', ..] => (2, "\\)"),
        [b'\\', b'[', ..] => (2, "\\]"),
        [b'$', b'$', ..] => (2, "$$"),
        [b'$', ..] => return dollar_span(text, at),
        _ => return None,
    };
    let end = closing_at(within(text, at, LONGEST), at + opening, closing)?;
    is_tex(&text[at + opening..end]).then_some(end + closing.len())
}

/// The end of the link's address that begins at `at`, with `](` or `<`: nothing in it is a formula.
fn address_end(text: &str, at: usize) -> Option<usize> {
    let near = within(text, at, LONGEST);
    let (start, closing) = match near.get(at..at + 2)? {
        b"](" => (at + 2, b')'),
        [b'<', letter] if letter.is_ascii_alphabetic() => (at + 1, b'>'),
        _ => return None,
    };
    let mut open = 0_usize;
    let mut bytes = near.iter().enumerate().skip(start);
    while let Some((place, byte)) = bytes.next() {
        steps::count(1);
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'\n' => return None,
            // Neither may hold what begins it, so that it is not read from each beginning to the end.
            b'<' if closing == b'>' => return None,
            b'(' if closing == b')' && open == MOST_PARENTHESES => return None,
            b'(' if closing == b')' => open += 1,
            _ if *byte == closing && open == 0 => return Some(place + 1),
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The end of the code span that begins at `at`.
pub fn code_end(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let length = run(bytes, at);
    let mut next = at + length;
    while let Some(found) = text[next..].find('`') {
        let found = next + found;
        let ticks = run(bytes, found);
        steps::count(found + ticks - next);
        if ticks == length {
            return Some(found + ticks);
        }
        next = found + ticks;
    }
    None
}

/// How often the byte at `at` is repeated there.
pub fn run(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().take_while(|byte| **byte == bytes[at]).count()
}

/// Between single dollars: no spaces inside the marks, no letter before, no letter or digit after, and not what two
/// prices have between them.
fn dollar_span(text: &str, at: usize) -> Option<usize> {
    let before = text[..at].chars().next_back();
    let first = text[at + 1..].chars().next()?;
    if first.is_whitespace() || before.is_some_and(|before| before.is_ascii_alphabetic()) {
        return None;
    }
    // The next dollar decides: there is none in a formula.
    let end = closing_at(within(text, at, LONGEST_BETWEEN_DOLLARS), at + 1, "$")?;
    let tex = &text[at + 1..end];
    let after = text[end + 1..].chars().next();
    let is_closing = !tex.ends_with(char::is_whitespace)
        && !after.is_some_and(|after| after.is_ascii_alphanumeric() || after == '$');
    (is_closing && is_tex(tex) && !is_between_prices(tex)).then_some(end + 1)
}

/// `10, and 5` in `$10, and 5$`: a number, then words.
fn is_between_prices(tex: &str) -> bool {
    tex.starts_with(|first: char| first.is_ascii_digit())
        && tex.split_whitespace().skip(1).any(|word| {
            word.len() >= 2 && word.chars().all(|c| c.is_alphabetic() || matches!(c, ',' | '.' | '’' | '\''))
        })
}

fn within(text: &str, at: usize, length: usize) -> &[u8] {
    &text.as_bytes()[..text.len().min(at + length)]
}

/// Where the formula that begins before `from` ends. None holds its own beginning, so that no byte is looked at from
/// more than one of them.
fn closing_at(bytes: &[u8], from: usize, closing: &str) -> Option<usize> {
    let opening = opening_of(closing);
    let mut at = from;
    while at < bytes.len() {
        steps::count(1);
        if bytes[at..].starts_with(closing.as_bytes()) {
            return Some(at);
        }
        if bytes[at..].starts_with(opening.as_bytes()) {
            return None;
        }
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    None
}

/// Dollars are the same at both ends.
fn opening_of(closing: &str) -> &str {
    match closing {
        "\\)" => "\\(",
        "\\]" => "\\[",
        dollars => dollars,
    }
}

/// Where a formula that has its lines for itself ends.
enum Closing {
    At(usize),
    /// The text ends before it does.
    Awaited,
    No,
}

/// The same in a paragraph, which an empty line after the first ends.
fn closing_in_paragraph(text: &str, from: usize, closing: &str) -> Closing {
    let bytes = text.as_bytes();
    let opening = opening_of(closing);
    // Whether nothing has stood in the line so far. The line that it begins in has its marks.
    let mut is_empty = false;
    let mut at = from;
    while at < bytes.len() {
        steps::count(1);
        let rest = &bytes[at..];
        if rest.starts_with(closing.as_bytes()) {
            return Closing::At(at);
        }
        if rest.starts_with(opening.as_bytes()) || rest.starts_with(b"\n") && is_empty {
            return Closing::No;
        }
        is_empty = rest.starts_with(b"\n") || is_empty && matches!(rest[0], b' ' | b'\t');
        let is_escape = rest[0] == b'\\' && rest.get(1) != Some(&b'\n');
        at += if is_escape { 2 } else { 1 };
    }
    Closing::Awaited
}

/// Something is in it, and its braces are in pairs, without which the parser would not take it.
pub fn is_tex(tex: &str) -> bool {
    steps::count(tex.len());
    let mut open = 0_usize;
    let mut bytes = tex.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'{' => open += 1,
            b'}' if open == 0 => return false,
            b'}' => open -= 1,
            _ => {}
        }
    }
    open == 0 && tex.contains(char::is_alphanumeric)
}

/// Spaces and tabs alone: other spaces are text (CommonMark 0.31.2, section 2.1).
pub fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formulas(text: &str) -> Vec<&str> {
        find(text).formulas.into_iter().map(|formula| &text[formula]).collect()
    }

    #[test]
    fn all_four_marks_are_formulas() {
        assert_eq!(formulas(r"a $x^2$, $$y$$, \(z\) and \[w\]."), ["$x^2$", "$$y$$", r"\(z\)", r"\[w\]"]);
    }

    #[test]
    fn prices_are_no_formulas() {
        for text in [
            "$5 and $10",
            "It is $5, or $10/month.",
            "$10, and 5$ more",
            "US$5 to US$10",
            "$20-$30 billion",
            "$1,000 (or US$1,200)",
            "from $ to $",
            "a$5b$",
            r"\$x\$",
        ] {
            assert_eq!(formulas(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn numbers_alone_may_be_formulas() {
        assert_eq!(formulas("$5$ and $3 + 4 = 7$"), ["$5$", "$3 + 4 = 7$"]);
    }

    #[test]
    fn code_and_escapes_hold_no_formulas() {
        assert_eq!(formulas(r"`$x$` ``\(y\)`` \\(z\\) $a$"), ["$a$"]);
        assert_eq!(formulas(r"\(\) \[\\\]"), [""; 0]);
    }

    #[test]
    fn a_formula_of_its_own_may_hold_what_would_be_a_list() {
        let text = "$$\na\n- b\n$$\nafter";
        assert_eq!(block(text), Formula::Closed { tex: 2..9, length: 12 });
        assert_eq!(block("\\[ x\n"), Formula::Open { tex: 2..5 });
        assert_eq!(block("$$ x\n\ny $$"), Formula::No);
        assert_eq!(block("$$x$$ is nice"), Formula::No);
    }
}
