//! What stands between client and upstream, each a process of its own.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::client::{Outcome, Plan, Speaks};
use crate::process::{Program, is_installed};

const NGINX: &str = "/usr/sbin/nginx";

/// Something that a request can be sent to.
pub struct Proxy {
    pub name: &'static str,
    pub address: String,
    pub speaks: Speaks,
    /// None of the upstream itself, which is reached directly.
    pub program: Option<Program>,
}

/// The upstream and all that stands before it.
pub struct Setup {
    pub upstream: String,
    /// The upstream itself is the first.
    pub proxies: Vec<Proxy>,
    _upstream: Program,
    _folder: TempDir,
}

impl Setup {
    /// Starts all of it. nginx is left out, with a word, where it is not installed.
    pub fn start() -> Self {
        // In the project's own folder: a folder in memory would sync nothing.
        let folder = tempfile::tempdir_in(target()).unwrap();
        let (program, upstream) = Program::start_at(own().arg("upstream"), "listening at ");
        let mut proxies = vec![Proxy::new("direct", &upstream, Speaks::OpenAi, None)];
        if is_installed(NGINX) {
            proxies.push(nginx(folder.path(), &upstream));
        } else {
            println!("nginx is not installed: its column is left out.");
        }
        let (pass_through, address) =
            Program::start_at(own().args(["pass-through", &upstream]), "listening at ");
        proxies.push(Proxy::new("axum", &address, Speaks::OpenAi, Some(pass_through)));
        proxies.push(runnel(folder.path(), &upstream));
        Self { upstream, proxies, _upstream: program, _folder: folder }
    }
}

impl Proxy {
    fn new(name: &'static str, address: &str, speaks: Speaks, program: Option<Program>) -> Self {
        Self { name, address: address.to_owned(), speaks, program }
    }

    /// The same plan, for this one.
    pub fn plan(&self, plan: &Plan) -> Plan {
        Plan { address: self.address.clone(), speaks: self.speaks, ..plan.clone() }
    }
}

/// Has a client carry out the plan, to its end.
pub fn measure(plan: &Plan) -> Outcome {
    let (_client, outcome) = Program::start_at(&mut client(plan), "outcome: ");
    serde_json::from_str(&outcome).unwrap()
}

/// Has a client open all streams of the plan. They are held until it is dropped.
pub fn hold(plan: &Plan) -> Program {
    Program::start_at(&mut client(plan), "all open: ").0
}

fn client(plan: &Plan) -> Command {
    let mut command = own();
    command.args(["client", &serde_json::to_string(plan).unwrap()]);
    command
}

fn own() -> Command {
    Command::new(env::current_exe().unwrap())
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target")
}

/// Debian's nginx with its buffering off, and with as many workers as there are processors.
fn nginx(folder: &Path, upstream: &str) -> Proxy {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let config = folder.join("nginx.conf");
    let here = folder.display();
    let text = format!(
        "daemon off; worker_processes auto; pid {here}/nginx.pid; error_log {here}/nginx.log;
         events {{ worker_connections 16384; }}
         http {{
           access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
           fastcgi_temp_path {here}/fastcgi; uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
           upstream bench {{ server {upstream}; keepalive 64; }}
           server {{
             listen {address} backlog=8192;
             location / {{
               proxy_pass http://bench; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_buffering off;
             }}
           }}
         }}"
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(NGINX);
    command.arg("-c").arg(&config).arg("-p").arg(folder).stderr(Stdio::null());
    let program = Program::start(&mut command);
    wait_for(&address);
    Proxy::new("nginx", &address, Speaks::OpenAi, Some(program))
}

/// The binary of `make release`, with its database and its log on the disk.
fn runnel(folder: &Path, upstream: &str) -> Proxy {
    let binary = env::var("RUNNEL_BIN").map_or_else(|_| target().join("release/runnel"), PathBuf::from);
    let mut command = Command::new(binary);
    command
        .current_dir(folder)
        .env("RUNNEL_LISTEN", "127.0.0.1:0")
        .env("RUNNEL_DATABASE_URL", folder.join("runnel.db"))
        .env("RUNNEL_MAX_CONNECTIONS", "16384")
        .env("OPENROUTER_API_KEY", "bench")
        .env("OPENROUTER_BASE_URL", format!("http://{upstream}/api/v1"))
        .env("RUST_LOG", "error")
        .stderr(Stdio::inherit());
    let (program, address) = Program::start_at(&mut command, "at http://");
    Proxy::new("Runnel", &address, Speaks::Runnel, Some(program))
}

/// Until somebody listens there.
fn wait_for(address: &str) {
    while std::net::TcpStream::connect(address).is_err() {
        std::thread::yield_now();
    }
}
