//! The chat service: send, follow, stop.
//!
//! An answer is written by a task of its own, which outlives the request that began it. Whoever watches reads
//! the answer's log ([`LiveAnswer`]); nobody who watches can slow the writer or another watcher down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::api::answers::{SentMessage, SentQuestion};
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::{Answer, AnswerId, Conversation, ConversationId, EndStatus, Question, Seq};
use crate::models::{ModelId, ModelRule};

mod live;
mod prompt;
mod recorder;

pub use live::LiveAnswer;

use super::catalogue::Catalogue;
use super::openrouter::OpenRouter;

/// The largest question, in bytes.
pub const LARGEST_QUESTION_BYTES: usize = 1 << 20;

/// The conversations and their answers.
#[derive(Clone, Debug)]
pub struct Answers {
    client: OpenRouter,
    catalogue: Catalogue,
    shelf: Arc<Mutex<Shelf>>,
}

/// Everything said since the start of the process.
#[derive(Debug, Default)]
struct Shelf {
    /// The server is about to stop: nothing new begins.
    is_closing: bool,
    conversations: HashMap<ConversationId, Thread>,
    answers: HashMap<AnswerId, LiveAnswer>,
}

#[derive(Debug, Default)]
struct Thread {
    questions: Vec<Question>,
    answers: Vec<AnswerId>,
}

impl Answers {
    #[must_use]
    pub fn new(client: OpenRouter, catalogue: Catalogue) -> Self {
        Self { client, catalogue, shelf: Arc::default() }
    }

    /// Begins an answer, or joins it if it was begun with the same ids.
    ///
    /// # Errors
    /// See [`crate::api::answers::send_message`]; nothing has changed then.
    pub async fn send(&self, message: SentMessage) -> Result<LiveAnswer, ApiError> {
        check_question(&message.question)?;
        let rule = self.client.config().model_rule();
        for fallback in &message.settings.fallback_models {
            parse_model(fallback, rule)?;
        }
        let model = self.choose_model(message.settings.model.as_deref()).await?;
        let mut shelf = self.shelf();
        if let Some(live) = shelf.answers.get(&message.answer) {
            return shelf.join(live, &message);
        }
        if shelf.is_closing {
            return Err(ApiError::new(
                ApiErrorKind::Network,
                "Runnel is being stopped. Try again in a moment.",
            ));
        }
        let thread = shelf.check(&message)?;
        let history = shelf.history(thread, message.question.after);
        let request = prompt::request(&model, &history, &message.question.text, &message.settings);
        let live = shelf.begin(message, &model);
        drop(shelf);
        tokio::spawn(recorder::record(live.clone(), self.client.stream_answer(&request)));
        Ok(live)
    }

    /// The answer, to be followed after event `after`.
    ///
    /// # Errors
    /// Not found, or `after` lies beyond its last event.
    pub fn find(&self, id: AnswerId, after: Seq) -> Result<LiveAnswer, ApiError> {
        let live = self.load(id)?;
        if after > live.seq() {
            return Err(ApiError::bad_request(format!(
                "There is no event {} yet: the last is {}.",
                after.0,
                live.seq().0
            )));
        }
        Ok(live)
    }

    /// Stops the answer if it is running, and says how it ended.
    ///
    /// # Errors
    /// Not found.
    pub async fn stop(&self, id: AnswerId) -> Result<EndStatus, ApiError> {
        let live = self.load(id)?;
        live.stop();
        Ok(live.ended().await)
    }

    /// The conversation as it stands.
    ///
    /// # Errors
    /// Not found.
    pub fn load_conversation(&self, id: ConversationId) -> Result<Conversation, ApiError> {
        let shelf = self.shelf();
        let thread = shelf.conversations.get(&id).ok_or_else(|| {
            ApiError::not_found(
                "This conversation is not here. Chats are kept until Runnel is started again.",
            )
        })?;
        let answers = thread.answers.iter().filter_map(|id| shelf.answers.get(id));
        Ok(Conversation {
            id,
            questions: thread.questions.clone(),
            answers: answers.map(LiveAnswer::snapshot).collect(),
        })
    }

    /// Ends every running answer as interrupted: the server is about to stop.
    pub async fn interrupt_all(&self) {
        let running: Vec<_> = {
            let mut shelf = self.shelf();
            shelf.is_closing = true;
            shelf.answers.values().cloned().collect()
        };
        for live in running {
            live.interrupt();
            live.ended().await;
        }
    }

    fn load(&self, id: AnswerId) -> Result<LiveAnswer, ApiError> {
        let found = self.shelf().answers.get(&id).cloned();
        found.ok_or_else(|| {
            ApiError::not_found("This answer is not here. Answers are kept until Runnel is started again.")
        })
    }

    async fn choose_model(&self, wanted: Option<&str>) -> Result<ModelId, ApiError> {
        let rule = self.client.config().model_rule();
        let model = match wanted.filter(|model| !model.trim().is_empty()) {
            Some(model) => model.to_owned(),
            None => self
                .catalogue
                .default_model()
                .await
                .ok_or_else(|| ApiError::bad_request("Choose a model."))?,
        };
        parse_model(&model, rule)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // Every change to the shelf is a single insertion: a panic elsewhere cannot leave it half done.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// The same send again: a double click, or a retry after a lost response.
    fn join(&self, live: &LiveAnswer, message: &SentMessage) -> Result<LiveAnswer, ApiError> {
        let same_question = self.conversations.get(&message.conversation).is_some_and(|thread| {
            thread.answers.contains(&message.answer)
                && thread.questions.iter().any(|known| is_same(known, &message.question))
        });
        if live.question() == message.question.id && same_question {
            Ok(live.clone())
        } else {
            Err(ApiError::new(ApiErrorKind::Conflict, "This answer's id is in use for another question."))
        }
    }

    /// Checks a new answer against what is there, and gives its thread if there is one yet.
    fn check(&self, message: &SentMessage) -> Result<Option<&Thread>, ApiError> {
        let thread = self.conversations.get(&message.conversation);
        let sent = &message.question;
        let known = self.conversations.iter().find_map(|(id, thread)| {
            thread.questions.iter().find(|question| question.id == sent.id).map(|question| (id, question))
        });
        if let Some((conversation, question)) = known
            && (*conversation != message.conversation || !is_same(question, sent))
        {
            return Err(ApiError::new(
                ApiErrorKind::Conflict,
                "This question's id is in use for another question.",
            ));
        }
        if let Some(after) = sent.after {
            self.check_after(thread, after)?;
        }
        Ok(thread)
    }

    fn check_after(&self, thread: Option<&Thread>, after: AnswerId) -> Result<(), ApiError> {
        let known = thread.is_some_and(|thread| thread.answers.contains(&after));
        let Some(live) = self.answers.get(&after).filter(|_| known) else {
            return Err(ApiError::not_found(
                "The answer that this follows is not here: Runnel may have been started again. Start a new chat.",
            ));
        };
        if live.is_running() {
            let message = "The answer before is still being written. Stop it, or wait for its end.";
            return Err(ApiError::new(ApiErrorKind::Conflict, message));
        }
        Ok(())
    }

    /// What was said on the way to `after`, oldest first.
    fn history(&self, thread: Option<&Thread>, after: Option<AnswerId>) -> Vec<(Question, Answer)> {
        let mut history = Vec::new();
        let mut next = after;
        while let (Some(thread), Some(live)) = (thread, next.and_then(|id| self.answers.get(&id))) {
            let Some(question) = thread.questions.iter().find(|question| question.id == live.question())
            else {
                break;
            };
            next = question.after;
            history.push((question.clone(), live.snapshot()));
        }
        history.reverse();
        history
    }

    fn begin(&mut self, message: SentMessage, model: &ModelId) -> LiveAnswer {
        let thread = self.conversations.entry(message.conversation).or_default();
        let sent = message.question;
        let question = Question { id: sent.id, after: sent.after, text: sent.text };
        let answer = Answer::new(message.answer, question.id, model.as_str());
        if !thread.questions.iter().any(|known| known.id == question.id) {
            thread.questions.push(question);
        }
        thread.answers.push(answer.id);
        let live = LiveAnswer::new(answer);
        self.answers.insert(message.answer, live.clone());
        live
    }
}

fn parse_model(text: &str, rule: ModelRule) -> Result<ModelId, ApiError> {
    ModelId::parse(text, rule).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn check_question(question: &SentQuestion) -> Result<(), ApiError> {
    if question.text.trim().is_empty() {
        return Err(ApiError::bad_request("Type a question first: this one is empty."));
    }
    if question.text.len() > LARGEST_QUESTION_BYTES {
        let message = "The question is longer than 1 MiB. Shorten it, or send it in parts.";
        return Err(ApiError::new(ApiErrorKind::TooLarge, message));
    }
    Ok(())
}

fn is_same(known: &Question, sent: &SentQuestion) -> bool {
    known.id == sent.id && known.after == sent.after && known.text == sent.text
}
