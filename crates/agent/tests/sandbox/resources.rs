//! What the kernel keeps for a process beside its own memory is limited too, and a neighbour does not feel it.

use std::time::{Duration, Instant};

use bailey_agent::sandbox::Sandbox;

use crate::attempts::{bring, control, inside, outside};
use crate::support::{Place, is_root, shell};

const MIB: u64 = 1024 * 1024;

async fn pair(change: impl Fn(&mut Place)) -> [(Place, Sandbox, bailey_agent::sandbox::Listeners); 2] {
    let (mut place, neighbour) = (Place::new(), Place::new());
    change(&mut place);
    bring(&place);
    bring(&neighbour);
    let ((sandbox, l), (other, o)) = (place.launch().await, neighbour.launch().await);
    [(place, sandbox, l), (neighbour, other, o)]
}

#[tokio::test]
async fn memory_that_is_no_processs_own_counts_as_well() {
    if !is_root() {
        return;
    }
    let [(_p, sandbox, _l), (_n, other, _o)] = pair(|place| place.spec.limits.memory = Some(64 * MIB)).await;
    for arguments in [
        &["shared_memory", "200"][..],
        &["messages", "100"],
        &["memory_file", "200"],
        &["bytes", "200", "/dev/shm/file"],
        &["bytes", "200", "/tmp/file"],
        &["bytes", "200", "/var/tmp/file"],
    ] {
        let arguments = [&["resource"], arguments].concat();
        control(&arguments);
        let output = inside(&sandbox, &arguments).await;
        assert_ne!(output.status, 0, "{arguments:?}: {}", output.text);
        assert!(!output.text.contains("no such attempt"));
        assert_eq!(
            shell(&sandbox, "echo alive").await.text,
            "alive\n",
            "after {arguments:?}"
        );
        assert_eq!(shell(&other, "echo alive").await.text, "alive\n", "after {arguments:?}");
    }
}

/// They stay when their processes have ended, so that no end of a process would make room again.
#[tokio::test]
async fn files_in_memory_leave_room_for_programs() {
    if !is_root() {
        return;
    }
    let [(_p, sandbox, _l), _other] = pair(|place| place.spec.limits.memory = Some(64 * MIB)).await;
    let fill = "for d in /tmp /var/tmp /dev/shm /run; do dd if=/dev/zero of=$d/file bs=64k 2>/dev/null; done; \
        du -cm /tmp/file /var/tmp/file /dev/shm/file /run/file | awk 'END { print $1 }'";
    let output = shell(&sandbox, fill).await;
    let filled: u64 = output.text.trim().parse().unwrap();
    assert!((30..=48).contains(&filled), "{}", output.text);
    let output = inside(&sandbox, &["resource", "shared_memory", "16"]).await;
    assert_ne!(output.status, 0, "{}", output.text);
    // Shared memory that is asked for in whole has its part too, and then a program still has memory of its own.
    let small = "use IPC::SysV qw(IPC_CREAT IPC_PRIVATE); my $i = shmget(IPC_PRIVATE, 3 << 20, IPC_CREAT | 0600) // die $!; \
        shmwrite($i, 'x' x (3 << 20), 0, 3 << 20) or die $!; print 'kept'";
    assert_eq!(crate::support::run(&sandbox, &["perl", "-e", small]).await.text, "kept");
    let program = "my $x = 'x' x (6 << 20); print length $x";
    assert_eq!(
        crate::support::run(&sandbox, &["perl", "-e", program]).await.text,
        "6291456"
    );
}

#[tokio::test]
async fn files_in_memory_are_limited_in_number() {
    if !is_root() {
        return;
    }
    let [(_p, sandbox, _l), (_n, other, _o)] = pair(|place| place.spec.limits.memory = Some(64 * MIB)).await;
    let arguments = ["resource", "files", "12000", "/dev/shm"];
    assert_eq!(inside(&other, &arguments).await.status, 0);
    let output = inside(&sandbox, &arguments).await;
    let made: u64 = output.text.lines().next().unwrap().parse().unwrap();
    assert!(output.status != 0 && (1000..8200).contains(&made), "{}", output.text);
    assert!(output.text.contains("No space left"), "{}", output.text);
}

/// The kernel counts all of a machine's together.
#[tokio::test]
async fn terminals_are_taken_from_nobody_else() {
    if !is_root() {
        return;
    }
    let [(_p, sandbox, _l), (_n, other, _o)] = pair(|_| {}).await;
    let open =
        "for (1..200) { open my $t, '+<', '/dev/ptmx' or last; push @t, $t } print scalar @t; $| = 1; print qq(\\n); ";
    // The control run: the machine itself has more.
    let control = std::process::Command::new("perl").args(["-e", open]).output().unwrap();
    assert_eq!(control.stdout, b"200\n");
    let hold = format!("{open} open F, '>/home/dev/held'; sleep 60");
    let _holder = sandbox
        .spawn(
            &crate::support::command(&["perl", "-e", &hold]),
            [(); 3].map(|()| crate::support::null()),
        )
        .await
        .unwrap();
    shell(&sandbox, "until [ -e ~/held ]; do sleep 0.05; done").await;
    assert_eq!(crate::support::run(&sandbox, &["perl", "-e", open]).await.text, "0\n");
    // Each has its own.
    assert_eq!(crate::support::run(&other, &["perl", "-e", open]).await.text, "128\n");
}

/// The kernel counts them by user, and each workspace is another one.
#[tokio::test]
async fn watches_are_taken_from_nobody_else() {
    if !is_root() {
        return;
    }
    let [(_p, sandbox, _l), (_n, other, _o)] = pair(|_| {}).await;
    let most: u64 = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let all = (most + 1).to_string();
    // Held while the others are tried.
    let script = format!("~/attempt resource watches {all} /tmp; ~/attempt resource watches 1 /tmp");
    let output = shell(&sandbox, &script).await;
    assert!(output.text.contains("Too many open files"), "{}", output.text);
    let hold = "use POSIX; 1 while syscall(294, 0) != -1; open F, '>/home/dev/held'; sleep 60";
    let _holder = sandbox
        .spawn(
            &crate::support::command(&["perl", "-e", hold]),
            [(); 3].map(|()| crate::support::null()),
        )
        .await
        .unwrap();
    shell(&sandbox, "until [ -e ~/held ]; do sleep 0.05; done").await;
    if cfg!(target_arch = "x86_64") {
        let output = inside(&sandbox, &["resource", "watches", "1", "/tmp"]).await;
        assert_ne!(output.status, 0, "{}", output.text);
    }
    let one = ["resource", "watches", "1", "/tmp"];
    assert_eq!(inside(&other, &one).await.status, 0);
    assert_eq!(outside(&one).status, 0);
}

/// Reads and direct writes; what is written back later cannot be held back by version 1.
#[tokio::test]
async fn disk_traffic_is_limited() {
    if !is_root() {
        return;
    }
    let [(place, sandbox, _l), (_n, other, _o)] = pair(|place| place.spec.limits.io_bytes = Some(2 * MIB)).await;
    let about = rustix::fs::stat(place.directory.path()).unwrap();
    let device = format!(
        "{}:{}",
        rustix::fs::major(about.st_dev),
        rustix::fs::minor(about.st_dev)
    );
    if !std::path::Path::new("/sys/dev/block").join(&device).exists() {
        println!(
            "left out: {} is on no disk ({device})",
            place.directory.path().display()
        );
        return;
    }
    let write = "dd if=/dev/zero of=file bs=256k count=24 oflag=direct 2>/dev/null && echo written";
    let timed = async |sandbox: &Sandbox| {
        let start = Instant::now();
        assert_eq!(shell(sandbox, write).await.text, "written\n");
        start.elapsed()
    };
    let free = timed(&other).await;
    let limited = timed(&sandbox).await;
    println!("6 MiB took {free:?} without a limit and {limited:?} with 2 MiB/s");
    assert!(
        limited > Duration::from_secs(2) && limited > 2 * free,
        "{free:?} {limited:?}"
    );
}

/// Without a cgroup the kernel counts the person's processes, which is how an ordinary user's workspace is limited.
#[tokio::test]
async fn an_ordinary_users_processes_are_counted() {
    let mut place = Place::new();
    let neighbour = Place::new();
    let many = "my $n = 0; for (1..100) { my $p = fork; last unless defined $p; \
                if (!$p) { close STDOUT; close STDERR; sleep 1; exit } $n++ } print $n";
    let (other, _o) = neighbour.launch().await;
    assert_eq!(crate::support::run(&other, &["perl", "-e", many]).await.text, "100");
    place.spec.limits.processes = Some(50);
    let (sandbox, _l) = place.launch().await;
    let started: u32 = crate::support::run(&sandbox, &["perl", "-e", many])
        .await
        .text
        .parse()
        .unwrap();
    assert!(started < 50, "{started}");
    if !is_root() {
        // Until those have ended there is no room for another.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let limits = shell(&sandbox, "grep processes /proc/self/limits").await;
        assert!(limits.text.contains("50"), "{}", limits.text);
    }
}
