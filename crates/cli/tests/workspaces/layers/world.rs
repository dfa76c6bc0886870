//! A server whose workspaces really run, and templates that install something.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use bailey_testkit::http::Call;
use bailey_testkit::process::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What is waited for at most.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct World {
    pub(crate) server: Server,
    /// Removed with everything in it when the test ends.
    pub(crate) dir: TempDir,
}

impl World {
    /// A server that is not started yet; `templates` is that section of its configuration.
    pub(crate) fn new(templates: &str) -> Self {
        let binary = Path::new(env!("CARGO_BIN_EXE_bailey"));
        let agent = binary.with_file_name("bailey-agent");
        assert!(
            agent.exists(),
            "{} is missing: cargo build -p bailey-agent",
            agent.display()
        );
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[workspaces]\nallow_missing_limits = [\"cpu\", \"memory\", \"processes\", \"io\", \"disk\"]\n\
             [templates]\nkeep_free = \"1MiB\"\n{templates}"
        );
        let server = Server::new(binary, dir.path(), &config).unwrap();
        Self { server, dir }
    }

    pub(crate) fn start(&mut self) {
        self.server.start().unwrap();
    }

    /// Starts it so that it dies where `failpoint` says.
    pub(crate) fn start_to_fail_at(&mut self, failpoint: Option<&str>) {
        self.server.set_env("BAILEY_FAIL_AT", failpoint);
        self.start();
    }

    /// Pushes a template of this name; its manifest is `base`, what a test needs beside it is in `more`.
    pub(crate) fn push(&mut self, name: &str, files: &[(&str, &[u8])]) {
        let directory = self.dir.path().join("templates").join(name);
        let _ = fs::remove_dir_all(&directory);
        for (path, content) in files {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let pushed = self.run(&["templates", "push", directory.to_str().unwrap(), "--name", name]);
        assert!(pushed.status.success(), "{}", said(&pushed));
    }

    pub(crate) fn run(&mut self, arguments: &[&str]) -> Output {
        self.server.run(arguments).unwrap()
    }

    pub(crate) fn api(&mut self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let token = self.server.token().unwrap();
        let path = format!("/api/v1{path}");
        let call = match body {
            Some(body) => Call::post(&path, body),
            None => Call::bare(method, &path),
        };
        let answer = call.bearer(&token).send(self.server.addr().unwrap()).unwrap();
        (answer.status, answer.json().unwrap_or(Value::Null))
    }

    /// Begins to make a workspace; answers with its id.
    pub(crate) fn create(&mut self, template: &str, name: &str) -> String {
        let (status, made) = self.api(
            "POST",
            "/workspaces",
            Some(&json!({"template": template, "name": name})),
        );
        assert_eq!(status, 201, "{made:#}");
        made["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a workspace is as it should be.
    pub(crate) fn until(&mut self, id: &str, status: &str) -> Value {
        let began = Instant::now();
        loop {
            let (_, found) = self.api("GET", &format!("/workspaces/{id}"), None);
            if found["status"] == status {
                return found;
            }
            let over = found["build"]["state"] != "queued" && found["build"]["state"] != "running";
            assert!(
                !over && began.elapsed() < PATIENCE,
                "it does not become {status}: {found:#}\n{}\n{}",
                self.log(id).join("\n"),
                self.server.log()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The lines of the log of a workspace's first build.
    pub(crate) fn log(&mut self, id: &str) -> Vec<String> {
        let (_, page) = self.api("GET", &format!("/workspaces/{id}/builds/1/log"), None);
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let text = |line: &Value| {
            format!(
                "{}: {}",
                line["source"].as_str().unwrap(),
                line["text"].as_str().unwrap()
            )
        };
        items.iter().map(text).collect()
    }

    /// What lies where layers do, what is hidden included.
    pub(crate) fn layers(&self) -> Vec<String> {
        names(&self.server.data_dir().join("layers"))
    }

    pub(crate) fn roots(&self) -> Vec<String> {
        names(&self.server.data_dir().join("roots"))
    }
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

impl Drop for World {
    /// Agents run on when their server ends: those of this test's workspaces must not.
    fn drop(&mut self) {
        let _ = self.server.kill();
        let workspaces: PathBuf = self.server.data_dir().join("workspaces");
        for name in names(&workspaces) {
            let lock = fs::read_to_string(workspaces.join(name).join("lock")).unwrap_or_default();
            let pid = lock.trim().parse().ok().and_then(rustix::process::Pid::from_raw);
            let Some(pid) = pid else { continue };
            let program = fs::read_link(format!("/proc/{}/exe", lock.trim())).unwrap_or_default();
            if program.ends_with("bailey-agent") {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                std::thread::sleep(Duration::from_millis(300));
            }
        }
    }
}

/// Everything that a command has said.
pub(crate) fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a process of this machine has this among its arguments.
pub(crate) fn runs(argument: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap();
    processes.filter_map(Result::ok).any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    })
}
