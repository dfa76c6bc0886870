//! Runs a template's install script in a sandbox with the host's network, so that it fills the directory at `/opt`.
//!
//! What to do arrives as JSON on standard input; the script's output goes to standard output and error as it comes; its
//! status is this program's. When standard input ends, so does the script: whoever wanted it is gone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bailey_api::agent::{HOME, SandboxSpec};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::environment::PATH;
use crate::pipes;
use crate::sandbox::{Command, Sandbox};

const MAX_REQUEST: u64 = 4 * 1024 * 1024;
/// The statuses of a script that took too long, as `timeout` has it, and of one that could not be run.
const TIMED_OUT: u8 = 124;
const NOT_RUN: u8 = 125;

/// What to do.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The install script, run by `/bin/sh -e`.
    script: String,
    /// The host name inside.
    name: String,
    /// A directory for the sandbox's own files; made if it is not there. No other sandbox may have one of the same name.
    state_dir: PathBuf,
    /// The sandbox: `network` is `host` and `install` the directory to fill.
    sandbox: SandboxSpec,
    /// Variables beside `PATH` and `HOME`.
    environment: BTreeMap<String, String>,
    /// Seconds after which it is ended.
    timeout: u64,
}

/// Runs the script that standard input names.
pub(crate) fn main() -> ExitCode {
    let run = || {
        let request = read_request()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(install(request))
    };
    match run() {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            use io::Write as _;
            // Whoever started this reads it; without them there is nobody to tell.
            let _ = writeln!(io::stderr(), "the install script could not be run: {error}");
            ExitCode::from(NOT_RUN)
        }
    }
}

/// Reads one JSON value, and no further: standard input stays open for as long as the script is wanted.
fn read_request() -> io::Result<Request> {
    let input = io::stdin().lock().take(MAX_REQUEST);
    let mut values = serde_json::Deserializer::from_reader(input).into_iter();
    let request = values.next().ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(request?)
}

/// Answers when standard input has ended. Reading it waits in a thread of its own, which nobody waits for.
fn input_end() -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        // An error is an end as well.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    })?;
    Ok(end)
}

async fn install(request: Request) -> io::Result<u8> {
    let mut term = signal(SignalKind::terminate())?;
    let input_end = input_end()?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&request.state_dir)?;
    let (sandbox, _) = Sandbox::launch(&request.sandbox, &request.name, &request.state_dir)
        .await
        .map_err(io::Error::other)?;
    let mut environment = BTreeMap::from([
        ("HOME".to_owned(), HOME.to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ("USER".to_owned(), "dev".to_owned()),
    ]);
    environment.extend(request.environment);
    environment.insert("PATH".to_owned(), PATH.to_owned());
    let command = Command {
        arguments: ["/bin/sh", "-ec", &request.script].map(str::to_owned).to_vec(),
        environment,
        directory: HOME.to_owned(),
    };
    let outputs: [OwnedFd; 2] = [
        io::stdout().as_fd().try_clone_to_owned()?,
        io::stderr().as_fd().try_clone_to_owned()?,
    ];
    let [output, error] = outputs;
    let mut process = sandbox
        .spawn(&command, [pipes::nothing()?, output, error])
        .await
        .map_err(io::Error::other)?;
    let status = tokio::select! {
        status = timeout(Duration::from_secs(request.timeout), process.wait()) => Ok(status),
        _ = term.recv() => Err(io::Error::other("it was asked to end")),
        _ = input_end => Err(io::Error::other("nobody wants it any more")),
    };
    sandbox.kill();
    // Whoever waits for this program goes on to what the script left: nothing may write there any more.
    sandbox.ended().await;
    match status? {
        Ok(status) => Ok(u8::try_from(status.map_err(io::Error::other)?).unwrap_or(u8::MAX)),
        Err(_) => Ok(TIMED_OUT),
    }
}
