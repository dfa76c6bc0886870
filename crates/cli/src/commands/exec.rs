//! `bailey exec`: a command in a workspace, as if it ran here.

mod pipes;

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use bailey_api::frame::ExecFrame;
use bailey_runtime::http::{Arrived, Reader, SocketError, Writer};

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::Env;
use super::workspaces::{PATH, find};
use crate::client::{Remote, segment};
use crate::failure::{ExitStatus, Failure};
use crate::input;
use pipes::Output;

/// The status where Bailey could not run the command, as `env` and `docker exec` have it.
const NOT_RUN: u8 = 125;
/// The status where the workspace could not start it.
const NOT_STARTED: u8 = 126;
/// How often the server is asked whether it is there, and how long it may be silent.
const PING: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(40);
/// This many interrupts within [`AT_ONCE`] end it, whatever the command makes of them.
const FORCE: usize = 3;
const AT_ONCE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The workspace: its name, OWNER/NAME, or its id
    workspace: String,
    /// The directory to run it in [default: the home directory]
    #[arg(long, value_name = "DIR")]
    directory: Option<String>,
    /// A variable for it, beside the workspace's own
    #[arg(long = "env", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// End it after this many seconds, with status 124
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The program and its arguments; it is not run through a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Runs it. The status is the command's own; what goes wrong on Bailey's side has one that commands do not use.
pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<ExitStatus, Failure> {
    let ended = start(arguments, env).await;
    ended.map(|status| ExitStatus::Of(u8::try_from(status).unwrap_or(u8::MAX)))
}

async fn start(arguments: Arguments, env: &Env) -> Result<i32, Failure> {
    let not_run = |failure: Failure| failure.with_status(NOT_RUN);
    let api = arguments.remote.api(env).map_err(not_run)?;
    let workspace = find(&api, &arguments.workspace).await.map_err(not_run)?;
    let mut query: Vec<(&str, String)> = Vec::new();
    query.extend(arguments.command.into_iter().map(|part| ("command", part)));
    query.extend(arguments.variables.into_iter().map(|pair| ("variable", pair)));
    query.extend(arguments.directory.map(|directory| ("directory", directory)));
    query.extend(arguments.timeout.map(|seconds| ("timeout", seconds.to_string())));
    let query = serde_urlencoded::to_string(query)?;
    let path = format!("{PATH}/{}/exec?{query}", segment(&workspace.id.to_string()));
    // Before the command runs: what is sent to this process from now on is the command's.
    let signals = Signals::new()?;
    let (reader, writer) = api.socket(&path).await.map_err(|none| {
        let started = none.code.as_deref() != Some("workspace_refuses");
        none.failure.with_status(if started { NOT_RUN } else { NOT_STARTED })
    })?;
    let writer = Mutex::new(writer);
    tokio::select! {
        status = outputs(reader) => status,
        error = feed(&writer, input::pieces(pipes::BLOCK, pipes::WAITING)) => Err(error),
        error = forward(&writer, signals) => Err(error),
        error = ping(&writer) => Err(error),
    }
    .map_err(not_run_unless_set)
}

fn not_run_unless_set(failure: Failure) -> Failure {
    match failure.status() {
        ExitStatus::Failed => failure.with_status(NOT_RUN),
        _ => failure,
    }
}

/// Writes what the command prints, to its end; answers with its status.
async fn outputs(mut reader: Reader) -> Result<i32, Failure> {
    let mut output = Output::new(std::io::stdout);
    let mut error = Output::new(std::io::stderr);
    loop {
        let arrived = timeout(SILENCE, reader.next()).await;
        let arrived = arrived.map_err(|_| lost("the server is silent"))?;
        let frame = match arrived.map_err(|error| lost(&error.to_string()))? {
            Arrived::Binary(bytes) => ExecFrame::decode(&bytes)?,
            Arrived::Alive => continue,
            Arrived::Closed(code) => {
                return Err(lost(match code {
                    Some(4401) => "the server has ended it: it is stopping, or you may not run commands there any more",
                    _ => "the server has ended it",
                }));
            }
        };
        match frame {
            ExecFrame::Stdout(data) => output.write(data).await?,
            ExecFrame::Stderr(data) => error.write(data).await?,
            ExecFrame::Exited { status } => {
                output.finish().await?;
                error.finish().await?;
                return Ok(status);
            }
            _ => {}
        }
    }
}

fn lost(why: &str) -> Failure {
    Failure::new(format!("the connection to the command is lost: {why}"))
        .hint("a command ends with its connection, unless the server itself went away")
}

/// Never comes back unless something is wrong: a connection that is lost is noticed by whoever reads it.
async fn settle(sent: Result<(), SocketError>) {
    if sent.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Passes standard input on, and its end.
async fn feed(writer: &Mutex<Writer>, mut input: Receiver<Vec<u8>>) -> Failure {
    while let Some(data) = input.recv().await {
        let sent = writer.lock().await.send(ExecFrame::Stdin(data).encode()).await;
        settle(sent).await;
    }
    let sent = writer.lock().await.send(ExecFrame::StdinEnd.encode()).await;
    settle(sent).await;
    std::future::pending().await
}

async fn ping(writer: &Mutex<Writer>) -> Failure {
    loop {
        tokio::time::sleep(PING).await;
        let sent = writer.lock().await.ping().await;
        settle(sent).await;
    }
}

/// Signals that are the command's.
struct Signals([(u8, Signal); 6]);

impl Signals {
    fn new() -> Result<Self, Failure> {
        let of = |kind: SignalKind| {
            let number = u8::try_from(kind.as_raw_value()).unwrap_or_default();
            signal(kind).map(|signal| (number, signal))
        };
        Ok(Self([
            of(SignalKind::interrupt())?,
            of(SignalKind::terminate())?,
            of(SignalKind::hangup())?,
            of(SignalKind::quit())?,
            of(SignalKind::user_defined1())?,
            of(SignalKind::user_defined2())?,
        ]))
    }

    async fn next(&mut self) -> u8 {
        std::future::poll_fn(|cx| {
            for (number, signal) in &mut self.0 {
                if let Poll::Ready(Some(())) = signal.poll_recv(cx) {
                    return Poll::Ready(*number);
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Passes signals on. A command that cannot be reached by them is ended with its connection.
async fn forward(writer: &Mutex<Writer>, mut signals: Signals) -> Failure {
    let interrupt = SignalKind::interrupt().as_raw_value();
    let mut interrupts: Vec<Instant> = Vec::new();
    let (queue, mut queued) = tokio::sync::mpsc::unbounded_channel::<u8>();
    let send = async {
        while let Some(number) = queued.recv().await {
            let sent = writer.lock().await.send(ExecFrame::Signal(number).encode()).await;
            settle(sent).await;
        }
        std::future::pending::<Failure>().await
    };
    let watch = async {
        loop {
            let number = signals.next().await;
            if i32::from(number) == interrupt {
                interrupts.retain(|at| at.elapsed() < AT_ONCE);
                interrupts.push(Instant::now());
                if interrupts.len() >= FORCE {
                    return Failure::new("interrupted; the command is killed").with_status(130);
                }
            }
            let _ = queue.send(number);
        }
    };
    let (send, watch) = (pin!(send), pin!(watch));
    tokio::select! {
        failure = send => failure,
        failure = watch => failure,
    }
}
