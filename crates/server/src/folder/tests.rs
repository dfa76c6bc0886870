use std::os::unix::fs::symlink;

use bailey_core::{TemplateId, TemplateVersionId};
use bailey_runtime::ids::NewId;
use bailey_store::{Target, VersionPush};
use bailey_testkit::db::{TestDb, TestTarget, on_sqlite};

use super::*;

const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);
const GOOD: &str = "description = \"one\"\n";

struct World {
    folder: Folder,
    store: Store,
    root: tempfile::TempDir,
    _db: TestDb,
}

async fn open(db: &TestDb) -> Store {
    let target = match db.target() {
        TestTarget::Sqlite(path) => Target::Sqlite(path.clone()),
        TestTarget::Postgres(url) => Target::Postgres(bailey_core::Secret::new(url.clone())),
    };
    Store::open(&target).await.unwrap()
}

fn test<F: Future<Output = ()>>(body: impl FnOnce(World) -> F) {
    on_sqlite(async |db| {
        let root = tempfile::tempdir().unwrap();
        let world = World {
            folder: Folder::new(Some(root.path().to_owned())),
            store: open(&db).await,
            root,
            _db: db,
        };
        body(world).await;
    });
}

impl World {
    fn write(&self, path: &str, text: &str) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    async fn look(&self) -> Vec<FolderEvent> {
        self.folder.look(&self.store, T0).await
    }

    /// Two looks: one that sees a change, and one that sees that it is over.
    async fn settle(&self) -> Vec<FolderEvent> {
        let first = self.look().await;
        assert!(
            !first.iter().any(|event| matches!(event, FolderEvent::Applied { .. })),
            "{first:?}"
        );
        [first, self.look().await].concat()
    }

    async fn description(&self, name: &str) -> Option<String> {
        let template = self.store.template_by_name(name).await.unwrap()?;
        let version = self
            .store
            .template_version_by_number(template.id, template.active?)
            .await
            .unwrap()?;
        let manifest = self.store.template_manifest(version.id).await.unwrap()?;
        Some(bailey_core::template::Template::parse(&manifest).unwrap().description)
    }
}

fn applied(name: &str, version: u32) -> FolderEvent {
    let name = name.to_owned();
    FolderEvent::Applied { name, version }
}

#[test]
fn directories_are_applied_at_once_and_then_when_they_changed() {
    test(async |world| {
        world.write("one/template.toml", GOOD);
        world.write("two/template.toml", "description = \"two\"\n");
        world.write("README.md", "no template");
        world.write(".git/template.toml", GOOD);
        assert_eq!(world.look().await, [applied("one", 1), applied("two", 1)]);
        assert_eq!(world.look().await, []);
        world.write("one/template.toml", "description = \"changed\"\n");
        assert_eq!(world.settle().await, [applied("one", 2)]);
        assert_eq!(world.description("one").await.unwrap(), "changed");
        assert_eq!(world.settle().await, []);
        // What was there before is the version that it was.
        world.write("one/template.toml", GOOD);
        assert_eq!(world.settle().await, [applied("one", 1)]);
        world.write("three/template.toml", GOOD);
        assert_eq!(world.settle().await, [applied("three", 1)]);
    });
}

#[test]
fn a_broken_one_stops_nobody_and_is_applied_when_it_is_mended() {
    test(async |world| {
        world.write("bad/template.toml", "description = 1\nicn = \"x\"\n");
        world.write("good/template.toml", GOOD);
        world.write("No Name/template.toml", GOOD);
        fs::create_dir(world.root.path().join("empty")).unwrap();
        symlink("/etc", world.root.path().join("good-link")).unwrap();
        symlink("nowhere", world.root.path().join("dangling")).unwrap();
        let events = world.look().await;
        let said: Vec<String> = events
            .iter()
            .flat_map(|event| match event {
                FolderEvent::Refused { name, faults } => {
                    faults.iter().map(|fault| format!("{name}: {fault}")).collect()
                }
                other => vec![format!("{other:?}")],
            })
            .collect();
        for expected in [
            "bad: template.toml:1:15: description: must be a string",
            "bad: template.toml:2:1: icn: is not known here; did you mean `icon`?",
            "No Name: a directory's name is its template's",
            "empty: template.toml: is missing",
            "dangling: ",
        ] {
            assert!(
                said.iter().any(|said| said.starts_with(expected)),
                "{expected}: {said:#?}"
            );
        }
        assert!(events.contains(&applied("good", 1)), "{events:?}");
        assert_eq!(world.store.template_by_name("bad").await.unwrap(), None);
        assert_eq!(world.look().await, [], "said once");
        world.write("bad/template.toml", GOOD);
        assert_eq!(world.settle().await, [applied("bad", 1)]);
        // Broken again: what was in force stays so.
        world.write("bad/template.toml", "[");
        assert!(matches!(world.settle().await.as_slice(), [FolderEvent::Refused { .. }]));
        assert_eq!(world.description("bad").await.unwrap(), "one");
    });
}

#[test]
fn a_lost_database_gets_its_templates_back() {
    test(async |world| {
        world.write("one/template.toml", GOOD);
        world.write("one/sub/file.txt", "x");
        world.look().await;
        let before = world.store.template_by_name("one").await.unwrap().unwrap();
        let fresh = TestDb::sqlite().unwrap();
        let store = open(&fresh).await;
        // The server that starts on it has looked at nothing yet.
        let folder = Folder::new(Some(world.root.path().to_owned()));
        assert_eq!(folder.look(&store, T0).await, [applied("one", 1)]);
        let after = store.template_by_name("one").await.unwrap().unwrap();
        assert_eq!((after.applied, after.source), (before.applied, TemplateSource::Folder));
        // And a server that starts on the old one changes nothing.
        let folder = Folder::new(Some(world.root.path().to_owned()));
        assert_eq!(folder.look(&world.store, T0).await, []);
        store.close().await;
    });
}

#[test]
fn what_is_gone_is_reported_and_stays() {
    test(async |world| {
        world.write("one/template.toml", GOOD);
        world.look().await;
        assert!(world.folder.manages("one", None));
        fs::remove_dir_all(world.root.path().join("one")).unwrap();
        let gone = FolderEvent::Removed { name: "one".to_owned() };
        assert_eq!(world.look().await, std::slice::from_ref(&gone));
        assert_eq!(world.look().await, []);
        assert!(!world.folder.manages("one", Some(TemplateSource::Folder)));
        assert_eq!(world.description("one").await.unwrap(), "one");
        // A server that starts later says so too.
        let folder = Folder::new(Some(world.root.path().to_owned()));
        assert!(
            folder.manages("one", Some(TemplateSource::Folder)),
            "as long as nobody has looked"
        );
        assert_eq!(folder.look(&world.store, T0).await, [gone]);
        // A folder that cannot be read says nothing about what is in it.
        world.write("one/template.toml", GOOD);
        world.settle().await;
        fs::rename(world.root.path(), world.root.path().with_extension("away")).unwrap();
        assert!(matches!(
            world.look().await.as_slice(),
            [FolderEvent::Unreadable { .. }]
        ));
        assert_eq!(world.look().await, []);
        assert!(world.folder.manages("one", None));
        fs::rename(world.root.path().with_extension("away"), world.root.path()).unwrap();
        assert_eq!(world.look().await, []);
    });
}

#[test]
fn another_version_in_force_stays_until_the_directory_changes() {
    test(async |world| {
        world.write("one/template.toml", GOOD);
        world.look().await;
        world.write("one/template.toml", "description = \"worse\"\n");
        world.settle().await;
        let id = world.store.template_by_name("one").await.unwrap().unwrap().id;
        assert!(world.store.template_roll_back(id).await.unwrap());
        assert_eq!(world.settle().await, []);
        let folder = Folder::new(Some(world.root.path().to_owned()));
        assert_eq!(folder.look(&world.store, T0).await, [], "nor does a restart");
        assert_eq!(world.description("one").await.unwrap(), "one");
        world.write("one/template.toml", "description = \"better\"\n");
        assert_eq!(world.settle().await, [applied("one", 3)]);
    });
}

#[test]
fn the_folder_takes_over_a_template_of_the_same_name() {
    test(async |world| {
        crate::starters::ensure(&world.store, T0).await.unwrap();
        world.write("shell/template.toml", GOOD);
        assert_eq!(world.look().await, [applied("shell", 2)]);
        let shell = world.store.template_by_name("shell").await.unwrap().unwrap();
        assert_eq!(
            (shell.source, shell.active, shell.previous),
            (TemplateSource::Folder, Some(2), Some(1))
        );
        crate::starters::ensure(&world.store, T0).await.unwrap();
        assert_eq!(world.description("shell").await.unwrap(), "one");
    });
}

#[test]
fn a_volume_of_links_is_followed() {
    test(async |world| {
        let volume = world.root.path().join("one");
        for (version, text) in [("1", GOOD), ("2", "description = \"two\"\n")] {
            world.write(&format!("one/..{version}/template.toml"), text);
            symlink(format!("..{version}"), volume.join("..tmp")).unwrap();
            fs::rename(volume.join("..tmp"), volume.join("..data")).unwrap();
            // There from the first version on.
            let _ = symlink("..data/template.toml", volume.join("template.toml"));
            let events = world.settle_or_first(version == "1").await;
            assert_eq!(events, [applied("one", version.parse().unwrap())]);
        }
    });
}

impl World {
    async fn settle_or_first(&self, first: bool) -> Vec<FolderEvent> {
        if first { self.look().await } else { self.settle().await }
    }
}

#[test]
fn without_a_folder_nothing_is_managed() {
    test(async |world| {
        let folder = Folder::new(None);
        assert_eq!(folder.look(&world.store, T0).await, []);
        assert!(!folder.manages("one", Some(TemplateSource::Folder)));
    });
}

#[test]
fn starters_are_as_new_as_the_program() {
    test(async |world| {
        let older = |name: &'static str, by| VersionPush {
            id: TemplateVersionId::new_at(T0),
            digest: name,
            manifest: "",
            archive: b"",
            message: "",
            at: T0,
            by,
            activate: true,
        };
        crate::bootstrap::ensure(&world.store, T0).await.unwrap();
        let owner = world.store.person_by_name("owner").await.unwrap().unwrap().id;
        let insert = async |name: &'static str, by| {
            let id = TemplateId::new_at(T0);
            let source = TemplateSource::Starter;
            world
                .store
                .template_insert(id, name, source, &older(name, by))
                .await
                .unwrap();
            id
        };
        let shell = insert("shell", None).await;
        let agent = insert("agent", None).await;
        world
            .store
            .template_version_push(agent, &older("a person's", Some(owner)))
            .await
            .unwrap();
        crate::starters::ensure(&world.store, T0).await.unwrap();
        let active = async |name: &str| {
            world
                .store
                .template_by_name(name)
                .await
                .unwrap()
                .map(|t| (t.active, t.previous))
        };
        assert_eq!(active("shell").await, Some((Some(2), Some(1))));
        assert_eq!(active("agent").await, Some((Some(2), Some(1))), "a person's own stays");
        assert_eq!(
            active("web-ide").await,
            Some((Some(1), None)),
            "a start that was cut off left it out"
        );
        // Who goes back to the older one keeps it.
        assert!(world.store.template_roll_back(shell).await.unwrap());
        crate::starters::ensure(&world.store, T0).await.unwrap();
        assert_eq!(active("shell").await, Some((Some(1), Some(2))));
        world.store.template_delete(shell, T0).await.unwrap();
        crate::starters::ensure(&world.store, T0).await.unwrap();
        assert_eq!(active("shell").await, None, "what was deleted stays away");
    });
}

#[test]
fn a_fresh_database_begins_with_every_starter() {
    test(async |world| {
        crate::starters::ensure(&world.store, T0).await.unwrap();
        for name in ["agent", "agent-governed", "agent-open", "shell", "web-ide"] {
            let template = world.store.template_by_name(name).await.unwrap().unwrap();
            assert_eq!(
                (template.source, template.active),
                (TemplateSource::Starter, Some(1)),
                "{name}"
            );
        }
    });
}
