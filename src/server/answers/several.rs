//! Several answers to one question: begun together, and watched in one stream.

use std::collections::HashSet;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use futures::{Stream, future};

use super::{Answers, LiveAnswer, parse_model};
use crate::api::ApiError;
use crate::api::answers::SentMessage;
use crate::chat::{AnswerId, Seq};
use crate::conversation_list::ConversationChange;
use crate::server::clock;
use crate::server::detached::detached;
use crate::user::Viewer;

/// More than a screen has room for beside each other.
const MOST_ANSWERS: usize = 8;
/// More than one browser shows at once.
const MOST_FOLLOWED: usize = 64;

/// One of several answers, to be followed from some event on; or why it cannot be.
#[derive(Debug)]
pub struct Followed {
    pub id: AnswerId,
    pub found: Result<(LiveAnswer, Seq), ApiError>,
}

impl Answers {
    /// Begins several answers to one question, or joins those that were begun with the same ids. They are shown beside
    /// each other.
    ///
    /// # Errors
    /// Those of [`Answers::send`]; nothing has changed then. Once the first has begun, what keeps another one from
    /// beginning stands in its place.
    pub async fn send_several(
        &self,
        viewer: &Viewer,
        message: SentMessage,
    ) -> Result<Vec<Followed>, ApiError> {
        self.check_several(&message)?;
        let (this, viewer) = (self.clone(), *viewer);
        // Whoever hangs up in the middle must not leave some begun and others not.
        detached(async move { this.begin_several(&viewer, message).await }).await
    }

    /// The answers, each to be followed after an event.
    ///
    /// # Errors
    /// None or too many are asked for. What is wrong with one of them stands in its place.
    pub async fn find_several(
        &self,
        viewer: &Viewer,
        wanted: &[(AnswerId, Seq)],
    ) -> Result<Vec<Followed>, ApiError> {
        let ids: HashSet<_> = wanted.iter().map(|(id, _)| id).collect();
        if wanted.is_empty() || wanted.len() > MOST_FOLLOWED || ids.len() < wanted.len() {
            let message = format!("Name between 1 and {MOST_FOLLOWED} answers, each once.");
            return Err(ApiError::bad_request(message));
        }
        let finding = wanted.iter().map(|&(id, after)| async move {
            Followed { id, found: self.find(viewer, id, after).await.map(|live| (live, after)) }
        });
        Ok(future::join_all(finding).await)
    }

    fn check_several(&self, message: &SentMessage) -> Result<(), ApiError> {
        let ids: HashSet<_> = message.answers.iter().map(|answer| answer.id).collect();
        if message.answers.len() > MOST_ANSWERS || ids.len() < message.answers.len() {
            let text = format!("Ask for {MOST_ANSWERS} answers at most, each with an id of its own.");
            return Err(ApiError::bad_request(text));
        }
        let rule = self.services.client.config().model_rule();
        let models = message.answers.iter().filter_map(|answer| answer.settings.model.as_deref());
        models
            .filter(|model| !model.trim().is_empty())
            .try_for_each(|model| parse_model(model, rule).map(drop))
    }

    async fn begin_several(&self, viewer: &Viewer, message: SentMessage) -> Result<Vec<Followed>, ApiError> {
        let conversation = message.conversation;
        let mut messages = message.one_by_one().into_iter();
        // The first makes the conversation and the question; if it cannot, nothing has begun.
        let Some(first) = messages.next() else { return Ok(Vec::new()) };
        let mut begun =
            vec![Followed { id: first.answer, found: Ok((self.send(viewer, first).await?, Seq::START)) }];
        let others = messages.map(|message| async move {
            Followed {
                id: message.answer,
                found: self.send(viewer, message).await.map(|live| (live, Seq::START)),
            }
        });
        begun.extend(future::join_all(others).await);
        let shown = begun.iter().filter(|answer| answer.found.is_ok()).map(|answer| answer.id).collect();
        let change = ConversationChange::Leaves(shown);
        // They run, whichever of them are shown.
        if let Err(error) =
            self.services.store.change_conversation(viewer, conversation, &change, clock::now_ms()).await
        {
            tracing::warn!(%error, %conversation, "answers that were asked for together are not shown together");
        }
        self.services.revision.bump(viewer.user);
        Ok(begun)
    }
}

/// The frames of several answers as they come, each with the name of its answer, until all have ended.
pub fn follow_several(answers: Vec<Followed>) -> impl Stream<Item = Bytes> + Send + 'static {
    stream::select_all(answers.into_iter().map(follow_one))
}

fn follow_one(Followed { id, found }: Followed) -> BoxStream<'static, Bytes> {
    match found {
        Ok((live, after)) => live.follow_by_name(after).boxed(),
        Err(error) => {
            // An error of these types always serializes.
            let json = serde_json::to_string(&error).unwrap_or_default();
            let frame = format!("event: error\nid: {id}\ndata: {json}\n\n");
            stream::once(future::ready(Bytes::from(frame))).boxed()
        }
    }
}
