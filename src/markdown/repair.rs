//! What an unfinished text will likely come to be: the end of a text that is still being written is completed, or
//! held back, so that no mark flashes by as text. `**bo` is shown as bold, `[text](http` as a link, `|--` not yet.
//!
//! It is a guess for the eye alone: what is committed has been read without it.

use std::collections::VecDeque;

use super::blocks::{DEEPEST, Leaf, OPEN_ADDRESS, leaves, line_start};
use super::formulas::{self, Formula, MOST_PARENTHESES, code_end, is_tex, run, span_at};
use super::steps;

/// A text that can be shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Repaired {
    pub text: String,
    /// Whether the last formula in it was ended here.
    pub has_open_formula: bool,
}

/// Completes `text`, which begins where a block begins.
pub fn repair(text: &str) -> Repaired {
    let text = &text[..held_back(text)];
    let mut repaired = Repaired { text: text.to_owned(), has_open_formula: false };
    if ends_in_formula_block(text) {
        return repaired;
    }
    let Some(leaf) = open_leaf(text) else { return repaired };
    let completion = complete(&text[leaf.range.clone()]);
    repaired.text.truncate(leaf.range.start + completion.keep);
    if completion.keep == 0 {
        // Without its text an item is no item, perhaps.
        repaired.text.truncate(line_start(text, leaf.range.start));
        return repaired;
    }
    if !completion.closing.is_empty() {
        let end = repaired.text.trim_end_matches(|c: char| c.is_whitespace() || c == '>').len();
        repaired.text.truncate(end.max(leaf.range.start));
        repaired.text.push_str(&completion.closing);
    }
    repaired.has_open_formula = completion.is_formula;
    if leaf.is_paragraph {
        complete_table(&mut repaired.text, leaf.range.start);
    }
    repaired
}

/// How much of `text` is shown: not its last line while that holds nothing but marks, which may become anything.
fn held_back(text: &str) -> usize {
    let start = line_start(text, text.len());
    let line = &text[start..];
    let content = after_marks(line);
    if content.is_empty() && line.trim().is_empty() {
        return text.len();
    }
    let is_task =
        ["[", "[ ", "[x", "[X", "[ ]", "[x]", "[X]"].contains(&content) && content.len() < line.len();
    let is_alert =
        content.starts_with("[!") && content[2..].bytes().all(|b| b.is_ascii_alphabetic() || b == b']');
    let is_fence = content.starts_with("```") || content.starts_with("~~~");
    if is_task || is_alert || is_fence || is_marks_alone(content) { start } else { text.len() }
}

/// What stands in a line after the marks of quotes and items.
fn after_marks(line: &str) -> &str {
    let mut rest = line;
    loop {
        let inside = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
        let next = after_list_mark(inside);
        if next.len() == inside.len() {
            return inside;
        }
        rest = next;
    }
}

/// What stands in an item, if the line begins one.
fn after_list_mark(line: &str) -> &str {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match line.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'*') if digits == 0 => 1,
        Some(b'.' | b')') if (1..=9).contains(&digits) => digits + 1,
        _ => return line,
    };
    let rest = &line[mark..];
    if rest.starts_with([' ', '\t']) { rest.trim_start() } else { line }
}

fn is_marks_alone(line: &str) -> bool {
    let line = line.trim_end();
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let is_number = (1..=9).contains(&digits) && matches!(&line[digits..], "" | "." | ")");
    is_number || line.bytes().all(|byte| b"-+*=_#>`~|:.)$\\[]!& \t".contains(&byte))
}

/// Whether a formula that has lines for itself has not ended yet: it is shown as what it is.
fn ends_in_formula_block(text: &str) -> bool {
    let paragraph = &text[text.rfind("\n\n").map_or(0, |end| end + 2)..];
    // One with spaces before it may stand in an item.
    !paragraph.starts_with(' ') && matches!(formulas::block(paragraph), Formula::Open { .. })
}

/// The leaf that the text ends in, if it may go on.
fn open_leaf(text: &str) -> Option<Leaf> {
    let (leaves, ends_in_leaf) = leaves(text);
    let leaf = leaves.into_iter().next_back().filter(|_| ends_in_leaf)?;
    let end = leaf.range.start + text[leaf.range.clone()].trim_end().len();
    let after = &text[end..];
    // An empty line ends it.
    (after.trim().is_empty() && after.matches('\n').count() <= 1).then_some(leaf)
}

#[derive(Debug, Default)]
struct Completion {
    /// So many bytes are shown, followed by `closing`.
    keep: usize,
    closing: String,
    is_formula: bool,
}

/// A mark that has not found its other half.
#[derive(Clone, Copy, Debug)]
enum Opener {
    Emphasis { mark: u8, length: usize, end: usize },
    Bracket { at: usize, end: usize, is_picture: bool },
}

/// Where the text goes on, or why it stops there.
enum Step {
    On(usize),
    Stop(Completion),
}

/// The marks that have not found their other half, as they come; the last of them [`DEEPEST`] at most, since no more
/// is ever shown within each other. All are looked through for the other half of one, which would cost the square of
/// the text without that bound.
#[derive(Debug, Default)]
struct Openers(VecDeque<Opener>);

impl Openers {
    fn push(&mut self, opener: Opener) {
        if self.0.len() == DEEPEST {
            self.0.pop_front();
        }
        self.0.push_back(opener);
    }

    /// The place of the innermost that is such a one.
    fn innermost(&self, is_one: impl Fn(&Opener) -> bool) -> Option<usize> {
        steps::count(self.0.len());
        self.0.iter().rposition(is_one)
    }
}

impl Opener {
    fn is_bracket(&self) -> bool {
        matches!(self, Self::Bracket { .. })
    }
}

fn complete(text: &str) -> Completion {
    let mut openers = Openers::default();
    let mut ends = Ends::default();
    let mut at = 0;
    let mut completion = loop {
        if at >= text.len() {
            break Completion { keep: text.len(), ..Completion::default() };
        }
        steps::count(1);
        let step = match text.as_bytes()[at] {
            b'\\' | b'$' => formula(text, at, &mut ends),
            b'`' => code(text, at),
            b'*' | b'_' | b'~' => emphasis(text, at, &mut openers),
            b'!' if at + 1 == text.len() => stop_at(at),
            b'!' if text[at + 1..].starts_with('[') => {
                openers.push(Opener::Bracket { at, end: at + 2, is_picture: true });
                Step::On(at + 2)
            }
            b'[' => {
                openers.push(Opener::Bracket { at, end: at + 1, is_picture: false });
                Step::On(at + 1)
            }
            b']' => link(text, at, &mut openers),
            b'<' => address(text, at, &openers),
            b'&' => entity(text, at),
            _ => Step::On(at + 1),
        };
        match step {
            Step::On(next) => at = next,
            Step::Stop(completion) => break completion,
        }
    };
    close(text, openers, &mut completion);
    completion
}

fn stop_at(keep: usize) -> Step {
    Step::Stop(Completion { keep, ..Completion::default() })
}

/// Ends what is open, the innermost first. What holds nothing yet is not shown.
fn close(text: &str, openers: Openers, completion: &mut Completion) {
    let mut has_link = false;
    for opener in openers.0.into_iter().rev() {
        let (start, end) = match opener {
            Opener::Emphasis { length, end, .. } => (end - length, end),
            Opener::Bracket { at, end, .. } => (at, end),
        };
        let is_footnote = opener.is_bracket() && text[end..].starts_with('^');
        let is_empty = text.get(end..completion.keep).is_none_or(|inside| inside.trim().is_empty());
        // A link holds no other.
        let is_link = matches!(opener, Opener::Bracket { is_picture: false, .. });
        if is_link && std::mem::replace(&mut has_link, true) && !is_empty {
            continue;
        }
        if (is_empty && completion.closing.is_empty()) || is_footnote {
            completion.keep = completion.keep.min(start);
            completion.closing.clear();
            completion.is_formula = false;
            continue;
        }
        match opener {
            Opener::Emphasis { mark, length, .. } => {
                completion.closing.extend(std::iter::repeat_n(char::from(mark), length));
            }
            Opener::Bracket { .. } => {
                completion.closing.push_str("](");
                completion.closing.push_str(OPEN_ADDRESS);
                completion.closing.push(')');
            }
        }
    }
}

/// Where the formulas that do not end here could end: looked for once, and not from each mark anew.
#[derive(Debug, Default)]
struct Ends {
    /// The ends that were found, by their mark: each is the next one for every place before it.
    found: [(&'static str, Option<usize>); 4],
    /// Where the text ends, without the marks that may be half of an end.
    text: Option<usize>,
}

impl Ends {
    /// Whether `closing` stands anywhere from `from` on. `from` grows from call to call.
    fn has(&mut self, text: &str, from: usize, closing: &'static str) -> bool {
        let slot = match closing {
            "$" => 0,
            "$$" => 1,
            "\\)" => 2,
            _ => 3,
        };
        let (known, at) = &mut self.found[slot];
        if *known != closing || at.is_some_and(|at| at < from) {
            let found = text[from..].find(closing);
            steps::count(found.unwrap_or(text.len() - from));
            (*known, *at) = (closing, found.map(|found| from + found));
        }
        at.is_some()
    }

    fn of_text(&mut self, text: &str) -> usize {
        *self.text.get_or_insert_with(|| text.trim_end_matches(['\\', '$']).len())
    }
}

fn formula(text: &str, at: usize, ends: &mut Ends) -> Step {
    if let Some(end) = span_at(text, at) {
        return Step::On(end);
    }
    let rest = &text[at..];
    let (length, closing) = match rest.as_bytes() {
        [b'\\' | b'$'] | [b'\\', b'\n'] => return stop_at(at),
        [b'\\', b'(', ..] => (2, "\\)"),
        [b'\\', b'[', ..] => (2, "\\]"),
        [b'\\', ..] => return Step::On(at + 2),
        [b'$', b'$', ..] => (2, "$$"),
        _ if begins_dollar_formula(text, at) => (1, "$"),
        _ => return Step::On(at + 1),
    };
    let end = ends.of_text(text).max(at + length);
    // The end is there, and what is between is no formula.
    if ends.has(&text[..end], at + length, closing) {
        return Step::On(at + length);
    }
    let tex = &text[at + length..end];
    if tex.trim().is_empty() {
        return stop_at(at);
    }
    // Braces are in pairs in a formula.
    let (opened, closed) = (tex.matches('{').count(), tex.matches('}').count());
    let braces = "}".repeat(opened.saturating_sub(closed));
    if !is_tex(&format!("{tex}{braces}")) {
        return stop_at(at);
    }
    let keep = at + length + tex.len();
    Step::Stop(Completion { keep, closing: format!("{braces}{closing}"), is_formula: true })
}

/// `$x`, `$\alpha`: a single letter, or a command. `$HOME` is none, nor is `$5`.
fn begins_dollar_formula(text: &str, at: usize) -> bool {
    /// A longer text between dollars is seldom a formula.
    const LONGEST_GUESS: usize = 80;
    let rest = &text[at + 1..];
    let mut characters = rest.chars();
    let (first, second) = (characters.next(), characters.next());
    let follows_letter = text[..at].ends_with(|before: char| before.is_ascii_alphanumeric());
    !follows_letter
        && rest.len() <= LONGEST_GUESS
        && match first {
            Some('\\' | '{' | '(' | '|') => true,
            Some(letter) if letter.is_ascii_alphabetic() => second.is_none_or(|c| !c.is_ascii_alphabetic()),
            _ => false,
        }
}

fn code(text: &str, at: usize) -> Step {
    if let Some(end) = code_end(text, at) {
        return Step::On(end);
    }
    let ticks = run(text.as_bytes(), at);
    let code = text[at + ticks..].trim_end_matches('`');
    if code.trim().is_empty() {
        return stop_at(at);
    }
    let code = code.trim_end();
    // Ticks of the code itself are kept apart from those that end it.
    let space = if code.ends_with('`') { " " } else { "" };
    let closing = format!("{space}{}", "`".repeat(ticks));
    Step::Stop(Completion { keep: at + ticks + code.len(), closing, is_formula: false })
}

/// By the rules of flanking, roughly: CommonMark 0.31.2, section 6.2.
fn emphasis(text: &str, at: usize, openers: &mut Openers) -> Step {
    let mark = text.as_bytes()[at];
    let length = run(text.as_bytes(), at);
    let end = at + length;
    let Some(after) = text[end..].chars().next() else {
        // It may begin or end something, or be longer: closing what is open shows the same.
        return stop_at(at);
    };
    let before = text[..at].chars().next_back();
    let is_space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let can_close = !is_space(before) && (mark != b'_' || !is_word(Some(after)));
    if can_close && close_emphasis(mark, length, openers) {
        return Step::On(end);
    }
    let stands_in_word = is_word(before) && (mark == b'_' || length == 1);
    let is_known = mark != b'~' || length == 2;
    if !is_space(Some(after)) && !stands_in_word && is_known && length <= 3 {
        openers.push(Opener::Emphasis { mark, length, end });
    }
    Step::On(end)
}

fn close_emphasis(mark: u8, length: usize, openers: &mut Openers) -> bool {
    let same = |opener: &Opener| matches!(opener, Opener::Emphasis { mark: other, .. } if *other == mark);
    let Some(place) = openers.innermost(same) else { return false };
    openers.0.truncate(place + 1);
    if let Some(Opener::Emphasis { length: open, end, .. }) = openers.0.back_mut() {
        if *open > length {
            *open -= length;
            // What is left of the mark stands further left.
            *end -= length;
        } else {
            openers.0.pop_back();
        }
    }
    true
}

fn link(text: &str, at: usize, openers: &mut Openers) -> Step {
    let Some(place) = openers.innermost(Opener::is_bracket) else { return Step::On(at + 1) };
    let Opener::Bracket { at: start, is_picture, .. } = openers.0[place] else { return Step::On(at + 1) };
    let rest = &text[at + 1..];
    let begins_line =
        !is_picture && text[..start].trim_end_matches([' ', '>']).ends_with(['\n']) || start == 0;
    let is_footnote = text[start + 1..].starts_with('^');
    let ends = match rest.chars().next() {
        Some(':') if begins_line => return stop_at(start),
        // A footnote's text will follow, perhaps.
        None if is_footnote && begins_line => return stop_at(start),
        None if is_footnote => true,
        None => false,
        Some('(') => ends_with_address(rest),
        Some('[') => rest.contains(']'),
        Some(_) => true,
    };
    if !ends {
        // The brackets before it that hold no link are texts; this one is closed as a link.
        openers.0.truncate(place + 1);
        return stop_at(at);
    }
    openers.0.truncate(place);
    Step::On(at + 1)
}

/// Whether the address that begins with a bracket has its end, or can be none.
fn ends_with_address(text: &str) -> bool {
    let mut open = 0_usize;
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        steps::count(1);
        match byte {
            b'\\' => {
                bytes.next();
            }
            b'(' if open == MOST_PARENTHESES => return true,
            b'(' => open += 1,
            b')' if open <= 1 => return true,
            b')' => open -= 1,
            b'\n' => return true,
            _ => {}
        }
    }
    false
}

/// `<https://…` is a link when it ends.
fn address(text: &str, at: usize, openers: &Openers) -> Step {
    /// Letters and digits of the longest scheme (CommonMark 0.31.2, section 6.5).
    const LONGEST_SCHEME: usize = 32;
    let rest = &text[at + 1..];
    let begins_scheme = ["http", "https", "mailto"].iter().any(|scheme| scheme.starts_with(rest));
    if begins_scheme {
        return stop_at(at);
    }
    let letters = rest.bytes().take(LONGEST_SCHEME + 1).take_while(u8::is_ascii_alphanumeric).count();
    let is_address = (2..=LONGEST_SCHEME).contains(&letters) && rest.as_bytes().get(letters) == Some(&b':');
    steps::count(letters);
    if !is_address || rest.contains(['>', '<', ' ', '\n']) {
        return Step::On(at + 1);
    }
    if openers.innermost(Opener::is_bracket).is_some() {
        return stop_at(at);
    }
    Step::Stop(Completion { keep: text.len(), closing: ">".to_owned(), is_formula: false })
}

/// `&am` is held back until it is known to be `&amp;`.
fn entity(text: &str, at: usize) -> Step {
    /// `&CounterClockwiseContourIntegral;` is longer, and nobody writes it.
    const LONGEST: usize = 10;
    let rest = &text[at + 1..];
    let is_open =
        rest.len() <= LONGEST && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#');
    if is_open { stop_at(at) } else { Step::On(at + 1) }
}

/// A last line that begins like a table's head gets the line that makes it one.
fn complete_table(text: &mut String, paragraph: usize) {
    let end = text.trim_end().len();
    let start = text[..end].rfind('\n').map_or(0, |newline| newline + 1).max(paragraph);
    if !text[start..].trim_start().starts_with('|') {
        return;
    }
    text.truncate(end);
    let line = text[start..].trim();
    let inside = line.trim_start_matches('|');
    let inside = inside.strip_suffix('|').unwrap_or(inside);
    let columns = 1 + inside.replace("\\|", "").matches('|').count();
    if !line.ends_with('|') {
        text.push_str(" |");
    }
    text.push_str("\n|");
    text.push_str(&"---|".repeat(columns));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        repair(text).text
    }

    #[test]
    fn emphasis_is_closed_in_the_order_in_which_it_is_open() {
        assert_eq!(shown("a **bold"), "a **bold**");
        assert_eq!(shown("a **bold *and it"), "a **bold *and it***");
        assert_eq!(shown("a **bold*"), "a **bold**");
        assert_eq!(shown("a **bold** b"), "a **bold** b");
        assert_eq!(shown("a ***both** it"), "a ***both** it*");
        assert_eq!(shown("~~gone"), "~~gone~~");
    }

    #[test]
    fn marks_that_begin_nothing_are_left_or_held_back() {
        assert_eq!(shown("2 * 3 and snake_case"), "2 * 3 and snake_case");
        assert_eq!(shown("a **"), "a ");
        assert_eq!(shown("a ["), "a ");
        assert_eq!(shown("a $"), "a ");
        assert_eq!(shown("5 < 6 & 7"), "5 < 6 & 7");
        assert_eq!(shown("fish &am"), "fish ");
    }

    #[test]
    fn code_is_closed_and_holds_no_marks() {
        assert_eq!(shown("a `**b"), "a `**b`");
        assert_eq!(shown("a ``b`"), "a ``b``");
        assert_eq!(shown("a `"), "a ");
    }

    #[test]
    fn half_a_link_is_a_link() {
        for text in ["see [the *te", "see [the *te*", "see [the *te*]", "see [the *te*](http://x.y/z"] {
            assert_eq!(shown(text), "see [the *te*](runnel:open)", "{text}");
        }
        assert_eq!(shown("see [the te](http://x.y) b"), "see [the te](http://x.y) b");
        assert_eq!(shown("![a pic"), "![a pic](runnel:open)");
        assert_eq!(shown("<https://a.b"), "<https://a.b>");
    }

    #[test]
    fn brackets_that_are_no_link_stay() {
        assert_eq!(shown("a [1] b"), "a [1] b");
        assert_eq!(shown("text[^1"), "text");
        assert_eq!(shown("text[^1]"), "text[^1]");
        assert_eq!(shown("text\n\n[^1]"), "text\n\n");
    }

    #[test]
    fn lines_of_marks_alone_are_held_back() {
        for text in
            ["foo\n-", "foo\n- ", "foo\n1", "foo\n12.", "foo\n##", "foo\n```py", "foo\n=", "foo\n> [!NO"]
        {
            assert_eq!(shown(text), "foo\n", "{text:?}");
        }
        assert_eq!(shown("- a\n- [x"), "- a");
    }

    #[test]
    fn the_head_of_a_table_is_a_table() {
        assert_eq!(shown("| a | b |"), "| a | b |\n|---|---|");
        assert_eq!(shown("| a | b |\n|--"), "| a | b |\n|---|---|");
        assert_eq!(shown("| a | **b"), "| a | **b** |\n|---|---|");
    }

    #[test]
    fn formulas_are_closed_and_told() {
        let repaired = repair(r"so \(x^2");
        assert_eq!((&*repaired.text, repaired.has_open_formula), (r"so \(x^2\)", true));
        assert_eq!(shown("so $x^2"), "so $x^2$");
        assert_eq!(shown(r"so \(\frac{a}{b"), r"so \(\frac{a}{b}\)");
        assert_eq!(shown("so\n\n$$\n\\frac{a"), "so\n\n$$\n\\frac{a");
        assert_eq!(shown("costs $5 and"), "costs $5 and");
        assert_eq!(shown("set $HOME to"), "set $HOME to");
    }

    #[test]
    fn code_blocks_are_left_as_they_are() {
        assert_eq!(shown("```\n**a"), "```\n**a");
        assert_eq!(shown("    **a"), "    **a");
        assert_eq!(shown("done **a\n\n"), "done **a\n\n");
    }
}
