//! Words for people: what the program says on standard output and standard error. A terminal obeys control characters,
//! and much of what is said comes from elsewhere: an answer, an error, the name of a provider or of a file. So those
//! characters are shown as marks, and nothing can move the cursor, fill the clipboard or pass for a line of ours.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Says something on standard error, beside the answer. If it is closed, nobody wants to hear it.
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{}", message(text));
}

/// Says something on standard output. If it is closed, nobody wants to hear it.
pub fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{}", message(text));
}

/// The text of an answer for a terminal: newlines and tabs stay, other control characters are marked. Works on any
/// piece of a text, since each character is judged for itself.
#[must_use]
pub fn answer_text(text: &str) -> Cow<'_, str> {
    marked(text, |character| character.is_control() && !matches!(character, '\n' | '\t'))
}

/// A message of one or more lines. What turns the direction of writing is marked too: it can make a name read as
/// another one.
#[must_use]
pub fn message(text: &str) -> Cow<'_, str> {
    marked(text, |character| {
        turns_direction(character) || character.is_control() && !matches!(character, '\n' | '\t')
    })
}

/// A message that must stay on one line: newlines are marked too.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    marked(text, |character| {
        turns_direction(character)
            || character.is_control() && character != '\t'
            || matches!(character, '\u{2028}' | '\u{2029}')
    })
}

/// A terminal that text is streamed to: writes it as [`answer_text`] shows it, wherever its bytes are cut.
#[derive(Debug)]
pub struct MarkingWriter<W: Write> {
    out: W,
    /// The beginning of a character.
    rest: Vec<u8>,
}

impl<W: Write> MarkingWriter<W> {
    pub const fn new(out: W) -> Self {
        Self { out, rest: Vec::new() }
    }
}

impl<W: Write> Write for MarkingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.rest.len(),
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]);
        let written = self.out.write_all(answer_text(&text).as_bytes());
        self.rest.drain(..whole);
        written.map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Embeddings, overrides and isolates. The marks that people type for Hebrew and Arabic are not among them.
const fn turns_direction(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn marked(text: &str, is_marked: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is_marked) {
        return Cow::Borrowed(text);
    }
    let mut marked = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_marked(character) {
            push_mark(&mut marked, character);
        } else {
            marked.push(character);
        }
    }
    Cow::Owned(marked)
}

/// C0 controls have pictures (U+2400 to U+241F, and U+2421); for the others the number is shown.
fn push_mark(text: &mut String, character: char) {
    let picture = match u32::from(character) {
        control @ 0..=0x1f => char::from_u32(0x2400 + control),
        0x7f => Some('\u{2421}'),
        _ => None,
    };
    match picture {
        Some(picture) => text.push(picture),
        // Writing to a string does not fail.
        None => drop(write!(text, "\\u{{{:x}}}", u32::from(character))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn control_characters_are_shown_as_marks() {
        let text = "a\u{1b}[31m \u{9b}2J \u{7}\u{8}\r\u{7f}\u{0}\tb\n\u{202e}c\u{2028}";
        let answer = "a␛[31m \\u{9b}2J ␇␈␍␡␀\tb\n\u{202e}c\u{2028}";
        assert_eq!(answer_text(text), answer);
        assert_eq!(message(text), answer.replace('\u{202e}', "\\u{202e}"));
        assert_eq!(line(text), "a␛[31m \\u{9b}2J ␇␈␍␡␀\tb␊\\u{202e}c\\u{2028}");
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        let text = "Grüße\n\t世界 \u{200f}שלום";
        assert!(matches!(answer_text(text), Cow::Borrowed(same) if same == text));
        assert!(matches!(message(text), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn a_stream_is_marked_like_its_text_wherever_its_bytes_are_cut(
            text in "[\u{0}-\u{ff}世👋]{0,40}", length in 1..5_usize,
        ) {
            let mut writer = MarkingWriter::new(Vec::new());
            for piece in text.as_bytes().chunks(length) {
                writer.write_all(piece).unwrap();
            }
            prop_assert_eq!(String::from_utf8(writer.out).unwrap(), answer_text(&text));
        }

        #[test]
        fn nothing_is_left_that_a_terminal_obeys_wherever_the_text_is_cut(
            text in "[\u{0}-\u{9f}\u{202a}-\u{202e}\u{2028}x]{0,40}", at in 0..40_usize,
        ) {
            let at = text.floor_char_boundary(at);
            let pieces = format!("{}{}", answer_text(&text[..at]), answer_text(&text[at..]));
            prop_assert_eq!(&pieces, &answer_text(&text));
            prop_assert!(!pieces.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
            prop_assert!(!line(&text).contains(|c: char| c.is_control() && c != '\t' || turns_direction(c)));
        }
    }
}
