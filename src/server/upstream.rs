//! Whether the upstream can be asked at all. It is looked at in the background, so that a person hears of trouble
//! before asking, and no page waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::backoff::doubling;
use super::openrouter::OpenRouter;
use super::revision::Revision;
use crate::chat::{End, EndStatus};
use crate::error::AnswerErrorKind;

/// The pauses between two looks while there is trouble: doubling, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The last verdict on the upstream. Clones share it.
#[derive(Clone, Debug)]
pub struct UpstreamWatch {
    client: OpenRouter,
    revision: Revision,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    trouble: Mutex<Option<AnswerErrorKind>>,
    /// There is a reason to look again.
    look: Notify,
}

impl UpstreamWatch {
    #[must_use]
    pub fn new(client: OpenRouter, revision: Revision) -> Self {
        Self { client, revision, shared: Arc::default() }
    }

    /// Why no question can be answered now and what to do about it, as far as is known.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let kind = *self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        kind.map(|kind| self.sentence(kind))
    }

    /// Learns from how an answer ended.
    pub fn note(&self, end: &End) {
        match (&end.problem, end.status) {
            (Some(problem), _) if is_trouble(problem.kind) => self.shared.look.notify_one(),
            (None, EndStatus::Complete) => self.judge(None),
            _ => {}
        }
    }

    /// Looks now, again after a failure, and again and again while there is trouble.
    pub async fn keep_watch(self) {
        let mut pauses = doubling(FIRST_PAUSE, LONGEST_PAUSE);
        loop {
            let failure = self.client.check_access().await.err();
            let trouble = failure.map(|problem| problem.kind).filter(|kind| is_trouble(*kind));
            self.judge(trouble);
            if trouble.is_some() {
                let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
                let _ = tokio::time::timeout(pause, self.shared.look.notified()).await;
            } else {
                self.shared.look.notified().await;
                pauses = doubling(FIRST_PAUSE, LONGEST_PAUSE);
            }
        }
    }

    fn judge(&self, trouble: Option<AnswerErrorKind>) {
        let before = {
            let mut known = self.shared.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, trouble)
        };
        if before != trouble {
            // Open pages ask for news by this number.
            self.revision.bump_all();
        }
    }

    fn sentence(&self, kind: AnswerErrorKind) -> String {
        let config = self.client.config();
        let url = config.base_url();
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = if config.is_openrouter() {
            "OpenRouter".to_owned()
        } else {
            format!("The model server at {}{port}", url.host_str().unwrap_or_default())
        };
        match kind {
            AnswerErrorKind::WrongKey if config.api_key.is_none() => {
                format!("{name} wants an API key. Set OPENROUTER_API_KEY and restart Runnel.")
            }
            AnswerErrorKind::WrongKey => {
                format!("{name} did not accept the API key. Check OPENROUTER_API_KEY and restart Runnel.")
            }
            _ if config.is_openrouter() => {
                format!("{name} cannot be reached from this server. Check its network.")
            }
            _ => format!("{name} cannot be reached. Check that it is running, and OPENROUTER_BASE_URL."),
        }
    }
}

/// Of all that can go wrong, what every other question would meet too.
const fn is_trouble(kind: AnswerErrorKind) -> bool {
    matches!(kind, AnswerErrorKind::Unreachable | AnswerErrorKind::WrongKey)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::openrouter::{ClientConfig, OPENROUTER_BASE_URL};
    use crate::user::Viewer;

    fn watch(base_url: &str, api_key: Option<&str>) -> UpstreamWatch {
        let mut config = ClientConfig::new(base_url).unwrap();
        config.api_key = api_key.map(Into::into);
        UpstreamWatch::new(OpenRouter::new(config).unwrap(), Revision::default())
    }

    #[test]
    fn trouble_is_said_in_words_that_say_what_to_do() {
        let openrouter = watch(OPENROUTER_BASE_URL, Some("sk-or-v1-secret"));
        assert_eq!(openrouter.trouble(), None);
        openrouter.judge(Some(AnswerErrorKind::Unreachable));
        assert_eq!(
            openrouter.trouble().unwrap(),
            "OpenRouter cannot be reached from this server. Check its network."
        );
        openrouter.judge(Some(AnswerErrorKind::WrongKey));
        assert_eq!(
            openrouter.trouble().unwrap(),
            "OpenRouter did not accept the API key. Check OPENROUTER_API_KEY and restart Runnel."
        );
        let own = watch("http://127.0.0.1:8080/v1", None);
        own.judge(Some(AnswerErrorKind::Unreachable));
        assert_eq!(
            own.trouble().unwrap(),
            "The model server at 127.0.0.1:8080 cannot be reached. Check that it is running, and OPENROUTER_BASE_URL."
        );
        own.judge(Some(AnswerErrorKind::WrongKey));
        assert!(
            own.trouble().unwrap().ends_with("wants an API key. Set OPENROUTER_API_KEY and restart Runnel.")
        );
    }

    #[test]
    fn only_a_change_of_the_verdict_is_news() {
        let watch = watch(OPENROUTER_BASE_URL, None);
        let before = watch.revision.get(&Viewer::LOCAL);
        watch.judge(None);
        assert_eq!(watch.revision.get(&Viewer::LOCAL), before);
        watch.judge(Some(AnswerErrorKind::Unreachable));
        watch.judge(Some(AnswerErrorKind::Unreachable));
        assert_eq!(watch.revision.get(&Viewer::LOCAL), before + 1);
    }
}
