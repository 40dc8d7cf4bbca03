//! The chat service: send, follow, stop, and what a restart finds.
//!
//! An answer is written by a task of its own, which outlives the request that began it. Whoever watches reads
//! the answer's log ([`LiveAnswer`]); nobody who watches can slow the writer or another watcher down. The store
//! has the question before the upstream is asked, every event within 50 ms, and the whole answer before its end
//! is told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::api::answers::{SentMessage, SentQuestion};
use crate::api::{ApiError, ApiErrorKind};
use crate::chat::{
    Answer, AnswerEvent, AnswerId, Bill, Conversation, ConversationId, EndStatus, Question, Seq,
};
use crate::models::{ModelId, ModelRule};

mod live;
mod prompt;
mod recorder;

pub use live::LiveAnswer;

use super::bills::Bills;
use super::catalogue::Catalogue;
use super::clock;
use super::openrouter::{AnswerRequest, Dialect, OpenRouter};
use super::revision::Revision;
use super::store::{Begun, NewAnswer, Store, StoreError};
use super::titles::Titles;

/// The largest question, in bytes.
pub const LARGEST_QUESTION_BYTES: usize = 1 << 20;
/// How long the events of an answer that has ended stay at hand, for those who were cut off shortly before.
const RECENT: Duration = Duration::from_mins(2);
/// The pauses between attempts to keep an answer that the disk refused: doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The answers that are being written, or were until a moment ago. Clones are handles of the same service.
#[derive(Clone, Debug)]
pub struct Answers {
    client: OpenRouter,
    catalogue: Catalogue,
    store: Arc<dyn Store>,
    revision: Revision,
    bills: Bills,
    titles: Titles,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The server is about to stop: nothing new begins.
    is_closing: AtomicBool,
    live: Mutex<HashMap<AnswerId, Beginning>>,
}

/// A send under way, or what came of it: everybody who sends the same id shares it.
type Beginning = Arc<OnceCell<Result<LiveAnswer, ApiError>>>;

impl Answers {
    #[must_use]
    pub fn new(
        client: OpenRouter,
        catalogue: Catalogue,
        store: Arc<dyn Store>,
        revision: Revision,
        bills: Bills,
        titles: Titles,
    ) -> Self {
        Self { client, catalogue, store, revision, bills, titles, shared: Arc::default() }
    }

    /// Ends what a process that was killed left running, with the text that its log holds. To be called before
    /// anything else.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn recover(&self) -> Result<(), StoreError> {
        for mut answer in self.store.recover().await? {
            answer.interrupt("Runnel was stopped while it was being written.");
            self.check_bill(&mut answer);
            let length = answer.text.len();
            tracing::warn!(answer = %answer.id, length, "an answer was interrupted when Runnel ended");
            self.store.finish_answer(&answer, clock::now_ms()).await?;
        }
        self.bills.look();
        Ok(())
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
        if self.shared.is_closing.load(Ordering::Relaxed) {
            return Err(ApiError::new(
                ApiErrorKind::Network,
                "Runnel is being stopped. Try again in a moment.",
            ));
        }
        let (id, conversation, sent) = (message.answer, message.conversation, message.question.clone());
        let beginning = self.live_map().entry(id).or_default().clone();
        // In a task: a reader who goes away in the middle must not leave an answer begun and not written.
        let this = self.clone();
        let begun =
            tokio::spawn(async move { beginning.get_or_init(|| this.begin(message, model)).await.clone() });
        let begun = begun.await.unwrap_or_else(|_| Err(internal()));
        let live = begun.inspect_err(|_| self.forget(id))?;
        if live.conversation() == conversation && is_same(live.question(), &sent) {
            Ok(live)
        } else {
            Err(ApiError::new(ApiErrorKind::Conflict, "This answer's id is in use for another question."))
        }
    }

    /// The answer, to be followed after event `after`.
    ///
    /// # Errors
    /// Not found; `after` lies beyond its last event; or the answer ended a while ago and `after` is not 0.
    pub async fn find(&self, id: AnswerId, after: Seq) -> Result<LiveAnswer, ApiError> {
        if let Some(live) = self.find_live(id) {
            if after <= live.seq() {
                return Ok(live);
            }
            let last = live.seq().0;
            return Err(ApiError::bad_request(format!(
                "There is no event {} yet: the last is {last}.",
                after.0
            )));
        }
        let (conversation, answer) = self.load(id).await?;
        if after > Seq::START {
            return Err(ApiError::new(
                ApiErrorKind::Gone,
                "This answer has ended, and its events are not kept one by one. Follow it from the start, or load its conversation.",
            ));
        }
        let question = Question { id: answer.question, after: None, text: String::new(), asked_ms: 0 };
        Ok(LiveAnswer::replay(conversation, question, &answer))
    }

    /// Stops the answer if it is running, and says how it ended.
    ///
    /// # Errors
    /// Not found.
    pub async fn stop(&self, id: AnswerId) -> Result<EndStatus, ApiError> {
        if let Some(live) = self.find_live(id) {
            live.stop();
            return Ok(live.ended().await);
        }
        let (_, answer) = self.load(id).await?;
        Ok(answer.end().map_or(EndStatus::Interrupted, |end| end.status))
    }

    /// Stops whatever is being written in a conversation, and waits for its end.
    pub async fn stop_all_in(&self, conversation: ConversationId) {
        for live in self.running().into_iter().filter(|live| live.conversation() == conversation) {
            live.stop();
            live.ended().await;
        }
    }

    /// Brings a stored conversation up to this moment: what is being written has its text here alone.
    pub fn complete(&self, conversation: &mut Conversation) {
        for answer in &mut conversation.answers {
            if let Some(live) = self.find_live(answer.id).filter(|_| answer.end().is_none()) {
                *answer = live.snapshot();
            }
        }
    }

    /// Begins nothing new from now on.
    pub fn close(&self) {
        self.shared.is_closing.store(true, Ordering::Relaxed);
    }

    /// How many answers are being written.
    #[must_use]
    pub fn count_running(&self) -> usize {
        self.running().len()
    }

    /// Waits until everything that is being written has ended.
    pub async fn all_ended(&self) {
        for live in self.running() {
            live.ended().await;
        }
    }

    /// Ends every running answer as interrupted: the server is about to stop.
    pub async fn interrupt_all(&self) {
        self.close();
        for live in self.running() {
            live.interrupt();
        }
        self.all_ended().await;
    }

    async fn begin(&self, message: SentMessage, model: ModelId) -> Result<LiveAnswer, ApiError> {
        let now_ms = clock::now_ms();
        let sent = message.question;
        let question = Question { id: sent.id, after: sent.after, text: sent.text, asked_ms: now_ms };
        let prelude = self.prelude(message.continues, &question).await?;
        let mut answer = Answer::new(message.answer, question.id, model.as_str());
        answer.begun_ms = now_ms;
        let new = NewAnswer { conversation: message.conversation, question, answer, now_ms };
        let history = match self.note(&new).await? {
            Begun::New(history) => history,
            Begun::Known(answer) => {
                return Ok(LiveAnswer::replay(new.conversation, new.question, &answer));
            }
        };
        let begun = text_of(&prelude);
        let request = prompt::request(&model, &history, &new.question.text, &begun, &message.settings);
        let is_first = history.is_empty();
        let live = LiveAnswer::new(new.conversation, new.question, new.answer);
        self.revision.bump();
        tokio::spawn(self.clone().write(live.clone(), prelude, request, is_first));
        Ok(live)
    }

    /// Notes the question and its answer. If the answer before has ended and could not be kept, it is tried now:
    /// for the store it would still be written.
    async fn note(&self, new: &NewAnswer) -> Result<Begun, StoreError> {
        let begun = self.store.begin_answer(new).await;
        let before = new.question.after.and_then(|id| self.find_live(id)).filter(|live| !live.is_running());
        match (begun, before) {
            (Err(StoreError::Conflict(_)), Some(before)) => {
                self.store.finish_answer(&before.snapshot(), clock::now_ms()).await?;
                self.store.begin_answer(new).await
            }
            (begun, _) => begun,
        }
    }

    /// What an answer that goes on from another one begins with.
    async fn prelude(
        &self,
        continues: Option<AnswerId>,
        question: &Question,
    ) -> Result<Vec<AnswerEvent>, ApiError> {
        let Some(earlier) = continues else { return Ok(Vec::new()) };
        let (_, earlier) = self.load(earlier).await?;
        if earlier.question != question.id || earlier.text.is_empty() || earlier.end().is_none() {
            return Err(ApiError::bad_request(
                "There is nothing to go on from: the answer has no text, or has not ended.",
            ));
        }
        let is_text = |event: &AnswerEvent| matches!(event, AnswerEvent::Text(_) | AnswerEvent::Seam);
        let mut events: Vec<_> = earlier.events().into_iter().filter(is_text).collect();
        events.push(AnswerEvent::Seam);
        Ok(events)
    }

    /// Writes the answer to its end, whatever happens on the way.
    async fn write(
        self,
        live: LiveAnswer,
        prelude: Vec<AnswerEvent>,
        request: AnswerRequest,
        is_first: bool,
    ) {
        let stream = self.client.stream_answer(&request);
        let writing = recorder::record(live.clone(), prelude, stream, self.store.clone());
        let end = tokio::spawn(writing).await.unwrap_or_else(|_| recorder::failed(&live));
        let mut answer = live.snapshot();
        answer.apply(answer.seq.next(), &AnswerEvent::End(end.clone()));
        self.check_bill(&mut answer);
        let kept = self.store.finish_answer(&answer, clock::now_ms()).await;
        live.append([AnswerEvent::End(end)]);
        self.revision.bump();
        if let Err(error) = kept {
            tracing::error!(%error, answer = %answer.id, "an answer is not kept yet");
            self.keep_trying(&answer).await;
        }
        self.bills.look();
        if is_first && answer.end().is_some_and(|end| end.status == EndStatus::Complete) {
            self.titles.suggest(live.conversation(), &live.question().text, &answer.text);
        }
        drop(answer);
        tokio::time::sleep(RECENT).await;
        self.forget(live.id());
    }

    /// The answer is in memory as long as the process lives: a disk that is full now may not stay so.
    async fn keep_trying(&self, answer: &Answer) {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            match self.store.finish_answer(answer, clock::now_ms()).await {
                Ok(()) => return self.revision.bump(),
                Err(error) => tracing::error!(%error, answer = %answer.id, "an answer is not kept yet"),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Only OpenRouter can be asked what a broken stream cost.
    fn check_bill(&self, answer: &mut Answer) {
        if answer.bill == Bill::Open && !matches!(self.client.config().dialect, Dialect::OpenRouter) {
            answer.bill = Bill::Unknown;
        }
    }

    fn find_live(&self, id: AnswerId) -> Option<LiveAnswer> {
        self.live_map().get(&id)?.get()?.as_ref().ok().cloned()
    }

    fn running(&self) -> Vec<LiveAnswer> {
        let map = self.live_map();
        let live = map.values().filter_map(|beginning| beginning.get()?.as_ref().ok());
        live.filter(|live| live.is_running()).cloned().collect()
    }

    async fn load(&self, id: AnswerId) -> Result<(ConversationId, Answer), ApiError> {
        let found = self.store.find_answer(id).await?;
        found.ok_or_else(|| ApiError::not_found("This answer is not here. It may have been deleted."))
    }

    fn forget(&self, id: AnswerId) {
        self.live_map().remove(&id);
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

    fn live_map(&self) -> MutexGuard<'_, HashMap<AnswerId, Beginning>> {
        // Every change is a single insertion or removal: a panic elsewhere cannot leave it half done.
        self.shared.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

fn internal() -> ApiError {
    ApiError::new(ApiErrorKind::Internal, "Something went wrong inside Runnel. Its log says more.")
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(message) => Self::new(ApiErrorKind::Conflict, message),
            StoreError::NotFound(message) => Self::not_found(message),
            StoreError::DiskFull(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(
                    ApiErrorKind::Internal,
                    "Runnel's disk is full, so nothing new can be kept. Free some space, then send again.",
                )
            }
            StoreError::ReadOnly(_) => {
                tracing::error!(%error, "the store failed");
                Self::new(
                    ApiErrorKind::Internal,
                    "Runnel's database cannot be written: it is read-only. Allow writing, then send again.",
                )
            }
            StoreError::Busy(_) => {
                tracing::warn!(%error, "the store is busy");
                Self::new(
                    ApiErrorKind::Network,
                    "Runnel's database is busy: another program, such as an import, writes to it. Try again in a moment.",
                )
            }
            StoreError::SearchTooLong => Self::bad_request(error.to_string()),
            error => {
                tracing::error!(%error, "the store failed");
                Self::new(ApiErrorKind::Internal, "Runnel's database did not do it. Its log says more.")
            }
        }
    }
}
