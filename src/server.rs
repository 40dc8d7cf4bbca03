//! The server: everything that never reaches the browser.

use std::sync::Arc;

use crate::api::page::ServerInfo;

mod allowed_hosts;
pub mod answers;
pub mod ask;
mod assets;
mod backoff;
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
mod services;
pub mod store;
mod telemetry;
mod terminal;
mod titles;
pub mod transfer;
mod upstream;
mod usage;

use allowed_hosts::AllowedHosts;
use answers::{Answers, Bounds};
use catalogue::Catalogue;
use config::{Config, Upstream};
use conversations::Conversations;
use demo::{Demo, Pace};
use jobs::JobRunner;
use openrouter::{ConfigError, Dialect, OpenRouter};
use services::Services;
use store::{Store, StoreError};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

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
        let (client, demo) = connect(&config.upstream.server).await?;
        let default_model =
            config.upstream.default_model.or_else(|| demo.as_ref().map(|_| demo::DEFAULT_MODEL.to_owned()));
        let services = Services::new(client, store, default_model, config.upstream.title_model);
        let server_info = ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            is_demo: demo.is_some(),
            upstream: services.client.config().base_url().host_str().unwrap_or_default().to_owned(),
            model_rule: services.client.config().model_rule(),
            default_model: services.catalogue.configured_default(),
        };
        let answers = Answers::new(services.clone(), Bounds::of_bytes(config.answer_limit));
        answers.recover().await?;
        let conversations = Conversations::new(services.clone(), answers.clone());
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let runner = JobRunner::new(&services, tasks.clone());
        tasks.spawn(until(stop.clone(), services.upstream.keep_watch()));
        tasks.spawn(until(stop.clone(), runner.run(stop.clone())));
        let hosts = AllowedHosts::new(config.hosts);
        let inner = Inner {
            answers,
            conversations,
            catalogue: services.catalogue,
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
pub async fn connect(server: &Upstream) -> Result<(OpenRouter, Option<Demo>), StartError> {
    match server {
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
