//! Fenced code, read line by line: one may be a megabyte long, and each line is read once.
//! CommonMark 0.31.2, section 4.5.

use super::highlight::Highlighter;
use super::node::{Node, Tag};

/// How a fence began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence {
    mark: u8,
    length: usize,
    /// Spaces before it; as many are taken from each line.
    indent: usize,
}

impl Fence {
    /// Reads the first line of a fence.
    pub fn opening(line: &str) -> Option<Self> {
        let indent = spaces(line);
        let rest = &line.as_bytes()[indent..];
        let mark = *rest.first().filter(|byte| matches!(byte, b'`' | b'~'))?;
        let length = rest.iter().take_while(|byte| **byte == mark).count();
        (length >= 3 && indent <= 3).then_some(Self { mark, length, indent })
    }

    /// A first line that such a fence could have.
    pub fn first_line(self, language: &str) -> String {
        let mark = char::from(self.mark).to_string();
        format!("{}{}{language}\n", " ".repeat(self.indent), mark.repeat(self.length))
    }

    /// Whether this line ends the code.
    pub fn is_closed_by(self, line: &str) -> bool {
        let indent = spaces(line);
        let rest = line[indent..].trim_end_matches(['\n', ' ', '\t']);
        indent <= 3 && rest.len() >= self.length && rest.bytes().all(|byte| byte == self.mark)
    }

    /// Whether this line could yet come to end the code, if more of it comes.
    pub fn may_be_closed_by(self, line: &str) -> bool {
        let indent = spaces(line);
        let rest = line[indent..].trim_end_matches([' ', '\t']);
        indent <= 3 && rest.bytes().all(|byte| byte == self.mark)
    }

    /// The line without the spaces that the fence itself has before it.
    pub fn content(self, line: &str) -> &str {
        &line[spaces(line).min(self.indent)..]
    }
}

/// The first word of what stands after a fence.
pub fn language(info: &str) -> &str {
    info.split([' ', '\t', ',']).find(|word| !word.is_empty()).unwrap_or_default()
}

/// The code in a whole fence, or in one that has not ended.
pub fn code(text: &str) -> String {
    let mut lines = text.split_inclusive('\n');
    let Some(fence) = lines.next().and_then(Fence::opening) else { return String::new() };
    lines.take_while(|line| !fence.is_closed_by(line)).map(|line| fence.content(line)).collect()
}

/// True if the fence at the start of `text` ends in it.
pub fn is_closed(text: &str) -> bool {
    let mut lines = text.split_inclusive('\n');
    lines.next().and_then(Fence::opening).is_some_and(|fence| lines.any(|line| fence.is_closed_by(line)))
}

/// The lines of code as nodes.
pub fn lines(language: &str, code: &str) -> Vec<Node> {
    let mut highlighter = Highlighter::new(language);
    code.split_inclusive('\n').map(|code| line(&mut highlighter, code)).collect()
}

/// One line of code, coloured if its language is known.
pub fn line(highlighter: &mut Option<Highlighter>, code: &str) -> Node {
    let children = match highlighter {
        Some(highlighter) => highlighter.line(code),
        None => vec![Node::text(code)],
    };
    Node::element(Tag::CodeLine, children)
}

fn spaces(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_closed_by_as_many_marks_or_more_and_nothing_else() {
        let fence = Fence::opening("  ````rust\n").unwrap();
        for line in ["````\n", "   ``````  \n", "````"] {
            assert!(fence.is_closed_by(line), "{line:?}");
        }
        for line in ["```\n", "    ````\n", "```` x\n", "~~~~\n", "\n", ""] {
            assert!(!fence.is_closed_by(line), "{line:?}");
        }
    }

    #[test]
    fn code_loses_the_indentation_of_its_fence_alone() {
        assert_eq!(code("  ```\n  a\n    b\n c\n  ```\n"), "a\n  b\nc\n");
        assert_eq!(code("```\nnot closed"), "not closed");
    }

    #[test]
    fn the_language_is_the_first_word() {
        assert_eq!(language("rust,no_run title=x"), "rust");
        assert_eq!(language("  "), "");
    }
}
