//! The three commands, from checked arguments to an exit code.

use std::error::Error;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::signal;
use tracing_subscriber::EnvFilter;

use super::config::{AskArguments, DemoArguments, UpstreamArguments};
use super::demo::{Demo, Pace};
use super::{App, ask as terminal, http};

/// How a command ends: an exit code of its own, or a sentence and exit code 1.
pub type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Serves the chat until it is told to stop.
///
/// # Errors
/// A sentence about what to change.
pub async fn serve(listen: SocketAddr, upstream: UpstreamArguments) -> Outcome {
    log_to_stderr();
    let config = upstream.config()?;
    let listener = http::listen(listen).await.map_err(|error| cannot_listen("--listen", listen, &error))?;
    let address = listener.local_addr()?;
    let app = App::start(config).await?;
    let about = app.about();
    let answers = if about.is_demo {
        "demo mode: answers come from Runnel itself; set OPENROUTER_API_KEY for real models".to_owned()
    } else {
        format!("answers come from {}", about.upstream)
    };
    say(&format!("Runnel is at http://{address} ({answers})"));
    http::serve(listener, app, asked_to_stop()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Asks one question in the terminal.
///
/// # Errors
/// A sentence about what to change.
pub async fn ask(upstream: UpstreamArguments, arguments: AskArguments) -> Outcome {
    Ok(terminal::ask(upstream.config()?, arguments).await?)
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

/// Tells why a command failed.
#[must_use]
pub fn fail(error: &dyn Error) -> ExitCode {
    // If standard error is closed, the exit code has to say it.
    let _ = writeln!(io::stderr(), "runnel: {error}");
    ExitCode::FAILURE
}

fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
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

/// `RUST_LOG` says how much; the default is what an operator should see.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    // Setting it twice fails, which leaves the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).try_init();
}

/// Resolves on Ctrl-C, and on SIGTERM where there is one.
async fn asked_to_stop() {
    let interrupt = async {
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = interrupt => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    match signal::unix::signal(signal::unix::SignalKind::terminate()) {
        Ok(mut terminate) => drop(terminate.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
