//! From what was typed to what is valid.
//!
//! [`Arguments`] is the command line and the environment, as typed; [`Config`] is what a server can start with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use etcetera::BaseStrategy;
use secrecy::SecretString;

use super::openrouter::{ClientConfig, ConfigError, OPENROUTER_BASE_URL};
use crate::models::{ModelId, ModelIdError, ModelRule};

/// Runnel: a self-hosted chat whose answers stream.
///
/// Without a command it serves the chat. With neither a key nor a base URL it starts in demo mode, where
/// answers come from its own emulator.
#[derive(Debug, Parser)]
#[command(name = "runnel", version, args_conflicts_with_subcommands = false)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Where to serve the chat: a port of this machine alone, such as 3000, or an address and a port
    #[arg(long, env = "RUNNEL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = listen_address)]
    pub listen: SocketAddr,
    /// How many connections may be open at once; one address gets half of them
    #[arg(long, env = "RUNNEL_MAX_CONNECTIONS", value_name = "COUNT", default_value = "1024", value_parser = count)]
    pub max_connections: usize,
    /// The file that holds the chats, also written as sqlite:FILE [default: runnel.db in your data folder]
    #[arg(long, env = "RUNNEL_DATABASE_URL", value_name = "FILE", global = true)]
    pub data: Option<String>,
    /// How many seconds to wait for answers that are still being written when Runnel is told to stop
    #[arg(long, env = "RUNNEL_SHUTDOWN_GRACE", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub shutdown_grace: Duration,
    /// The largest answer, in bytes or as 64KiB or 16MiB; what grows beyond it is cut off
    #[arg(long, env = "RUNNEL_ANSWER_LIMIT", value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    pub answer_limit: usize,
    /// The public host names of this server, separated by commas; IP addresses and names in your own network always
    /// work
    #[arg(long, env = "RUNNEL_HOSTS", value_name = "NAMES", value_delimiter = ',')]
    pub hosts: Vec<String>,
    #[command(flatten)]
    pub upstream: UpstreamArguments,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Ask one question, and print the answer as it arrives
    Ask(AskArguments),
    /// Back up everything to a file, also while Runnel is running
    Backup(FileArgument),
    /// Export all chats as JSON Lines
    Export(OptionalFileArgument),
    /// Import chats that were exported
    Import(OptionalFileArgument),
    /// Run only the OpenRouter emulator
    DemoUpstream(DemoArguments),
}

/// Who answers, and how patient Runnel is with them.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Upstream")]
pub struct UpstreamArguments {
    /// The API key; OpenRouter's begin with sk-or-. Better set in the environment: other users of this machine can see
    /// the flags of a program
    #[arg(long, env = "OPENROUTER_API_KEY", value_name = "KEY", hide_env_values = true, global = true)]
    pub api_key: Option<String>,
    /// The base URL of OpenRouter or of any OpenAI-compatible server [default: <https://openrouter.ai/api/v1>]
    #[arg(long, env = "OPENROUTER_BASE_URL", value_name = "URL", global = true)]
    pub base_url: Option<String>,
    /// The address of your site, sent as HTTP-Referer
    #[arg(long, env = "RUNNEL_SITE_URL", value_name = "URL", global = true)]
    pub site_url: Option<String>,
    /// The name of your site, sent as X-Title and X-OpenRouter-Title
    #[arg(long, env = "RUNNEL_SITE_NAME", value_name = "NAME", global = true)]
    pub site_name: Option<String>,
    /// The model to use when none is chosen [default: openrouter/auto; with other servers the first in their list]
    #[arg(long, env = "RUNNEL_DEFAULT_MODEL", value_name = "MODEL", global = true)]
    pub default_model: Option<String>,
    /// The model that writes the titles of chats; without one, a title is the first words of the question
    #[arg(long, env = "RUNNEL_TITLE_MODEL", value_name = "MODEL", global = true)]
    pub title_model: Option<String>,
    #[command(flatten)]
    pub timeouts: Timeouts,
}

#[derive(Clone, Debug, Args)]
pub struct FileArgument {
    /// The file to write. It must not exist yet
    pub file: PathBuf,
}

#[derive(Clone, Debug, Args)]
pub struct OptionalFileArgument {
    /// The file; without it, or as -, standard output or input
    pub file: Option<PathBuf>,
}

/// How long to wait for the upstream, in seconds.
#[derive(Clone, Debug, Args)]
pub struct Timeouts {
    /// How long to wait for a connection to the model's server
    #[arg(long, env = "RUNNEL_CONNECT_TIMEOUT", value_name = "SECONDS", default_value = "10", value_parser = seconds, global = true)]
    pub connect_timeout: Duration,
    /// How long to wait while the model's server sends nothing at all
    #[arg(long, env = "RUNNEL_IDLE_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds, global = true)]
    pub idle_timeout: Duration,
    /// How long to wait for text while the model's server only says that it is still working
    #[arg(long, env = "RUNNEL_PROGRESS_TIMEOUT", value_name = "SECONDS", default_value = "120", value_parser = seconds, global = true)]
    pub progress_timeout: Duration,
}

/// The exit codes are those of `ask::exit_code`.
const EXIT_CODES: &str = "Exit codes: 0 answered or stopped at a limit · 1 Runnel failed · 2 wrong usage · 3 key not \
    accepted · 4 no credit · 5 unknown model · 6 rate limited · 7 provider down · 8 too long · 9 refused by \
    moderation · 10 request not accepted · 11 unreachable · 12 stalled or cut off · 13 unreadable · 124 no answer \
    within --timeout · 130 Ctrl-C";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct AskArguments {
    /// The question. What comes on standard input is added to it
    pub prompt: Option<String>,
    /// The model to ask
    #[arg(short, long)]
    pub model: Option<String>,
    /// The system prompt
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Print tokens, cost and times to standard error at the end
    #[arg(long)]
    pub stats: bool,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,
}

#[derive(Clone, Debug, Args)]
pub struct DemoArguments {
    /// Where to serve the emulator
    #[arg(long = "at", value_name = "ADDRESS", default_value = "127.0.0.1:3100", value_parser = listen_address)]
    pub address: SocketAddr,
    /// The pause between two pieces of text
    #[arg(long, value_name = "MILLISECONDS", default_value = "12")]
    pub delta_ms: u64,
    /// The length of a piece of text
    #[arg(long, value_name = "CHARACTERS", default_value = "4")]
    pub characters: usize,
    /// The pause between two keep-alive comments
    #[arg(long, value_name = "MILLISECONDS", default_value = "400")]
    pub comment_ms: u64,
    /// Cut every write into pieces of at most so many bytes
    #[arg(long, value_name = "BYTES")]
    pub split_bytes: Option<usize>,
}

/// What a server can start with.
#[derive(Clone, Debug)]
pub struct Config {
    pub upstream: UpstreamConfig,
    /// The public names of this server.
    pub hosts: Vec<String>,
    /// The largest answer, in bytes of its encoded events.
    pub answer_limit: usize,
}

/// Who answers, and which models are asked where no other is named.
#[derive(Clone, Debug)]
pub struct UpstreamConfig {
    pub server: Upstream,
    pub default_model: Option<String>,
    /// Who gives chats their titles.
    pub title_model: Option<ModelId>,
}

/// Who answers.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// The emulator inside.
    Demo(Timeouts),
    Server(ClientConfig),
}

/// A configuration that cannot work. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentsError {
    #[error(transparent)]
    Client(#[from] ConfigError),
    #[error(
        "OPENROUTER_API_KEY is not an OpenRouter key: those begin with sk-or-. Create one at \
         https://openrouter.ai/keys. If the key belongs to another server, set OPENROUTER_BASE_URL to that server."
    )]
    NotAnOpenRouterKey,
    #[error(
        "OpenRouter needs a key: create one at https://openrouter.ai/keys and set OPENROUTER_API_KEY to it. \
         With neither a key nor OPENROUTER_BASE_URL, Runnel starts in demo mode."
    )]
    NoKey,
    #[error("RUNNEL_TITLE_MODEL (--title-model) cannot be used: {0}")]
    TitleModel(ModelIdError),
    #[error(
        "Runnel cannot tell where to keep the chats, since no home folder is set. Name a file with --data or \
         RUNNEL_DATABASE_URL."
    )]
    NoDataFolder,
    #[error(
        "\u{201c}{0}\u{201d} cannot hold the chats: Runnel keeps them in an SQLite file. Name one, such as runnel.db."
    )]
    NotSqlite(String),
}

/// The file that chats are kept in.
///
/// # Errors
/// [`ArgumentsError`] says what to set.
pub fn data_file(data: Option<String>) -> Result<PathBuf, ArgumentsError> {
    let Some(data) = typed(data) else {
        let folders = etcetera::choose_base_strategy().map_err(|_| ArgumentsError::NoDataFolder)?;
        return Ok(folders.data_dir().join("runnel").join("runnel.db"));
    };
    let file = data.strip_prefix("sqlite:").map(|rest| rest.strip_prefix("//").unwrap_or(rest));
    match file {
        Some(file) if !file.is_empty() && !file.contains(['?', ':']) => Ok(file.into()),
        None if !data.contains("://") => Ok(data.into()),
        _ => Err(ArgumentsError::NotSqlite(data)),
    }
}

impl UpstreamArguments {
    /// Checks what was typed. An empty text counts as not set.
    ///
    /// # Errors
    /// [`ArgumentsError`] says what to set.
    pub fn config(self) -> Result<UpstreamConfig, ArgumentsError> {
        let default_model = typed(self.default_model);
        let (key, base_url) = (typed(self.api_key), typed(self.base_url));
        if key.is_none() && base_url.is_none() {
            let title_model = title_model(self.title_model, ModelRule::VendorPrefixed)?;
            return Ok(UpstreamConfig { server: Upstream::Demo(self.timeouts), default_model, title_model });
        }
        let mut client = self.timeouts.client_config(base_url.as_deref().unwrap_or(OPENROUTER_BASE_URL))?;
        if client.is_openrouter() {
            match &key {
                None => return Err(ArgumentsError::NoKey),
                Some(key) if !key.starts_with("sk-or-") => return Err(ArgumentsError::NotAnOpenRouterKey),
                Some(_) => {}
            }
        }
        client.api_key = key.map(SecretString::from);
        client.site_url = typed(self.site_url);
        client.site_name = typed(self.site_name);
        let title_model = title_model(self.title_model, client.model_rule())?;
        Ok(UpstreamConfig { server: Upstream::Server(client), default_model, title_model })
    }
}

impl Timeouts {
    /// A client of the server at `base_url` that is as patient as this.
    pub(super) fn client_config(&self, base_url: &str) -> Result<ClientConfig, ConfigError> {
        let mut config = ClientConfig::new(base_url)?;
        config.connect_timeout = self.connect_timeout;
        config.idle_timeout = self.idle_timeout;
        config.progress_timeout = self.progress_timeout;
        Ok(config)
    }
}

fn title_model(text: Option<String>, rule: ModelRule) -> Result<Option<ModelId>, ArgumentsError> {
    typed(text).map(|text| ModelId::parse(&text, rule).map_err(ArgumentsError::TitleModel)).transpose()
}

fn typed(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A year. A time that no clock can hold would end the program.
const LONGEST_SECONDS: f64 = 366.0 * 86_400.0;

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST_SECONDS);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a number of seconds above 0 and up to a year, such as 30 or 0.5".to_owned())
}

/// A port alone, with or without a colon, is one of this machine's loopback address: nobody else is let in by accident.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    let port = text.strip_prefix(':').or_else(|| text.strip_prefix("localhost:")).unwrap_or(text);
    if port.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(port) = port.parse::<u16>()
    {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| {
        "write a port, such as 3000, or an address and a port, such as 127.0.0.1:3000; 0.0.0.0:3000 lets other \
         machines in"
            .to_owned()
    })
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "write a whole number above 0, such as 1024".to_owned())
}

/// The smallest limit that makes sense: less than a page of text with its figures is no answer.
const SMALLEST_LIMIT: usize = 64 << 10;

fn size(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim() {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let size = number.parse::<usize>().ok().zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    size.filter(|size| *size >= SMALLEST_LIMIT)
        .ok_or_else(|| "write a size of at least 64KiB, such as 16MiB or 16777216".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::answers::USUAL_ANSWER_BYTES;

    fn config(arguments: &[&str]) -> Result<UpstreamConfig, ArgumentsError> {
        Arguments::try_parse_from([&["runnel"], arguments].concat()).unwrap().upstream.config()
    }

    #[test]
    fn without_key_and_base_url_it_is_a_demo() {
        assert!(matches!(config(&[]).unwrap().server, Upstream::Demo(_)));
        assert!(matches!(config(&["--api-key", " "]).unwrap().server, Upstream::Demo(_)));
    }

    #[test]
    fn a_key_of_another_kind_is_refused_for_openrouter_without_being_repeated() {
        let error = config(&["--api-key", "sk-proj-secret"]).unwrap_err().to_string();
        assert!(error.contains("sk-or-") && error.contains("OPENROUTER_BASE_URL"), "{error}");
        assert!(!error.contains("secret"));
        assert!(config(&["--api-key", "sk-or-v1-x"]).is_ok());
        assert!(config(&["--api-key", "sk-proj-x", "--base-url", "http://127.0.0.1:1/v1"]).is_ok());
    }

    #[test]
    fn openrouter_wants_a_key_and_another_server_may_not() {
        assert!(matches!(config(&["--base-url", OPENROUTER_BASE_URL]), Err(ArgumentsError::NoKey)));
        assert!(config(&["--base-url", "http://127.0.0.1:8080/v1"]).is_ok());
    }

    #[test]
    fn the_key_is_not_in_the_debug_output_of_the_configuration() {
        let config = config(&["--api-key", "sk-or-v1-secret"]).unwrap();
        assert!(!format!("{config:?}").contains("secret"));
    }

    #[test]
    fn a_timeout_is_a_positive_number() {
        for bad in ["0", "-1", "soon", "1e18", "1e400", "NaN"] {
            assert!(Arguments::try_parse_from(["runnel", "--idle-timeout", bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        for (typed, address) in [
            ("3000", "127.0.0.1:3000"),
            (":3000", "127.0.0.1:3000"),
            ("localhost:8080", "127.0.0.1:8080"),
            (" 0 ", "127.0.0.1:0"),
            ("0.0.0.0:3000", "0.0.0.0:3000"),
            ("[::]:3000", "[::]:3000"),
            ("[::1]:65535", "[::1]:65535"),
        ] {
            assert_eq!(listen_address(typed).unwrap().to_string(), address, "{typed}");
        }
    }

    #[test]
    fn an_address_that_is_none_says_what_to_write() {
        for bad in [
            "",
            ":",
            "70000",
            "-1",
            "+80",
            "127.0.0.1",
            "chat.example.com:3000",
            "http://127.0.0.1:3000",
            "::1:",
        ] {
            let error =
                Arguments::try_parse_from(["runnel", &format!("--listen={bad}")]).unwrap_err().to_string();
            assert!(error.contains("such as 3000") && error.contains("0.0.0.0:3000"), "{bad}: {error}");
        }
    }

    #[test]
    fn there_may_be_so_many_connections_as_a_number_says() {
        let most = |typed: &str| {
            Arguments::try_parse_from(["runnel", "--max-connections", typed])
                .map(|typed| typed.max_connections)
        };
        assert_eq!(most("7").unwrap(), 7);
        for bad in ["0", "many", "1.5"] {
            assert!(most(bad).unwrap_err().to_string().contains("above 0"), "{bad}");
        }
    }

    #[test]
    fn the_limit_of_an_answer_is_a_size() {
        let limit = |text: &str| {
            Arguments::try_parse_from(["runnel", "--answer-limit", text])
                .map(|arguments| arguments.answer_limit)
        };
        assert_eq!(Arguments::try_parse_from(["runnel"]).unwrap().answer_limit, USUAL_ANSWER_BYTES);
        for (text, bytes) in [("16MiB", 16 << 20), ("64 KiB", 64 << 10), ("1GiB", 1 << 30), ("70000", 70_000)]
        {
            assert_eq!(limit(text).unwrap(), bytes, "{text}");
        }
        for bad in ["0", "1KiB", "16mb", "MiB", "-1", "1e9", "99999999999999999999", "99999999999GiB"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn chats_are_kept_where_it_was_said() {
        let file = |data: &str| data_file(Some(data.to_owned())).map(|file| file.display().to_string());
        for (data, expected) in [
            ("chats.db", "chats.db"),
            ("/var/lib/runnel.db", "/var/lib/runnel.db"),
            ("sqlite:chats.db", "chats.db"),
            ("sqlite:///var/lib/runnel.db", "/var/lib/runnel.db"),
            ("C:\\chats.db", "C:\\chats.db"),
        ] {
            assert_eq!(file(data).unwrap(), expected);
        }
        for bad in ["postgres://localhost/runnel", "sqlite:", "sqlite::memory:", "sqlite:a.db?mode=ro"] {
            assert!(file(bad).unwrap_err().to_string().contains("SQLite"), "{bad}");
        }
        assert!(data_file(None).unwrap().ends_with("runnel/runnel.db"));
    }

    #[test]
    fn the_commands_are_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
