//! What a chunk and a send cost on the way through Runnel, beside nginx and a plain pass-through: `make bench-proxy`.
//!
//! The upstream writes the time into each token when it sends it, and the client subtracts that on receipt; each is a
//! process of its own, as is what stands between them: nothing ("direct"), nginx with its buffering off, a pass-through
//! of axum and hyper, and Runnel with its log on. All four take turns in one run, so that what the machine does else
//! meets all of them. All times are differences to "direct" of the same round.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, in a few digits, and ends when something fails"
)]

mod client;
mod marker;
mod pass_through;
mod process;
mod proxies;
mod report;
mod upstream;

use std::env;

fn main() {
    // Cargo's own arguments begin with dashes.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let part = arguments.first().map(String::as_str);
    let Some(part) = part else { return report::print() };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match part {
        "upstream" => runtime.block_on(upstream::serve()),
        "pass-through" => runtime.block_on(pass_through::serve(&arguments[1])),
        "client" => runtime.block_on(client::run(&arguments[1])),
        other => panic!("there is no part called {other}"),
    }
}
