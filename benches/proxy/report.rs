//! The tables.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::client::{Plan, Speaks};
use crate::process::is_installed;
use crate::proxies::{Proxy, Setup, hold, measure};

const STRACE: &str = "/usr/bin/strace";
/// Of each figure, the median of so many rounds is shown. In each, all take turns.
const ROUNDS: usize = 3;
/// Like a token of a fast model.
const BYTES: usize = 30;

/// Measures everything and prints it.
pub fn print() {
    // What is started has the same limit.
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let setup = Setup::start();
    let names = setup.proxies.iter().map(|proxy| proxy.name).collect::<Vec<_>>();
    println!(
        "On {} processors. Times are differences to direct, of the same round; medians of {ROUNDS} rounds.\n",
        processors()
    );
    println!("{:<44} {}", "", names.iter().map(|name| format!("{name:>12}")).collect::<Vec<_>>().concat());
    if wanted("chunk") {
        for (streams, chunks, pause_us) in [(1, 500, 10_000), (50, 250, 20_000), (300, 50, 100_000)] {
            // One after the other, as people ask; streams in step would be measured in bursts.
            chunks_at(&setup, &Plan { spread_ms: pause_us / 1000, ..plan(streams, chunks, pause_us) });
        }
    }
    if wanted("first") {
        for (streams, spread_ms) in [(1, 0), (50, 0), (300, 0), (4_000, 2_000)] {
            first_at(&setup, &Plan { spread_ms, ..plan(streams, 2, 1_000) });
        }
    }
    if wanted("length") {
        length(&setup);
    }
    if wanted("calls") {
        for streams in [1, 50] {
            system_calls(&setup, &plan(streams, 300, 20_000));
        }
    }
    drop(setup);
    if wanted("memory") {
        for streams in [1_000, 4_000] {
            // What was held for others before counts for none of these.
            memory_at(&Setup::start(), &Plan { spread_ms: 2_000, ..plan(streams, 12, 1_000_000) });
        }
    }
}

/// `ROWS` in the environment names what is measured, separated by commas: chunk, first, length, calls, memory. All of it,
/// if it is not given.
fn wanted(rows: &str) -> bool {
    std::env::var("ROWS").map_or(true, |wanted| wanted.split(',').any(|name| name.trim() == rows))
}

fn plan(streams: u32, chunks: u32, pause_us: u64) -> Plan {
    let (address, speaks) = (String::new(), Speaks::OpenAi);
    Plan { address, speaks, streams, spread_ms: 0, chunks, pause_us, bytes: BYTES }
}

/// What a chunk waits, and what it costs.
fn chunks_at(setup: &Setup, plan: &Plan) {
    let mut rounds = vec![Vec::new(); setup.proxies.len()];
    for _ in 0..ROUNDS {
        for (proxy, rounds) in setup.proxies.iter().zip(&mut rounds) {
            let before = cpu(proxy);
            let outcome = measure(&proxy.plan(plan));
            let cpu_us = cpu(proxy).saturating_sub(before).as_secs_f64() * 1e6 / outcome.chunks as f64;
            note_failures(proxy, outcome.failed);
            rounds.push((outcome.chunk, cpu_us));
        }
    }
    let streams = plan.streams;
    for (at, name) in ["p50", "p99", "p99.9"].into_iter().enumerate() {
        let times = rounds.iter().map(|rounds| rounds.iter().map(|(chunk, _)| micro(chunk[at])).collect());
        row(&format!("chunk, {streams} streams: {name}, µs"), &over_direct(times.collect()), 0);
    }
    let costs: Vec<_> =
        rounds.iter().map(|rounds| median(rounds.iter().map(|(_, cpu)| *cpu).collect())).collect();
    row(&format!("CPU a chunk, {streams} streams, µs"), &costs, 1);
}

/// How long the first token takes.
fn first_at(setup: &Setup, plan: &Plan) {
    let mut rounds = vec![Vec::new(); setup.proxies.len()];
    for _ in 0..ROUNDS {
        for (proxy, rounds) in setup.proxies.iter().zip(&mut rounds) {
            let outcome = measure(&proxy.plan(plan));
            note_failures(proxy, outcome.failed);
            rounds.push(outcome.first);
            settle(setup);
        }
    }
    let how =
        if plan.spread_ms == 0 { "at once".to_owned() } else { format!("in {} s", plan.spread_ms / 1000) };
    for (at, name) in ["p50", "p99"].into_iter().enumerate() {
        let times =
            rounds.iter().map(|rounds| rounds.iter().map(|first| micro(first[at]) / 1000.0).collect());
        row(
            &format!("first token, {} sends {how}: {name}, ms", plan.streams),
            &over_direct(times.collect()),
            1,
        );
    }
}

/// What an open stream holds, and what is kept once all have ended.
fn memory_at(setup: &Setup, plan: &Plan) {
    let (mut open, mut kept) = (Vec::new(), Vec::new());
    for proxy in &setup.proxies {
        let memory = || proxy.program.as_ref().map_or(0, crate::process::Program::memory);
        let before = memory();
        let client = hold(&proxy.plan(plan));
        open.push(memory().saturating_sub(before) as f64 / 1024.0 / f64::from(plan.streams));
        drop(client);
        settle(setup);
        sleep(Duration::from_secs(5));
        kept.push(memory() as f64 / 1024.0 / 1024.0);
    }
    row(&format!("memory an open stream, {} streams, KB", plan.streams), &open, 1);
    row(&format!("memory after {} streams ended, MB", plan.streams), &kept, 1);
}

/// Whether a chunk of a long answer costs more than one of a short one: the first and the last 2 s of 10.
fn length(setup: &Setup) {
    let costs = setup.proxies.iter().map(|proxy| {
        let client = hold(&proxy.plan(&Plan { bytes: 50, ..plan(1, 20_000, 500) }));
        let window = Duration::from_secs(2);
        let start = cpu(proxy);
        sleep(window);
        let short = cpu(proxy).saturating_sub(start);
        sleep(Duration::from_millis(5_500));
        let start = cpu(proxy);
        sleep(window);
        let long = cpu(proxy).saturating_sub(start);
        drop(client);
        settle(setup);
        long.as_secs_f64() / short.as_secs_f64()
    });
    row("CPU a chunk at 1 MB over that at its beginning", &costs.collect::<Vec<_>>(), 2);
}

/// What the system is asked for, as strace counts it: it slows what it looks at.
fn system_calls(setup: &Setup, plan: &Plan) {
    if !is_installed(STRACE) {
        println!("strace is not installed: calls of the system are not counted.");
        return;
    }
    let (mut all, mut syncs) = (Vec::new(), Vec::new());
    for proxy in &setup.proxies {
        let Some(program) = &proxy.program else {
            all.push(f64::NAN);
            syncs.push(f64::NAN);
            continue;
        };
        let counts = tempfile::NamedTempFile::new().unwrap();
        let mut command = Command::new(STRACE);
        command.args(["-f", "-c", "-o"]).arg(counts.path()).stderr(Stdio::null());
        for id in program.ids() {
            command.args(["-p", &id.to_string()]);
        }
        let mut strace = command.spawn().unwrap();
        sleep(Duration::from_millis(500));
        let outcome = measure(&proxy.plan(plan));
        // It writes its counts when it is interrupted.
        Command::new("kill").args(["-INT", &strace.id().to_string()]).status().unwrap();
        strace.wait().unwrap();
        let text = std::fs::read_to_string(counts.path()).unwrap();
        let calls = |name: &str| {
            let line = text.lines().find(|line| line.split_whitespace().last() == Some(name));
            line.and_then(|line| line.split_whitespace().nth(3)?.parse::<f64>().ok()).unwrap_or_default()
        };
        all.push(calls("total") / outcome.chunks as f64);
        let seconds = f64::from(plan.chunks) * plan.pause_us as f64 / 1e6;
        syncs.push((calls("fdatasync") + calls("fsync")) / seconds);
    }
    row(&format!("calls of the system a chunk, {} streams", plan.streams), &all, 1);
    row(&format!("fdatasync a second, {} streams", plan.streams), &syncs, 1);
}

/// Until no stream is open any more at the upstream.
fn settle(setup: &Setup) {
    loop {
        let said =
            Command::new("curl").args(["-s", &format!("http://{}/open", setup.upstream)]).output().unwrap();
        if said.stdout == b"0" {
            return;
        }
        sleep(Duration::from_millis(50));
    }
}

fn cpu(proxy: &Proxy) -> Duration {
    proxy.program.as_ref().map_or(Duration::ZERO, crate::process::Program::cpu)
}

fn note_failures(proxy: &Proxy, failed: u32) {
    if failed > 0 {
        println!("{}: {failed} streams failed.", proxy.name);
    }
}

/// For each, the median over the rounds of how much it is above the first; of the first itself, its own.
fn over_direct(of_each: Vec<Vec<f64>>) -> Vec<f64> {
    let direct = of_each[0].clone();
    let over = |(at, rounds): (usize, Vec<f64>)| {
        let differences =
            rounds.iter().zip(&direct).map(|(own, direct)| if at == 0 { *own } else { own - direct });
        median(differences.collect())
    };
    of_each.into_iter().enumerate().map(over).collect()
}

fn row(name: &str, figures: &[f64], digits: usize) {
    let figure = |figure: &f64| {
        if figure.is_nan() { format!("{:>12}", "") } else { format!("{figure:>12.digits$}") }
    };
    println!("{name:<44} {}", figures.iter().map(figure).collect::<Vec<_>>().concat());
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn micro(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
