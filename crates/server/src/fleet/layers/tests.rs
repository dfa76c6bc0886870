//! Builds with a stand-in for the agent: a shell script that does what it would.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey_core::template::{Base, ParameterValues, Resolved};
use bailey_core::workspace::{Build, BuildState, Quota, Transition};
use bailey_core::{BuildId, PersonId, TemplateId, Timestamp, WorkspaceId};
use bailey_runtime::config::{Config, Overrides};
use bailey_runtime::ids::NewId as _;
use bailey_store::{Begun, NewWorkspace, Target, TemplateSource, VersionPush};
use bailey_testkit::db::{TestDb, TestTarget, on_sqlite};
use bailey_workspaces::template::Package;

use super::*;

const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);
const LATER: Timestamp = Timestamp::from_seconds(100_000_000_000);

struct Fixture {
    layers: Arc<Layers>,
    store: Store,
    closing: CancellationToken,
    dir: PathBuf,
    _db: TestDb,
}

/// Runs a test with an agent whose layers come from `then`, run where the layer is made.
fn test<F: Future<Output = ()>>(then: &str, body: impl FnOnce(Fixture) -> F) {
    on_sqlite(async |db| body(Fixture::new(db, then).await).await);
}

impl Fixture {
    async fn new(db: TestDb, then: &str) -> Self {
        let dir = db.directory().unwrap().to_owned();
        let target = match db.target() {
            TestTarget::Sqlite(path) => Target::Sqlite(path.clone()),
            TestTarget::Postgres(url) => Target::Postgres(bailey_core::Secret::new(url.clone())),
        };
        let store = Store::open(&target).await.unwrap();
        crate::bootstrap::ensure(&store, T0).await.unwrap();
        let agent = dir.join("agent");
        let script = format!(
            "#!/bin/sh\nPATH=/usr/bin:/bin\nIFS= read -r asked\ncd {0}/layers/.new-*/opt || exit 125\n\
             echo ran >> {0}/runs\n{then}\n",
            dir.display()
        );
        fs::write(&agent, script).unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        let text = format!(
            "[server]\ndata_dir = {dir:?}\n[workspaces]\nagent = {agent:?}\n[templates]\nkeep_free = \"1KiB\"\n"
        );
        let config = Config::from_text(&text, None, std::iter::empty(), &Overrides::default()).unwrap();
        let closing = CancellationToken::new();
        let parts = LayersParts {
            store: store.clone(),
            clock: Clock::system(),
            tasks: Tasks::new(),
            closing: closing.clone(),
            agent,
        };
        Self {
            layers: Layers::new(&config, parts),
            store,
            closing,
            dir,
            _db: db,
        }
    }

    /// A template of this name whose install script is `script`; without one, it installs nothing.
    async fn template(&self, name: &str, script: &str) -> (TemplateId, TemplateVersionId) {
        let directory = self.dir.join(name);
        fs::create_dir(&directory).unwrap();
        let base = if script.is_empty() {
            ""
        } else {
            "install = \"install.sh\"\n"
        };
        let manifest = format!("display_name = \"{name}\"\n[base]\n{base}");
        fs::write(directory.join("template.toml"), &manifest).unwrap();
        fs::write(directory.join("install.sh"), script).unwrap();
        let package = Package::read(&directory).unwrap();
        let archive = package.to_gzip().unwrap();
        let (template, version) = (TemplateId::new_at(T0), TemplateVersionId::new_at(T0));
        let push = VersionPush {
            id: version,
            digest: &package.digest(),
            manifest: &manifest,
            archive: &archive,
            message: "",
            at: T0,
            by: None,
            activate: true,
        };
        self.store
            .template_insert(template, name, TemplateSource::Api, &push)
            .await
            .unwrap();
        (template, version)
    }

    /// A workspace that is made of layers of these digests.
    async fn workspace(&self, template: TemplateId, version: TemplateVersionId, layers: &[&str]) {
        let owner = self
            .store
            .person_by_name(crate::bootstrap::OWNER)
            .await
            .unwrap()
            .unwrap();
        let id = WorkspaceId::new_at(T0);
        let new = NewWorkspace {
            id,
            owner: owner.id,
            name: "dev".to_owned(),
            template,
            version,
            parameters: ParameterValues::default(),
            resolved: Resolved {
                base: Base {
                    layers: layers.iter().map(|digest| (*digest).to_owned()).collect(),
                    ..Base::default()
                },
                ..Resolved::default()
            },
            auto_stop: None,
            created_at: T0,
        };
        let build = first_build(id, version, owner.id);
        let made = self
            .store
            .workspace_create(&new, &build, &Quota::default())
            .await
            .unwrap();
        assert!(matches!(made, Begun::Yes(_)));
    }

    async fn over(&self, flight: &Flight) -> Progress {
        let mut come = flight.lines_come();
        loop {
            come.borrow_and_update();
            if flight.progress().is_over() {
                return flight.progress();
            }
            tokio::time::timeout(Duration::from_secs(30), come.changed())
                .await
                .unwrap()
                .unwrap();
        }
    }

    fn runs(&self) -> usize {
        fs::read_to_string(self.dir.join("runs"))
            .unwrap_or_default()
            .lines()
            .count()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join("layers")).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn first_build(workspace: WorkspaceId, version: TemplateVersionId, by: PersonId) -> Build {
    Build {
        id: BuildId::new_at(T0),
        workspace,
        number: 1,
        transition: Transition::Start,
        state: BuildState::Queued,
        version,
        initiator: Some(by),
        reason: None,
        error: None,
        created_at: T0,
        started_at: None,
        finished_at: None,
    }
}

fn texts(flight: &Flight) -> Vec<String> {
    flight.read(0, usize::MAX).0.into_iter().map(|line| line.text).collect()
}

#[test]
fn whoever_wants_the_same_shares_one_build_and_its_log() {
    test("echo hello; sleep 0.3; touch x", async |fixture| {
        let (_, one) = fixture.template("one", "make things").await;
        let (_, two) = fixture.template("two", "make things").await;
        let (_, plain) = fixture.template("plain", "").await;
        let layers = &fixture.layers;
        assert_eq!(layers.status(one).await.unwrap(), LayerStatus::Missing);
        let first = layers.build(one).await.unwrap().unwrap();
        let second = layers.build(two).await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(layers.status(two).await.unwrap(), LayerStatus::Building);
        assert_eq!(fixture.over(&first).await, Progress::Ready);
        assert!(texts(&first).iter().any(|line| line == "hello"), "{:?}", texts(&first));
        assert_eq!(layers.status(two).await.unwrap(), LayerStatus::Ready);
        let again = layers.build(one).await.unwrap().unwrap();
        assert_eq!(fixture.over(&again).await, Progress::Ready);
        assert_eq!(fixture.runs(), 1);
        assert_eq!(layers.status(plain).await.unwrap(), LayerStatus::Nothing);
        assert!(layers.build(plain).await.unwrap().is_none());
        let unknown = TemplateVersionId::new_at(T0);
        assert!(matches!(layers.build(unknown).await, Err(NeedsError::Gone)));
    });
}

#[test]
fn a_failure_says_what_the_script_said_last_and_can_be_tried_again() {
    test(
        "if [ ! -e ../../mended ]; then touch half; echo no such package >&2; exit 3; fi; touch x",
        async |fixture| {
            let (_, version) = fixture.template("one", "make things").await;
            let flight = fixture.layers.build(version).await.unwrap().unwrap();
            let Progress::Failed(cause) = fixture.over(&flight).await else {
                panic!("it did not fail");
            };
            assert!(
                cause.contains("ended with status 3") && cause.ends_with("no such package"),
                "{cause}"
            );
            let status = fixture.layers.status(version).await.unwrap();
            assert_eq!(status, LayerStatus::Failed(cause));
            assert_eq!(fixture.names(), Vec::<String>::new());
            fs::write(fixture.dir.join("layers/mended"), "").unwrap();
            let flight = fixture.layers.build(version).await.unwrap().unwrap();
            assert_eq!(fixture.over(&flight).await, Progress::Ready);
            assert_eq!(fixture.layers.status(version).await.unwrap(), LayerStatus::Ready);
        },
    );
}

#[test]
fn a_build_ends_with_the_server_and_leaves_nothing() {
    test("echo begun; sleep 60", async |fixture| {
        let (_, version) = fixture.template("one", "make things").await;
        let flight = fixture.layers.build(version).await.unwrap().unwrap();
        while fixture.runs() == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        fixture.closing.cancel();
        assert_eq!(fixture.over(&flight).await, Progress::Stopped);
        assert_eq!(fixture.names(), Vec::<String>::new());
    });
}

#[test]
fn only_what_nothing_uses_is_taken_away() {
    test("touch x", async |fixture| {
        let layers = &fixture.layers;
        let (gone, old) = fixture.template("gone", "one").await;
        let (kept, used) = fixture.template("kept", "two").await;
        for version in [old, used] {
            let flight = layers.build(version).await.unwrap().unwrap();
            assert_eq!(fixture.over(&flight).await, Progress::Ready);
        }
        let whole = |name: &str| fs::create_dir(fixture.dir.join("layers").join(name)).unwrap();
        whole("workspaces-own");
        whole("nobodys");
        fixture.workspace(kept, used, &["workspaces-own"]).await;
        fixture.store.template_delete(gone, T0).await.unwrap();
        // Whatever uses it or not: it was made a moment ago.
        let hour_ago = Timestamp::from_micros(layers.clock.now().micros() - 3_600_000_000);
        assert_eq!(layers.prune(hour_ago).await.unwrap(), []);
        let mut pruned = layers.prune(LATER).await.unwrap();
        pruned.sort();
        let unused = layers.needs(old).await.unwrap().pieces();
        let mut expected = vec![Piece::Layer("nobodys".to_owned()), unused[0].clone()];
        expected.sort();
        assert_eq!(pruned, expected);
        assert_eq!(layers.status(used).await.unwrap(), LayerStatus::Ready);
        assert!(layers.held(&Piece::Layer("workspaces-own".to_owned())).is_some());
        assert!(is_empty(&fixture.dir.join("layers"), ".old-"));
    });
}

fn is_empty(directory: &Path, beginning: &str) -> bool {
    let mut entries = fs::read_dir(directory).unwrap();
    !entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(beginning))
}

#[test]
fn a_version_is_unpacked_once_and_not_beside_too_many_others() {
    test("true", async |fixture| {
        let (_, one) = fixture.template("one", "make things").await;
        let (_, two) = fixture.template("two", "make others").await;
        let layers = &fixture.layers;
        let read = async |version| {
            let manifest = fixture.store.template_manifest(version).await.unwrap().unwrap();
            let template = bailey_core::template::Template::parse(&manifest).unwrap();
            layers.parts(version, &template).await.unwrap()
        };
        let first = read(one).await;
        assert_eq!(first.layers.len(), 1);
        assert_eq!(layers.status(one).await.unwrap(), LayerStatus::Missing);
        let taken = layers.unpacking().acquire_many(2).await.unwrap();
        assert!(Arc::ptr_eq(&first, &read(one).await), "it is remembered");
        layers.status(one).await.unwrap();
        let soon = Duration::from_millis(50);
        assert!(
            tokio::time::timeout(soon, read(two)).await.is_err(),
            "it waits for a place"
        );
        assert!(tokio::time::timeout(soon, layers.status(two)).await.is_err());
        drop(taken);
        assert_ne!(read(two).await.layers, first.layers);
    });
}
