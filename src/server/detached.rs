//! Changes that go on when whoever asked for them has gone.

use crate::api::ApiError;

/// Makes a change in a task of its own: the server drops a request when its client hangs up, and a change must not
/// stay half done. Whoever waits is told what came of it.
///
/// # Errors
/// The change's own; or an internal one if it panicked.
pub async fn detached<T: Send + 'static>(
    change: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(change).await.unwrap_or_else(|_| Err(ApiError::unexpected()))
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_change_goes_on_when_nobody_waits_for_it_any_more() {
        let (go_on, paused) = oneshot::channel();
        let (done, finished) = oneshot::channel();
        let mut change = Box::pin(detached(async move {
            paused.await.unwrap();
            done.send(()).unwrap();
            Ok(())
        }));
        assert!(futures::poll!(&mut change).is_pending());
        drop(change);
        go_on.send(()).unwrap();
        finished.await.unwrap();
    }

    #[tokio::test]
    async fn a_change_that_panics_is_an_error() {
        let error = detached::<()>(async { panic!("as the test wants it") }).await.unwrap_err();
        assert_eq!(error, ApiError::unexpected());
    }
}
