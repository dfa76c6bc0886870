//! A server with real agents and a mock provider, and what the kernel knows of its workspaces.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bailey_core::{TemplateId, TemplateVersionId, Timestamp};
use bailey_mock::{Mock, MockConfig, Scenario};
use bailey_runtime::ids::{self, NewId};
use bailey_store::{Store, Target, TemplateSource, VersionPush};
use bailey_testkit::http::Call;
use bailey_testkit::process::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) server: Server,
    /// It answers for as long as it is kept.
    _mock: Mock,
    runtime: tokio::runtime::Runtime,
    /// A word in the command line of something in each workspace.
    mark: String,
    pub(crate) data: PathBuf,
    mounted: bool,
    dir: TempDir,
}

/// Runs a test where there can be workspaces.
pub(crate) fn test(body: impl FnOnce(World)) {
    if let Err(why) = able() {
        let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
        assert!(!(ci && is_root()), "{why}");
        eprintln!("passed over: {why}");
        return;
    }
    body(World::new());
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn agent() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_bailey")).with_file_name("bailey-agent")
}

/// Whether this machine can do what these tests look at.
fn able() -> Result<(), String> {
    if !is_root() {
        return Err("what the kernel holds of workspaces can be looked at by root alone".to_owned());
    }
    let probe = Command::new(agent()).arg("probe").output();
    let probe = probe.map_err(|error| format!("build the agent first, with cargo build -p bailey-agent: {error}"))?;
    let found: Value = serde_json::from_slice(&probe.stdout).map_err(|error| error.to_string())?;
    match found["blockers"].as_array() {
        Some(blockers) if blockers.is_empty() => Ok(()),
        _ => Err(format!("no sandboxes here: {}", found["blockers"])),
    }
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let endless = "rules: [{match: {last_text: endlessly}, stall: {after_events: 4, for: forever}}]";
        let config = MockConfig {
            scenarios: vec![
                Scenario::parse("endless", endless).unwrap(),
                Scenario::parse("chats", crate::chats::SCENARIO).unwrap(),
                Scenario::parse("tasks", crate::tasks::SCENARIO).unwrap(),
            ],
            ..MockConfig::default()
        };
        let mock = runtime.block_on(Mock::start(config)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let random = u32::from_be_bytes(ids::random().unwrap());
        // Account ids that no other test's workspaces have.
        let first_id = 200_000 + (random % 40_000) * 1_000;
        let url = mock.url();
        let config = format!(
            r#"
[providers.judge]
kind = "mock"
base_url = "{url}"
api_key = "upstream-credential"
[[models]]
name = "m"
max_output = 1000
routes = [{{ provider = "judge", model = "m", price = {{ input = "3", output = "15" }} }}]
[audit]
journal_segment = "1MiB"
[workspaces]
first_id = {first_id}
allow_missing_limits = ["cpu", "memory", "processes", "io", "disk"]
"#
        );
        let mut server = Server::new(Path::new(env!("CARGO_BIN_EXE_bailey")), dir.path(), &config).unwrap();
        server.set_env("PATH", Some("/usr/sbin:/usr/bin:/sbin:/bin"));
        let mark = format!("mark-{random:08x}");
        let data = server.data_dir();
        fs::create_dir(&data).unwrap();
        Self {
            server,
            _mock: mock,
            runtime,
            mark,
            data,
            mounted: false,
            dir,
        }
    }

    /// Lays a small file system of its own under the data directory.
    pub(crate) fn on_small_disk(&mut self, megabytes: u32) {
        let options = format!("size={megabytes}m,mode=700");
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&self.data));
        self.mounted = true;
    }

    /// Adds a file to the configuration.
    pub(crate) fn configure(&self, more: &str) {
        let path = self.dir.path().join("bailey.toml");
        let mut config = fs::read_to_string(&path).unwrap();
        config.push_str(more);
        fs::write(path, config).unwrap();
    }

    /// A directory for the test's own files.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The text of the template: it writes down each start, and stays.
    fn manifest(&self, version: u32) -> String {
        let (mark, tasks) = (&self.mark, crate::tasks::TASKS);
        format!(
            r#"
display_name = "Probe"
[base]
root = "host"
[resources]
disk = "32MiB"
[enforcement]
level = "standard"
[[scripts]]
name = "begin"
run = "start"
blocking = true
command = "echo version {version} >> /home/dev/starts; echo begun"
[[scripts]]
name = "end"
run = "stop"
command = "echo ended >> /home/dev/starts"
[[apps]]
name = "stays"
display_name = "Stays"
port = 9999
command = "sleep 86400; : {mark}"
{tasks}
"#
        )
    }

    /// Puts a version of the template into the database; the server must not be running.
    pub(crate) fn template(&self, version: u32) {
        let manifest = self.manifest(version);
        let now = Timestamp::from_seconds(1_795_176_000);
        let digest = format!("{version:04}");
        let push = VersionPush {
            id: TemplateVersionId::new_at(now),
            digest: &digest,
            manifest: &manifest,
            // An archive of nothing: two empty blocks.
            archive: &[0; 1024],
            message: "",
            at: now,
            by: None,
            activate: true,
        };
        self.runtime.block_on(async {
            let store = Store::open(&Target::Sqlite(self.data.join("bailey.db"))).await.unwrap();
            match store.template_by_name("probe").await.unwrap() {
                Some(there) => drop(store.template_version_push(there.id, &push).await.unwrap()),
                None => {
                    let id = TemplateId::new_at(now);
                    drop(
                        store
                            .template_insert(id, "probe", TemplateSource::Api, &push)
                            .await
                            .unwrap(),
                    );
                }
            }
            store.close().await;
        });
    }

    /// With the template, and running.
    pub(crate) fn start(&mut self) -> SocketAddr {
        self.template(1);
        self.server.start().unwrap()
    }

    /// Starts the server so that it kills itself at a failpoint.
    pub(crate) fn start_to_fail_at(&mut self, failpoint: Option<&str>) -> SocketAddr {
        self.server.set_env("BAILEY_FAIL_AT", failpoint);
        self.server.start().unwrap()
    }

    /// Asks the API.
    pub(crate) fn api(&mut self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        self.try_api(method, path, body).unwrap()
    }

    /// The same of a server that may not be there any more.
    pub(crate) fn try_api(
        &mut self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let token = self.server.token()?;
        let path = format!("/api/v1{path}");
        let mut call = Call::bare(method, &path).bearer(&token);
        if let Some(body) = body {
            call = call
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes());
        }
        let answer = call.send(self.server.addr()?)?;
        Ok((answer.status, answer.json().unwrap_or_default()))
    }

    /// Makes a workspace and waits until it runs; answers with its id.
    pub(crate) fn create(&mut self, name: &str) -> String {
        let (status, made) = self.api("POST", "/workspaces", Some(json!({"template": "probe", "name": name})));
        assert_eq!(status, 201, "{made:#}");
        let id = made["id"].as_str().unwrap().to_owned();
        self.until(&id, "running");
        id
    }

    /// Begins something and waits for what it leads to.
    pub(crate) fn lead(&mut self, id: &str, what: &str, status: &str) -> Value {
        let (answered, begun) = self.api("POST", &format!("/workspaces/{id}/{what}"), None);
        assert_eq!(answered, 202, "{begun:#}");
        self.until(id, status)
    }

    /// The workspace, once it is like this.
    pub(crate) fn until(&mut self, id: &str, status: &str) -> Value {
        let mut last = Value::Null;
        self.wait(&format!("{status} is not reached"), |world| {
            let (answered, found) = world.api("GET", &format!("/workspaces/{id}"), None);
            let is = match status {
                "deleted" => answered == 404,
                status => found["status"] == status,
            };
            assert!(is || found["status"] != "failed", "{found:#}\n{}", world.server.log());
            last = found;
            is
        });
        last
    }

    /// Waits until something is so.
    pub(crate) fn wait(&mut self, otherwise: &str, mut is: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        while !is(self) {
            assert!(began.elapsed() < PATIENCE, "{otherwise}: {}", self.server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What runs in workspaces of this world, by the host's process ids: what stays, and not what waits for it.
    pub(crate) fn inside(&self) -> Vec<u32> {
        processes()
            .filter(|pid| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(&self.mark)
            })
            .collect()
    }

    /// The one process that stays.
    pub(crate) fn one_inside(&mut self) -> u32 {
        self.wait("nothing runs inside", |world| world.inside().len() == 1);
        self.inside()[0]
    }

    /// The workspace's key, as processes inside have it.
    pub(crate) fn key(&mut self) -> String {
        let pid = self.one_inside();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
        let environment = String::from_utf8(environment).unwrap();
        let key = environment
            .split('\0')
            .find_map(|pair| pair.strip_prefix("BAILEY_KEY="));
        key.unwrap().to_owned()
    }

    /// A file of the home directory, read from outside.
    pub(crate) fn home_file(&mut self, name: &str) -> String {
        let pid = self.one_inside();
        fs::read_to_string(format!("/proc/{pid}/root/home/dev/{name}")).unwrap()
    }

    /// Sends bytes to the gate's port in the network that is inside, and answers with what comes back.
    pub(crate) fn through_gate(&mut self, request: &str) -> String {
        let pid = self.one_inside().to_string();
        let mut child = Command::new("nsenter")
            .args([
                "-t",
                &pid,
                "-n",
                "--",
                "curl",
                "-s",
                "-i",
                "--max-time",
                "20",
                "--http1.1",
            ])
            .args(["telnet://127.0.0.1:7080"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.as_mut().unwrap().write_all(request.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Processes of the agent's program that work for this world.
    pub(crate) fn agents(&self) -> Vec<u32> {
        let at_work = |pid: &u32| {
            let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
            exe.to_string_lossy().contains("bailey-agent")
                && files
                    .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
                    .any(|file| file.starts_with(self.data.join("workspaces")))
        };
        processes().filter(at_work).collect()
    }

    /// What the kernel still holds of workspaces of this world.
    pub(crate) fn leftovers(&self) -> Vec<String> {
        let mut found: Vec<String> = self.inside().iter().map(|pid| format!("process {pid}")).collect();
        found.extend(self.agents().iter().map(|pid| format!("agent {pid}")));
        let data = self.data.to_string_lossy().into_owned();
        let loops = Command::new("losetup")
            .args(["-l", "-n", "-O", "NAME,BACK-FILE"])
            .output()
            .unwrap();
        let loops = String::from_utf8_lossy(&loops.stdout).into_owned();
        found.extend(
            loops
                .lines()
                .filter(|line| line.contains(&data))
                .map(|line| format!("loop {line}")),
        );
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let below = format!("{data}/workspaces");
        found.extend(
            mounts
                .lines()
                .filter(|line| line.contains(&below))
                .map(|line| format!("mount {line}")),
        );
        found
    }

    /// Waits until the kernel holds nothing; a loop device goes a moment after what used it.
    pub(crate) fn nothing_runs(&mut self) {
        self.wait("something is left", |world| world.leftovers().is_empty());
    }

    /// Control groups with a workspace's id in their names.
    pub(crate) fn cgroups(id: &str) -> Vec<PathBuf> {
        fn look(directory: &Path, id: &str, depth: u32, found: &mut Vec<PathBuf>) {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
                if entry.file_name().to_string_lossy().contains(id) {
                    found.push(entry.path());
                } else if depth > 0 {
                    look(&entry.path(), id, depth - 1, found);
                }
            }
        }
        let mut found = Vec::new();
        look(Path::new("/sys/fs/cgroup"), id, 4, &mut found);
        found
    }

    /// Keys of a workspace that are good.
    pub(crate) fn live_keys(&mut self, id: &str) -> usize {
        let (status, page) = self.api("GET", &format!("/keys?workspace={id}&state=active"), None);
        assert_eq!(status, 200, "{page:#}");
        page["items"].as_array().unwrap().len()
    }

    /// Deletes a workspace, and sees that nothing is left of it.
    pub(crate) fn delete(&mut self, id: &str) {
        let (status, begun) = self.api("DELETE", &format!("/workspaces/{id}"), None);
        assert_eq!(status, 202, "{begun:#}");
        self.until(id, "deleted");
        self.gone(id);
    }

    pub(crate) fn gone(&mut self, id: &str) {
        self.nothing_runs();
        assert!(
            !self.data.join("workspaces").join(id).exists(),
            "its directory is there"
        );
        assert_eq!(Self::cgroups(id), Vec::<PathBuf>::new());
        assert_eq!(self.live_keys(id), 0);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // A test that fails must leave nothing behind: with an agent, everything inside ends.
        let _ = self.server.kill();
        for _ in 0..100 {
            let agents = self.agents();
            if agents.is_empty() {
                break;
            }
            for pid in agents {
                if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        if self.mounted {
            run(Command::new("umount").arg("-l").arg(&self.data));
        }
    }
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// A model call as it goes over the wire.
pub(crate) fn message(key: &str) -> String {
    let body = r#"{"model":"m","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}"#;
    format!(
        "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1:7080\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The status of a model call from outside.
pub(crate) fn call(addr: SocketAddr, key: &str) -> u16 {
    let body = json!({"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hello"}]});
    Call::post("/v1/messages", &body).bearer(key).send(addr).unwrap().status
}
