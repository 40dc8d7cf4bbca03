//! Markdown that grows, checked from outside: against the specification, in pieces of every kind, under watch.
//!
//! `RUNNEL_MARKDOWN_CASES` is how many documents of chance are tried, `RUNNEL_SEED` which ones and in which pieces. The
//! same is fuzzed without end in the folder `fuzz`.

mod chunking;
mod continuing;
mod cost;
mod definitions;
mod dom_sync;
mod examples;
mod flicker;
mod fragments;
mod growing;
mod hostile;
mod properties;
mod shape;
mod spec_html;
