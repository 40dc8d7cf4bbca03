//! Request bodies: read whole, and bounded each by itself and all together.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::api::{ApiError, ApiErrorKind};

/// A question of 1 MiB may need six bytes a character in JSON, and the system prompt comes beside it.
pub const LARGEST_BYTES: usize = 8 << 20;
/// What is read of a larger one, to be able to say so.
const LARGEST_DROPPED_BYTES: usize = 64 << 20;
/// What all large bodies may hold at once.
const ALL_BYTES: usize = 64 << 20;
/// Small bodies do not count: as many as there may be connections hold no more than this many large ones.
const SMALL_BYTES: usize = 64 << 10;
/// For the whole of a request. Slow lines send a megabyte in seconds.
const PATIENCE: Duration = Duration::from_mins(1);

/// Reads request bodies. Clones share the memory that bodies may hold.
#[derive(Clone, Debug)]
pub struct BodyReader {
    memory: Arc<Semaphore>,
}

/// A body, and its share of the memory for bodies for as long as this lives.
#[derive(Debug)]
pub struct WholeBody {
    pub bytes: Vec<u8>,
    pub share: Option<OwnedSemaphorePermit>,
}

impl Default for BodyReader {
    fn default() -> Self {
        Self { memory: Arc::new(Semaphore::new(ALL_BYTES)) }
    }
}

impl BodyReader {
    /// The whole body, if it is not too large. What is too large is read on and dropped, within bounds: a client
    /// that is still sending when the connection closes does not see the answer.
    ///
    /// A large body waits, in the order of arrival, until there is memory for all of it.
    ///
    /// # Errors
    /// It is too large, breaks off, does not come in time, or there is no memory in time.
    pub async fn read(&self, body: Body) -> Result<WholeBody, ApiError> {
        let mut reading =
            Reading { memory: &self.memory, kept: Vec::new(), received: 0, share: None, is_waiting: false };
        let in_time = timeout(PATIENCE, reading.read(body)).await;
        if reading.received > LARGEST_BYTES {
            return Err(ApiError::new(ApiErrorKind::TooLarge, "The request is larger than 8 MiB."));
        }
        in_time.map_err(|_| late(reading.is_waiting))??;
        Ok(WholeBody { bytes: reading.kept, share: reading.share })
    }
}

struct Reading<'a> {
    memory: &'a Arc<Semaphore>,
    kept: Vec<u8>,
    received: usize,
    share: Option<OwnedSemaphorePermit>,
    /// There is no memory for it yet.
    is_waiting: bool,
}

impl Reading<'_> {
    async fn read(&mut self, body: Body) -> Result<(), ApiError> {
        let announced = body.size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
        let mut pieces = body.into_data_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|_| ApiError::bad_request("The request broke off on the way."))?;
            self.received += piece.len();
            if self.received > LARGEST_DROPPED_BYTES {
                break;
            }
            if self.received > LARGEST_BYTES || announced.is_some_and(|bytes| bytes > LARGEST_BYTES) {
                (self.kept, self.share) = (Vec::new(), None);
                continue;
            }
            if self.received > SMALL_BYTES && self.share.is_none() {
                self.make_room(announced.unwrap_or(LARGEST_BYTES)).await;
            }
            self.kept.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Waits for memory for a body of `bytes`.
    async fn make_room(&mut self, bytes: usize) {
        let share = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.is_waiting = true;
        // The semaphore is never closed.
        self.share = self.memory.clone().acquire_many_owned(share).await.ok();
        self.is_waiting = false;
        self.kept.reserve_exact(bytes.saturating_sub(self.kept.len()));
    }
}

fn late(for_want_of_memory: bool) -> ApiError {
    if for_want_of_memory {
        let message = "Runnel is busy with other large requests. Try again in a moment.";
        tracing::warn!("large requests are refused: others take all the memory there is for them");
        return ApiError::new(ApiErrorKind::Network, message);
    }
    ApiError::bad_request("The request did not become whole in time.")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures::future::join_all;
    use futures::stream;

    use super::*;

    /// A body of so many bytes that comes in pieces of 1 MiB and does not say how long it is.
    fn body(bytes: usize) -> Body {
        let pieces = (0..bytes).step_by(1 << 20).map(move |from| (bytes - from).min(1 << 20));
        Body::from_stream(stream::iter(pieces.map(|length| Ok::<_, ApiError>(Bytes::from(vec![7; length])))))
    }

    #[tokio::test(start_paused = true)]
    async fn all_large_bodies_together_hold_no_more_than_the_memory_for_them() {
        let (reader, held, most) = (BodyReader::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        let requests = (0..60).map(|_| async {
            let whole = reader.read(Body::from(vec![7; LARGEST_BYTES])).await.unwrap();
            most.fetch_max(
                held.fetch_add(whole.bytes.len(), Ordering::Relaxed) + whole.bytes.len(),
                Ordering::Relaxed,
            );
            tokio::time::sleep(Duration::from_secs(1)).await;
            held.fetch_sub(whole.bytes.len(), Ordering::Relaxed);
        });
        join_all(requests).await;
        assert_eq!(most.into_inner(), ALL_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_waits_for_nobody() {
        let reader = BodyReader::default();
        let all = join_all((0..8).map(|_| reader.read(body(LARGEST_BYTES)))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(reader.read(body(SMALL_BYTES)).await.unwrap().bytes.len(), SMALL_BYTES);
        let error = reader.read(body(SMALL_BYTES + 1)).await.unwrap_err();
        assert_eq!(error.kind, ApiErrorKind::Network);
        drop(all);
        assert_eq!(reader.read(body(SMALL_BYTES + 1)).await.unwrap().bytes.len(), SMALL_BYTES + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_large_is_refused_and_holds_nothing() {
        let reader = BodyReader::default();
        for body in [body(LARGEST_BYTES + 1), body(70 << 20), Body::from(vec![7; LARGEST_BYTES + 1])] {
            assert_eq!(reader.read(body).await.unwrap_err().kind, ApiErrorKind::TooLarge);
            assert_eq!(reader.memory.available_permits(), ALL_BYTES);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_in_time_is_refused() {
        let never = Body::from_stream(stream::pending::<Result<Bytes, ApiError>>());
        assert_eq!(BodyReader::default().read(never).await.unwrap_err().kind, ApiErrorKind::BadRequest);
    }
}
