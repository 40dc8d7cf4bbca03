//! What a page is rendered from, on the server and again in the browser.

use serde::{Deserialize, Serialize};

use crate::chat::{
    Answer, AnswerId, Citation, Content, ContentBlock, Conversation, Reasoning, ToolCall, first_words,
};
use crate::conversation_list::Listing;
use crate::models::ModelRule;

/// About this server: known from the start, and part of every page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    pub version: String,
    /// True if answers come from Runnel's own emulator.
    pub is_demo: bool,
    /// The upstream's host.
    pub upstream: String,
    pub model_rule: ModelRule,
    /// The model for a chat that names none, if there is one.
    pub default_model: Option<String>,
}

/// Everything that the first view of a page needs. It travels inside the page, so that the browser starts from
/// the very data that the server rendered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PageData {
    pub server: ServerInfo,
    /// The path that was asked for.
    pub path: String,
    /// The conversation that the path names, if it is there.
    pub conversation: Option<Conversation>,
    /// The answers whose content does not come with the page, since there is too much of it: the browser loads them
    /// once the page is alive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<AnswerId>,
    /// The newest conversations.
    pub listing: Listing,
    /// When the page was made, in milliseconds since 1970.
    pub now_ms: u64,
}

/// How much of what was said comes with a page, in bytes. The browser loads what is more once the page is alive.
const MOST_SAID: usize = 1 << 20;

/// The answers of a conversation whose content is too much for its page. The last of the branch that is shown have room
/// first, then the newest of the others. An answer that is being written has its content in any case: what is new is
/// added to it.
#[must_use]
pub fn too_long_for_page(conversation: &Conversation) -> Vec<AnswerId> {
    let shown = conversation.tree().branch(conversation.leaf);
    let shown = shown.iter().rev().map(|(_, answer)| *answer);
    let others = conversation.answers.iter().rev().map(|answer| answer.id);
    let mut deferred = Vec::new();
    let mut seen = std::collections::HashSet::new();
    let mut room = MOST_SAID;
    for id in shown.chain(others).filter(|id| seen.insert(*id)) {
        let Some(answer) = conversation.answers.iter().find(|answer| answer.id == id) else { continue };
        let size = answer.content.size() + size_of_question(conversation, answer);
        match room.checked_sub(size) {
            Some(left) => room = left,
            None if answer.end().is_some() => deferred.push(id),
            None => room = 0,
        }
    }
    deferred
}

fn size_of_question(conversation: &Conversation, answer: &Answer) -> usize {
    let question = conversation.questions.iter().find(|question| question.id == answer.question);
    question.map_or(0, |question| question.content.size())
}

impl PageData {
    /// The data as the browser is handed it: of each deferred answer there is enough to know what it has, and its
    /// figures. The last question that is shown is whole.
    #[must_use]
    pub fn for_browser(&self) -> Self {
        let mut data = self.clone();
        for answer in data.conversation.iter_mut().flat_map(|conversation| &mut conversation.answers) {
            for block in answer.content.blocks_mut() {
                // Only the upstream reads these, and they repeat what is shown.
                if let ContentBlock::Reasoning(reasoning) = block {
                    reasoning.details.clear();
                }
            }
        }
        let Some(conversation) = data.conversation.as_mut().filter(|_| !self.deferred.is_empty()) else {
            return data;
        };
        let is_deferred = |id: AnswerId| self.deferred.contains(&id);
        let shown = conversation.tree().branch(conversation.leaf).last().map(|(question, _)| *question);
        for question in &mut conversation.questions {
            let mut answers = conversation.answers.iter().filter(|answer| answer.question == question.id);
            if Some(question.id) != shown && answers.all(|answer| is_deferred(answer.id)) {
                question.content = Content::of_text(first_words(&question.text()));
            }
        }
        for answer in conversation.answers.iter_mut().filter(|answer| is_deferred(answer.id)) {
            shorten(answer);
        }
        data
    }
}

/// Leaves its blocks as they are, but for what they hold.
fn shorten(answer: &mut Answer) {
    for block in answer.content.blocks_mut() {
        match block {
            ContentBlock::Text(text) | ContentBlock::Refusal(text) => *text = first_words(text),
            ContentBlock::Reasoning(Reasoning { text, ms: _, details }) => {
                *text = first_words(text);
                details.clear();
            }
            ContentBlock::Image(url) => url.clear(),
            ContentBlock::ToolCall(call) => *call = ToolCall { index: call.index, ..ToolCall::default() },
            ContentBlock::Citations(citations) => {
                citations.fill(Citation { url: String::new(), title: None });
            }
            ContentBlock::ToolResult(result) => result.text.clear(),
            ContentBlock::File(file) => file.url.clear(),
            ContentBlock::FileAnnotation(_) | ContentBlock::Continuation | ContentBlock::Unknown(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{AnswerEvent, ConversationId, End, EndStatus, Question, QuestionId, Seq};

    /// A conversation whose answers have so many bytes of text, one after another.
    fn conversation(sizes: &[usize]) -> Conversation {
        let mut made = Conversation {
            id: ConversationId::now(),
            title: "Long".into(),
            is_title_chosen: false,
            is_pinned: false,
            is_archived: false,
            created_ms: 0,
            updated_ms: 0,
            version: 1,
            draft: String::new(),
            settings: None,
            leaf: None,
            leaves: Vec::new(),
            questions: Vec::new(),
            answers: Vec::new(),
        };
        for size in sizes {
            let after = made.answers.last().map(|answer: &Answer| answer.id);
            let question = Question::of_text(QuestionId::now(), after, "Why? ".repeat(20), 0);
            let mut answer = Answer::new(AnswerId::now(), question.id, "m");
            answer.apply(Seq(1), &AnswerEvent::Text("a".repeat(*size)));
            answer.apply(
                Seq(2),
                &AnswerEvent::End(End {
                    status: EndStatus::Complete,
                    finish_reason: Some("stop".into()),
                    native_finish_reason: None,
                    problem: None,
                    usage: None,
                    duration_ms: 1,
                    unkept: None,
                }),
            );
            made.questions.push(question);
            made.answers.push(answer);
        }
        made
    }

    fn page(conversation: Conversation) -> PageData {
        let deferred = too_long_for_page(&conversation);
        PageData { deferred, conversation: Some(conversation), ..PageData::default() }
    }

    #[test]
    fn an_ordinary_conversation_comes_whole() {
        let page = page(conversation(&[100; 500]));
        assert_eq!(page.deferred, []);
        assert_eq!(page.for_browser(), page);
    }

    #[test]
    fn the_last_turns_come_and_what_is_too_much_is_loaded_later() {
        let page = page(conversation(&[600_000, 5_000_000, 300_000, 300_000]));
        let ids: Vec<_> =
            page.conversation.as_ref().unwrap().answers.iter().map(|answer| answer.id).collect();
        assert_eq!(page.deferred, [ids[1], ids[0]]);
        let data = page.for_browser();
        assert!(serde_json::to_string(&data).unwrap().len() < 2 * MOST_SAID);
        let (known, told) = (page.conversation.unwrap(), data.conversation.unwrap());
        assert_eq!(told.answers[2..], known.answers[2..]);
        assert_eq!(told.questions[2..], known.questions[2..]);
        for at in [0, 1] {
            assert_eq!(told.answers[at].characters, known.answers[at].characters);
            assert!(told.answers[at].has_content() && told.answers[at].text().len() < 100);
            assert!(told.questions[at].text().len() < known.questions[at].text().len());
        }
    }

    #[test]
    fn the_question_over_the_last_answer_is_whole() {
        let page = page(conversation(&[5_000_000]));
        assert_eq!(page.deferred.len(), 1);
        let told = page.for_browser().conversation.unwrap();
        assert_eq!(told.questions, page.conversation.unwrap().questions);
    }

    #[test]
    fn an_answer_that_is_being_written_comes_whole() {
        let mut conversation = conversation(&[100]);
        let mut running = Answer::new(AnswerId::now(), conversation.questions[0].id, "m");
        running.apply(Seq(1), &AnswerEvent::Text("a".repeat(2 * MOST_SAID)));
        conversation.answers.push(running);
        let page = page(conversation);
        assert_eq!(page.deferred, [page.conversation.as_ref().unwrap().answers[0].id]);
        assert_eq!(page.for_browser().conversation.unwrap().answers[1].text().len(), 2 * MOST_SAID);
    }
}
