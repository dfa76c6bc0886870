//! The server: the same program, as a process of its own.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bailey_runtime::config::{Config, Overrides};
use rustix::process::{Pid, Signal, kill_process};

use super::super::Env;
use super::place::{FORGE_HOST, Place};
use super::session::Session;
use crate::failure::{Explain, Failure};

/// How long it may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);
/// Lines of its log that are shown where it fails.
const LINES: usize = 12;

/// A server that runs. Dropped, it is ended at once.
pub(super) struct Server {
    child: Mutex<Child>,
    log: PathBuf,
}

/// The variables that are not Bailey's: those would change the demonstration.
fn clean(environment: &Env) -> impl Iterator<Item = (&String, &String)> {
    environment.iter().filter(|(name, _)| !name.starts_with("BAILEY"))
}

impl Server {
    /// Writes its configuration, looks whether workspaces can run, and starts it.
    pub(super) async fn start(place: &Place, environment: &Env) -> Result<Self, Failure> {
        let config = configure(place, environment)?;
        can_run(&config).await?;
        let program = std::env::current_exe()?;
        let log = place.path("server.log");
        let out = File::create(&log).doing(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(&program)
            .arg("server")
            .arg("--config")
            .arg(place.path("bailey.toml"))
            .env_clear()
            .envs(clean(environment))
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            // Ctrl-C is ours: workspaces are stopped before it is.
            .process_group(0)
            .spawn()
            .doing(|| format!("cannot start {}", program.display()))?;
        let server = Self {
            child: Mutex::new(child),
            log,
        };
        server.ready(place).await?;
        Ok(server)
    }

    async fn ready(&self, place: &Place) -> Result<(), Failure> {
        let (session, began) = (Session::nobody(&place.url())?, Instant::now());
        while !session.is_ready().await {
            if self.has_ended() || began.elapsed() > PATIENCE {
                return Err(self.failed("the server did not start"));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn has_ended(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(child.try_wait(), Ok(None))
    }

    /// Waits until it ends, which nobody asked for.
    pub(super) async fn ended(&self) -> Failure {
        while !self.has_ended() {
            tokio::time::sleep(LOOK).await;
        }
        self.failed("the server has ended")
    }

    fn failed(&self, what: &str) -> Failure {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
        Failure::new(format!("{what}; the end of its log:\n{}", end.join("\n")))
            .hint(format!("the whole is in {}", self.log.display()))
    }

    /// Ends it in order.
    pub(super) async fn stop(&self) {
        let pid = {
            let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            Pid::from_child(&child)
        };
        let began = Instant::now();
        if self.has_ended() || kill_process(pid, Signal::TERM).is_err() {
            return;
        }
        while !self.has_ended() && began.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(child.try_wait(), Ok(None)) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Writes what the server is configured with, and reads it as the server will.
fn configure(place: &Place, environment: &Env) -> Result<Config, Failure> {
    let kept = &place.kept;
    let text = format!(
        r#"# Written by `bailey demo` at each start.
[server]
listen = "127.0.0.1:{port}"
public_url = "{url}"
data_dir = "bailey"
shutdown_grace = "5s"

[egress.hosts]
"{FORGE_HOST}:{forge_port}" = "127.0.0.1"

[[external_auth]]
name = "demo"
display_name = "Demonstration's forge"
kind = "gitlab"
base_url = "{base}"
browser_url = "{forge}"
client_id = "{id}"
client_secret = "{secret}"

[providers.scripted]
kind = "mock"
scenarios = "scenario.yaml"

[[models]]
name = "scripted"
routes = [{{ provider = "scripted", price = {{ input = "3", output = "15" }} }}]

[workspaces]
allow_missing_limits = ["cpu", "memory", "processes", "io", "disk"]
"#,
        port = kept.port,
        url = place.url(),
        forge_port = kept.forge_port,
        base = place.forge_base(),
        forge = place.forge_url(),
        id = kept.client_id,
        secret = kept.client_secret,
    );
    let file = place.path("bailey.toml");
    let write = || {
        fs::write(place.path("scenario.yaml"), include_str!("scenario.yaml"))?;
        fs::write(&file, text)?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))
    };
    write().doing(|| format!("cannot write {}", file.display()))?;
    let variables = clean(environment).map(|(name, value)| (name.clone(), value.clone()));
    Ok(Config::load(Some(&file), variables, &Overrides::default())?)
}

/// Workspaces are what is shown; where none can run, that is said before anything is begun.
async fn can_run(config: &Config) -> Result<(), Failure> {
    let found = bailey_server::fleet::probe(config).await;
    let found = found.map_err(|error| {
        Failure::new(error).hint("bailey-agent belongs beside this program: `make build` puts both into target/release")
    })?;
    match found.blockers.first() {
        None => Ok(()),
        Some(blocker) => Err(Failure::new(format!("no workspace can run on this machine: {blocker}"))
            .hint("run it as root, or allow user namespaces; `bailey doctor` says more")),
    }
}
