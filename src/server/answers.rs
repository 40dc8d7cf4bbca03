//! The chat service: send, follow, stop, and what a restart finds.
//!
//! An answer is written by a task of its own, which outlives the request that began it. Whoever watches reads
//! the answer's log ([`LiveAnswer`]); nobody who watches can slow the writer or another watcher down. The store
//! has the question before the upstream is asked, every event within 50 ms, and the whole answer before its end
//! is told.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::api::answers::{SentMessage, SentQuestion};
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::{Answer, AnswerEvent, AnswerId, Conversation, ConversationId, EndStatus, Question, Seq};
use crate::models::{ModelId, ModelRule};
use crate::settings::TypedSettings;
use crate::user::Viewer;

mod bounds;
mod frames;
mod keeping;
mod live;
mod prompt;
mod pulse;
mod recorder;
mod registry;
mod several;

pub use bounds::{Bounds, USUAL_ANSWER_BYTES};
pub use live::LiveAnswer;
pub use several::{Followed, follow_several};

use super::clock;
use super::detached::detached;
use super::services::Services;
use super::store::{Begun, NewAnswer, StoreError};
use keeping::Assignment;
use pulse::Pulse;
use registry::{Entry, Registry};

/// The largest question, in bytes.
pub const LARGEST_QUESTION_BYTES: usize = 1 << 20;
/// The pause between attempts to keep an answer while the server is about to stop.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// The answers that are being written, or were until a moment ago. Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct Answers {
    services: Services,
    bounds: Bounds,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Cancelled when the server is about to stop: nothing new begins.
    closing: CancellationToken,
    registry: Registry,
    pulse: Pulse,
}

/// Where an answer is.
enum Found {
    /// It is being written, or was until a moment ago.
    Live(LiveAnswer),
    /// The store has it, and it has ended.
    Ended(Box<Answer>),
}

impl Answers {
    /// `bounds` says how large an answer may become.
    #[must_use]
    pub fn new(services: Services, bounds: Bounds) -> Self {
        let (closing, registry) = (CancellationToken::new(), Registry::default());
        let shared = Shared { closing, registry, pulse: Pulse::new(services.store.clone()) };
        Self { services, bounds, shared: Arc::new(shared) }
    }

    /// Ends what a process that was killed left running, with the text that its log holds. To be called before
    /// anything else.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn recover(&self) -> Result<(), StoreError> {
        for mut answer in self.services.store.recover().await? {
            answer.interrupt("Runnel was stopped while it was being written.");
            self.check_bill(&mut answer);
            let length = answer.content.text_bytes();
            tracing::warn!(answer = %answer.id, length, "an answer was interrupted when Runnel ended");
            self.finish(&answer).await?;
            self.note_bill(&answer).await;
        }
        Ok(())
    }

    /// Begins an answer, or joins it if it was begun with the same ids.
    ///
    /// # Errors
    /// See [`crate::api::answers::send_message`]; nothing has changed then.
    pub async fn send(&self, viewer: &Viewer, message: SentMessage) -> Result<LiveAnswer, ApiError> {
        check_question(&message.question)?;
        let rule = self.services.client.config().model_rule();
        for fallback in &message.settings.fallback_models {
            parse_model(fallback, rule)?;
        }
        let (entry, is_new) = self.shared.registry.join(viewer, &message);
        if !entry.is_for(viewer, &message) {
            return Err(ApiError::new(
                ApiErrorKind::Conflict,
                "This answer's id is in use for another question.",
            ));
        }
        if is_new {
            // In a task: a reader who goes away in the middle must not leave an answer begun and not written.
            tokio::spawn(self.clone().begin_entry(*viewer, Arc::clone(&entry), message));
        }
        entry.outcome().await
    }

    /// The answer, to be followed after event `after`.
    ///
    /// # Errors
    /// Not found; `after` lies beyond its last event; or the answer ended a while ago and `after` is not 0.
    pub async fn find(&self, viewer: &Viewer, id: AnswerId, after: Seq) -> Result<LiveAnswer, ApiError> {
        match self.look_up(viewer, id).await? {
            Found::Live(live) if after <= live.seq() => Ok(live),
            Found::Live(live) => Err(ApiError::bad_request(format!(
                "There is no event {} yet: the last is {}.",
                after.0,
                live.seq().0
            ))),
            Found::Ended(answer) if after == Seq::START => Ok(LiveAnswer::replay(&answer)),
            Found::Ended(..) => Err(ApiError::new(
                ApiErrorKind::Gone,
                "This answer has ended, and its events are not kept one by one. Follow it from the start, or load its conversation.",
            )),
        }
    }

    /// Stops the answer if it is running, and says how it ended.
    ///
    /// # Errors
    /// Not found.
    pub async fn stop(&self, viewer: &Viewer, id: AnswerId) -> Result<EndStatus, ApiError> {
        match self.look_up(viewer, id).await? {
            Found::Live(live) => {
                live.stop();
                Ok(live.ended().await)
            }
            Found::Ended(answer) => Ok(answer.end().map_or(EndStatus::Interrupted, |end| end.status)),
        }
    }

    /// Stops whatever is being begun or written in a conversation of the viewer, and waits for its end.
    pub async fn stop_all_in(&self, viewer: &Viewer, conversation: ConversationId) {
        let entries = self.shared.registry.all();
        for entry in entries.iter().filter(|entry| entry.is_in(viewer, conversation)) {
            if let Ok(live) = entry.outcome().await {
                live.stop();
                live.ended().await;
            }
        }
    }

    /// Brings a stored conversation up to this moment: what is being written has its text here alone.
    ///
    /// # Errors
    /// The store cannot be read, or the conversation was removed for good in between.
    pub async fn complete(&self, viewer: &Viewer, conversation: &mut Conversation) -> Result<(), ApiError> {
        for answer in conversation.answers.iter_mut().filter(|answer| answer.end().is_none()) {
            *answer = self.current(viewer, answer.id).await?;
        }
        Ok(())
    }

    /// Begins nothing new from now on.
    pub fn close(&self) {
        self.shared.closing.cancel();
    }

    /// How many answers are being begun or written.
    #[must_use]
    pub fn count_running(&self) -> usize {
        self.shared.registry.all().iter().filter(|entry| entry.is_running()).count()
    }

    /// Waits until everything that is being begun or written has ended.
    pub async fn all_ended(&self) {
        for entry in self.shared.registry.all() {
            if let Ok(live) = entry.outcome().await {
                live.ended().await;
            }
        }
    }

    /// Ends every running answer as interrupted: the server is about to stop.
    pub async fn interrupt_all(&self) {
        self.close();
        for entry in self.shared.registry.all() {
            if let Ok(live) = entry.outcome().await {
                live.interrupt();
            }
        }
        self.all_ended().await;
    }

    /// How many answers the store does not have whole: they are lost, or in its log at most, if the process ends now.
    #[must_use]
    pub fn count_unkept(&self) -> usize {
        self.unkept().len()
    }

    /// Has the store asked once more for every answer that it did not keep.
    pub async fn try_to_keep(&self) {
        for live in self.unkept() {
            live.ended().await;
            if let Err(error) = live.keep_now().await {
                tracing::warn!(%error, answer = %live.id(), "an answer is not kept yet");
            }
        }
    }

    /// The same, once more a second, until all are kept.
    pub async fn keep_all(&self) {
        while self.count_unkept() > 0 {
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
            self.try_to_keep().await;
        }
    }

    fn unkept(&self) -> Vec<LiveAnswer> {
        let begun = self.shared.registry.all().into_iter().filter_map(|entry| entry.begun());
        begun.filter(|live| !live.is_kept()).collect()
    }

    /// Begins what the entry is for and tells everybody who waits for it.
    async fn begin_entry(self, viewer: Viewer, entry: Arc<Entry>, message: SentMessage) {
        let this = self.clone();
        let begun = Arc::clone(&entry);
        let outcome = detached(async move { this.begin(&viewer, begun, message).await }).await;
        // What came to nothing is begun anew by whoever sends it again, and what had ended before is in the store.
        if !outcome.as_ref().is_ok_and(|begun| begun.is_written) {
            self.shared.registry.remove(&entry);
        }
        entry.tell(outcome.map(|begun| begun.live));
    }

    async fn begin(
        &self,
        viewer: &Viewer,
        entry: Arc<Entry>,
        message: SentMessage,
    ) -> Result<BegunAnswer, ApiError> {
        let model = tokio::select! {
            biased;
            () = self.shared.closing.cancelled() => return Err(closing()),
            model = self.choose_model(message.settings.model.as_deref()) => model?,
        };
        let now_ms = clock::now_ms();
        let sent = message.question;
        let question = Question::of_text(sent.id, sent.after, sent.text, now_ms);
        let prelude = self.prelude(viewer, message.continues, &question).await?;
        let mut answer = Answer::new(message.answer, question.id, model.as_str());
        answer.begun_ms = now_ms;
        let settings = TypedSettings::from(&message.settings);
        let new = NewAnswer { conversation: message.conversation, question, answer, settings, now_ms };
        let history = match self.note(viewer, &new).await? {
            Begun::New(history) => history,
            Begun::Known(known) => {
                let ended = self.with_end(viewer, *known).await?;
                return Ok(BegunAnswer { live: LiveAnswer::replay(&ended), is_written: false });
            }
        };
        let begun = text_of(&prelude);
        let request = prompt::request(&model, &history, &new.question.content, &begun, &message.settings);
        let is_first = history.is_empty();
        let assignment =
            Assignment { viewer: *viewer, conversation: new.conversation, prelude, request, is_first };
        let live = LiveAnswer::new(new.answer);
        self.services.revision.bump(viewer.user);
        tokio::spawn(self.clone().write(entry, live.clone(), assignment));
        Ok(BegunAnswer { live, is_written: true })
    }

    /// Notes the question and its answer. If the answer before has ended and could not be kept, that is tried now:
    /// for the store it would still be written.
    async fn note(&self, viewer: &Viewer, new: &NewAnswer) -> Result<Begun, ApiError> {
        let begun = self.services.store.begin_answer(viewer, new).await;
        let before = new.question.after.and_then(|id| self.shared.registry.find(viewer, id)?.begun());
        match (begun, before.filter(|before| !before.is_running())) {
            (Err(StoreError::PreviousAnswerRunning), Some(before)) => {
                before.keep_now().await?;
                Ok(self.services.store.begin_answer(viewer, new).await?)
            }
            (begun, _) => Ok(begun?),
        }
    }

    /// What an answer that goes on from another one begins with.
    async fn prelude(
        &self,
        viewer: &Viewer,
        continues: Option<AnswerId>,
        question: &Question,
    ) -> Result<Vec<AnswerEvent>, ApiError> {
        let Some(earlier) = continues else { return Ok(Vec::new()) };
        let earlier = self.current(viewer, earlier).await?;
        if earlier.question != question.id || earlier.text().is_empty() || earlier.end().is_none() {
            return Err(ApiError::bad_request(
                "There is nothing to go on from: the answer has no text, or has not ended.",
            ));
        }
        let is_text = |event: &AnswerEvent| matches!(event, AnswerEvent::Text(_) | AnswerEvent::Continuation);
        let mut events: Vec<_> = earlier.events().into_iter().filter(is_text).collect();
        events.push(AnswerEvent::Continuation);
        Ok(events)
    }

    /// The answer as it stands at this moment.
    async fn current(&self, viewer: &Viewer, id: AnswerId) -> Result<Answer, ApiError> {
        match self.look_up(viewer, id).await? {
            Found::Live(live) => match live.snapshot() {
                Some(answer) => Ok(answer),
                None => self.load(viewer, id).await,
            },
            Found::Ended(answer) => Ok(*answer),
        }
    }

    /// Finds the answer. One that is just being begun is waited for, and one without an end is never taken for ended.
    async fn look_up(&self, viewer: &Viewer, id: AnswerId) -> Result<Found, ApiError> {
        if let Some(live) = self.find_live(viewer, id).await {
            // It stays at hand for a while after its end, but not in a deleted chat.
            if !live.is_running() && matches!(self.services.store.find_answer(viewer, id).await, Ok(None)) {
                return Err(missing());
            }
            return Ok(Found::Live(live));
        }
        let answer = self.load(viewer, id).await?;
        if answer.end().is_some() {
            return Ok(Found::Ended(Box::new(answer)));
        }
        // It was begun in between, or it has ended and was let go in between.
        if let Some(live) = self.find_live(viewer, id).await {
            return Ok(Found::Live(live));
        }
        let answer = self.load(viewer, id).await?;
        Ok(Found::Ended(Box::new(self.with_end(viewer, answer).await?)))
    }

    /// An answer without an entry is not being written by anybody: one that runs in the store lost its writer between
    /// the two, and ends here.
    async fn with_end(&self, viewer: &Viewer, mut answer: Answer) -> Result<Answer, ApiError> {
        if answer.end().is_none() {
            tracing::error!(answer = %answer.id, "an answer had lost its writer");
            answer.interrupt("Its writer was lost.");
            self.check_bill(&mut answer);
            self.finish(&answer).await?;
            self.note_bill(&answer).await;
            self.services.revision.bump(viewer.user);
        }
        Ok(answer)
    }

    async fn find_live(&self, viewer: &Viewer, id: AnswerId) -> Option<LiveAnswer> {
        self.shared.registry.find(viewer, id)?.outcome().await.ok()
    }

    async fn load(&self, viewer: &Viewer, id: AnswerId) -> Result<Answer, ApiError> {
        let found = self.services.store.find_answer(viewer, id).await?.map(|(_, answer)| answer);
        found.ok_or_else(missing)
    }

    /// The model for a question that names none, or why there is none.
    async fn default_model(&self) -> Result<String, ApiError> {
        let why = match (self.services.catalogue.default_model().await, self.services.upstream.trouble()) {
            (Ok(Some(model)), _) => return Ok(model),
            (_, Some(trouble)) => trouble,
            (Err(error), None) => format!("{error} You can name a model in the chat settings instead."),
            (Ok(None), None) => {
                "The model server has no models. Load one there, or name one in the chat settings.".to_owned()
            }
        };
        tracing::warn!(%why, "there is no model to ask");
        Err(ApiError::new(ApiErrorKind::Upstream, why))
    }

    async fn choose_model(&self, wanted: Option<&str>) -> Result<ModelId, ApiError> {
        let rule = self.services.client.config().model_rule();
        let model = match wanted.filter(|model| !model.trim().is_empty()) {
            Some(model) => model.to_owned(),
            None => self.default_model().await?,
        };
        parse_model(&model, rule)
    }
}

/// A beginning that succeeded.
struct BegunAnswer {
    live: LiveAnswer,
    /// False for an answer that had ended before.
    is_written: bool,
}

fn text_of(events: &[AnswerEvent]) -> String {
    let text = |event: &AnswerEvent| match event {
        AnswerEvent::Text(text) => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

fn parse_model(text: &str, rule: ModelRule) -> Result<ModelId, ApiError> {
    ModelId::parse(text, rule).map_err(|error| ApiError::bad_request(error.to_string()))
}

fn missing() -> ApiError {
    ApiError::not_found("This answer is not here. It may have been deleted.")
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

fn closing() -> ApiError {
    ApiError::new(ApiErrorKind::Network, "Runnel is being stopped. Try again in a moment.")
}
