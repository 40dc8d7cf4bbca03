//! The command line: `runnel`, `runnel ask`, `runnel demo-upstream`.

use std::process::ExitCode;

use clap::Parser;
use runnel::server::config::{Arguments, Command};
use runnel::server::run;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        None => run::serve(arguments.listen, arguments.upstream).await,
        Some(Command::Ask(ask)) => run::ask(arguments.upstream, ask).await,
        Some(Command::DemoUpstream(demo)) => run::demo_upstream(demo).await,
    };
    result.unwrap_or_else(|error| run::fail(error.as_ref()))
}
