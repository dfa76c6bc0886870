//! What a sandbox is for: commands, terminals, connections and files.

use std::io::{Read, Write};
use std::net::SocketAddrV4;
use std::time::{Duration, Instant};

use bailey_agent::sandbox::{Size, original_destination};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Place, command, run, shell};

#[tokio::test]
async fn commands_run_as_dev_and_nobody_else() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let output = shell(
        &sandbox,
        "id -u; id -un; pwd; hostname; grep -E 'Cap|NoNewPrivs|^Seccomp:' /proc/self/status; ls -a /; exit 7",
    )
    .await;
    assert_eq!(output.status, 7, "{}", output.text);
    assert!(
        output.text.starts_with("1000\ndev\n/home/dev\ntest\n"),
        "{}",
        output.text
    );
    for name in ["Inh", "Prm", "Eff", "Bnd", "Amb"] {
        assert!(
            output.text.contains(&format!("Cap{name}:\t0000000000000000")),
            "{}",
            output.text
        );
    }
    assert!(
        output.text.contains("NoNewPrivs:\t1") && output.text.contains("Seccomp:\t2"),
        "{}",
        output.text
    );
}

#[tokio::test]
async fn launching_is_fast() {
    let place = Place::new();
    let mut times = Vec::new();
    for _ in 0..15 {
        let start = Instant::now();
        let (sandbox, _listeners) = place.launch().await;
        let launched = start.elapsed();
        let output = run(&sandbox, &["/bin/true"]).await;
        assert_eq!(output.status, 0);
        times.push((launched, start.elapsed()));
        sandbox.kill();
        sandbox.ended().await;
    }
    times.sort();
    let (launched, ran) = times[times.len() / 2];
    println!(
        "launch {launched:?}, until a command has ended {ran:?}; slowest {:?}",
        times.last()
    );
    // What else the machine does only adds to it.
    assert!(times[0].0 < Duration::from_millis(150), "{times:?}");
}

#[tokio::test]
async fn a_terminal_is_the_persons_own() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let size = Size { columns: 91, rows: 17 };
    let script = "stty size; tty; ls -l $(tty) | cut -d' ' -f3; read line; echo got $line";
    let (mut process, master) = sandbox
        .spawn_terminal(&command(&["sh", "-c", script]), size)
        .await
        .unwrap();
    let mut master = std::fs::File::from(master);
    let mut text = Vec::new();
    // What is typed is shown at once, and would stand in the midst of what is printed.
    while !text.ends_with(b"dev\r\n") {
        let mut byte = [0];
        master.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    master.write_all(b"hello\n").unwrap();
    assert_eq!(process.wait().await.unwrap(), 0);
    // At the end of its other side a terminal reports an error, not an end.
    let _ = master.read_to_end(&mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    for expected in ["17 91\r\n", "/dev/pts/0\r\ndev\r\n", "got hello"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn connections_out_come_to_the_listeners() {
    let place = Place::new();
    let (sandbox, listeners) = place.launch().await;
    let redirect = tokio::net::TcpListener::from_std(listeners.redirect).unwrap();
    let arguments = [
        "bash",
        "-c",
        "exec 3<>/dev/tcp/93.184.216.34/443; echo out >&3; cat <&3",
    ];
    let reached = async {
        let (mut stream, _) = redirect.accept().await.unwrap();
        let destination = original_destination(&stream).unwrap();
        let mut line = [0; 4];
        stream.read_exact(&mut line).await.unwrap();
        stream.write_all(b"back").await.unwrap();
        (destination, line)
    };
    let (output, reached) = tokio::join!(run(&sandbox, &arguments), reached);
    assert_eq!(output.text, "back");
    let expected: SocketAddrV4 = "93.184.216.34:443".parse().unwrap();
    assert_eq!(reached, (expected, *b"out\n"));
}

#[tokio::test]
async fn ports_and_sockets_inside_are_reached() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let script = r#"use IO::Socket::INET; use IO::Socket::UNIX;
        my $t = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => 8080) or die;
        my $u = IO::Socket::UNIX->new(Listen => 5, Local => "/run/app.sock") or die;
        for my $l ($t, $u) { my $c = $l->accept; print $c "hi"; close $c }"#;
    let output = [
        std::fs::File::open("/dev/null").unwrap(),
        std::fs::File::create("/dev/null").unwrap(),
    ];
    let [input, out] = output;
    let streams = [input.into(), out.try_clone().unwrap().into(), out.into()];
    let mut server = sandbox.spawn(&command(&["perl", "-e", script]), streams).await.unwrap();
    let mut text = String::new();
    let mut stream = loop {
        match sandbox.dial_port(8080).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    stream.read_to_string(&mut text).await.unwrap();
    sandbox
        .dial_socket("/run/app.sock")
        .await
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(text, "hihi");
    assert_eq!(server.wait().await.unwrap(), 0);
    let refused = sandbox.dial_port(8080).await.unwrap_err().to_string();
    assert!(refused.contains("Connection refused"), "{refused}");
}

#[tokio::test]
async fn signals_end_groups_and_kill_ends_everything() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let null = || {
        std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap()
            .into()
    };
    let mut sleep = sandbox
        .spawn(&command(&["sleep", "100"]), [null(), null(), null()])
        .await
        .unwrap();
    sandbox.signal(sleep.pid, 15).await.unwrap();
    assert_eq!(sleep.wait().await.unwrap(), 128 + 15);
    let mut sleep = sandbox
        .spawn(&command(&["sleep", "100"]), [null(), null(), null()])
        .await
        .unwrap();
    sandbox.kill();
    assert!(sleep.wait().await.is_err());
    assert!(sandbox.ended().await.contains("signal 9"));
    assert!(sandbox.signal(sleep.pid, 15).await.is_err());
    assert!(sandbox.signal(1, 15).await.is_err());
}

#[tokio::test]
async fn a_command_that_cannot_run_says_why() {
    let place = Place::new();
    let (sandbox, _listeners) = place.launch().await;
    let null = || {
        std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .unwrap()
            .into()
    };
    let error = sandbox
        .spawn(&command(&["no-such-program"]), [null(), null(), null()])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("run no-such-program"), "{error}");
    let mut elsewhere = command(&["true"]);
    elsewhere.directory = "/nowhere".to_owned();
    let error = sandbox.spawn(&elsewhere, [null(), null(), null()]).await.unwrap_err();
    assert!(error.to_string().contains("change to /nowhere"), "{error}");
}
