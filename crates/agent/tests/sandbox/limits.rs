//! What one workspace does to itself is not felt beside it.

use std::time::{Duration, Instant};

use bailey_agent::sandbox::SandboxError;
use bailey_api::agent::{HomeStorage, Limit};

use crate::support::{Place, command, is_root, null, run, shell};

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
