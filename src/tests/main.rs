//! Everything over real sockets: the real server in front of the emulated upstream.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod bad_input;
mod between_steps;
mod catalogue;
mod command_line;
mod connections;
mod conversation;
mod demo_upstream;
mod disconnect;
mod durable;
mod errors;
mod event_log_contract;
mod hostile_upstream;
mod kill;
mod live;
mod markdown_suites;
mod migrations;
mod page;
mod parallel_loads;
mod pure_modules;
mod random;
mod retry;
mod sandbox;
mod several;
mod staged_store;
mod store_contract;
mod store_faults;
#[cfg(unix)]
mod terminal;
mod test_app;
mod timers;
mod transfer;
mod trouble;
mod viewers;
mod wire_corpus;
