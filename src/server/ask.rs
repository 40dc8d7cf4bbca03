//! `runnel ask`: one question in the terminal.

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::StartError;
use super::catalogue::Catalogue;
use super::config::{AskArguments, Config};
use super::connect;
use super::openrouter::{AnswerRequest, AnswerStream, OpenRouter};
use crate::chat::{Answer, AnswerEvent, AnswerId, EndStatus, QuestionId};
use crate::models::ModelId;
use crate::problem::{Problem, ProblemKind};

/// As `timeout(1)`.
const TIMED_OUT: u8 = 124;
/// As a shell after SIGINT.
const CANCELLED: u8 = 130;

/// Why there is no answer at all. What goes wrong while answering is told on standard error, by exit code.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("Ask something: runnel ask \"…\", or give the question on standard input.")]
    NoQuestion,
    #[error("{0}")]
    Model(String),
    #[error("Standard input or output failed: {0}")]
    Terminal(#[from] io::Error),
}

/// Asks, and prints the answer's text as it arrives.
///
/// # Errors
/// [`AskError`].
pub async fn ask(config: Config, arguments: AskArguments) -> Result<ExitCode, AskError> {
    let question = question(arguments.prompt.as_deref())?;
    // The emulator, if it is the upstream, lives until the answer has ended.
    let (client, demo) = connect(&config).await?;
    let default =
        config.default_model.or_else(|| demo.as_ref().map(|_| super::demo::DEFAULT_MODEL.to_owned()));
    let mut answer = None;
    let asking = async {
        let model = choose_model(&client, default, arguments.model).await?;
        let mut request = AnswerRequest::new(model.as_str());
        if let Some(system) = &arguments.system {
            request = request.system(system);
        }
        let answer = answer.insert(Answer::new(AnswerId::now(), QuestionId::now(), model.as_str()));
        print(client.stream_answer(&request.user(question)), answer).await
    };
    let code = tokio::select! {
        code = asking => code?,
        () = deadline(arguments.timeout) => {
            tell("No answer in time.");
            TIMED_OUT
        }
        _ = tokio::signal::ctrl_c() => CANCELLED,
    };
    if let Some(answer) = answer.filter(|_| arguments.stats) {
        tell(&stats(&answer));
    }
    Ok(ExitCode::from(code))
}

async fn choose_model(
    client: &OpenRouter,
    default: Option<String>,
    wanted: Option<String>,
) -> Result<ModelId, AskError> {
    let model = match wanted {
        Some(model) => model,
        None => Catalogue::new(client.clone(), default).default_model().await.unwrap_or_default(),
    };
    ModelId::parse(&model, client.config().model_rule()).map_err(|error| AskError::Model(error.to_string()))
}

/// The exit code for a problem; `runnel ask --help` lists them.
#[must_use]
pub const fn exit_code(kind: ProblemKind) -> u8 {
    match kind {
        ProblemKind::Internal | ProblemKind::Other => 1,
        ProblemKind::WrongKey => 3,
        ProblemKind::NoCredit => 4,
        ProblemKind::UnknownModel => 5,
        ProblemKind::RateLimited => 6,
        ProblemKind::ProviderDown => 7,
        ProblemKind::TooLong => 8,
        ProblemKind::Refused => 9,
        ProblemKind::BadRequest => 10,
        ProblemKind::Unreachable => 11,
        ProblemKind::Stalled | ProblemKind::CutOff => 12,
        ProblemKind::Unreadable => 13,
    }
}

async fn print(mut stream: AnswerStream, answer: &mut Answer) -> Result<u8, AskError> {
    // Waiting to write is waiting like any other: Ctrl-C and the timeout end it.
    let mut output = tokio::io::stdout();
    let mut ends_in_newline = true;
    while let Some(event) = stream.next().await {
        answer.apply(answer.seq.next(), &event);
        match &event {
            AnswerEvent::Text(text) | AnswerEvent::Refusal(text) => {
                output.write_all(text.as_bytes()).await?;
                output.flush().await?;
                ends_in_newline = text.ends_with('\n');
            }
            AnswerEvent::Retrying(retry) => tell(&format!(
                "{} Trying again in {:.1} s ({} of {}).",
                retry.problem,
                Duration::from_millis(retry.wait_ms).as_secs_f64(),
                retry.attempt,
                retry.attempts
            )),
            _ => {}
        }
    }
    if !ends_in_newline {
        output.write_all(b"\n").await?;
        output.flush().await?;
    }
    let Some(end) = answer.end() else { return Ok(exit_code(ProblemKind::Internal)) };
    if end.status == EndStatus::Complete && end.finish_reason.as_deref() == Some("length") {
        tell("Cut off: the answer reached its longest length.");
    }
    Ok(end.problem.as_ref().map_or(0, report))
}

fn report(problem: &Problem) -> u8 {
    tell(&format!("{problem}\n{}", problem.kind.advice()));
    exit_code(problem.kind)
}

/// The argument, and what standard input has to add; the two are set apart by a blank line.
fn question(prompt: Option<&str>) -> Result<String, AskError> {
    let mut parts: Vec<String> = prompt.map(str::to_owned).into_iter().collect();
    if !io::stdin().is_terminal() {
        let mut input = String::new();
        io::stdin().lock().read_to_string(&mut input)?;
        parts.push(input);
    }
    parts.retain(|part| !part.trim().is_empty());
    if parts.is_empty() { Err(AskError::NoQuestion) } else { Ok(parts.join("\n\n")) }
}

async fn deadline(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

fn stats(answer: &Answer) -> String {
    let source = &answer.source;
    let end = answer.end();
    let usage = end.and_then(|end| end.usage.as_ref());
    let number = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    let seconds = |ms: Option<u64>| {
        ms.map_or_else(|| "?".to_owned(), |ms| format!("{:.2} s", Duration::from_millis(ms).as_secs_f64()))
    };
    format!(
        "model {} · provider {} · first token {} · total {} · tokens {} in, {} out · cost {} · {} characters in {} chunks · {}",
        source.model.as_deref().unwrap_or(&answer.requested_model),
        source.provider.as_deref().unwrap_or("?"),
        seconds(answer.first_token_ms),
        seconds(end.map(|end| end.duration_ms)),
        number(usage.and_then(|usage| usage.prompt_tokens)),
        number(usage.and_then(|usage| usage.completion_tokens)),
        usage.and_then(|usage| usage.cost).map_or_else(|| "?".to_owned(), |cost| format!("${cost:.6}")),
        answer.characters,
        answer.chunks,
        end.and_then(|end| end.finish_reason.as_deref()).unwrap_or("unfinished"),
    )
}

/// Says something beside the answer. If standard error is closed, nobody wants to hear it.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}
