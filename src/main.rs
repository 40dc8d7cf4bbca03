//! The command line: `runnel`, `runnel ask`, `runnel demo-upstream`.

use std::process::ExitCode;

use clap::Parser;
use runnel::server::config::{Arguments, Command};
use runnel::server::run;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return run::fail(&error),
    };
    let result = runtime.block_on(async {
        run::check_machine()?;
        match arguments.command {
            None => run::serve(arguments).await,
            Some(Command::Backup(backup)) => run::backup(arguments.data, backup).await,
            Some(Command::Export(export)) => run::export(arguments.data, export).await,
            Some(Command::Import(import)) => run::import(arguments.data, import).await,
            Some(Command::Ask(ask)) => run::ask(arguments.upstream, ask).await,
            Some(Command::DemoUpstream(demo)) => run::demo_upstream(demo).await,
        }
    });
    let code = result.unwrap_or_else(|error| run::fail(error.as_ref()));
    // A write to a pipe that nobody reads never ends: it must not hold the program back.
    runtime.shutdown_background();
    code
}
