//! Workspaces' agents, simulated: they dial in over real sockets with the tokens that the driver was given.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use bailey_api::agent::{FromAgent, FromServer, Purpose};
use bailey_api::frame::ExecFrame;
use bailey_core::{TemplateId, TemplateVersionId, WorkspaceId};
use bailey_link::{Connection, DialError, Opener, Stream};
use bailey_runtime::Tasks;
use bailey_runtime::ids::NewId;
use bailey_store::{TemplateSource, VersionPush};
use bailey_workspaces::driver::{Driver, SimDriver};
use http::{Method, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::harness::{Client, T0, TestApp};
use crate::inside::Inside;

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// What agents were given, and what they say beside the least.
#[derive(Clone, Default)]
pub(crate) struct Agents(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    keys: Vec<(WorkspaceId, String)>,
    silent: bool,
    /// What answers to streams that the server opens, if anything does.
    inside: Option<Inside>,
    /// Where commands run, each workspace in a home of its own.
    homes: Option<PathBuf>,
    left: HashSet<WorkspaceId>,
}

impl Agents {
    /// The keys that agents of a workspace were given, the oldest first.
    pub(crate) fn keys(&self, id: WorkspaceId) -> Vec<String> {
        let heard = self.0.lock().unwrap();
        heard
            .keys
            .iter()
            .filter(|(of, _)| *of == id)
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// Leaves the speaking for a workspace's agent to the test.
    pub(crate) fn leave(&self, id: WorkspaceId) {
        self.0.lock().unwrap().left.insert(id);
    }

    fn is_left(&self, id: WorkspaceId) -> bool {
        self.0.lock().unwrap().left.contains(&id)
    }

    /// Agents that link from now on run commands and keep files.
    pub(crate) fn serve(&self, inside: &Inside) {
        self.0.lock().unwrap().inside = Some(inside.clone());
    }

    /// Agents that link from now on run commands, each in a home of its own below this directory.
    pub(crate) fn run_commands(&self, homes: PathBuf) {
        self.0.lock().unwrap().homes = Some(homes);
    }

    /// Agents that link from now on never say that they are ready.
    pub(crate) fn silent(&self) {
        self.0.lock().unwrap().silent = true;
    }
}

/// The application on a socket, with agents for the workspaces that its driver starts.
pub(crate) struct Running {
    pub(crate) addr: SocketAddr,
    pub(crate) agents: Agents,
}

impl TestApp {
    /// Listens, takes up what is to be done, and has agents link.
    pub(crate) async fn run(&self) -> Running {
        self.run_on(TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    }

    /// The same on a socket that is bound already.
    pub(crate) async fn run_on(&self, listener: TcpListener) -> Running {
        let addr = listener.local_addr().unwrap();
        let tasks = Tasks::new();
        tasks.spawn(accept(listener, self.router.clone(), tasks.clone()));
        let agents = Agents::default();
        tasks.spawn(attend(Arc::clone(&self.sim), addr, agents.clone(), tasks.clone()));
        self.fleet.start().await.unwrap();
        Running { addr, agents }
    }

    /// A template of this text, in force.
    pub(crate) async fn template(&self, name: &str, manifest: &str) {
        let push = version(manifest);
        let id = TemplateId::new_at(T0);
        self.store
            .template_insert(id, name, TemplateSource::Api, &push)
            .await
            .unwrap();
    }

    /// A workspace that runs.
    pub(crate) async fn workspace(&self, owner: &Client, template: &str, name: &str) -> WorkspaceId {
        let made = owner
            .post("/api/v1/workspaces", json!({"template": template, "name": name}))
            .await
            .ok(201);
        let id: WorkspaceId = made["id"].as_str().unwrap().parse().unwrap();
        self.until(owner, id, "running").await;
        id
    }

    /// Waits until a workspace is like this, and answers with it.
    pub(crate) async fn until(&self, who: &Client, id: WorkspaceId, status: &str) -> Value {
        let began = Instant::now();
        loop {
            let found = who.get(&format!("/api/v1/workspaces/{id}")).await.ok(200);
            if found["status"] == status {
                return found;
            }
            assert!(began.elapsed() < PATIENCE, "not {status}: {found:#}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The texts of a build's log, all of it.
    pub(crate) async fn log(&self, who: &Client, id: WorkspaceId, build: u64) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            let path = format!("/api/v1/workspaces/{id}/builds/{build}/log?after={}", texts.len());
            let page = who.get(&path).await.ok(200);
            let items = page["items"].as_array().unwrap();
            if items.is_empty() {
                return texts;
            }
            texts.extend(items.iter().map(|line| line["text"].as_str().unwrap().to_owned()));
        }
    }

    /// Waits until a workspace is deleted.
    pub(crate) async fn until_gone(&self, who: &Client, id: WorkspaceId) {
        let began = Instant::now();
        while who.get(&format!("/api/v1/workspaces/{id}")).await.status != 404 {
            assert!(began.elapsed() < PATIENCE, "it is there");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Begins something with a workspace that goes on in a build.
    pub(crate) async fn begin(&self, who: &Client, id: WorkspaceId, what: &str) {
        let path = format!("/api/v1/workspaces/{id}/{what}");
        who.call(Method::POST, &path, None).await.ok(202);
    }
}

pub(crate) fn version(manifest: &str) -> VersionPush<'_> {
    VersionPush {
        id: TemplateVersionId::new_at(T0),
        digest: "0000",
        manifest,
        // An archive of nothing: two empty blocks.
        archive: &[0; 1024],
        message: "",
        at: T0,
        by: None,
        activate: true,
    }
}

async fn accept(listener: TcpListener, router: Router, tasks: Tasks) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let router = router.clone();
        tasks.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                router.clone().oneshot(request.map(axum::body::Body::new))
            });
            let builder = hyper::server::conn::http1::Builder::new();
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}

/// Gives each agent that the driver starts somebody who speaks for it.
async fn attend(sim: Arc<SimDriver>, addr: SocketAddr, agents: Agents, tasks: Tasks) {
    let mut known = HashSet::new();
    loop {
        for id in sim.list().await.unwrap() {
            if let Some(token) = sim.token(id)
                && known.insert(token.expose().clone())
            {
                let speaker = Speaker {
                    sim: Arc::clone(&sim),
                    id,
                    token: token.expose().clone(),
                    agents: agents.clone(),
                };
                tasks.spawn(async move { speaker.live(addr).await });
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Speaker {
    sim: Arc<SimDriver>,
    id: WorkspaceId,
    token: String,
    agents: Agents,
}

impl Speaker {
    /// Links for as long as the agent lives and may.
    async fn live(&self, addr: SocketAddr) {
        while !self.agents.is_left(self.id)
            && self
                .sim
                .token(self.id)
                .is_some_and(|token| *token.expose() == self.token)
        {
            let (inside, home) = {
                let heard = self.agents.0.lock().unwrap();
                let home = heard.homes.as_ref().map(|homes| homes.join(self.id.to_string()));
                (heard.inside.clone(), home)
            };
            match dial_with(addr, &self.token, "interactive", (inside, home)).await {
                Ok(link) => self.speak(&link).await,
                Err(DialError::Refused { .. }) => return,
                Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn speak(&self, link: &Link) {
        let Ok(mut talk) = link.talk().await else { return };
        let ready = !self.agents.0.lock().unwrap().silent;
        talk.hello(ready).await;
        while let Some(message) = talk.hear().await {
            match message {
                FromServer::Welcome { key: Some(key), .. } => {
                    self.agents.0.lock().unwrap().keys.push((self.id, key.0));
                }
                FromServer::Stop { .. } => return self.sim.crash(self.id),
                FromServer::Welcome { key: None, .. } | FromServer::LogStored { .. } => {}
            }
        }
    }
}

/// A connection of an agent.
pub(crate) struct Link {
    opener: Opener,
    _tasks: Tasks,
}

/// Dials as an agent does.
pub(crate) async fn dial(addr: SocketAddr, token: &str, class: &str) -> Result<Link, DialError> {
    dial_with(addr, token, class, (None, None)).await
}

async fn dial_with(
    addr: SocketAddr,
    token: &str,
    class: &str,
    (inside, home): (Option<Inside>, Option<PathBuf>),
) -> Result<Link, DialError> {
    let url = format!("http://{addr}/api/v1/agent/link?class={class}");
    let Connection {
        opener,
        mut incoming,
        driver,
    } = bailey_link::dial(&url, token).await?;
    let tasks = Tasks::new();
    tasks.spawn(driver);
    let serving = tasks.clone();
    tasks.spawn(async move {
        while let Some(stream) = incoming.next().await {
            if let Some(inside) = inside.clone() {
                serving.spawn(inside.serve(stream));
            } else if let Some(home) = home.clone() {
                serving.spawn(command(stream, home));
            }
        }
    });
    Ok(Link { opener, _tasks: tasks })
}

/// Runs the command that a stream asks for, with nothing of the environment but a path and a home.
async fn command(stream: Stream, home: PathBuf) {
    let (start, pending) = match bailey_link::accept::<Purpose>(stream).await {
        Ok((Purpose::Exec(start), pending)) => (start, pending),
        Ok((_, pending)) => return pending.refuse("commands are all that it does").await,
        Err(_) => return,
    };
    std::fs::create_dir_all(&home).unwrap();
    let (_reader, mut writer) = bailey_link::frames(pending.accept().await.unwrap(), 1 << 20);
    let ran = tokio::task::spawn_blocking(move || {
        std::process::Command::new(&start.command[0])
            .args(&start.command[1..])
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", &home)
            .envs(&start.environment)
            .current_dir(start.directory.as_ref().map_or_else(
                || home.clone(),
                // What is the home directory inside is another one here.
                |directory| home.join(directory.trim_start_matches("/home/dev/")),
            ))
            .stdin(std::process::Stdio::null())
            .output()
    });
    let ran = ran.await.unwrap().unwrap();
    let status = ran.status.code().unwrap_or(1);
    let said = [ExecFrame::Stdout(ran.stdout), ExecFrame::Stderr(ran.stderr)];
    for frame in said.into_iter().chain([ExecFrame::Exited { status }]) {
        if writer.send(&frame.encode()).await.is_err() {
            return;
        }
    }
    let _ = writer.finish().await;
}

impl Link {
    /// Opens a control stream.
    pub(crate) async fn talk(&self) -> Result<Talk, bailey_link::PurposeError> {
        let stream = self.open(&Purpose::Control).await?;
        let (read, write) = tokio::io::split(stream);
        Ok(Talk {
            read: BufReader::new(read),
            write,
        })
    }

    pub(crate) async fn open(&self, purpose: &Purpose) -> Result<Stream, bailey_link::PurposeError> {
        bailey_link::request(&self.opener, purpose).await
    }

    /// Waits until the server has ended it.
    pub(crate) async fn ended(&self) {
        tokio::time::timeout(PATIENCE, self.opener.closed()).await.unwrap();
    }
}

/// A control stream.
pub(crate) struct Talk {
    read: BufReader<ReadHalf<Stream>>,
    write: WriteHalf<Stream>,
}

impl Talk {
    /// Sends bytes; the server may have hung up.
    pub(crate) async fn say_bytes(&mut self, bytes: &[u8]) {
        if self.write.write_all(bytes).await.is_ok() {
            let _ = self.write.flush().await;
        }
    }

    pub(crate) async fn say(&mut self, message: &FromAgent) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.say_bytes(&line).await;
    }

    /// Greets, without a key of its own.
    pub(crate) async fn hello(&mut self, ready: bool) {
        let hello = FromAgent::Hello {
            version: "0".to_owned(),
            started_at: 0,
            needs_key: true,
            ready,
        };
        self.say(&hello).await;
    }

    /// The next message; `None` = the server has ended the stream.
    pub(crate) async fn hear(&mut self) -> Option<FromServer> {
        let mut line = String::new();
        match self.read.read_line(&mut line).await {
            Ok(1..) => Some(serde_json::from_str(&line).unwrap()),
            Ok(0) | Err(_) => None,
        }
    }
}
