//! An answer's content as its row has it: the texts in columns of their own, which the search index reads, and the
//! blocks as JSON, in which each text stands as its length.

use serde::{Deserialize, Serialize};

use crate::chat::{Content, ContentBlock, Reasoning};

/// What a row holds.
#[derive(Debug)]
pub struct ContentColumns {
    pub reasoning: String,
    pub text: String,
    /// [`Blocks`] as JSON.
    pub blocks: String,
}

/// The blocks without their texts.
#[derive(Serialize, Deserialize)]
struct Blocks {
    blocks: Vec<ContentBlock>,
    /// How long the text of each text and each reasoning is, in bytes.
    bytes: Vec<usize>,
}

/// Why columns make no content: they were damaged.
#[derive(Debug, thiserror::Error)]
pub enum ColumnsError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("the blocks of an answer and its texts differ in length")]
    Lengths,
}

impl ContentColumns {
    pub fn of(content: &Content) -> Self {
        let (mut reasoning, mut text) = (String::new(), String::new());
        let mut bytes = Vec::new();
        let mut without_text = |block: &ContentBlock| match block {
            ContentBlock::Text(part) => {
                bytes.push(part.len());
                text.push_str(part);
                ContentBlock::Text(String::new())
            }
            ContentBlock::Reasoning(Reasoning { text: part, ms, details }) => {
                bytes.push(part.len());
                reasoning.push_str(part);
                let details = details.clone();
                ContentBlock::Reasoning(Reasoning { text: String::new(), ms: *ms, details })
            }
            other => other.clone(),
        };
        let blocks = content.blocks().iter().map(&mut without_text).collect();
        // Types like these always serialize.
        let blocks = serde_json::to_string(&Blocks { blocks, bytes }).unwrap_or_default();
        Self { reasoning, text, blocks }
    }
}

/// The content that columns hold.
pub fn from_columns<'a>(
    blocks: &str,
    mut reasoning: &'a str,
    mut text: &'a str,
) -> Result<Content, ColumnsError> {
    let Blocks { mut blocks, bytes } = serde_json::from_str(blocks)?;
    let mut bytes = bytes.into_iter();
    for block in &mut blocks {
        let (part, column) = match block {
            ContentBlock::Text(part) => (part, &mut text),
            ContentBlock::Reasoning(Reasoning { text: part, .. }) => (part, &mut reasoning),
            _ => continue,
        };
        let length = bytes.next().ok_or(ColumnsError::Lengths)?;
        let (first, rest) = column.split_at_checked(length).ok_or(ColumnsError::Lengths)?;
        first.clone_into(part);
        *column = rest;
    }
    if text.is_empty() && reasoning.is_empty() {
        Ok(Content::new(blocks))
    } else {
        Err(ColumnsError::Lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_its_columns_in_order() {
        let mut content = Content::default();
        content.push_reasoning("häm");
        content.push_text("one");
        content.push(ContentBlock::Continuation);
        content.push_text("zwö");
        content.push_reasoning("so");
        content.push(ContentBlock::Image("data:,".into()));
        let columns = ContentColumns::of(&content);
        assert_eq!((columns.reasoning.as_str(), columns.text.as_str()), ("hämso", "onezwö"));
        assert!(!columns.blocks.contains("one"));
        let again = from_columns(&columns.blocks, &columns.reasoning, &columns.text).unwrap();
        assert_eq!(again, content);
    }

    #[test]
    fn columns_that_differ_in_length_are_damaged() {
        let columns = ContentColumns::of(&Content::of_text("löng"));
        for (reasoning, text) in [("", "lön"), ("", "löngx"), ("x", "löng"), ("", "lönöx")] {
            assert!(
                matches!(from_columns(&columns.blocks, reasoning, text), Err(ColumnsError::Lengths)),
                "{text}"
            );
        }
        assert!(matches!(from_columns("{", "", ""), Err(ColumnsError::Json(_))));
    }
}
