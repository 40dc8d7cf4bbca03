//! Questions and answers as earlier versions kept them: a question had a text, an answer its text, its reasoning and
//! whatever else it held in a field each.

use serde::Deserialize;

use crate::chat::{
    Answer, AnswerId, Bill, Citation, Content, ContentBlock, Conversation, ConversationId, Question,
    QuestionId, Reasoning, Seq, Source, State, ToolCall,
};
use crate::settings::TypedSettings;

/// A conversation of any version.
#[derive(Deserialize)]
pub struct KeptConversation {
    id: ConversationId,
    title: String,
    #[serde(default)]
    is_title_chosen: bool,
    #[serde(default)]
    is_pinned: bool,
    #[serde(default)]
    is_archived: bool,
    created_ms: u64,
    updated_ms: u64,
    #[serde(default)]
    version: u64,
    #[serde(default)]
    draft: String,
    #[serde(default)]
    settings: Option<TypedSettings>,
    #[serde(default)]
    leaf: Option<AnswerId>,
    #[serde(default)]
    leaves: Vec<AnswerId>,
    questions: Vec<KeptQuestion>,
    answers: Vec<KeptAnswer>,
}

impl KeptConversation {
    /// False if a question or an answer says nothing of what it holds, in any version's way.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.questions.iter().all(|question| question.content.is_some() || question.text.is_some())
            && self.answers.iter().all(|answer| answer.content.is_some() || answer.text.is_some())
    }
}

impl From<KeptConversation> for Conversation {
    fn from(kept: KeptConversation) -> Self {
        Self {
            id: kept.id,
            title: kept.title,
            is_title_chosen: kept.is_title_chosen,
            is_pinned: kept.is_pinned,
            is_archived: kept.is_archived,
            created_ms: kept.created_ms,
            updated_ms: kept.updated_ms,
            version: kept.version,
            draft: kept.draft,
            settings: kept.settings,
            leaf: kept.leaf,
            leaves: kept.leaves,
            questions: kept.questions.into_iter().map(Question::from).collect(),
            answers: kept.answers.into_iter().map(Answer::from).collect(),
        }
    }
}

/// A question of any version.
#[derive(Deserialize)]
pub struct KeptQuestion {
    id: QuestionId,
    after: Option<AnswerId>,
    content: Option<Content>,
    text: Option<String>,
    #[serde(default)]
    asked_ms: u64,
}

impl From<KeptQuestion> for Question {
    fn from(kept: KeptQuestion) -> Self {
        let content = kept.content.unwrap_or_else(|| Content::of_text(kept.text.unwrap_or_default()));
        Self { id: kept.id, after: kept.after, content, asked_ms: kept.asked_ms }
    }
}

/// An answer of any version.
#[derive(Deserialize)]
pub struct KeptAnswer {
    id: AnswerId,
    question: QuestionId,
    requested_model: String,
    seq: Seq,
    state: State,
    content: Option<Content>,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    first_token_ms: Option<u64>,
    #[serde(default)]
    chunks: u64,
    #[serde(default)]
    characters: u64,
    #[serde(default)]
    bill: Bill,
    #[serde(default)]
    begun_ms: u64,
    #[serde(default)]
    is_copy: bool,
    // From here on, what stands in `content` now.
    text: Option<String>,
    #[serde(default)]
    reasoning: String,
    #[serde(default)]
    refusal: String,
    #[serde(default)]
    tool_calls: Vec<ToolCall>,
    #[serde(default)]
    citations: Vec<Citation>,
    #[serde(default)]
    images: Vec<String>,
    #[serde(default)]
    reasoned_ms: Option<u64>,
    /// The places in `text`, in bytes, where it was continued.
    #[serde(default)]
    seams: Vec<usize>,
}

impl KeptAnswer {
    /// Gives it its content, which was kept apart.
    pub fn set_content(&mut self, content: Content) {
        self.content = Some(content);
    }

    /// Gives it the texts that an earlier version kept apart; today's has none of them here.
    pub fn set_texts(&mut self, reasoning: &str, text: &str) {
        reasoning.clone_into(&mut self.reasoning);
        self.text = Some(text.to_owned());
    }
}

impl From<KeptAnswer> for Answer {
    fn from(mut kept: KeptAnswer) -> Self {
        let content = kept.content.take().unwrap_or_else(|| kept.ordered());
        Self {
            id: kept.id,
            question: kept.question,
            requested_model: kept.requested_model,
            seq: kept.seq,
            state: kept.state,
            content,
            source: kept.source,
            first_token_ms: kept.first_token_ms,
            chunks: kept.chunks,
            characters: kept.characters,
            bill: kept.bill,
            begun_ms: kept.begun_ms,
            is_copy: kept.is_copy,
        }
    }
}

impl KeptAnswer {
    /// What it holds, in the order in which the page showed it.
    fn ordered(&mut self) -> Content {
        let mut blocks = Vec::new();
        if !self.reasoning.is_empty() || self.reasoned_ms.is_some() {
            let text = std::mem::take(&mut self.reasoning);
            blocks.push(ContentBlock::Reasoning(Reasoning {
                text,
                ms: self.reasoned_ms,
                details: Vec::new(),
            }));
        }
        let mut text = self.text.take().unwrap_or_default();
        let mut from = 0;
        for seam in &self.seams {
            let to = text.floor_char_boundary(*seam).max(from);
            if from < to {
                blocks.push(ContentBlock::Text(text[from..to].to_owned()));
            }
            blocks.push(ContentBlock::Continuation);
            from = to;
        }
        if from < text.len() {
            blocks.push(ContentBlock::Text(text.split_off(from)));
        }
        if !self.refusal.is_empty() {
            blocks.push(ContentBlock::Refusal(std::mem::take(&mut self.refusal)));
        }
        blocks.extend(self.images.drain(..).map(ContentBlock::Image));
        blocks.extend(self.tool_calls.drain(..).map(ContentBlock::ToolCall));
        if !self.citations.is_empty() {
            blocks.push(ContentBlock::Citations(std::mem::take(&mut self.citations)));
        }
        Content::new(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_question(question: &Question) -> Question {
        serde_json::from_str::<KeptQuestion>(&serde_json::to_string(question).unwrap()).unwrap().into()
    }

    #[test]
    fn a_question_of_0_1_has_its_text() {
        let json = r#"{"id": "01900000-0000-7000-8000-000000000001", "after": null, "text": "Why?"}"#;
        let question = Question::from(serde_json::from_str::<KeptQuestion>(json).unwrap());
        assert_eq!((question.text().as_ref(), question.asked_ms), ("Why?", 0));
        assert_eq!(read_question(&question), question);
    }

    #[test]
    fn an_answer_of_0_1_has_its_content_in_the_order_in_which_it_was_shown() {
        let json = r#"{
            "id": "01900000-0000-7000-8000-000000000001", "question": "01900000-0000-7000-8000-000000000002",
            "requested_model": "m/m", "seq": 9, "state": {"running": "answering"},
            "text": "aébc", "reasoning": "hm", "refusal": "no",
            "tool_calls": [{"id": null, "name": "f", "arguments": "{}"}],
            "citations": [{"url": "https://example.org"}], "images": ["data:,"],
            "source": {}, "first_token_ms": 3, "reasoned_ms": 4, "chunks": 5, "characters": 4, "seams": [1, 3, 99]
        }"#;
        let answer = Answer::from(serde_json::from_str::<KeptAnswer>(json).unwrap());
        let call = ToolCall { name: "f".into(), arguments: "{}".into(), ..ToolCall::default() };
        let blocks = [
            ContentBlock::Reasoning(Reasoning { text: "hm".into(), ms: Some(4), details: Vec::new() }),
            ContentBlock::Text("a".into()),
            ContentBlock::Continuation,
            ContentBlock::Text("é".into()),
            ContentBlock::Continuation,
            ContentBlock::Text("bc".into()),
            ContentBlock::Continuation,
            ContentBlock::Refusal("no".into()),
            ContentBlock::Image("data:,".into()),
            ContentBlock::ToolCall(call),
            ContentBlock::Citations(vec![Citation { url: "https://example.org".into(), title: None }]),
        ];
        assert_eq!(answer.content.blocks(), blocks);
        assert_eq!((answer.seq, answer.chunks, answer.first_token_ms), (Seq(9), 5, Some(3)));
        let again: KeptAnswer = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
        assert_eq!(Answer::from(again), answer);
    }
}
