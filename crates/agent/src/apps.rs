//! Apps: their commands kept running, their health, and connections to them.

use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::AppHealth;
use bailey_core::template::{App, Target};
use bailey_link::Pending;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional_with_sizes};
use tokio::time::{Instant, timeout};

use crate::agent::Agent;
use crate::capture::{Outcome, run};
use crate::sandbox::SandboxError;

/// Between two tries of a command that ends, at first and at most.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_AT_MOST: Duration = Duration::from_mins(1);
/// A command that ran this long was running well.
const WELL: Duration = Duration::from_mins(1);
/// Between two checks of health, until it answers and then.
const CHECK_FIRST: Duration = Duration::from_millis(250);
const CHECK: Duration = Duration::from_secs(10);
/// How long an app may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How many checks must fail before an app that was well is not: one may meet a moment of work.
const FAILURES: u32 = 2;

/// A connection to an app.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Keeps commands running and checks health.
pub(crate) fn keep(agent: &Arc<Agent>) {
    for app in &agent.manifest.apps {
        if let Some(command) = app.command.clone() {
            let (shared, app) = (Arc::clone(agent), app.clone());
            agent
                .tasks
                .spawn(async move { keep_running(&shared, &app, &command).await });
        }
        if !matches!(app.target, Target::External(_)) {
            let (shared, app) = (Arc::clone(agent), app.clone());
            agent.tasks.spawn(async move { watch(&shared, &app).await });
        }
    }
}

async fn keep_running(agent: &Arc<Agent>, app: &App, command: &str) {
    let source = format!("app:{}", app.name);
    let mut pause = AGAIN;
    loop {
        let start = Instant::now();
        let text = match run(agent, &source, command, None).await {
            Ok(Outcome::Exited(status)) => format!("[ended with status {status}]"),
            Ok(Outcome::TimedOut) => "[ended]".to_owned(),
            Err(SandboxError::Ended) => return,
            Err(error) => format!("[could not be run: {error}]"),
        };
        agent.control.outbox.log(&source, text);
        if start.elapsed() >= WELL {
            pause = AGAIN;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(AGAIN_AT_MOST);
    }
}

async fn watch(agent: &Arc<Agent>, app: &App) {
    let mut failures = 0;
    let mut health = AppHealth::Starting;
    let start = Instant::now();
    loop {
        if timeout(ANSWER, is_well(agent, app)).await.is_ok_and(|well| well) {
            failures = 0;
            health = AppHealth::Healthy;
        } else {
            failures += 1;
            // One that has never answered is starting for a while.
            if failures >= FAILURES && (health != AppHealth::Starting || start.elapsed() >= WELL) {
                health = AppHealth::Unhealthy;
            }
        }
        agent.control.outbox.status(|status| {
            status.apps.insert(app.name.clone(), health);
        });
        let pause = if health == AppHealth::Starting {
            CHECK_FIRST
        } else {
            CHECK
        };
        tokio::time::sleep(pause).await;
    }
}

async fn is_well(agent: &Agent, app: &App) -> bool {
    let Ok(mut connection) = dial(agent, app).await else {
        return false;
    };
    let Some(path) = &app.health else { return true };
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bailey-agent\r\nConnection: close\r\n\r\n");
    if connection.write_all(request.as_bytes()).await.is_err() {
        return false;
    }
    let mut start = [0; 12];
    connection.read_exact(&mut start).await.is_ok()
        && (start.starts_with(b"HTTP/1.1 ") || start.starts_with(b"HTTP/1.0 "))
        && matches!(start, [.., b'2' | b'3', _, _])
}

/// Connects to an app.
///
/// # Errors
/// Where it does not listen.
pub(crate) async fn dial(agent: &Agent, app: &App) -> Result<Box<dyn Connection>, SandboxError> {
    match &app.target {
        Target::Port(port) => {
            let stream = agent.sandbox.dial_port(*port).await?;
            // Terminals and IDEs send small pieces.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream))
        }
        Target::Socket(path) => Ok(Box::new(agent.sandbox.dial_socket(path).await?)),
        Target::External(_) => Err(SandboxError::Step {
            step: "connect to the app".to_owned(),
            source: std::io::Error::other("it is outside Bailey"),
        }),
    }
}

/// Serves a stream of the server's to an app.
pub(crate) async fn serve(agent: &Agent, name: &str, pending: Pending) {
    let Some(app) = agent.manifest.apps.iter().find(|app| app.name == name) else {
        return pending.refuse("there is no such app").await;
    };
    match dial(agent, app).await {
        Err(error) => pending.refuse(&error.to_string()).await,
        Ok(mut connection) => {
            if let Ok(mut stream) = pending.accept().await {
                // Either side's end or loss ends both; there is nobody to tell.
                let _ = copy_bidirectional_with_sizes(&mut stream, &mut connection, 16 * 1024, 16 * 1024).await;
            }
        }
    }
}
