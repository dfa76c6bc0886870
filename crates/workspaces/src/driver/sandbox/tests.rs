//! The driver with a stand-in for the agent: a shell script that takes the lock as the agent does.

use std::os::unix::fs::PermissionsExt as _;

use bailey_api::agent::{Manifest, ServerAddress};
use bailey_core::template::Resolved;
use bailey_core::{BuildId, Secret};
use uuid::Uuid;

use super::*;

/// Holds the lock with its id in it, keeps what it was told, and ends at SIGTERM, unless `deaf` is there.
const STAND_IN: &str = r#"#!/bin/sh
if [ "$1" = probe ]; then cat "$(dirname "$0")/capabilities"; exit; fi
if [ "$1" = sweep ]; then : >"$(dirname "$0")/swept"; exit; fi
manifest=$(cat)
dir=$(printf '%s' "$manifest" | sed 's/.*"state_dir":"\([^"]*\)".*/\1/')
printf '%s' "$manifest" > "$dir/manifest"
case "$manifest" in *home.img*) : >"$dir/home.img" ;; *) mkdir -p "$dir/home" ;; esac
exec 9>>"$dir/lock"
flock -n 9 || exit 1
echo $$ > "$dir/lock"
if [ -e "$(dirname "$0")/deaf" ]; then trap '' TERM; fi
while :; do sleep 0.05 9>&-; done
"#;

struct Fixture {
    directory: tempfile::TempDir,
    driver: SandboxDriver,
}

impl Fixture {
    fn new(capabilities: &str, allow_missing: Vec<Limit>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let agent = directory.path().join("bailey-agent");
        fs::write(&agent, STAND_IN).unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(directory.path().join("capabilities"), capabilities).unwrap();
        let driver = SandboxDriver::new(SandboxOptions {
            agent,
            directory: directory.path().join("workspaces"),
            allow_missing,
            certificates: Vec::new(),
            defaults: Resources {
                memory: Some(1 << 30),
                ..Resources::default()
            },
            first_id: 200_000,
        });
        Self { directory, driver }
    }

    async fn until_agent(&self, id: WorkspaceId, lives: bool) {
        for _ in 0..200 {
            if self.driver.observe(id).await.unwrap().agent == lives {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the agent is not as expected");
    }
}

fn instance(number: u128) -> Instance {
    Instance {
        id: WorkspaceId::from_uuid(Uuid::from_u128(number)),
        build: BuildId::from_uuid(Uuid::from_u128(number)),
        name: "dev".to_owned(),
        owner: "ada".to_owned(),
        slot: 7,
        server: ServerAddress::Url("http://127.0.0.1:1".to_owned()),
        token: Secret::new("canary-token".to_owned()),
        resolved: Resolved::default(),
        layers: Vec::new(),
        root: None,
    }
}

const CAN_ALL: &str = r#"{"blockers":[],"missing":{},"notes":[]}"#;

#[tokio::test]
async fn an_agent_outlives_its_driver_and_is_started_once() {
    let fixture = Fixture::new(CAN_ALL, Vec::new());
    let instance = instance(1);
    fixture.driver.start(&instance).await.unwrap();
    fixture.until_agent(instance.id, true).await;
    let lock = fixture.driver.directory(instance.id).join("lock");
    let first = fs::read_to_string(&lock).unwrap();
    // Another driver, as after a restart of the server.
    let again = SandboxDriver::new(fixture.driver.options.clone());
    again.start(&instance).await.unwrap();
    assert_eq!(fs::read_to_string(&lock).unwrap(), first);
    assert_eq!(again.list().await.unwrap(), [instance.id]);
    assert_eq!(again.observe(instance.id).await.unwrap().build, Some(instance.build));
    again.stop(instance.id, Duration::from_secs(5)).await.unwrap();
    assert!(!again.observe(instance.id).await.unwrap().agent);
    again.stop(instance.id, Duration::from_secs(5)).await.unwrap();
    again.delete(instance.id).await.unwrap();
    again.delete(instance.id).await.unwrap();
    assert!(again.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sweep_is_the_agents_where_there_are_workspaces() {
    let fixture = Fixture::new(CAN_ALL, Vec::new());
    let swept = fixture.directory.path().join("swept");
    fixture.driver.sweep().await.unwrap();
    assert!(!swept.exists());
    let instance = instance(21);
    fixture.driver.start(&instance).await.unwrap();
    fixture.until_agent(instance.id, true).await;
    fixture.driver.sweep().await.unwrap();
    assert!(swept.exists());
    fixture.driver.delete(instance.id).await.unwrap();
}

#[tokio::test]
async fn the_token_is_in_no_argument_and_no_environment() {
    let fixture = Fixture::new(CAN_ALL, Vec::new());
    let instance = instance(2);
    fixture.driver.start(&instance).await.unwrap();
    fixture.until_agent(instance.id, true).await;
    let directory = fixture.driver.directory(instance.id);
    let pid = fs::read_to_string(directory.join("lock")).unwrap();
    for file in ["cmdline", "environ"] {
        let shown = fs::read(format!("/proc/{}/{file}", pid.trim())).unwrap();
        assert!(!String::from_utf8_lossy(&shown).contains("canary-token"), "{file}");
    }
    let manifest: Manifest = serde_json::from_slice(&fs::read(directory.join("manifest")).unwrap()).unwrap();
    assert_eq!(manifest.token.0, "canary-token");
    assert_eq!(manifest.sandbox.limits.memory, Some(1 << 30));
    let mode = directory.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    fixture.driver.delete(instance.id).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_does_not_listen_is_killed() {
    let fixture = Fixture::new(CAN_ALL, Vec::new());
    fs::write(fixture.directory.path().join("deaf"), "").unwrap();
    let instance = instance(3);
    fixture.driver.start(&instance).await.unwrap();
    fixture.until_agent(instance.id, true).await;
    fixture
        .driver
        .stop(instance.id, Duration::from_millis(100))
        .await
        .unwrap();
    // A child that the stand-in had just begun may hold its lock for a moment longer.
    for _ in 0..200 {
        if fixture.driver.observe(instance.id).await.is_ok_and(|seen| !seen.agent) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the agent lives although it was killed");
}

#[tokio::test]
async fn what_the_machine_cannot_do_is_refused_unless_it_is_allowed() {
    let lacks = r#"{"blockers":[],"missing":{"memory":"no cgroup"},"notes":[]}"#;
    let fixture = Fixture::new(lacks, Vec::new());
    let refused = fixture.driver.start(&instance(5)).await.unwrap_err().to_string();
    assert!(
        refused.contains("memory (no cgroup)") && refused.contains("allow_missing_limits"),
        "{refused}"
    );
    assert!(fixture.driver.list().await.unwrap().is_empty());
    let fixture = Fixture::new(lacks, vec![Limit::Memory]);
    let instance = instance(6);
    fixture.driver.start(&instance).await.unwrap();
    fixture.until_agent(instance.id, true).await;
    fixture.driver.delete(instance.id).await.unwrap();
}

#[tokio::test]
async fn a_machine_that_cannot_isolate_runs_nothing_whatever_is_allowed() {
    let blocked = r#"{"blockers":["no user namespaces"],"missing":{},"notes":[]}"#;
    let every = vec![Limit::Cpu, Limit::Memory, Limit::Processes, Limit::Io, Limit::Disk];
    let fixture = Fixture::new(blocked, every);
    let refused = fixture.driver.start(&instance(7)).await.unwrap_err().to_string();
    assert!(refused.contains("no user namespaces"), "{refused}");
}

const NO_DISK: &str = r#"{"blockers":[],"missing":{"disk":"no loop devices"},"notes":[]}"#;

/// Starts a workspace with a limited home where `home` is there; answers with the refusal, or where its home is.
async fn started_with(fixture: &Fixture, number: u8, home: &[&str]) -> Result<bool, String> {
    let mut instance = instance(number.into());
    instance.resolved.resources.disk = Some(1 << 30);
    let directory = fixture.driver.directory(instance.id);
    private(&directory).unwrap();
    for name in home {
        if name.contains('.') {
            fs::write(directory.join(name), "").unwrap();
        } else {
            fs::create_dir(directory.join(name)).unwrap();
        }
    }
    fixture
        .driver
        .start(&instance)
        .await
        .map_err(|error| error.to_string())?;
    fixture.until_agent(instance.id, true).await;
    let manifest: Manifest = serde_json::from_slice(&fs::read(directory.join("manifest")).unwrap()).unwrap();
    fixture.driver.stop(instance.id, Duration::from_secs(5)).await.unwrap();
    Ok(matches!(
        manifest.sandbox.home,
        bailey_api::agent::HomeStorage::Image { .. }
    ))
}

#[tokio::test]
async fn a_home_stays_what_it_is_or_the_start_says_what_to_do() {
    let able = Fixture::new(CAN_ALL, Vec::new());
    assert_eq!(started_with(&able, 20, &[]).await, Ok(true));
    assert_eq!(started_with(&able, 21, &["home.img"]).await, Ok(true));
    let unlimited = started_with(&able, 22, &["home"]).await.unwrap_err();
    assert!(
        unlimited.contains("without a limit") && unlimited.contains("allow_missing_limits"),
        "{unlimited}"
    );
    let two = started_with(&able, 23, &["home", "home.img"]).await.unwrap_err();
    assert!(two.contains("two homes"), "{two}");
    let allowed = Fixture::new(CAN_ALL, vec![Limit::Disk]);
    assert_eq!(started_with(&allowed, 24, &["home"]).await, Ok(false));
    let unable = Fixture::new(NO_DISK, vec![Limit::Disk]);
    assert_eq!(started_with(&unable, 25, &[]).await, Ok(false));
    let hidden = started_with(&unable, 26, &["home.img"]).await.unwrap_err();
    assert!(hidden.contains("cannot mount (no loop devices)"), "{hidden}");
    let directory = unable.driver.directory(instance(26).id);
    assert!(!directory.join("home").exists(), "no empty home in its place");
}

#[tokio::test]
async fn a_machine_that_was_mended_is_asked_again() {
    let mut fixture = Fixture::new(NO_DISK, Vec::new());
    assert!(!fixture.driver.probe().await.unwrap().missing.is_empty());
    fs::write(fixture.directory.path().join("capabilities"), CAN_ALL).unwrap();
    assert!(
        !fixture.driver.probe().await.unwrap().missing.is_empty(),
        "not at every start"
    );
    fixture.driver.lacking = Duration::ZERO;
    assert!(fixture.driver.probe().await.unwrap().missing.is_empty());
    fs::write(fixture.directory.path().join("capabilities"), NO_DISK).unwrap();
    assert!(
        fixture.driver.probe().await.unwrap().missing.is_empty(),
        "what it could do is remembered"
    );
}
