//! Titles by a model, for who wants them: `--title-model`. Without, a title is the first words of the question.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::openrouter::{AnswerRequest, OpenRouter};
use super::revision::Revision;
use super::store::{ConversationStore, StoreError};
use crate::chat::{Answer, AnswerId, ConversationId, EndStatus, QuestionId};
use crate::conversation_list::clean_title;
use crate::models::ModelId;
use crate::user::Viewer;

/// What a title is made from: the beginnings of question and answer, in characters.
const CHARACTERS: usize = 1000;
/// What is read of the model's answer, in bytes of text and reasoning. Reasoning comes first and may be long.
const LARGEST_ANSWER_BYTES: usize = 1 << 20;
/// A model that writes more than this has not understood.
const LONGEST_TITLE: usize = 80;
const TASK: &str = "Give the conversation that follows a title of two to six words, in its own language. Write the \
                    title alone: no quotation marks, no full stop, no explanation.";

/// Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct Titles {
    client: OpenRouter,
    store: Arc<dyn ConversationStore>,
    revision: Revision,
    model: Option<ModelId>,
    /// The conversations for which this process has asked: each costs money.
    asked: Arc<Mutex<HashSet<ConversationId>>>,
}

impl Titles {
    #[must_use]
    pub fn new(
        client: OpenRouter,
        store: Arc<dyn ConversationStore>,
        revision: Revision,
        model: Option<ModelId>,
    ) -> Self {
        Self { client, store, revision, model, asked: Arc::default() }
    }

    /// True if a conversation shall have a title after its first answer. It is said once for each.
    #[must_use]
    pub fn wants(&self, conversation: ConversationId) -> bool {
        self.model.is_some() && self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(conversation)
    }

    /// Titles a conversation, unless it has another title than its first by now.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn suggest(&self, conversation: ConversationId) -> Result<(), StoreError> {
        let Some(model) = &self.model else { return Ok(()) };
        let Some(untitled) = self.store.find_untitled(conversation).await? else { return Ok(()) };
        let (question, answer) = (beginning(&untitled.question), beginning(&untitled.answer));
        let said = format!("Question:\n{question}\n\nAnswer:\n{answer}");
        let request = AnswerRequest::new(model.as_str()).system(TASK).user(said);
        let Some(title) = self.ask(&request).await else { return Ok(()) };
        let viewer = Viewer::of(untitled.owner);
        if self.store.suggest_title(&viewer, conversation, &title).await? {
            self.revision.bump(viewer.user);
        }
        Ok(())
    }

    async fn ask(&self, request: &AnswerRequest) -> Option<String> {
        let mut stream = self.client.stream_answer(request);
        let mut answer = Answer::new(AnswerId::now(), QuestionId::now(), "");
        let mut bytes = 0;
        while let Some(event) = stream.next().await {
            bytes += event.size();
            if bytes > LARGEST_ANSWER_BYTES {
                break;
            }
            answer.apply(answer.seq.next(), &event);
        }
        if answer.end().is_none_or(|end| end.status != EndStatus::Complete) {
            tracing::warn!(end = ?answer.end(), "no title was made");
            return None;
        }
        tidy(&answer.text())
    }
}

/// As much of a question or an answer as a title is made from.
fn beginning(text: &str) -> String {
    text.chars().take(CHARACTERS).collect()
}

/// Models like to quote, and to end with a full stop.
fn tidy(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let title = line.trim_matches(|c: char| c.is_whitespace() || "\"'“”„«».#*".contains(c));
    clean_title(title).filter(|title| title.chars().count() <= LONGEST_TITLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_loses_its_quotation_marks_and_its_full_stop() {
        assert_eq!(tidy("\n  **“Rust in Wasm.”**\nmore").as_deref(), Some("Rust in Wasm"));
        assert_eq!(tidy(" \n"), None);
        assert_eq!(tidy("\u{200b}\u{2060}"), None, "nothing of it can be seen");
        assert_eq!(tidy("safe\u{202e}\u{0}txt.exe").as_deref(), Some("safe txt.exe"));
        assert_eq!(tidy(&"long ".repeat(50)), None);
    }
}
