//! Builds with a stand-in for the agent: a shell script that does what it would.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;

use bailey_core::Timestamp;

use super::*;
use crate::template::{File, Package};

const MANIFEST: &str =
    "[base]\ninstall = \"install.sh\"\ninstall_files = [\"lib\"]\ninstall_environment = [\"SEEN\"]\n";

/// Writes down what it was asked, and then does `then` where the layer is made.
fn store(dir: &Path, then: &str) -> LayerStore {
    let agent = dir.join("agent");
    let script = format!(
        "#!/bin/sh\nPATH=/usr/bin:/bin\nIFS= read -r asked\nprintf '%s' \"$asked\" > {0}/request.$$\nmv {0}/request.$$ {0}/request\ncd {0}/layers/.new-*/opt || exit 125\n\
         echo ran >> {0}/runs\n{then}\n",
        dir.display()
    );
    fs::write(&agent, script).unwrap();
    fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(dir.join("layers")).unwrap();
    LayerStore::new(LayerOptions {
        agent,
        data_dir: dir.to_owned(),
        host_id: 199_999,
        certificates: Vec::new(),
        timeout: Duration::from_secs(30),
        keep_free: 0,
    })
}

fn job() -> LayerJob {
    let mut package = Package::default();
    let mut add = |path: &str, content: &str| {
        let content = content.as_bytes().to_vec();
        package
            .add(
                path,
                File {
                    content,
                    executable: false,
                },
            )
            .unwrap();
    };
    add("template.toml", MANIFEST);
    add("install.sh", "make things");
    add("lib/a", "A");
    let template = package.validate().unwrap();
    let environment = [("SEEN", "yes"), ("SECRET", "no")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    LayerJob::new(&template, &package, &BTreeMap::from(environment)).unwrap()
}

fn left(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir.join("layers")).unwrap();
    let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn build(store: &LayerStore, job: &LayerJob) -> (Result<(), LayerError>, Vec<String>) {
    let said = Mutex::new(Vec::new());
    let stop = CancellationToken::new();
    let built = store.build(job, |line| said.lock().unwrap().push(line), &stop).await;
    (built, said.into_inner().unwrap())
}

fn layer(job: &LayerJob) -> Piece {
    Piece::Layer(job.layer.clone().unwrap())
}

#[tokio::test]
async fn a_layer_is_what_the_script_leaves() {
    let dir = tempfile::tempdir().unwrap();
    let then = "cat .template/lib/a > a; mkdir bin; echo x > bin/run; chmod 4700 bin/run; chmod 700 bin; mkfifo p\n\
                printf 'one\\rtwo\\nthree' >&2; sleep 0.1; echo out";
    let store = store(dir.path(), then);
    let job = job();
    let (built, said) = build(&store, &job).await;
    built.unwrap();
    let layer = store.path(&layer(&job));
    assert_eq!(fs::read(layer.join("a")).unwrap(), b"A");
    let mode = |path: &str| fs::metadata(layer.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("bin/run"), mode("bin")), (0o755, 0o755));
    assert!(!layer.join("p").exists() && !layer.join(".template").exists());
    assert_eq!(left(dir.path()), [job.layer.clone().unwrap()]);
    for line in ["two", "three", "out"] {
        assert!(said.iter().any(|said| said == line), "{line}: {said:?}");
    }
    let request: serde_json::Value = serde_json::from_slice(&fs::read(dir.path().join("request")).unwrap()).unwrap();
    assert_eq!(
        request["environment"],
        serde_json::json!({ "SEEN": "yes", "TEMPLATE_DIR": "/opt/.template" })
    );
    assert_eq!(request["sandbox"]["network"], "host");
    assert_eq!(request["script"], "make things");
}

#[tokio::test]
async fn a_failure_leaves_nothing_and_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (built, said) = build(
        &store(dir.path(), "mkdir d; touch d/f; chmod 500 d; echo broken; exit 3"),
        &job(),
    )
    .await;
    assert!(matches!(built, Err(LayerError::Script(3))), "{built:?}");
    assert!(said.iter().any(|line| line == "broken"));
    assert_eq!(left(dir.path()), Vec::<String>::new());
    let (built, _) = build(&store(dir.path(), "exit 124"), &job()).await;
    assert!(matches!(built, Err(LayerError::Slow(_))));
    let (built, _) = build(&store(dir.path(), "touch x"), &job()).await;
    built.unwrap();
    assert_eq!(left(dir.path()).len(), 1);
}

#[tokio::test]
async fn what_was_built_twice_at_once_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, job) = (store(dir.path(), "sleep 0.2; touch x"), job());
    let (a, b) = tokio::join!(build(&store, &job), build(&store, &job));
    a.0.unwrap();
    b.0.unwrap();
    assert_eq!(left(dir.path()), [job.layer.clone().unwrap()]);
    let (again, said) = build(&store, &job).await;
    again.unwrap();
    assert!(said.iter().any(|line| line.ends_with("there already")), "{said:?}");
    assert_eq!(fs::read_to_string(dir.path().join("runs")).unwrap(), "ran\nran\n");
}

#[tokio::test]
async fn a_build_stops_when_it_is_told_to_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Reads its input to its end, as the agent does.
    let (store, job) = (store(dir.path(), "touch begun; cat >/dev/null; exit 125"), job());
    let stop = CancellationToken::new();
    let began = std::time::Instant::now();
    let (built, ()) = tokio::join!(store.build(&job, |_| {}, &stop), async {
        while !dir.path().join("runs").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        stop.cancel();
    });
    assert!(matches!(built, Err(LayerError::Stopped)), "{built:?}");
    assert_eq!(left(dir.path()), Vec::<String>::new());
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_build_leaves_room_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = store(dir.path(), "touch x");
    store.options.keep_free = u64::MAX;
    let (built, _) = build(&store, &job()).await;
    let said = built.unwrap_err().to_string();
    assert!(
        said.contains(&dir.path().display().to_string()) && said.contains("MiB left"),
        "{said}"
    );
    assert_eq!(left(dir.path()), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_killed_server_left_is_swept_and_what_is_whole_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (store, job) = (store(dir.path(), "touch x"), job());
    build(&store, &job).await.0.unwrap();
    for stale in ["layers/.new-1/opt/d", "layers/.old-2", "roots/.new-3/usr"] {
        fs::create_dir_all(dir.path().join(stale)).unwrap();
    }
    fs::write(dir.path().join("layers/.new-1/opt/d/f"), "").unwrap();
    fs::set_permissions(
        dir.path().join("layers/.new-1/opt/d"),
        fs::Permissions::from_mode(0o500),
    )
    .unwrap();
    assert_eq!(store.sweep().await.unwrap(), 3);
    assert_eq!(store.sweep().await.unwrap(), 0);
    assert_eq!(store.pieces().unwrap(), [layer(&job)]);
    assert!(store.path(&layer(&job)).join("x").exists());
}

#[tokio::test]
async fn what_is_held_is_not_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let (store, job) = (store(dir.path(), "mkdir d; touch d/x; chmod 500 d"), job());
    let piece = layer(&job);
    assert!(!store.hold(&piece).unwrap());
    let (past, future) = (
        Timestamp::from_seconds(1_000_000),
        Timestamp::from_seconds(100_000_000_000),
    );
    assert!(!store.retire(&piece, future).await.unwrap());
    build(&store, &job).await.0.unwrap();
    assert!(store.hold(&piece).unwrap());
    assert!(!store.retire(&piece, past).await.unwrap());
    assert!(store.is_there(&piece));
    assert!(store.retire(&piece, future).await.unwrap());
    assert!(!store.hold(&piece).unwrap());
    assert_eq!(left(dir.path()), Vec::<String>::new());
}
