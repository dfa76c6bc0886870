//! What one workspace does to itself is not felt beside it.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bailey_agent::sandbox::SandboxError;
use bailey_api::agent::{HomeStorage, Limit};

use crate::support::{Place, beside_agent, command, is_root, null, run, shell};

const MIB: u64 = 1024 * 1024;

#[tokio::test]
async fn a_memory_hog_ends_alone() {
    let mut place = Place::new();
    place.spec.limits.memory = Some(64 * MIB);
    let neighbour = Place::new();
    let ((sandbox, _l), (other, _o)) = (place.launch().await, neighbour.launch().await);
    let hog = "my $x = 'a' x (16 << 20); my @all; for (1..64) { push @all, $x . $_; print \"$_\\n\" }";
    let control = run(&other, &["perl", "-e", hog]).await;
    assert!(
        control.status == 0 && control.text.ends_with("64\n"),
        "{}",
        control.text
    );
    let output = run(&sandbox, &["perl", "-e", hog]).await;
    assert_eq!(output.status, 128 + 9, "{}", output.text);
    assert_eq!(shell(&sandbox, "echo alive").await.text, "alive\n");
    assert_eq!(shell(&other, "echo alive").await.text, "alive\n");
}

#[tokio::test]
async fn a_fork_bomb_stays_inside() {
    let mut place = Place::new();
    place.spec.limits.processes = Some(40);
    let neighbour = Place::new();
    let ((sandbox, _l), (other, _o)) = (place.launch().await, neighbour.launch().await);
    let many = "my $n = 0; for (1..100) { my $p = fork; last unless defined $p; \
                if (!$p) { close STDOUT; close STDERR; sleep 1; exit } $n++ } print $n";
    assert_eq!(run(&other, &["perl", "-e", many]).await.text, "100");
    let started: u32 = run(&sandbox, &["perl", "-e", many]).await.text.parse().unwrap();
    assert!((10..40).contains(&started), "{started}");
    let bomb = sandbox
        .spawn(
            &command(&["sh", "-c", "f() { f | f & }; f; sleep 20"]),
            [null(), null(), null()],
        )
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let start = Instant::now();
    assert_eq!(shell(&other, "echo alive").await.text, "alive\n");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    drop(bomb);
    sandbox.kill();
    assert!(sandbox.ended().await.contains("signal 9"));
}

#[tokio::test]
async fn init_answers_while_processes_end_all_the_time() {
    let mut place = Place::new();
    place.spec.limits.processes = Some(200);
    let (sandbox, _listeners) = place.launch().await;
    // Each is left to init by a parent that ends at once.
    let storm = "$SIG{CHLD} = 'IGNORE'; for (1..4) { last unless fork } \
                 while (1) { if (!fork) { fork; exit } }";
    let _storm = sandbox
        .spawn(&command(&["perl", "-e", storm]), [null(), null(), null()])
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..5 {
        let start = Instant::now();
        // The storm may have taken all processes; that this is said is an answer too.
        let _ = sandbox.spawn(&command(&["true"]), [null(), null(), null()]).await;
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    sandbox.kill();
    sandbox.ended().await;
}

#[tokio::test]
async fn a_full_home_is_full_for_one() {
    let mut place = Place::new();
    place.spec.home = HomeStorage::Image {
        path: place.home(),
        bytes: 16 * MIB,
    };
    place.spec.limits.disk = Some(16 * MIB);
    let neighbour = Place::new();
    let ((sandbox, _l), (other, _o)) = (place.launch().await, neighbour.launch().await);
    let fill = "head -c 32M /dev/zero > ~/full && echo fitted";
    assert_eq!(shell(&other, fill).await.text, "fitted\n");
    let output = shell(&sandbox, fill).await;
    assert!(
        output.text.contains("No space left") && !output.text.contains("fitted"),
        "{}",
        output.text
    );
    assert_eq!(
        shell(&sandbox, "rm ~/full; echo kept > ~/file; sync; cat ~/file")
            .await
            .text,
        "kept\n"
    );
    sandbox.kill();
    sandbox.ended().await;
    // Grown, and what was there is still there.
    place.spec.home = HomeStorage::Image {
        path: place.home(),
        bytes: 64 * MIB,
    };
    let (sandbox, _l) = place.launch().await;
    assert_eq!(
        shell(&sandbox, &format!("cat ~/file; {fill}")).await.text,
        "kept\nfitted\n"
    );
}

#[tokio::test]
async fn new_home_images_are_copied_from_one() {
    const GIB: u64 = 1024 * MIB;
    let mut place = Place::new();
    let workspaces = place.directory.path().join("data/workspaces");
    let mut times = Vec::new();
    for number in 0..12 {
        let own = workspaces.join(number.to_string());
        std::fs::create_dir_all(&own).unwrap();
        place.spec.home = HomeStorage::Image {
            path: own.join("home.ext4"),
            bytes: 10 * GIB,
        };
        let start = Instant::now();
        let (sandbox, _l) = place.launch().await;
        times.push(start.elapsed());
        // Empty and as large as asked for, whatever was done in the ones before.
        let output = shell(
            &sandbox,
            "cat ~/file; echo used > ~/file; df -k --output=size ~ | tail -1",
        )
        .await;
        assert!(!output.text.contains("used"), "{}", output.text);
        let kib: u64 = output.text.lines().last().unwrap().trim().parse().unwrap();
        assert!(kib > 9 * MIB && kib <= 10 * MIB, "{kib}");
        sandbox.kill();
        sandbox.ended().await;
    }
    // No loop device holds on to an image whose sandbox has ended.
    for entry in std::fs::read_dir("/sys/block").unwrap().flatten() {
        let file = std::fs::read_to_string(entry.path().join("loop/backing_file")).unwrap_or_default();
        assert!(!file.contains(place.directory.path().to_str().unwrap()), "{file}");
    }
    let first = times.remove(0);
    times.sort();
    let p50 = times[times.len() / 2];
    println!("launch with a new home image of 10 GiB: the first {first:?}, then {p50:?}");
    // What else the machine does only adds to it.
    assert!(times[0] < Duration::from_millis(150), "{times:?}");
    let images: Vec<_> = std::fs::read_dir(place.directory.path().join("data/images"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(images, [format!("home-{}.ext4", 10 * GIB).as_str()]);
}

#[tokio::test]
async fn processor_time_is_limited() {
    let mut place = Place::new();
    place.spec.limits.cpu_milli = Some(200);
    let (sandbox, _listeners) = place.launch().await;
    let work = "my $e = time + 2; 1 while time < $e; my ($u, $s) = times; print $u + $s";
    let output = run(&sandbox, &["perl", "-e", work]).await;
    let used: f64 = output.text.parse().unwrap();
    assert!(used < 0.9, "{used}");
}

#[tokio::test]
async fn a_limit_that_cannot_be_had_is_an_error_unless_allowed() {
    let mut place = Place::new();
    place.spec.limits.disk = Some(MIB);
    let error = place.try_launch().await.unwrap_err();
    assert!(
        matches!(error, SandboxError::Limit { limit: Limit::Disk, .. }),
        "{error}"
    );
    place.spec.allow_missing = vec![Limit::Disk];
    place.try_launch().await.unwrap();
}

/// Other tests, of this run and of others on the machine, have cgroups beside these, and may sweep at the same time.
#[tokio::test]
async fn cgroups_that_a_killed_agent_left_are_swept() {
    let mut place = Place::new();
    place.spec.limits.processes = Some(50);
    let (sandbox, _listeners) = place.launch().await;
    let name = place.state().file_name().unwrap().to_str().unwrap().to_owned();
    let own = cgroup_of(sandbox.init_pid());
    // As agents leave and have them: one that was ended before it could remove it, and one whose init has yet to enter it.
    let left = own.with_file_name(format!("left-{name}"));
    let launching = own.with_file_name(format!("launching-{name}"));
    std::fs::create_dir(&left).unwrap();
    let lock = hold(&launching);
    until_swept(&left);
    assert!(launching.exists() && own.exists());
    assert_eq!(shell(&sandbox, "echo alive").await.text, "alive\n");
    drop(lock);
    until_swept(&launching);
    assert!(own.exists());
    sandbox.kill();
    sandbox.ended().await;
    assert!(!own.exists());
}

#[tokio::test]
async fn sandboxes_are_launched_while_cgroups_are_swept() {
    let done = Arc::new(AtomicBool::new(false));
    let sweeper = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            while !done.load(Ordering::Relaxed) {
                sweep();
            }
        }
    });
    let mut place = Place::new();
    place.spec.limits.processes = Some(50);
    for _ in 0..20 {
        let (sandbox, _listeners) = place.launch().await;
        assert!(cgroup_of(sandbox.init_pid()).exists());
        sandbox.kill();
        sandbox.ended().await;
    }
    done.store(true, Ordering::Relaxed);
    sweeper.join().unwrap();
}

/// Makes a cgroup and locks it as an agent does. Until it is locked, it may be swept.
fn hold(directory: &Path) -> File {
    loop {
        let _ = std::fs::create_dir(directory);
        let Ok(file) = File::open(directory) else { continue };
        file.lock_shared().unwrap();
        let number = |data: std::fs::Metadata| data.ino();
        if std::fs::metadata(directory).map(number).ok() == file.metadata().map(number).ok() {
            return file;
        }
    }
}

fn until_swept(directory: &Path) {
    let start = Instant::now();
    // Another who sweeps may be about to remove it.
    while directory.exists() {
        sweep();
        assert!(start.elapsed() < Duration::from_secs(10), "{}", directory.display());
    }
}

/// As the server has it done at its start; answers with what was removed.
fn sweep() -> Vec<String> {
    let output = std::process::Command::new(beside_agent("bailey-agent"))
        .arg("sweep")
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Where the processes of a sandbox are counted.
fn cgroup_of(pid: i32) -> std::path::PathBuf {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let path = |prefix: &str, at: &str| {
        let path = groups.lines().find_map(|line| line.split_once(prefix))?.1;
        Some(std::path::Path::new(at).join(path.trim_start_matches('/')))
    };
    path(":pids:", "/sys/fs/cgroup/pids")
        .or_else(|| path("0::", "/sys/fs/cgroup"))
        .unwrap()
}

#[tokio::test]
async fn root_never_becomes_the_person_inside() {
    assert!(is_root());
    for id in [None, Some(0)] {
        let mut place = Place::new();
        place.spec.host_id = id;
        let error = place.try_launch().await.unwrap_err();
        assert!(matches!(error, SandboxError::Isolation(_)), "{error}");
    }
}
