//! Programs that are started for the measurement, and what the system says of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::net::TcpListener;

/// A listener at a free port, which it prints as `listening at host:port`.
pub async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("listening at {}", listener.local_addr().unwrap());
    listener
}

/// A program, killed when it is dropped.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already is gone all the same.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    pub fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Starts one that says where it listens: what comes after `before` in a line, up to a blank or the end.
    pub fn start_at(command: &mut Command, before: &str) -> (Self, String) {
        let mut program = Self::start(command.stdout(Stdio::piped()));
        let lines = BufReader::new(program.0.stdout.take().expect("it is piped")).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let rest = line.split_once(before)?.1;
            Some(rest.split_whitespace().next()?.to_owned())
        });
        let address = address.unwrap_or_else(|| panic!("{command:?} did not say where it listens"));
        (program, address)
    }

    /// Itself and what it has started.
    pub fn ids(&self) -> Vec<u32> {
        let own = self.0.id();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        std::iter::once(own).chain(children.split_whitespace().filter_map(|id| id.parse().ok())).collect()
    }

    /// Processor time so far, of all of it.
    pub fn cpu(&self) -> Duration {
        self.ids().into_iter().map(cpu_of).sum()
    }

    /// Resident memory of all of it, in bytes.
    pub fn memory(&self) -> u64 {
        self.ids().into_iter().map(memory_of).sum()
    }
}

/// User and system time, in clock ticks of 10 ms: fields 14 and 15 of `/proc/<id>/stat` (proc(5)).
fn cpu_of(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The second field, a name in brackets, may hold blanks.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn memory_of(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// True if there is such a program.
pub fn is_installed(path: &str) -> bool {
    Path::new(path).exists()
}
