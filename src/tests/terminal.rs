//! Nothing that comes from elsewhere is obeyed by a terminal or passes for a line of the log.

use std::fs::{File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;
use std::sync::Mutex;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::command_line::{Asking, Pipe, Program, run, runnel};
use crate::test_app::{RawUpstream, eventually, http_client};

/// What stands in the answers and errors of the emulator's `escapes`, as a terminal must show it.
const SHOWN: [&str; 8] = [
    "Clear: ␛[2J␛[H \\u{9b}2J.",
    "Clipboard: ␛]52;c;b3duZWQ=␇ \\u{9d}52;c;b3duZWQ=\\u{9c}.",
    "Title: ␛]0;owned␛\\.",
    "Link: ␛]8;;http://evil.example␇bank␛]8;;␇.",
    "Tab:\tkept.",
    "Over: good␍bad␈␈␡.",
    "ERROR runnel: forged",
    "End.",
];

/// A pseudo-terminal: the side that sees what is shown, and the side that a program writes to.
fn pseudo_terminal() -> (File, File) {
    let seen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&seen).unwrap();
    unlockpt(&seen).unwrap();
    let name = ptsname(&seen, Vec::new()).unwrap();
    let not_ours = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let mut options = OpenOptions::new();
    let terminal = options.read(true).write(true).custom_flags(not_ours);
    let terminal = terminal.open(std::ffi::OsStr::from_bytes(name.to_bytes())).unwrap();
    (seen.into(), terminal)
}

/// Runs a program whose output and errors are terminals of their own; gives what each showed, and the exit code.
async fn run_in_terminals(mut command: Command) -> (String, String, Option<i32>) {
    let (output, output_side) = pseudo_terminal();
    let (errors, errors_side) = pseudo_terminal();
    command.stdout(output_side).stderr(errors_side);
    let child = command.spawn().unwrap();
    // It holds the terminals, and they are read until nobody does.
    drop(command);
    let mut program = Program { child, output: Pipe::read(output), errors: Pipe::read(errors) };
    let child = Mutex::new(&mut program.child);
    eventually("the program ends", async || child.lock().unwrap().try_wait().unwrap().is_some()).await;
    let ended = program.ended().await;
    // A terminal begins each line at the left.
    (ended.output.replace("\r\n", "\n"), ended.errors.replace("\r\n", "\n"), ended.code)
}

fn assert_harmless(shown: &str) {
    let obeyed = |character: char| {
        character.is_control() && !matches!(character, '\n' | '\t')
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(!shown.contains(obeyed), "{shown:?}");
}

#[tokio::test]
async fn escapes_of_an_answer_are_marks_on_a_terminal() {
    let asking = Asking::start().await;
    let command = asking.ask("demo/escapes", &["--stats", "Obey me"]);
    let (output, errors, code) = run_in_terminals(command).await;
    assert_eq!(code, Some(0), "{errors}");
    for words in SHOWN {
        assert!(output.contains(words), "{words}: {output}");
    }
    assert_harmless(&output);
    assert_harmless(&errors);
    assert!(errors.contains("provider De␛[8mmo␊model forged"), "{errors}");
    assert!(errors.contains("model demo/\\u{202e}sepacse"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
}

#[tokio::test]
async fn a_pipe_gets_the_exact_bytes_of_an_answer_and_no_escapes_beside_it() {
    let asking = Asking::start().await;
    let ended = run(&mut asking.ask("demo/escapes", &["--stats", "Obey me"])).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.output.starts_with("Clear: \u{1b}[2J\u{1b}[H \u{9b}2J."), "{:?}", ended.output);
    assert!(ended.output.contains("Over: good\rbad\u{8}\u{8}\u{7f}."), "{:?}", ended.output);
    assert!(ended.output.ends_with("End.\n"), "{:?}", ended.output);
    assert_harmless(&ended.errors);
}

#[tokio::test]
async fn escapes_of_an_error_are_marks_wherever_it_is_told() {
    let asking = Asking::start().await;
    let command = asking.ask("demo/error-escapes", &["Fail"]);
    let (output, on_terminal, code) = run_in_terminals(command).await;
    assert_eq!((output.as_str(), code), ("", Some(10)));
    let in_pipe = run(&mut asking.ask("demo/error-escapes", &["Fail"])).await.errors;
    for errors in [on_terminal, in_pipe] {
        assert_harmless(&errors);
        assert!(SHOWN.iter().all(|words| errors.contains(words)), "{errors}");
    }
}

#[tokio::test]
async fn an_ordinary_answer_is_the_same_on_a_terminal() {
    let asking = Asking::start().await;
    let (output, errors, code) = run_in_terminals(asking.ask("demo/echo", &["Grüße,\n\t世界 👋🏽"])).await;
    assert_eq!((output.as_str(), errors.as_str(), code), ("Grüße,\n\t世界 👋🏽\n", "", Some(0)));
}

#[tokio::test]
async fn an_upstream_cannot_forge_a_line_of_the_log() {
    let message = serde_json::json!({"error": {"code": 500, "message":
        "Down.\n2026-01-01T00:00:00.000000Z ERROR runnel: forged \u{1b}]52;c;b3duZWQ=\u{7}\u{9b}2J\u{202e}\r"}});
    let headers = ["content-type: application/json"];
    let upstream =
        RawUpstream::with_response("500 Internal Server Error", &headers, &message.to_string()).await;
    let mut command = runnel(&["--listen", "127.0.0.1:0", "--base-url", &upstream.base_url()]);
    let program = Program::start(&mut command);
    let address = program.address().await;
    let request = http_client().post(format!("{address}/api/list_models")).json(&serde_json::json!({}));
    let response = request.send().await.unwrap();
    assert!(!response.status().is_success());
    program.signal("TERM");
    let ended = program.ended().await;
    assert!(ended.errors.contains("forged"), "the upstream's words are logged: {}", ended.errors);
    assert_harmless(&ended.errors);
    for line in ended.errors.lines() {
        assert!(line.starts_with("20") && !line.starts_with("2026-01-01T00:00:00"), "{line}");
    }
}
