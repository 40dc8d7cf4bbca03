//! The program itself, as it is started in a terminal.

use std::cell::Cell;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use runnel::chat::{AnswerId, ConversationId, EndStatus, Seq};
use runnel::error::AnswerErrorKind;
use runnel::server::demo::{Demo, Pace};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::test_app::{KEY, PATIENCE, RawUpstream, Reader, Tally, eventually, http_client, message};

const BEFORE_SILENCE: &str = "This answer begins well, and then nothing more comes.";

mod ask;
mod limits;
mod serve;

/// `runnel` with these arguments and nothing in its environment.
pub fn runnel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_runnel"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    // Each has a file of its own: two would be refused the same one.
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::now_v7().to_string());
    command.env("RUNNEL_DATABASE_URL", folder.join("runnel.db"));
    command
}

/// The program under way. Killed if the test ends before it.
pub struct Program {
    pub child: Child,
    pub output: Pipe,
    pub errors: Pipe,
}

/// What came out so far.
pub struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Pipe {
    pub fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let thread = std::thread::spawn({
            let bytes = Arc::clone(&bytes);
            move || {
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                    bytes.lock().unwrap().extend_from_slice(&buffer[..count]);
                }
            }
        });
        Self { bytes, thread: Some(thread) }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.bytes.lock().unwrap().clone()).unwrap()
    }
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, output: Pipe::read(output), errors: Pipe::read(errors) }
    }

    pub async fn says(&self, text: &str) {
        eventually(text, async || self.output.text().contains(text)).await;
    }

    /// The first word of its output that is an address.
    pub async fn address(&self) -> String {
        self.says("http://").await;
        self.says("\n").await;
        let output = self.output.text();
        output.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned()
    }

    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    pub async fn ended(mut self) -> Ended {
        let child = Mutex::new(&mut self.child);
        eventually("the program ends", async || child.lock().unwrap().try_wait().unwrap().is_some()).await;
        let status = self.has_ended().unwrap();
        for pipe in [&mut self.output, &mut self.errors] {
            pipe.thread.take().unwrap().join().unwrap();
        }
        Ended { code: status.code(), output: self.output.text(), errors: self.errors.text() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub async fn run(command: &mut Command) -> Ended {
    Program::start(command).ended().await
}

/// An upstream, and `runnel ask` in front of it.
pub struct Asking {
    demo: Demo,
}

impl Asking {
    pub async fn start() -> Self {
        let pace = Pace { delta: Duration::ZERO, comment: Duration::from_millis(10), ..Pace::default() };
        Self { demo: Demo::start(([127, 0, 0, 1], 0).into(), pace).await.unwrap() }
    }

    pub fn ask(&self, model: &str, arguments: &[&str]) -> Command {
        let mut command = runnel(&["ask", "--model", model]);
        command.args(arguments).env("OPENROUTER_BASE_URL", self.demo.base_url());
        command
    }

    async fn stats(&self) -> Value {
        let url = format!("http://{}/__stats", self.demo.address());
        http_client().get(url).send().await.unwrap().json().await.unwrap()
    }

    async fn tally(&self, prompt: &str) -> Tally {
        serde_json::from_value(self.stats().await["by_prompt"][prompt].take()).unwrap_or_default()
    }
}

#[tokio::test]
async fn help_names_every_command_flag_and_variable() {
    let ended = run(&mut runnel(&["--help"])).await;
    assert_eq!(ended.code, Some(0));
    for word in [
        "ask",
        "demo-upstream",
        "--listen",
        "RUNNEL_LISTEN",
        "--max-connections",
        "RUNNEL_MAX_CONNECTIONS",
        "127.0.0.1:3000",
        "--api-key",
        "OPENROUTER_API_KEY",
        "--base-url",
        "OPENROUTER_BASE_URL",
        "https://openrouter.ai/api/v1",
        "--site-url",
        "RUNNEL_SITE_URL",
        "HTTP-Referer",
        "--site-name",
        "RUNNEL_SITE_NAME",
        "X-Title",
        "X-OpenRouter-Title",
        "--default-model",
        "RUNNEL_DEFAULT_MODEL",
        "--connect-timeout",
        "RUNNEL_CONNECT_TIMEOUT",
        "--idle-timeout",
        "RUNNEL_IDLE_TIMEOUT",
        "--progress-timeout",
        "RUNNEL_PROGRESS_TIMEOUT",
        "demo mode",
    ] {
        assert!(ended.output.contains(word), "{word} is missing:\n{}", ended.output);
    }
}

#[tokio::test]
async fn help_for_ask_names_its_flags_and_exit_codes() {
    let ended = run(&mut runnel(&["ask", "--help"])).await;
    assert_eq!(ended.code, Some(0));
    for word in ["-m, --model", "--system", "--stats", "--timeout", "[PROMPT]", "124", "130"] {
        assert!(ended.output.contains(word), "{word} is missing:\n{}", ended.output);
    }
}

#[tokio::test]
async fn help_does_not_show_the_key() {
    let ended = run(runnel(&["--help"]).env("OPENROUTER_API_KEY", KEY)).await;
    assert!(!ended.output.contains(KEY));
}
