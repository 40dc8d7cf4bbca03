//! A text as the parser gets it: without what costs it the square of its length (pulldown-cmark 0.13.6).
//!
//! That is no Markdown that anybody writes. It is made plain text by putting [`MASK`] in place of one byte, so that
//! places in the bounded text are places in the text, and what is shown is what was written.
//!
//! - Blocks within blocks. For each line it looks at all that are open: 300 KB of `>`, then 300,000 short lines, are
//!   10^11 steps.
//! - Titles of links over many lines. At the end of each line it looks for its place from the title's beginning.
//! - Tables of many columns. It fills up each row, also one of two bytes, to as many cells.

use std::borrow::Cow;

use super::formulas::{MASK, MOST_PARENTHESES};
use super::steps;

/// Bytes of a line before what is no longer a mark of a block: of spaces and of the marks of quotes, items and
/// footnotes. A level of a list takes two at least, so that 64 of them are read, of which 24 are shown.
const LONGEST_MARKS: usize = 128;
/// Columns of the widest table.
const MOST_COLUMNS: usize = 128;
/// Lines of the longest title of a link.
const MOST_TITLE_LINES: usize = 32;

/// `text`, or what is read in its place; equally long.
pub fn bounded(text: &str) -> Cow<'_, str> {
    let mut masks = deep_marks(text);
    masks.extend(wide_tables(text));
    masks.extend(long_titles(text));
    if masks.is_empty() {
        return Cow::Borrowed(text);
    }
    masks.sort_unstable();
    masks.dedup();
    let mut bounded = String::with_capacity(text.len());
    let mut from = 0;
    for at in masks {
        bounded.push_str(&text[from..at]);
        bounded.push(MASK);
        from = at + MASK.len_utf8();
    }
    bounded.push_str(&text[from..]);
    Cow::Owned(bounded)
}

/// In each line that has more marks than are read, the first one of the others.
fn deep_marks(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut at = 0;
        while let Some(length) = mark_length(&line[at..]) {
            let mark = at + leading_spaces(&line[at..]);
            if mark >= LONGEST_MARKS {
                places.push(start + mark);
                break;
            }
            steps::count(length);
            at += length;
        }
        start += line.len();
    }
    places
}

/// The length of the mark that a block within others begins with, and of the spaces before it.
fn mark_length(line: &str) -> Option<usize> {
    let spaces = leading_spaces(line);
    let rest = &line[spaces..];
    let digits = rest.bytes().take(9).take_while(u8::is_ascii_digit).count();
    let mark = match rest.as_bytes().get(digits)? {
        b'>' | b'-' | b'+' | b'*' if digits == 0 => 1,
        b'.' | b')' if digits > 0 => digits + 1,
        b'[' if digits == 0 && rest.starts_with("[^") => rest.find([']', '\n']).map(|end| end + 2)?,
        _ => return None,
    };
    let is_mark = match rest.as_bytes().get(mark - 1) {
        Some(b'>') => true,
        Some(b':') => rest.as_bytes()[mark - 2] == b']',
        Some(b'-' | b'+' | b'*' | b'.' | b')') => {
            rest.as_bytes().get(mark).is_none_or(|after| matches!(after, b' ' | b'\t' | b'\n'))
        }
        _ => false,
    };
    is_mark.then_some(spaces + mark)
}

fn leading_spaces(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// In each line below the head of a table with too many columns, the first dash: without it, it is none.
fn wide_tables(text: &str) -> Vec<usize> {
    let mut places = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_delimiter = |byte: u8| matches!(byte, b'|' | b'-' | b':' | b' ' | b'\t' | b'>' | b'\n');
        let bars = line.bytes().take_while(|byte| is_delimiter(*byte)).filter(|byte| *byte == b'|').count();
        if bars > MOST_COLUMNS && line.bytes().all(is_delimiter) {
            places.extend(line.find('-').map(|dash| start + dash));
        }
        start += line.len();
    }
    places
}

/// The parentheses of links whose titles have too many lines.
fn long_titles(text: &str) -> Vec<usize> {
    let begins_title = |(at, _): (usize, &str)| {
        let title = title_start(text, at + "](".len())?;
        is_long_title(&text[title..]).then_some(at + 1)
    };
    text.match_indices("](").filter_map(begins_title).collect()
}

/// Where the title begins of the link whose address may begin at `from`.
fn title_start(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let after_spaces = |from: usize| {
        let spaces = bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        steps::count(spaces);
        from + spaces
    };
    let address = after_spaces(from);
    let is_in_angles = bytes.get(address) == Some(&b'<');
    let mut open = 0;
    let mut at = address + usize::from(is_in_angles);
    loop {
        steps::count(1);
        match bytes.get(at)? {
            b'\\' => at += 1,
            b'>' if is_in_angles => break,
            b'<' | b'\n' if is_in_angles => return None,
            _ if is_in_angles => {}
            b'(' if open == MOST_PARENTHESES => return None,
            b'(' => open += 1,
            b')' if open == 0 => return None,
            b')' => open -= 1,
            byte if byte.is_ascii_whitespace() => break,
            _ => {}
        }
        at += 1;
    }
    let title = after_spaces(at + usize::from(is_in_angles));
    matches!(bytes.get(title), Some(b'"' | b'\'' | b'(')).then_some(title)
}

/// Whether the title that `text` begins with has too many lines. It ends with its paragraph.
fn is_long_title(text: &str) -> bool {
    let bytes = text.as_bytes();
    let closing = if bytes[0] == b'(' { b')' } else { bytes[0] };
    let mut lines = 0;
    let mut is_empty = false;
    let mut at = 1;
    while at < bytes.len() {
        steps::count(1);
        match bytes[at] {
            byte if byte == closing || byte == bytes[0] => return false,
            b'\n' if is_empty => return false,
            b'\n' => {
                is_empty = true;
                lines += 1;
            }
            b' ' | b'\t' => {}
            byte => {
                is_empty = false;
                at += usize::from(byte == b'\\' && bytes.get(at + 1) != Some(&b'\n'));
            }
        }
        if lines > MOST_TITLE_LINES {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> Vec<usize> {
        bounded(text).match_indices(MASK).map(|(at, _)| at).collect()
    }

    #[test]
    fn usual_texts_stay_as_they_are() {
        let spaces = " ".repeat(400);
        let title = format!("[a](b \"{}\")", "line\n".repeat(30));
        for text in
            ["- [a](b \"c\")\n> > 1. *x*", &*format!("{spaces}- a"), &*format!("{spaces}a - b > c"), &title]
        {
            let expected = if text.trim_start().starts_with("- a") { vec![400] } else { Vec::new() };
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn marks_beyond_the_bound_are_text() {
        for (mark, byte) in
            [(">", 0), ("> ", 0), ("- ", 0), ("1. ", 0), ("\t- ", 1), ("[^a]: ", 0), ("- > ", 0)]
        {
            let text = format!("{}a\nb", mark.repeat(500));
            let places = masked(&text);
            assert_eq!(places.len(), 1, "{mark}");
            assert!((LONGEST_MARKS..LONGEST_MARKS + 8).contains(&places[0]), "{mark}: {places:?}");
            assert!(text[places[0]..].starts_with(mark[byte..].trim_end()) || mark == "- > ", "{mark}");
        }
    }

    #[test]
    fn tables_of_too_many_columns_are_text() {
        let table = |columns: usize| {
            let line = |cell: &str| format!("> {}|\n", cell.repeat(columns));
            line("|a") + &line("|-") + &line("|b")
        };
        assert_eq!(masked(&table(MOST_COLUMNS - 1)), [0; 0]);
        let wide = table(200);
        assert_eq!(masked(&wide), [wide.find('-').unwrap()]);
    }

    #[test]
    fn links_with_titles_of_many_lines_are_text() {
        for (open, close) in [("\"", "\""), ("'", "'"), ("(", ")")] {
            for address in ["b", "<b c>", "b(c)", "b\\)c"] {
                let start = format!("[a]({address} {open}");
                assert_eq!(masked(&format!("{start}{}{close})", "x\n".repeat(100))), [3], "{start}");
                assert_eq!(masked(&format!("{start}{}{close})", "x\n".repeat(3))), [0; 0], "{start}");
                assert_eq!(masked(&format!("{start}{}{close})", "x\n\n".repeat(100))), [0; 0], "{start}");
            }
        }
    }
}
