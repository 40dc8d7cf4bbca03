//! The three commands, from checked arguments to an exit code.

use std::error::Error;
use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::config::{
    self, Arguments, AskArguments, Config, DemoArguments, FileArgument, OptionalFileArgument,
    UpstreamArguments,
};
use super::demo::{Demo, Pace};
use super::store::{SqliteStore, Store, StoreError};
use super::telemetry::log_to_stderr;
use super::terminal::{self, MarkingWriter, say};
use super::transfer::{self, TransferError};
use super::{App, ask as asking, clock, file_limit, http};
use crate::user::Viewer;

/// A database that is written by another program may take some seconds.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(15);

/// How a command ends: an exit code of its own, or a sentence and exit code 1.
pub type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Serves the chat until it is told to stop. Answers that are being written then may take `grace` to end and to be
/// kept; told twice, it waits no longer.
///
/// # Errors
/// A sentence about what to change, or about what could not be kept.
pub async fn serve(arguments: Arguments) -> Outcome {
    log_to_stderr();
    let Arguments {
        listen, max_connections, data, shutdown_grace: grace, hosts, answer_limit, upstream, ..
    } = arguments;
    let limits = connection_limits(max_connections);
    let config = Config { upstream: upstream.config()?, hosts, answer_limit };
    let file = config::data_file(data)?;
    let listener = http::listen(listen).await.map_err(|error| cannot_listen("--listen", listen, &error))?;
    let address = listener.local_addr()?;
    let store = SqliteStore::open(&file).await?;
    let app = App::start(config, Arc::new(store.clone())).await?;
    let server = app.server_info();
    let answers = if server.is_demo {
        "demo mode: answers come from Runnel itself; set OPENROUTER_API_KEY for real models".to_owned()
    } else {
        format!("answers come from {}", server.upstream)
    };
    say(&format!("Runnel is at http://{address} ({answers})"));
    let running = app.answers().clone();
    let unkept = app.answers().clone();
    let background = app.clone();
    let (stop, force) = stop_requests();
    let grace_over = tokio::spawn(grace_over(stop.clone(), force.clone(), grace));
    let answers_ended = async move {
        let answers = match running.count_running() {
            0 => return,
            1 => "an answer".to_owned(),
            count => format!("{count} answers"),
        };
        let seconds = grace.as_secs();
        say(&format!("Waiting up to {seconds} s for {answers}. Press Ctrl-C again to stop now."));
        tokio::select! {
            () = tokio::time::sleep(grace) => {}
            () = force.cancelled_owned() => {}
        }
    };
    http::serve(listener, app, limits, stop.cancelled_owned(), answers_ended).await;
    let lost = keep_the_rest(&unkept, grace_over).await;
    background.stop().await;
    store.close().await;
    if lost > 0 { Err(cannot_keep(lost).into()) } else { Ok(ExitCode::SUCCESS) }
}

/// Asks one question in the terminal.
///
/// # Errors
/// A sentence about what to change.
pub async fn ask(upstream: UpstreamArguments, arguments: AskArguments) -> Outcome {
    Ok(asking::ask(upstream.config()?, arguments).await?)
}

/// Copies everything that is kept to a file.
///
/// # Errors
/// A sentence about one of the two files.
pub async fn backup(data: Option<String>, arguments: FileArgument) -> Outcome {
    log_to_stderr();
    let store = SqliteStore::open_beside(&config::data_file(data)?).await?;
    store.backup(&arguments.file).await?;
    say(&format!(
        "The backup is {}. To use it, start Runnel with --data and this file.",
        arguments.file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// Writes all chats as JSON Lines. Whoever reads them from standard output may stop at any time.
///
/// # Errors
/// A sentence about the database or the file.
pub async fn export(data: Option<String>, arguments: OptionalFileArgument) -> Outcome {
    log_to_stderr();
    let store = SqliteStore::open_beside(&config::data_file(data)?).await?;
    if let Some(file) = named_file(arguments) {
        let exported = transfer::export_to_file(&store, &Viewer::LOCAL, &file).await?;
        say(&format!("{} written to {}.", transfer::Chats(exported.conversations), file.display()));
        return Ok(tell_unreadable(&exported));
    }
    let output = io::stdout();
    let written = if output.is_terminal() {
        transfer::export(&store, &Viewer::LOCAL, MarkingWriter::new(output)).await
    } else {
        transfer::export(&store, &Viewer::LOCAL, output).await
    };
    match written {
        Err(TransferError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            Ok(ExitCode::SUCCESS)
        }
        written => Ok(tell_unreadable(&written?)),
    }
}

/// An export without everything is no success.
fn tell_unreadable(exported: &transfer::Exported) -> ExitCode {
    for chat in &exported.unreadable {
        terminal::tell(&format!("runnel: {chat}"));
    }
    if exported.unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Adds chats from JSON Lines, which are read and checked before the database is opened.
///
/// # Errors
/// A sentence about the line that cannot be read, and nothing is added; or about the database, and how many chats were
/// added by then.
pub async fn import(data: Option<String>, arguments: OptionalFileArgument) -> Outcome {
    log_to_stderr();
    let database = config::data_file(data)?;
    let conversations = match named_file(arguments) {
        Some(file) => transfer::read_file(&file)?,
        None => transfer::read(io::stdin().lock())?,
    };
    let store = open_or_make(&database).await?;
    let imported = transfer::import(&store, &Viewer::LOCAL, &conversations).await;
    store.close().await;
    say(&imported?.to_string());
    Ok(ExitCode::SUCCESS)
}

/// Runs the emulator on its own until it is told to stop.
///
/// # Errors
/// The address is taken.
pub async fn demo_upstream(arguments: DemoArguments) -> Outcome {
    log_to_stderr();
    let pace = Pace {
        delta: Duration::from_millis(arguments.delta_ms),
        characters_per_delta: arguments.characters,
        comment: Duration::from_millis(arguments.comment_ms),
        split_bytes: arguments.split_bytes,
    };
    let demo = Demo::start(arguments.address, pace)
        .await
        .map_err(|error| cannot_listen("--at", arguments.address, &error))?;
    say(&format!("The emulated OpenRouter is at {}", demo.base_url()));
    tokio::select! {
        () = asked_to_stop() => {}
        () = demo.stopped() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks what every command needs.
///
/// # Errors
/// A sentence about the machine's clock.
pub fn check_machine() -> Result<(), Box<dyn Error>> {
    Ok(clock::check(SystemTime::now())?)
}

/// Tells why a command failed.
#[must_use]
pub fn fail(error: &dyn Error) -> ExitCode {
    // If standard error is closed, the exit code has to say it.
    terminal::tell(&format!("runnel: {error}"));
    ExitCode::FAILURE
}

/// Resolves when running answers have had their time to end: `grace` after the first request to stop, or at the second.
async fn grace_over(stop: CancellationToken, force: CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tokio::select! {
        () = tokio::time::sleep(grace) => {}
        () = force.cancelled() => {}
    }
}

/// Has what the disk refused kept after all, as long as the grace lasts, and once more in any case. Says how many
/// answers are not kept then.
async fn keep_the_rest(answers: &Answers, grace_over: JoinHandle<()>) -> usize {
    let attempt = async {
        // Whatever ended the server, answers that are still written end now.
        answers.interrupt_all().await;
        answers.try_to_keep().await;
    };
    if tokio::time::timeout(LONGEST_ATTEMPT, attempt).await.is_err() {
        tracing::warn!("the database does not answer");
    }
    match answers.count_unkept() {
        0 => return 0,
        count => say(&format!(
            "{} not kept yet: the disk is full, or cannot be written. Trying again until the grace is over. Press \
             Ctrl-C again to stop now.",
            is_or_are(count)
        )),
    }
    tokio::select! {
        () = answers.keep_all() => {}
        _ = grace_over => {}
    }
    answers.count_unkept()
}

fn is_or_are(answers: usize) -> String {
    if answers == 1 { "1 answer is".to_owned() } else { format!("{answers} answers are") }
}

fn cannot_keep(answers: usize) -> String {
    format!(
        "{} not kept whole: the disk is full, or cannot be written. Free some space, then start Runnel again: as much \
         of it as could be logged is kept then.",
        is_or_are(answers)
    )
}

/// `-` is no name, but standard input or output.
fn named_file(arguments: OptionalFileArgument) -> Option<PathBuf> {
    arguments.file.filter(|file| file.as_os_str() != "-")
}

/// Beside the Runnel that may be running with it; a database that is missing is made first.
async fn open_or_make(file: &Path) -> Result<SqliteStore, StoreError> {
    if fs::metadata(file).is_ok_and(|known| known.len() > 0) {
        SqliteStore::open_beside(file).await
    } else {
        SqliteStore::open(file).await
    }
}

fn cannot_listen(flag: &str, address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{address} is taken: another program, perhaps another Runnel, listens there. Stop it, or choose another \
             address with {flag}."
        ),
        io::ErrorKind::PermissionDenied => {
            format!("Listening at {address} is not allowed: choose a port above 1023 with {flag}.")
        }
        _ => {
            format!("Listening at {address} failed: {error}. Choose an address of this machine with {flag}.")
        }
    }
}

/// As many connections as are wanted, if the system allows so many files.
fn connection_limits(wanted: usize) -> http::Limits {
    let files = file_limit::raise();
    let connections = file_limit::connections(files, wanted);
    if connections < wanted {
        tracing::warn!(
            "The system allows {files} open files, so that {connections} connections may be open at once and not \
             {wanted}. Raise its limit (ulimit -n, or LimitNOFILE of systemd) for more."
        );
    }
    http::Limits { connections, ..http::Limits::default() }
}

/// Told once to stop, and told again. One listener hears both, so that none is lost in between.
fn stop_requests() -> (CancellationToken, CancellationToken) {
    let (stop, force) = (CancellationToken::new(), CancellationToken::new());
    let (first, second) = (stop.clone(), force.clone());
    tokio::spawn(async move {
        let mut requests = StopRequests::listen();
        requests.next().await;
        first.cancel();
        requests.next().await;
        second.cancel();
    });
    (stop, force)
}

/// Resolves when the program is told to stop.
async fn asked_to_stop() {
    StopRequests::listen().next().await;
}

/// Ctrl-C and SIGTERM, from the moment of listening on.
#[cfg(unix)]
struct StopRequests(Vec<signal::unix::Signal>);

#[cfg(unix)]
impl StopRequests {
    fn listen() -> Self {
        let kinds = [signal::unix::SignalKind::interrupt(), signal::unix::SignalKind::terminate()];
        // Without a handler the system ends the program by itself.
        Self(kinds.into_iter().filter_map(|kind| signal::unix::signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            std::future::pending::<()>().await;
        }
        futures::future::select_all(self.0.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
struct StopRequests;

#[cfg(not(unix))]
impl StopRequests {
    fn listen() -> Self {
        Self
    }

    async fn next(&mut self) {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
