//! The real binary as a process of its own, to be killed and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::http::{Answer, Call};

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A `bailey server` on a data directory of its own.
#[derive(Debug)]
pub struct Server {
    binary: PathBuf,
    dir: PathBuf,
    environment: Vec<(String, String)>,
    listen: SocketAddr,
    child: Option<Child>,
    addr: Option<SocketAddr>,
    token: Option<String>,
}

impl Server {
    /// A server that is not started yet. `dir` gets the data directory and the configuration.
    pub fn new(binary: &Path, dir: &Path, config: &str) -> Result<Self> {
        std::fs::write(dir.join("bailey.toml"), config)?;
        let (binary, dir) = (binary.to_owned(), dir.to_owned());
        Ok(Self {
            binary,
            dir,
            environment: Vec::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            child: None,
            addr: None,
            token: None,
        })
    }

    /// Has it listen there from now on; otherwise each start takes a free port.
    pub fn listen_on(&mut self, addr: SocketAddr) {
        self.listen = addr;
    }

    /// Starts it with one more environment variable from now on.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets or, with `None`, removes an environment variable of later starts.
    pub fn set_env(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(n, _)| n != name);
        if let Some(value) = value {
            self.environment.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Its process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("HOME", &self.dir)
            .env("PATH", "/usr/bin:/bin")
            .envs(self.environment.iter().cloned());
        command
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) -> Result<SocketAddr> {
        let address = self.data_dir().join("address");
        let _ = std::fs::remove_file(&address);
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("log"))?;
        let mut command = self.command();
        command
            .arg("server")
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--listen")
            .arg(self.listen.to_string())
            .arg("--config")
            .arg(self.dir.join("bailey.toml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut child = command.spawn()?;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status}: {}", self.log());
            }
            let listening = std::fs::read_to_string(&address)
                .ok()
                .and_then(|text| text.trim().parse().ok());
            if let Some(addr) = listening
                && Call::bare("GET", "/readyz")
                    .send(addr)
                    .is_ok_and(|answer| answer.status == 200)
            {
                self.child = Some(child);
                self.addr = Some(addr);
                return Ok(addr);
            }
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                bail!("the server is not ready: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Where it listens.
    pub fn addr(&self) -> Result<SocketAddr> {
        self.addr.context("the server was never started")
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Waits until it has ended by itself.
    pub fn wait_ended(&mut self) -> Result<std::process::ExitStatus> {
        let mut child = self.child.take().context("not running")?;
        let began = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if began.elapsed() > PATIENCE {
                let _ = child.kill();
                bail!("the server does not end: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&mut self) -> Result<()> {
        let pid = self.pid().context("not running")?;
        let status = Command::new("kill").arg("-TERM").arg(pid.to_string()).status()?;
        ensure!(status.success(), "kill -TERM failed");
        let status = self.wait_ended()?;
        ensure!(status.success(), "the server ended with {status}: {}", self.log());
        Ok(())
    }

    /// Runs a command of the binary.
    pub fn run(&mut self, args: &[&str]) -> Result<Output> {
        let mut command = self.command();
        command.args(args).stdin(Stdio::null());
        if let Some(addr) = self.addr {
            command.env("BAILEY_URL", format!("http://{addr}"));
        }
        if args.first() != Some(&"admin") {
            command.env("BAILEY_TOKEN", self.token()?);
        }
        Ok(command.output()?)
    }

    /// Runs a command that must succeed and shows JSON.
    pub fn json(&mut self, args: &[&str]) -> Result<Value> {
        let output = self.run(&[args, &["--output", "json"]].concat())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(
            output.status.success(),
            "{args:?}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_str(&text).with_context(|| format!("{args:?} shows no JSON: {text}"))
    }

    /// The owner's API token.
    pub fn token(&mut self) -> Result<String> {
        if let Some(token) = &self.token {
            return Ok(token.clone());
        }
        let token = self.token_of("owner")?;
        self.token = Some(token.clone());
        Ok(token)
    }

    /// A new API token for all that somebody may do.
    pub fn token_of(&self, user: &str) -> Result<String> {
        let data = self.data_dir();
        let config = self.dir.join("bailey.toml");
        let output = self
            .command()
            .args(["admin", "token", "create", "--user", user, "--data-dir"])
            .arg(data)
            .arg("--config")
            .arg(config)
            .output()?;
        ensure!(
            output.status.success(),
            "no token: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Makes a key; answers with its id and the key itself.
    pub fn key(&mut self, args: &[&str]) -> Result<(String, String)> {
        let made = self.json(&[&["keys", "create"], args].concat())?;
        let field = |name: &str| made.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        Ok((field("id").context("no id")?, field("key").context("no key")?))
    }

    /// Asks Bailey's own API.
    pub fn api(&mut self, method: &str, path: &str) -> Result<Answer> {
        let token = self.token()?;
        Call::bare(method, path).bearer(&token).send(self.addr()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that fails must not leave a server behind.
        let _ = self.kill();
    }
}
