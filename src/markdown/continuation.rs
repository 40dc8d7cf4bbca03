//! What a text that goes on with another needs before it: the first line of the code, or the head of the table, in
//! which the other broke off.

use super::node::{Element, Node, Tag};
use super::{Document, Open};

/// The continuation, and the text as far as it has come.
#[derive(Debug)]
pub struct Continuation {
    source: String,
    is_code: bool,
    pub held: String,
}

impl Continuation {
    /// The continuation of a text after `earlier`, if it needs one.
    pub fn after(earlier: &str) -> Option<Self> {
        if earlier.is_empty() {
            return None;
        }
        let mut document = Document::default();
        document.push(earlier);
        let (source, is_code) = match &document.open {
            // Its last line may have ended the code.
            Open::Fence { fence, .. } if !fence.is_closed_by(&document.source[document.tail..]) => {
                let Some(Node::Element(Element { tag: Tag::CodeBlock { language, .. }, .. })) =
                    document.nodes.last()
                else {
                    return None;
                };
                (fence.first_line(language), true)
            }
            // With an empty line it has ended.
            Open::Table { head, .. } if !document.source.ends_with("\n\n") => {
                (document.source[head.clone()].to_owned(), false)
            }
            _ => return None,
        };
        Some(Self { source, is_code, held: String::new() })
    }

    /// Whether the text goes on with it, as soon as that is known.
    pub fn is_gone_on_with(&self) -> Option<bool> {
        /// Bytes of spaces or of one mark, after which no more are waited for: all are read with each piece.
        const LONGEST: usize = 4 * 1024;
        let begin = self.held.trim_start();
        if self.held.len() > LONGEST {
            return Some(self.is_code && begin.is_empty());
        }
        match begin.chars().next()? {
            // Models begin code anew, with its language, although they were asked to go on.
            mark @ ('`' | '~') if self.is_code => {
                let rest = begin.trim_start_matches(mark);
                if rest.is_empty() {
                    None
                } else {
                    Some(begin.len() - rest.len() < 3 || rest.starts_with('\n'))
                }
            }
            first => Some(self.is_code || first == '|'),
        }
    }

    /// The continuation and the text.
    pub fn whole(self) -> String {
        self.source + &self.held
    }
}
