//! Nobody inside can make the agent wait without end.

use std::time::{Duration, Instant};

use bailey_agent::sandbox::SandboxError;
use bailey_api::agent::HomeStorage;

use crate::support::{Place, command, null, run, shell};

/// Above what init gives a process that it has forked.
const BOUND: Duration = Duration::from_secs(25);

#[tokio::test]
async fn connections_that_nobody_accepts_are_given_up() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let listen = "use IO::Socket::UNIX; use IO::Socket::INET; \
        $u = IO::Socket::UNIX->new(Local => '/home/dev/full.sock', Listen => 1) or die $!; \
        $t = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 4000, Listen => 1) or die $!; \
        open F, '>/home/dev/there'; sleep 300";
    let _listener = sandbox
        .spawn(&command(&["perl", "-e", listen]), [null(), null(), null()])
        .await
        .unwrap();
    let there = shell(&sandbox, "until [ -e ~/there ]; do sleep 0.05; done; echo there").await;
    assert_eq!(there.text, "there\n");
    // The control run: the queue has room for the first ones.
    let mut held = vec![sandbox.dial_socket("/home/dev/full.sock").await.unwrap()];
    let mut ports = vec![sandbox.dial_port(4000).await.unwrap()];
    let start = Instant::now();
    let socket = loop {
        match sandbox.dial_socket("/home/dev/full.sock").await {
            Ok(stream) => held.push(stream),
            Err(error) => break error,
        }
        assert!(held.len() < 50);
    };
    assert!(socket.to_string().contains("reach into the sandbox"), "{socket}");
    let port = loop {
        match sandbox.dial_port(4000).await {
            Ok(stream) => ports.push(stream),
            Err(error) => break error,
        }
        assert!(ports.len() < 50);
    };
    assert!(
        matches!(&port, SandboxError::Step { source, .. } if source.kind() == std::io::ErrorKind::TimedOut),
        "{port}"
    );
    assert!(start.elapsed() < 2 * BOUND, "{:?}", start.elapsed());
    // What was given up has ended.
    let left = shell(&sandbox, "cat /proc/[0-9]*/comm | grep -c bailey-agent").await;
    assert_eq!(left.text, "0\n");
}

#[tokio::test]
async fn a_process_that_is_stopped_before_its_program_runs_is_given_up() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    // All that begins is stopped at once, before or after its program runs.
    let stop = "$me = $$; while (1) { opendir D, '/proc'; for (readdir D) { \
        kill 'STOP', $_ if /^\\d+$/ && $_ > 2 && $_ != $me } closedir D }";
    for _ in 0..3 {
        let _stopper = sandbox
            .spawn(&command(&["perl", "-e", stop]), [null(), null(), null()])
            .await;
    }
    let start = Instant::now();
    let spawns = (0..40).map(|_| {
        let sandbox = sandbox.clone();
        async move { sandbox.spawn(&command(&["true"]), [null(), null(), null()]).await }
    });
    let all = tokio::time::timeout(BOUND, futures_util::future::join_all(spawns)).await;
    let refused = all.unwrap().into_iter().filter_map(Result::err).count();
    println!(
        "{refused} of 40 were stopped before they ran; it took {:?}",
        start.elapsed()
    );
    sandbox.kill();
    sandbox.ended().await;
}

#[tokio::test]
async fn a_home_that_its_owner_locked_is_opened_again() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    assert_eq!(shell(&sandbox, "chmod 000 ~; echo locked").await.text, "locked\n");
    // The control run: nothing can be started in it now.
    let refused = sandbox.spawn(&command(&["true"]), [null(), null(), null()]).await;
    assert!(refused.is_err());
    sandbox.kill();
    sandbox.ended().await;
    let (sandbox, _listeners) = place.launch().await;
    assert_eq!(shell(&sandbox, "cd ~ && echo back").await.text, "back\n");
    let mode = std::fs::metadata(place.home()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

/// Two mounts of one file system destroy it.
#[tokio::test]
async fn a_home_image_is_never_mounted_twice() {
    if !crate::support::is_root() {
        return;
    }
    let mut place = Place::new();
    place.spec.home = HomeStorage::Image {
        path: place.home(),
        bytes: 16 * 1024 * 1024,
    };
    let (sandbox, _listeners) = place.launch().await;
    assert_eq!(shell(&sandbox, "echo kept > ~/file").await.status, 0);
    let mut second = Place::new();
    second.spec.home = place.spec.home.clone();
    let error = second.try_launch().await.unwrap_err();
    assert!(
        error.to_string().contains("wait until the home image is free"),
        "{error}"
    );
    // One that follows at once waits for the end of the one before.
    sandbox.kill();
    let (second, _listeners) = second.launch().await;
    assert_eq!(run(&second, &["cat", "file"]).await.text, "kept\n");
}
