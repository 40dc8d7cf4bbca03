//! `runnel ask`: one question in the terminal.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Read};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::StartError;
use super::catalogue::Catalogue;
use super::config::{AskArguments, UpstreamConfig};
use super::connect;
use super::openrouter::{AnswerRequest, AnswerStream, OpenRouter};
use super::terminal::{self, tell};
use crate::chat::{Answer, AnswerEvent, AnswerId, EndStatus, QuestionId};
use crate::error::{AnswerError, AnswerErrorKind};
use crate::models::{ModelId, ModelIdError};

/// As `timeout(1)`.
const TIMED_OUT: u8 = 124;
/// As a shell after SIGINT.
const CANCELLED: u8 = 130;

/// Why there is no answer at all. What goes wrong while answering is told on standard error, by exit code.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("Ask something: runnel ask \"…\", or send the question to standard input.")]
    NoQuestion,
    #[error(transparent)]
    Model(#[from] ModelIdError),
    #[error("Standard input or output failed: {0}")]
    Terminal(#[from] io::Error),
}

/// Asks, and prints the answer's text as it arrives.
///
/// # Errors
/// [`AskError`].
pub async fn ask(config: UpstreamConfig, arguments: AskArguments) -> Result<ExitCode, AskError> {
    let question = question(arguments.prompt.as_deref())?;
    // The emulator, if it is the upstream, lives until the answer has ended.
    let (client, demo) = connect(&config.server).await?;
    let default =
        config.default_model.or_else(|| demo.as_ref().map(|_| super::demo::DEFAULT_MODEL.to_owned()));
    let mut answer = None;
    let asking = async {
        let model = match choose_model(&client, default, arguments.model).await {
            Ok(model) => ModelId::parse(&model, client.config().model_rule())?,
            Err(problem) => return Ok(report(&problem, false)),
        };
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
            tell("Gave up: the answer was not complete within --timeout.");
            TIMED_OUT
        }
        _ = tokio::signal::ctrl_c() => CANCELLED,
    };
    if let Some(answer) = answer.filter(|_| arguments.stats) {
        tell(&stats(&answer));
    }
    Ok(ExitCode::from(code))
}

/// The model that was named, else the configured one, else the first that the upstream lists.
///
/// # Errors
/// The list cannot be read, or is empty; the problem says what to do.
async fn choose_model(
    client: &OpenRouter,
    default: Option<String>,
    wanted: Option<String>,
) -> Result<String, AnswerError> {
    let wanted = wanted.filter(|model| !model.trim().is_empty());
    if let Some(model) = wanted.or_else(|| Catalogue::new(client.clone(), default).configured_default()) {
        return Ok(model);
    }
    let unlisted = || {
        let message = format!(
            "{} lists no models, so Runnel cannot choose one. Name one with --model.",
            client.config().base_url()
        );
        AnswerError::new(AnswerErrorKind::UnknownModel, message)
    };
    match client.list_models().await {
        Ok(models) => models.into_iter().next().map(|model| model.id).ok_or_else(unlisted),
        // A server that has no list says that there is nothing at its address.
        Err(problem) if problem.kind == AnswerErrorKind::UnknownModel => Err(unlisted()),
        Err(problem) => Err(problem),
    }
}

/// The exit code for a problem; `runnel ask --help` lists them.
#[must_use]
pub const fn exit_code(kind: AnswerErrorKind) -> u8 {
    match kind {
        AnswerErrorKind::Internal | AnswerErrorKind::Other => 1,
        AnswerErrorKind::WrongKey => 3,
        AnswerErrorKind::NoCredit => 4,
        AnswerErrorKind::UnknownModel => 5,
        AnswerErrorKind::RateLimited => 6,
        AnswerErrorKind::ProviderDown => 7,
        AnswerErrorKind::TooLong => 8,
        AnswerErrorKind::Refused => 9,
        AnswerErrorKind::BadRequest => 10,
        AnswerErrorKind::Unreachable => 11,
        AnswerErrorKind::Stalled | AnswerErrorKind::CutOff | AnswerErrorKind::TooLarge => 12,
        AnswerErrorKind::Unreadable => 13,
    }
}

async fn print(mut stream: AnswerStream, answer: &mut Answer) -> Result<u8, AskError> {
    // Waiting to write is waiting like any other: Ctrl-C and the timeout end it.
    let mut output = tokio::io::stdout();
    let is_terminal = io::stdout().is_terminal();
    let mut ends_in_newline = true;
    while let Some(event) = stream.next().await {
        answer.apply(answer.seq.next(), &event);
        match &event {
            AnswerEvent::Text(text) | AnswerEvent::Refusal(text) => {
                // A pipe gets the bytes of the answer; a terminal would obey some of them.
                let shown =
                    if is_terminal { terminal::answer_text(text) } else { Cow::Borrowed(text.as_str()) };
                output.write_all(shown.as_bytes()).await?;
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
    let Some(end) = answer.end() else { return Ok(exit_code(AnswerErrorKind::Internal)) };
    if end.status == EndStatus::Complete && end.finish_reason.as_deref() == Some("length") {
        tell("Cut off at the token limit.");
    }
    let has_text = !(answer.text().is_empty() && answer.content.refusal().is_empty());
    Ok(end.problem.as_ref().map_or(0, |problem| report(problem, has_text)))
}

fn report(problem: &AnswerError, has_text: bool) -> u8 {
    tell(&format!("{problem}\n{}", problem.kind.advice(has_text)));
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

/// One line: names of models and providers come from elsewhere.
fn stats(answer: &Answer) -> String {
    let source = &answer.source;
    let end = answer.end();
    let usage = end.and_then(|end| end.usage.as_ref());
    let number = |value: Option<u64>| value.map_or_else(|| "?".to_owned(), grouped);
    let seconds = |ms: Option<u64>| {
        ms.map_or_else(|| "?".to_owned(), |ms| format!("{:.2} s", Duration::from_millis(ms).as_secs_f64()))
    };
    let line = format!(
        "model {} · provider {} · first token {} · total {} · tokens {} in, {} out · cost {} · {} in {} · {}",
        source.model.as_deref().unwrap_or(&answer.requested_model),
        source.provider.as_deref().unwrap_or("?"),
        seconds(answer.first_token_ms),
        seconds(end.map(|end| end.duration_ms)),
        number(usage.and_then(|usage| usage.prompt_tokens)),
        number(usage.and_then(|usage| usage.completion_tokens)),
        usage.and_then(|usage| usage.cost).map_or_else(|| "?".to_owned(), |cost| format!("${cost:.6}")),
        counted(answer.characters, "character"),
        counted(answer.chunks, "chunk"),
        end.and_then(|end| end.finish_reason.as_deref()).unwrap_or("unfinished"),
    );
    terminal::line(&line).into_owned()
}

fn counted(count: u64, thing: &str) -> String {
    format!("{} {thing}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// With a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped_and_one_is_singular() {
        assert_eq!(counted(0, "chunk"), "0 chunks");
        assert_eq!(counted(1, "chunk"), "1 chunk");
        assert_eq!(counted(999, "chunk"), "999 chunks");
        assert_eq!(counted(1_000, "chunk"), "1,000 chunks");
        assert_eq!(counted(1_234_567, "chunk"), "1,234,567 chunks");
    }
}
