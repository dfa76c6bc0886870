//! The agent of one workspace, from its start to its end.

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bailey_api::agent::{LinkClass, Manifest, Purpose};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::agent::Agent;
use crate::control::Control;
use crate::dns::Names;
use crate::links::{Arrived, Links};
use crate::outbox::Outbox;
use crate::sandbox::Sandbox;
use crate::tasks::Tasks;
use crate::{apps, clock, credentials, exec, files, forward, metadata, put, scripts, shell, state};

/// The most bytes of a manifest.
const MAX_MANIFEST: u64 = 16 * 1024 * 1024;
/// How long the last word may take to reach the server.
const LAST_WORD: Duration = Duration::from_secs(10);
/// And how long it may then be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(200);
/// How long the end of everything inside is waited for. A process may be held by the disk.
const GONE: Duration = Duration::from_secs(5);
/// How long a stream waits for the server's welcome, which brings the key.
const WELCOME: Duration = Duration::from_secs(5);
/// How many of the server's streams wait while the sandbox is being made.
const WAITING: usize = 64;

/// Runs the agent whose manifest is on standard input.
pub(crate) fn main() -> ExitCode {
    match read().map_err(|error| error.to_string()).and_then(start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn read() -> std::io::Result<Manifest> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MAX_MANIFEST).read_to_end(&mut bytes)?;
    // The text of the error would repeat what it found, which may be the token.
    serde_json::from_slice(&bytes).map_err(|error| {
        std::io::Error::other(format!(
            "the manifest cannot be read at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

fn start(manifest: Manifest) -> Result<(), String> {
    // Fails where the driver has done it.
    let _ = rustix::process::setsid();
    let _lock = state::lock(&manifest.state_dir).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => "another agent of this workspace is running".to_owned(),
        _ => format!("cannot use {}: {error}", manifest.state_dir.display()),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .thread_keep_alive(Duration::from_secs(5))
        // Descriptors are looked at often, however many tasks could run: a terminal that prints without end delays no other.
        .event_interval(4)
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let ended = runtime.block_on(Box::pin(run(manifest)));
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended
}

async fn run(manifest: Manifest) -> Result<(), String> {
    let mut term = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let tasks = Tasks::default();
    let (links, control) = (Links::new(), Arc::new(Control::new(clock::now())));
    let (arrive, arrived) = mpsc::channel(WAITING);
    let (order, orders) = mpsc::channel(1);
    // The link comes about while the sandbox is being made.
    links.keep(&tasks, &manifest, LinkClass::Interactive, arrive.clone());
    links.keep(&tasks, &manifest, LinkClass::Bulk, arrive);
    control.keep(&tasks, &links, order);
    let sandbox = Arc::new(OnceLock::new());
    let parts = Parts {
        tasks: tasks.clone(),
        sandbox: Arc::clone(&sandbox),
        links,
        control: Arc::clone(&control),
    };
    let ended = tokio::select! {
        ended = parts.live(manifest, arrived, orders) => ended,
        _ = term.recv() => {
            tracing::info!("asked to end");
            Ok(())
        }
    };
    tasks.stop();
    if let Some(sandbox) = sandbox.get() {
        sandbox.kill();
        // So that the home directory is free when the lock is.
        let _ = timeout(GONE, sandbox.ended()).await;
    }
    ended
}

struct Parts {
    tasks: Tasks,
    /// Known once it runs.
    sandbox: Arc<OnceLock<Sandbox>>,
    links: Links,
    control: Arc<Control>,
}

impl Parts {
    fn outbox(&self) -> &Outbox {
        &self.control.outbox
    }

    async fn live(
        self,
        mut manifest: Manifest,
        arrived: mpsc::Receiver<Arrived>,
        mut orders: mpsc::Receiver<u64>,
    ) -> Result<(), String> {
        let in_home = put::prepare(&mut manifest);
        let names = Arc::new(Names::new(manifest.egress.clone()));
        let launched = Sandbox::launch(&manifest.sandbox, &manifest.name, &manifest.state_dir).await;
        let (sandbox, listeners) = match launched {
            Ok(launched) => launched,
            Err(error) => return self.fail(error.to_string()).await,
        };
        if let Some(mut listeners) = listeners {
            let served = match listeners.git.take() {
                Some(git) => credentials::serve(&self.tasks, &self.links, &self.control, git),
                None => Ok(()),
            };
            if let Err(error) = served.and_then(|()| forward::serve(&self.tasks, &self.links, names, listeners)) {
                return self.fail(format!("cannot forward connections: {error}")).await;
            }
        }
        let _ = self.sandbox.set(sandbox.clone());
        let agent = Arc::new_cyclic(|agent| Agent {
            manifest,
            sandbox,
            tasks: self.tasks.clone(),
            control: Arc::clone(&self.control),
            terminals: shell::terminals(agent),
        });
        let ended = tokio::select! {
            cause = agent.sandbox.ended() => {
                tracing::error!("the sandbox has ended: {cause}");
                self.outbox().ended(cause.clone());
                self.last_word().await;
                Err(cause)
            }
            grace = orders.recv() => {
                self.stop(&agent, grace.unwrap_or(0)).await;
                Ok(())
            }
            cause = self.begin(&agent, &in_home) => self.fail(cause).await,
            () = dispatch(&agent, arrived) => Ok(()),
        };
        ended
    }

    /// Starts everything; comes back only where that fails.
    async fn begin(&self, agent: &Arc<Agent>, in_home: &[bailey_core::template::ManagedFile]) -> String {
        if let Err(error) = put::place(agent, in_home).await {
            return format!("cannot put the template's files in place: {error}");
        }
        metadata::keep(agent);
        // Scripts and apps find the key in their environment.
        self.control.welcomed().await;
        if let Err(cause) = scripts::start(agent).await {
            return cause;
        }
        apps::keep(agent);
        scripts::schedule(agent);
        tracing::info!("ready");
        self.outbox().ready();
        std::future::pending().await
    }

    async fn stop(&self, agent: &Arc<Agent>, grace: u64) {
        tracing::info!(grace, "asked to stop");
        let grace = Duration::from_secs(grace);
        if timeout(grace, scripts::stop(agent)).await.is_err() {
            tracing::warn!("the stop scripts took too long");
        }
        // Their lines are under way to the server.
        tokio::time::sleep(ON_ITS_WAY).await;
    }

    async fn fail(&self, cause: String) -> Result<(), String> {
        self.outbox().failed(cause.clone());
        self.last_word().await;
        Err(cause)
    }

    async fn last_word(&self) {
        let _ = timeout(LAST_WORD, self.control.said_last_word()).await;
        tokio::time::sleep(ON_ITS_WAY).await;
    }
}

/// Serves the streams that the server opens.
async fn dispatch(agent: &Arc<Agent>, mut arrived: mpsc::Receiver<Arrived>) {
    while let Some(stream) = arrived.recv().await {
        let shared = Arc::clone(agent);
        agent.tasks.spawn(async move { serve(&shared, stream).await });
    }
}

async fn serve(agent: &Arc<Agent>, Arrived { stream, connection }: Arrived) {
    let (purpose, pending) = match bailey_link::accept::<Purpose>(stream).await {
        Ok(accepted) => accepted,
        Err(error) => return tracing::debug!("a stream without a purpose: {error}"),
    };
    if matches!(purpose, Purpose::Terminal(_) | Purpose::Exec(_)) {
        // Without a server's word they would lack the key; with it, it is there already.
        let _ = timeout(WELCOME, agent.control.welcomed()).await;
    }
    match purpose {
        Purpose::App { name } => apps::serve(agent, &name, pending).await,
        Purpose::Exec(start) => exec::serve(agent, start, pending, connection).await,
        Purpose::Http => files::serve(agent, pending).await,
        Purpose::Terminal(open) => shell::serve(agent, open, pending).await,
        Purpose::Control | Purpose::Gate | Purpose::Credential(_) | Purpose::Connect { .. } => {
            pending.refuse("a workspace does not serve this").await;
        }
    }
}
