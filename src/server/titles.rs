//! Titles by a model, for who wants them: `--title-model`. Without, a title is the first words of the question.

use std::sync::Arc;

use super::openrouter::{AnswerRequest, OpenRouter};
use super::revision::Revision;
use super::store::Store;
use crate::chat::{ConversationId, EndStatus};
use crate::models::ModelId;

/// What a title is made from: the beginnings, in characters.
const QUESTION_CHARACTERS: usize = 1000;
const ANSWER_CHARACTERS: usize = 1000;
/// A model that writes more than this has not understood.
const LONGEST_TITLE: usize = 80;
const TASK: &str = "Give the conversation that follows a title of two to six words, in its own language. Write the \
                    title alone: no quotation marks, no full stop, no explanation.";

/// Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct Titles {
    client: OpenRouter,
    store: Arc<dyn Store>,
    revision: Revision,
    model: Option<ModelId>,
}

impl Titles {
    #[must_use]
    pub fn new(
        client: OpenRouter,
        store: Arc<dyn Store>,
        revision: Revision,
        model: Option<ModelId>,
    ) -> Self {
        Self { client, store, revision, model }
    }

    /// Titles a conversation after its first answer, in the background; unless a person named it.
    pub fn suggest(&self, conversation: ConversationId, question: &str, answer: &str) {
        let Some(model) = &self.model else { return };
        let first = |text: &str, count| text.chars().take(count).collect::<String>();
        let said = format!(
            "Question:\n{}\n\nAnswer:\n{}",
            first(question, QUESTION_CHARACTERS),
            first(answer, ANSWER_CHARACTERS)
        );
        let request = AnswerRequest::new(model.as_str()).system(TASK).user(said);
        tokio::spawn(self.clone().title(conversation, request));
    }

    async fn title(self, conversation: ConversationId, request: AnswerRequest) {
        let answer = self.client.stream_answer(&request).collect().await;
        if answer.end().is_none_or(|end| end.status != EndStatus::Complete) {
            return tracing::warn!(end = ?answer.end(), "no title was made");
        }
        let Some(title) = tidy(&answer.text) else { return };
        match self.store.suggest_title(conversation, &title).await {
            Ok(true) => self.revision.bump(),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a title could not be kept"),
        }
    }
}

/// Models like to quote, and to end with a full stop.
fn tidy(text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let title = line.trim_matches(|c: char| c.is_whitespace() || "\"'“”„«».#*".contains(c));
    (!title.is_empty() && title.chars().count() <= LONGEST_TITLE).then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_loses_its_quotation_marks_and_its_full_stop() {
        assert_eq!(tidy("\n  **“Rust in Wasm.”**\nmore").as_deref(), Some("Rust in Wasm"));
        assert_eq!(tidy(" \n"), None);
        assert_eq!(tidy(&"long ".repeat(50)), None);
    }
}
