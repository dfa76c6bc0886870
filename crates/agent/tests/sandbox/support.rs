//! Sandboxes for tests, and a way to run a command in one and see what came of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bailey_agent::sandbox::{Command, Listeners, Sandbox, SandboxError};
use bailey_api::agent::{HomeStorage, Network, SandboxSpec};
use bailey_core::template::Resources;
use tempfile::TempDir;

/// Ids that no account has; each sandbox takes the next one.
static NEXT_ID: AtomicU32 = AtomicU32::new(700_000);

pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) spec: SandboxSpec,
}

pub(crate) struct Output {
    pub(crate) status: i32,
    pub(crate) text: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let spec = SandboxSpec {
            root: None,
            layers: Vec::new(),
            home: HomeStorage::Directory(directory.path().join("home")),
            host_id: is_root().then(|| NEXT_ID.fetch_add(1, Ordering::Relaxed)),
            limits: Resources::default(),
            allow_missing: Vec::new(),
            certificates: Vec::new(),
            network: Network::Isolated,
            files: Vec::new(),
            install: None,
        };
        Self { directory, spec }
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.directory.path().join("home")
    }

    pub(crate) fn state(&self) -> PathBuf {
        // Its name is that of the sandbox's cgroups, and the tests run side by side.
        let name = self.directory.path().file_name().unwrap();
        let state = self.directory.path().join(name);
        std::fs::create_dir_all(&state).unwrap();
        state
    }

    pub(crate) async fn try_launch(&self) -> Result<(Sandbox, Option<Listeners>), SandboxError> {
        Sandbox::launch_by(&beside_agent("bailey-agent"), &self.spec, "test", &self.state()).await
    }

    pub(crate) async fn launch(&self) -> (Sandbox, Listeners) {
        let (sandbox, listeners) = self.try_launch().await.unwrap();
        (sandbox, listeners.unwrap())
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program that was built with this one. The copies that an ordinary user's tests have lie together.
pub(crate) fn beside_agent(name: &str) -> PathBuf {
    let copy = std::env::current_exe().unwrap().with_file_name(name);
    if copy.exists() {
        return copy;
    }
    Path::new(env!("CARGO_BIN_EXE_bailey-agent")).with_file_name(name)
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    Command {
        arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
        environment: BTreeMap::from([
            (
                "PATH".to_owned(),
                "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned(),
            ),
            ("HOME".to_owned(), "/home/dev".to_owned()),
        ]),
        directory: "/home/dev".to_owned(),
    }
}

pub(crate) fn null() -> OwnedFd {
    File::options().read(true).write(true).open("/dev/null").unwrap().into()
}

/// Runs a command inside; standard output and error together.
pub(crate) async fn run(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let streams = [null(), writer.try_clone().unwrap().into(), writer.into()];
    let mut process = sandbox.spawn(&command(arguments), streams).await.unwrap();
    let text = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let status = tokio::time::timeout(Duration::from_secs(30), process.wait())
        .await
        .unwrap()
        .unwrap();
    Output {
        status,
        text: text.await.unwrap(),
    }
}

pub(crate) async fn shell(sandbox: &Sandbox, script: &str) -> Output {
    run(sandbox, &["/bin/sh", "-c", script]).await
}
