//! What the services of a running Runnel stand on.

use std::sync::Arc;

use super::catalogue::Catalogue;
use super::jobs::JobList;
use super::openrouter::OpenRouter;
use super::revision::Revision;
use super::store::Store;
use super::titles::Titles;
use super::upstream::UpstreamWatch;
use crate::models::ModelId;

/// What the services share. Clones are handles of the same.
#[derive(Clone, Debug)]
pub struct Services {
    pub client: OpenRouter,
    pub store: Arc<dyn Store>,
    pub revision: Revision,
    pub catalogue: Catalogue,
    pub upstream: UpstreamWatch,
    pub jobs: JobList,
    pub titles: Titles,
}

impl Services {
    /// `default_model` answers where no other was chosen; `title_model` gives chats their titles, if one shall.
    #[must_use]
    pub fn new(
        client: OpenRouter,
        store: Arc<dyn Store>,
        default_model: Option<String>,
        title_model: Option<ModelId>,
    ) -> Self {
        let revision = Revision::default();
        let catalogue = Catalogue::new(client.clone(), default_model);
        let upstream = UpstreamWatch::new(client.clone(), revision.clone());
        let jobs = JobList::new(store.clone());
        let titles = Titles::new(client.clone(), store.clone(), revision.clone(), title_model);
        Self { client, store, revision, catalogue, upstream, jobs, titles }
    }
}
