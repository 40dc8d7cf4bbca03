//! The server: everything that never reaches the browser.

use std::sync::Arc;

use crate::api::page::ServerInfo;

mod allowed_hosts;
pub mod answers;
pub mod ask;
mod assets;
mod bills;
mod catalogue;
mod clock;
pub mod config;
mod conversations;
pub mod demo;
mod detached;
mod failures;
mod file_limit;
mod files;
pub mod http;
mod jobs;
pub mod openrouter;
pub mod request;
mod revision;
pub mod run;
mod sandbox;
pub mod store;
mod telemetry;
mod terminal;
mod titles;
pub mod transfer;
mod upstream;

use allowed_hosts::AllowedHosts;
use answers::{Answers, Bounds, Parts};
use bills::Bills;
use catalogue::Catalogue;
use config::{Config, Upstream};
use conversations::Conversations;
use demo::{Demo, Pace};
use jobs::{JobList, JobRunner};
use openrouter::{ConfigError, Dialect, OpenRouter};
use revision::Revision;
use store::{Store, StoreError};
use titles::Titles;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use upstream::UpstreamWatch;

/// The composition root: what a running Runnel consists of. Clones are handles of the same app.
#[derive(Clone, Debug)]
pub struct App {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    answers: Answers,
    conversations: Conversations,
    catalogue: Catalogue,
    server_info: ServerInfo,
    hosts: AllowedHosts,
    /// What goes on beside the requests.
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Ends it with the app.
    _stops: DropGuard,
    /// The emulator that demo mode talks to; it lives as long as the app.
    _demo: Option<Demo>,
}

/// Why Runnel cannot start. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("The emulator for demo mode could not listen on this machine's loopback address: {0}")]
    Demo(std::io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl App {
    /// Sets everything up; with neither key nor base URL, in demo mode with the emulator inside. Answers that a
    /// killed process left in the store are ended first.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(config: Config, store: Arc<dyn Store>) -> Result<Self, StartError> {
        let (client, demo) = connect(&config).await?;
        let default_model =
            config.default_model.or_else(|| demo.as_ref().map(|_| demo::DEFAULT_MODEL.to_owned()));
        let catalogue = Catalogue::new(client.clone(), default_model);
        let server_info = ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            is_demo: demo.is_some(),
            upstream: client.config().base_url().host_str().unwrap_or_default().to_owned(),
            model_rule: client.config().model_rule(),
            default_model: catalogue.configured_default(),
        };
        let revision = Revision::default();
        let bills = Bills::new(client.clone(), store.clone(), revision.clone());
        let titles = Titles::new(client.clone(), store.clone(), revision.clone(), config.title_model);
        let upstream = UpstreamWatch::new(client.clone(), revision.clone());
        let jobs = JobList::new(store.clone());
        let tasks = TaskTracker::new();
        let runner = JobRunner { list: jobs.clone(), bills, titles: titles.clone(), tasks: tasks.clone() };
        let answers = Answers::new(Parts {
            client,
            catalogue: catalogue.clone(),
            upstream: upstream.clone(),
            store: store.clone(),
            revision: revision.clone(),
            jobs,
            titles,
            bounds: Bounds::of_bytes(config.answer_limit),
        });
        answers.recover().await?;
        let conversations = Conversations::new(store, answers.clone(), upstream.clone(), revision);
        let stop = CancellationToken::new();
        tasks.spawn(until(stop.clone(), upstream.keep_watch()));
        tasks.spawn(until(stop.clone(), runner.run(stop.clone())));
        let hosts = AllowedHosts::new(config.hosts);
        let inner = Inner {
            answers,
            conversations,
            catalogue,
            server_info,
            hosts,
            tasks,
            _stops: stop.clone().drop_guard(),
            stop,
            _demo: demo,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Ends what goes on beside the requests, and waits for it: the store can be closed then.
    pub async fn stop(&self) {
        self.inner.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.inner.answers
    }

    #[must_use]
    pub fn conversations(&self) -> &Conversations {
        &self.inner.conversations
    }

    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// True if a request with this `Host` is for this server.
    #[must_use]
    pub fn is_called(&self, host: &str) -> bool {
        self.inner.hosts.allows(host)
    }

    #[must_use]
    pub fn server_info(&self) -> ServerInfo {
        self.inner.server_info.clone()
    }
}

/// Does the task until it is told to stop.
async fn until(stop: CancellationToken, task: impl Future<Output = ()>) {
    stop.run_until_cancelled(task).await;
}

/// The client of the configured upstream, and the emulator if that is one of our own.
///
/// # Errors
/// [`StartError`].
pub async fn connect(config: &Config) -> Result<(OpenRouter, Option<Demo>), StartError> {
    match &config.upstream {
        Upstream::Server(client) => Ok((OpenRouter::new(client.clone())?, None)),
        Upstream::Demo(timeouts) => {
            let demo =
                Demo::start(([127, 0, 0, 1], 0).into(), Pace::default()).await.map_err(StartError::Demo)?;
            let mut client = timeouts.client_config(&demo.base_url())?;
            client.dialect = Dialect::OpenRouter;
            Ok((OpenRouter::new(client)?, Some(demo)))
        }
    }
}
