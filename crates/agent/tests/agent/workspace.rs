//! A workspace: the agent's process and its directories.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bailey_api::agent::{FromServer, Handed, HomeStorage, Manifest, Network, SandboxSpec, ServerAddress};
use bailey_core::template::{EnforcementLevel, Resources, Script, When};

use crate::server::{Server, TOKEN};

pub(crate) const KEY: &str = "bk_key-of-the-test";

/// Ids that no account has; each workspace takes the next one.
static NEXT_ID: AtomicU32 = AtomicU32::new(720_000);

pub(crate) struct Workspace {
    directory: tempfile::TempDir,
    agent: Child,
}

impl Workspace {
    /// Starts an agent; `change` makes the manifest of a bare workspace what a test needs.
    pub(crate) fn start(change: impl FnOnce(&mut Manifest)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut manifest = manifest(&directory);
        change(&mut manifest);
        let log = std::fs::File::create(directory.path().join("agent.log")).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_bailey-agent"))
            .arg("run")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let bytes = serde_json::to_vec(&manifest).unwrap();
        agent.stdin.take().unwrap().write_all(&bytes).unwrap();
        Self { directory, agent }
    }

    pub(crate) fn address_file(&self) -> PathBuf {
        self.directory.path().join("address")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        state_dir(&self.directory).join("lock")
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("agent.log")).unwrap()
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.agent.id()).unwrap()
    }

    /// A server that has said hello, given the key, and heard that all is ready.
    pub(crate) async fn ready(&self) -> Server {
        let mut server = Server::start(&self.address_file()).await;
        let hello = server.hear().await;
        assert!(matches!(
            hello,
            bailey_api::agent::FromAgent::Hello { needs_key: true, .. }
        ));
        let key = Some(Handed(KEY.to_owned()));
        let committer = Some(bailey_api::agent::Committer {
            name: "Ada Lovelace".to_owned(),
            email: Some("ada@example.com".to_owned()),
        });
        server.say(&FromServer::Welcome { key, committer }).await;
        server
            .hear_until(|message| match message {
                bailey_api::agent::FromAgent::Ready => Some(()),
                bailey_api::agent::FromAgent::Failed { cause } => panic!("{cause}"),
                _ => None,
            })
            .await;
        server
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.agent.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
        if std::thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log());
        }
    }
}

pub(crate) fn script(name: &str, when: When, command: &str) -> Script {
    Script {
        name: name.to_owned(),
        when,
        command: command.to_owned(),
        timeout: 20,
        blocking: true,
    }
}

/// Its last part names the sandbox on this machine, so no two may have the same.
fn state_dir(directory: &tempfile::TempDir) -> PathBuf {
    directory.path().join(directory.path().file_name().unwrap())
}

fn manifest(directory: &tempfile::TempDir) -> Manifest {
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("home")).unwrap();
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    // The mode of a temporary directory keeps everybody else out, and the person inside is somebody else.
    std::os::unix::fs::chown(path("home"), Some(id), Some(id)).unwrap();
    Manifest {
        workspace: "ws_01890a5dac96774bbcceb302099a8057".parse().unwrap(),
        name: "blue".to_owned(),
        owner: "ada".to_owned(),
        server: ServerAddress::File(path("address")),
        token: Handed(TOKEN.to_owned()),
        state_dir: state_dir(directory),
        sandbox: SandboxSpec {
            root: None,
            layers: Vec::new(),
            home: HomeStorage::Directory(path("home")),
            host_id: Some(id),
            limits: Resources::default(),
            allow_missing: Vec::new(),
            certificates: Vec::new(),
            network: Network::Isolated,
            files: Vec::new(),
            install: None,
        },
        environment: std::collections::BTreeMap::new(),
        files: Vec::new(),
        scripts: Vec::new(),
        metadata: Vec::new(),
        apps: Vec::new(),
        egress: Vec::new(),
        browser_only: false,
        enforcement: EnforcementLevel::Unrestricted,
    }
}
