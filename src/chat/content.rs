//! What a question or an answer holds, in order.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Citation, RawJson, ToolCall, ToolCallPiece};

mod json;

/// A model that goes to and fro between reasoning and text makes so many blocks; what follows is added to the last of
/// its kind. A page has an element for each.
const MOST_BLOCKS: usize = 256;

/// A part of a question or an answer.
///
/// As JSON it is an object with the block's name as its one key, such as `{"text":"Hello"}`; a block without content is
/// its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentBlock {
    /// Markdown.
    Text(String),
    Reasoning(Reasoning),
    /// Why the model does not answer.
    Refusal(String),
    /// A data URL or a web address.
    Image(String),
    File(AttachedFile),
    ToolCall(ToolCall),
    ToolResult(ToolResult),
    /// The sources that the text rests on.
    Citations(Vec<Citation>),
    /// What the upstream read in a file, to be sent back to it with the next question: else it reads the file again,
    /// and charges for it (`annotations` of type `file`).
    FileAnnotation(RawJson),
    /// What stands before it is an earlier answer's; what follows was asked for later, to go on from there.
    Continuation,
    /// A block that only a newer Runnel knows. It has its place, and says nothing.
    #[serde(untagged)]
    Unknown(UnknownBlock),
}

/// What the model thought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning {
    pub text: String,
    /// How long it took, in milliseconds, once the model went on to something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// OpenRouter's `reasoning_details`: some models lose their thread, or refuse, unless they get them back unchanged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<RawJson>,
}

/// A file that a person attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedFile {
    pub name: String,
    /// A data URL or a web address.
    pub url: String,
}

/// What a tool gave for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call's id.
    pub call: String,
    pub text: String,
}

/// A block as a newer Runnel wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBlock {
    name: String,
    content: Option<RawJson>,
}

/// Blocks, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Content {
    blocks: Vec<ContentBlock>,
}

impl Content {
    #[must_use]
    pub fn new(blocks: Vec<ContentBlock>) -> Self {
        Self { blocks }
    }

    /// One block of text; nothing if it is empty.
    #[must_use]
    pub fn of_text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { blocks: if text.is_empty() { Vec::new() } else { vec![ContentBlock::Text(text)] } }
    }

    #[must_use]
    pub fn blocks(&self) -> &[ContentBlock] {
        &self.blocks
    }

    pub fn blocks_mut(&mut self) -> &mut [ContentBlock] {
        &mut self.blocks
    }

    /// All of its text, without what stands between.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        joined(self.texts())
    }

    /// All of its text as one Markdown text; see [`markdown_of`].
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown_of(&self.blocks)
    }

    /// The text of each block that has some.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        texts_of(&self.blocks)
    }

    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.texts().map(str::len).sum()
    }

    /// All that the model thought.
    #[must_use]
    pub fn reasoning(&self) -> Cow<'_, str> {
        joined(self.reasoning_blocks().map(|reasoning| reasoning.text.as_str()))
    }

    pub fn reasoning_blocks(&self) -> impl Iterator<Item = &Reasoning> {
        self.blocks.iter().filter_map(|block| match block {
            ContentBlock::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        })
    }

    /// How long the model has reasoned altogether, in milliseconds, if that is known.
    #[must_use]
    pub fn reasoned_ms(&self) -> Option<u64> {
        self.reasoning_blocks().filter_map(|reasoning| reasoning.ms).reduce(u64::saturating_add)
    }

    #[must_use]
    pub fn refusal(&self) -> Cow<'_, str> {
        joined(self.blocks.iter().filter_map(|block| match block {
            ContentBlock::Refusal(text) => Some(text.as_str()),
            _ => None,
        }))
    }

    pub fn tool_calls(&self) -> impl Iterator<Item = &ToolCall> {
        self.blocks.iter().filter_map(|block| match block {
            ContentBlock::ToolCall(call) => Some(call),
            _ => None,
        })
    }

    pub fn citations(&self) -> impl Iterator<Item = &Citation> {
        let lists = self.blocks.iter().filter_map(|block| match block {
            ContentBlock::Citations(citations) => Some(citations),
            _ => None,
        });
        lists.flatten()
    }

    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().filter_map(|block| match block {
            ContentBlock::Image(url) => Some(url.as_str()),
            _ => None,
        })
    }

    /// The text that the block at `index` continues: all text before it if a continuation stands in between, else none.
    #[must_use]
    pub fn text_continued_at(&self, index: usize) -> Cow<'_, str> {
        let before = self.blocks.get(..index).unwrap_or_default();
        let is_between =
            |block: &&ContentBlock| block.is_aside() || matches!(block, ContentBlock::Reasoning(_));
        if before.iter().rev().find(|block| !is_between(block)) != Some(&ContentBlock::Continuation) {
            return Cow::Borrowed("");
        }
        joined(texts_of(before))
    }

    /// False if what comes is added to later blocks alone.
    #[must_use]
    pub fn may_grow(&self, index: usize) -> bool {
        let after = self.blocks.get(index + 1..).unwrap_or_default();
        match self.blocks.get(index) {
            // Of very many, the last of each kind grows.
            Some(block) if self.blocks.len() >= MOST_BLOCKS => {
                let kind = std::mem::discriminant(block);
                after.iter().all(|later| std::mem::discriminant(later) != kind)
            }
            Some(_) => after.iter().all(ContentBlock::is_aside),
            None => true,
        }
    }

    /// True if there is anything that a person can see.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.blocks.iter().any(|block| match block {
            ContentBlock::Text(text) | ContentBlock::Refusal(text) => !text.is_empty(),
            ContentBlock::Reasoning(reasoning) => !reasoning.text.is_empty(),
            ContentBlock::Image(_)
            | ContentBlock::File(_)
            | ContentBlock::ToolCall(_)
            | ContentBlock::ToolResult(_) => true,
            ContentBlock::Citations(_)
            | ContentBlock::FileAnnotation(_)
            | ContentBlock::Continuation
            | ContentBlock::Unknown(_) => false,
        })
    }

    /// Bytes of text, names and addresses in it.
    #[must_use]
    pub fn size(&self) -> usize {
        self.blocks.iter().map(ContentBlock::size).sum()
    }

    pub fn push(&mut self, block: ContentBlock) {
        self.blocks.push(block);
    }

    /// Adds to the text that is being written, or begins another.
    pub fn push_text(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        let is_text = |block: &ContentBlock| matches!(block, ContentBlock::Text(_));
        match self.open(is_text) {
            Some(ContentBlock::Text(text)) => text.push_str(more),
            _ => self.blocks.push(ContentBlock::Text(more.to_owned())),
        }
    }

    /// Adds to the reasoning that is going on, or begins another.
    pub fn push_reasoning(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        let is_reasoning = |block: &ContentBlock| matches!(block, ContentBlock::Reasoning(_));
        if let Some(ContentBlock::Reasoning(reasoning)) = self.open(is_reasoning) {
            reasoning.text.push_str(more);
        } else {
            let reasoning = Reasoning { text: more.to_owned(), ..Reasoning::default() };
            self.blocks.push(ContentBlock::Reasoning(reasoning));
        }
    }

    pub fn push_refusal(&mut self, more: &str) {
        if more.is_empty() {
            return;
        }
        let is_refusal = |block: &ContentBlock| matches!(block, ContentBlock::Refusal(_));
        match self.open(is_refusal) {
            Some(ContentBlock::Refusal(text)) => text.push_str(more),
            _ => self.blocks.push(ContentBlock::Refusal(more.to_owned())),
        }
    }

    /// The last reasoning is over; the model has reasoned for so long altogether.
    pub fn note_reasoned(&mut self, whole_ms: u64) {
        let mut blocks: Vec<_> = self.reasoning_blocks_mut().collect();
        let Some(last) = blocks.pop() else { return };
        let before_ms = blocks.iter().filter_map(|reasoning| reasoning.ms).fold(0, u64::saturating_add);
        last.ms = Some(whole_ms.saturating_sub(before_ms));
    }

    /// Adds to what is kept of the last reasoning. A model may hide all of its reasoning.
    pub fn push_reasoning_detail(&mut self, detail: RawJson) {
        if let Some(reasoning) = self.reasoning_blocks_mut().last() {
            reasoning.details.push(detail);
        } else {
            let reasoning = Reasoning { details: vec![detail], ..Reasoning::default() };
            self.blocks.push(ContentBlock::Reasoning(reasoning));
        }
    }

    /// Adds a source. They come before, between and after the text, and are one list.
    pub fn push_citation(&mut self, citation: Citation) {
        let list = self.blocks.iter_mut().find_map(|block| match block {
            ContentBlock::Citations(citations) => Some(citations),
            _ => None,
        });
        match list {
            Some(citations) => citations.push(citation),
            None => self.blocks.push(ContentBlock::Citations(vec![citation])),
        }
    }

    /// Adds to the call with this index, or begins it. The calls that have no result yet stand in the order of their
    /// indexes.
    pub fn push_tool_call(&mut self, piece: &ToolCallPiece) {
        let is_result = |block: &ContentBlock| matches!(block, ContentBlock::ToolResult(_));
        let from = self.blocks.iter().rposition(is_result).map_or(0, |last| last + 1);
        let index_of = |block: &ContentBlock| match block {
            ContentBlock::ToolCall(call) => Some(call.index),
            _ => None,
        };
        let known = self.blocks.iter().skip(from).position(|block| index_of(block) == Some(piece.index));
        let at = if let Some(known) = known {
            from + known
        } else {
            let later = |block: &ContentBlock| index_of(block).is_some_and(|index| index > piece.index);
            let at = self.blocks.iter().skip(from).position(later);
            let at = at.map_or(self.blocks.len(), |at| from + at);
            let call = ToolCall { index: piece.index, ..ToolCall::default() };
            self.blocks.insert(at, ContentBlock::ToolCall(call));
            at
        };
        if let Some(ContentBlock::ToolCall(call)) = self.blocks.get_mut(at) {
            call.join(piece);
        }
    }

    /// The block that text of a kind is added to: the last one, or if there are very many the last of the kind.
    fn open(&mut self, is_kind: impl Fn(&ContentBlock) -> bool) -> Option<&mut ContentBlock> {
        let is_full = self.blocks.len() >= MOST_BLOCKS;
        let mut last_ones = self.blocks.iter_mut().rev();
        if is_full {
            return last_ones.find(|block| is_kind(block));
        }
        last_ones.find(|block| !block.is_aside()).filter(|block| is_kind(block))
    }

    fn reasoning_blocks_mut(&mut self) -> impl Iterator<Item = &mut Reasoning> {
        self.blocks.iter_mut().filter_map(|block| match block {
            ContentBlock::Reasoning(reasoning) => Some(reasoning),
            _ => None,
        })
    }
}

impl ContentBlock {
    /// Bytes of text, names and addresses in it.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) | Self::Refusal(text) | Self::Image(text) => text.len(),
            Self::Reasoning(reasoning) => {
                reasoning.text.len() + reasoning.details.iter().map(RawJson::size).sum::<usize>()
            }
            Self::File(file) => file.name.len() + file.url.len(),
            Self::ToolCall(call) => {
                call.id.as_ref().map_or(0, String::len) + call.name.len() + call.arguments.len()
            }
            Self::ToolResult(result) => result.call.len() + result.text.len(),
            Self::Citations(citations) => citations.iter().map(Citation::size).sum(),
            Self::FileAnnotation(json) => json.size(),
            Self::Continuation => 0,
            Self::Unknown(unknown) => unknown.name.len() + unknown.content.as_ref().map_or(0, RawJson::size),
        }
    }

    /// True if the text after it is a new paragraph.
    fn ends_paragraph(&self) -> bool {
        !self.is_aside() && !matches!(self, Self::Text(_) | Self::Continuation)
    }

    /// True if it may come in the middle of a text without ending it.
    fn is_aside(&self) -> bool {
        match self {
            Self::Citations(_) | Self::FileAnnotation(_) | Self::Unknown(_) => true,
            Self::Reasoning(reasoning) => reasoning.text.is_empty(),
            _ => false,
        }
    }
}

/// The text of some blocks as one Markdown text: where another block stood in between, a new paragraph begins.
#[must_use]
pub fn markdown_of(blocks: &[ContentBlock]) -> String {
    let mut markdown = String::new();
    let mut is_ended = false;
    for block in blocks {
        if let ContentBlock::Text(text) = block {
            if is_ended && !markdown.is_empty() {
                markdown.push_str("\n\n");
            }
            markdown.push_str(text);
            is_ended = false;
        }
        is_ended |= block.ends_paragraph();
    }
    markdown
}

fn texts_of(blocks: &[ContentBlock]) -> impl Iterator<Item = &str> {
    blocks.iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.as_str()),
        _ => None,
    })
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> Cow<'a, str> {
    let mut texts = texts.filter(|text| !text.is_empty());
    let first = texts.next().unwrap_or_default();
    match texts.next() {
        None => Cow::Borrowed(first),
        Some(second) => {
            let mut whole = String::from(first);
            whole.push_str(second);
            whole.extend(texts);
            Cow::Owned(whole)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> ContentBlock {
        ContentBlock::Text(text.to_owned())
    }

    fn reasoning(text: &str, ms: Option<u64>) -> ContentBlock {
        ContentBlock::Reasoning(Reasoning { text: text.to_owned(), ms, details: Vec::new() })
    }

    fn citation() -> Citation {
        Citation { url: "https://example.org".into(), title: None }
    }

    fn json(value: &str) -> RawJson {
        serde_json::from_str(value).unwrap()
    }

    fn call(index: u32, name: &str) -> ToolCallPiece {
        ToolCallPiece { index, id: None, name: name.into(), arguments: String::new() }
    }

    #[test]
    fn what_comes_is_added_to_the_last_block_or_begins_another() {
        let mut content = Content::default();
        content.push_reasoning("Hm");
        content.push_reasoning(", yes");
        content.note_reasoned(100);
        content.push_text("Red ");
        content.push_text("light.");
        content.push_reasoning("Is it?");
        content.note_reasoned(150);
        content.push_text(" Yes.");
        let blocks = [
            reasoning("Hm, yes", Some(100)),
            text("Red light."),
            reasoning("Is it?", Some(50)),
            text(" Yes."),
        ];
        assert_eq!(content.blocks(), blocks);
        assert_eq!(content.text(), "Red light. Yes.");
        content.push_citation(citation());
        let growing: Vec<_> = (0..5).filter(|index| content.may_grow(*index)).collect();
        assert_eq!(growing, [3, 4], "sources end nothing");
        assert_eq!(content.reasoning(), "Hm, yesIs it?");
        assert_eq!(content.reasoned_ms(), Some(150));
    }

    #[test]
    fn sources_and_hidden_reasoning_do_not_cut_a_text_in_two() {
        let mut content = Content::default();
        content.push_citation(citation());
        content.push_text("One ");
        content.push_citation(citation());
        content.push_reasoning_detail(json(r#"{"data":"x"}"#));
        content.push(ContentBlock::FileAnnotation(json("{}")));
        content.push_text("text.");
        assert_eq!(content.texts().collect::<Vec<_>>(), ["One text."]);
        assert_eq!(content.citations().count(), 2);
        assert_eq!(content.blocks().len(), 4);
    }

    #[test]
    fn details_belong_to_the_last_reasoning_in_the_order_in_which_they_came() {
        let mut content = Content::default();
        content.push_reasoning("why");
        content.push_reasoning_detail(json(r#"{"signature": "a"}"#));
        content.push_text("b");
        content.push_reasoning_detail(json(r#"{"data":1.50}"#));
        let reasoning = content.reasoning_blocks().next().unwrap();
        let details: Vec<_> = reasoning.details.iter().map(RawJson::as_str).collect();
        assert_eq!(details, [r#"{"signature": "a"}"#, r#"{"data":1.50}"#], "unchanged");
    }

    #[test]
    fn calls_that_have_no_result_yet_stand_in_the_order_of_their_indexes() {
        let mut content = Content::default();
        content.push_tool_call(&call(0, "first"));
        content.push(ContentBlock::ToolResult(ToolResult { call: "1".into(), text: "sunny".into() }));
        for (index, name) in [(2, "fourth"), (0, "sec"), (1, "third"), (0, "ond")] {
            content.push_tool_call(&call(index, name));
        }
        let names: Vec<_> = content.tool_calls().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["first", "second", "third", "fourth"]);
        assert!(matches!(content.blocks()[1], ContentBlock::ToolResult(_)));
    }

    #[test]
    fn going_to_and_fro_for_ever_makes_a_bounded_number_of_blocks() {
        let mut content = Content::default();
        for _ in 0..10_000 {
            content.push_text("a");
            content.push_reasoning("b");
        }
        assert_eq!(content.blocks().len(), MOST_BLOCKS);
        let growing: Vec<_> = (0..MOST_BLOCKS).filter(|index| content.may_grow(*index)).collect();
        assert_eq!(growing, [MOST_BLOCKS - 2, MOST_BLOCKS - 1]);
        assert_eq!((content.text().len(), content.reasoning().len()), (10_000, 10_000));
    }

    #[test]
    fn a_text_goes_on_with_all_the_text_before_a_continuation() {
        let mut content = Content::default();
        content.push_text("a");
        content.push(ContentBlock::Continuation);
        content.push_text("b");
        content.push(ContentBlock::Continuation);
        content.push_reasoning("why");
        content.push_text("c");
        content.push_reasoning("hm");
        content.push_text("d");
        let before: Vec<_> =
            (0..content.blocks().len()).map(|index| content.text_continued_at(index)).collect();
        assert_eq!(before, ["", "", "a", "", "ab", "ab", "", ""]);
        assert_eq!(content.text(), "abcd");
    }

    #[test]
    fn texts_with_something_between_them_are_paragraphs_elsewhere() {
        let mut content = Content::default();
        content.push_reasoning("hm");
        content.push_text("a");
        content.push(ContentBlock::Continuation);
        content.push_text("b");
        content.push_reasoning("so");
        content.push_text("c");
        assert_eq!(content.markdown(), "ab\n\nc");
    }

    #[test]
    fn every_block_survives_its_json() {
        let call = ToolCall { index: 1, id: Some("c".into()), name: "f".into(), arguments: "{}".into() };
        let blocks = Content::new(vec![
            text("a\n\"é"),
            ContentBlock::Reasoning(Reasoning { text: "b".into(), ms: Some(3), details: vec![json("[1]")] }),
            ContentBlock::Refusal("c".into()),
            ContentBlock::Image("data:,".into()),
            ContentBlock::File(AttachedFile { name: "a.pdf".into(), url: "data:,".into() }),
            ContentBlock::ToolCall(call),
            ContentBlock::ToolResult(ToolResult { call: "c".into(), text: "d".into() }),
            ContentBlock::Citations(vec![citation()]),
            ContentBlock::FileAnnotation(json(r#"{"type":"file"}"#)),
            ContentBlock::Continuation,
        ]);
        let json = serde_json::to_string(&blocks).unwrap();
        assert!(json.starts_with(r#"[{"text":"a"#) && json.ends_with(r#""continuation"]"#), "{json}");
        assert_eq!(serde_json::from_str::<Content>(&json).unwrap(), blocks);
    }

    #[test]
    fn a_block_of_a_newer_version_keeps_its_place_and_its_content() {
        let json = r#"[{"text":"a"},{"video":{"url":"x","frames":[1,2.50]}},"pause",{"text":"b"}]"#;
        let content: Content = serde_json::from_str(json).unwrap();
        assert_eq!(content.text(), "ab");
        assert_eq!(serde_json::to_string(&content).unwrap(), json);
    }

    #[test]
    fn what_is_no_block_is_an_error() {
        for json in ["7", "null", "[]", r#"{"text":7}"#] {
            assert!(serde_json::from_str::<ContentBlock>(json).is_err(), "{json}");
        }
    }
}
