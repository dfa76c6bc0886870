//! Reaching in and reaching out.

use std::time::{Duration, Instant};

use bailey_api::agent::{AppHealth, FromAgent, Purpose};
use bailey_api::frame::ExecFrame;
use bailey_core::template::{App, EgressRule, ManagedFile, Probe, ProbeKind, Sharing, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::server::{Server, exec, outcome, spawn, within};
use crate::workspace::{KEY, Workspace};

#[tokio::test]
async fn commands_have_input_both_outputs_and_a_status() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    let ran = server.run("pwd; id -u; cat; echo err >&2; exit 3", b"input\n").await;
    assert_eq!(ran, (3, "/home/dev\n1000\ninput\n".to_owned(), "err\n".to_owned()));
    let (status, output, _) = server.run("echo $OPENAI_API_KEY; tty", b"").await;
    assert_eq!((status, output), (1, format!("{KEY}\nnot a tty\n")));
    let (_, output, _) = server.run("head -c 3000000 /dev/zero | tr '\\0' x", b"").await;
    assert_eq!(output.len(), 3_000_000);
    // Children that stay do not keep the command.
    let start = Instant::now();
    assert_eq!(server.run("sleep 100 & echo on", b"").await.1, "on\n");
    assert!(start.elapsed() < Duration::from_secs(5));
    let refused = bailey_link::request(&server.interactive, &exec("", None)).await;
    drop(refused.unwrap());
    let Purpose::Exec(mut start) = exec("", None) else {
        unreachable!()
    };
    start.command = vec!["/no/such/program".to_owned()];
    let refused = bailey_link::request(&server.interactive, &Purpose::Exec(start)).await;
    assert!(refused.unwrap_err().to_string().contains("/no/such/program"));
}

#[tokio::test]
async fn commands_are_signalled_timed_and_end_with_their_stream() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    let (mut reader, mut writer) = server
        .frames(&exec("trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done", None))
        .await;
    let up = within(reader.next()).await.unwrap().unwrap();
    assert_eq!(ExecFrame::decode(&up), Ok(ExecFrame::Stdout(b"up\n".to_vec())));
    writer.send(&ExecFrame::Signal(15).encode()).await.unwrap();
    assert_eq!(within(outcome(&mut reader)).await.0, 7);

    let (mut reader, _writer) = server.frames(&exec("sleep 100", Some(1))).await;
    assert_eq!(within(outcome(&mut reader)).await.0, 124);

    let (reader, writer) = server.frames(&exec("echo $$ >~/pid; sleep 100", None)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop((reader, writer));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(server.run("kill -0 $(cat ~/pid)", b"").await.0, 1);
}

#[tokio::test]
async fn a_command_ends_whatever_its_children_and_its_input_do() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    // A child that writes without end.
    let start = Instant::now();
    let (status, output, _) = server.run("yes & exit 3", b"").await;
    assert!(
        status == 3 && output.len() < 8 * 1024 * 1024,
        "{status} {}",
        output.len()
    );
    server.run("yes 2>/dev/null >&2 & exit 0", b"").await;
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    // One that does not read: the end of its stream is noticed all the same.
    let (reader, mut writer) = server.frames(&exec("echo $$ >~/pid; exec sleep 1000", None)).await;
    let stuffed = async {
        for _ in 0..256 {
            writer
                .send(&ExecFrame::Stdin(vec![b'x'; 32 * 1024]).encode())
                .await
                .unwrap();
        }
    };
    let _ = tokio::time::timeout(Duration::from_millis(500), stuffed).await;
    assert_eq!(server.run("kill -0 $(cat ~/pid)", b"").await.0, 0);
    drop((reader, writer));
    let start = Instant::now();
    while server.run("kill -0 $(cat ~/pid)", b"").await.0 == 0 {
        assert!(start.elapsed() < Duration::from_secs(15), "it runs on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_command_that_does_not_read_is_signalled() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    let (mut reader, mut writer) = server
        .frames(&exec("trap 'exit 7' INT; echo up; while :; do sleep 0.05; done", None))
        .await;
    let up = within(reader.next()).await.unwrap().unwrap();
    assert_eq!(ExecFrame::decode(&up), Ok(ExecFrame::Stdout(b"up\n".to_vec())));
    for _ in 0..64 {
        let piece = ExecFrame::Stdin(vec![b'x'; 32 * 1024]).encode();
        within(writer.send(&piece)).await.unwrap();
    }
    within(writer.send(&ExecFrame::Signal(2).encode())).await.unwrap();
    assert_eq!(within(outcome(&mut reader)).await.0, 7);
}

#[tokio::test]
async fn a_command_whose_server_is_lost_runs_on() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    let script = "for i in $(seq 40); do echo $i; sleep 0.05; done; echo done >~/done";
    let frames = server.frames(&exec(script, None)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop((server, frames));
    let start = Instant::now();
    while std::fs::read_to_string(workspace.home().join("done")).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Answers one connection to the gate or outside with its purpose and what came over it.
fn answer_one(mut server: Server) -> tokio::task::JoinHandle<(Server, Purpose)> {
    spawn(async move {
        let (purpose, pending) = within(server.opened.recv()).await.unwrap();
        let mut stream = pending.accept().await.unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(b"heard ").await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        (server, purpose)
    })
}

#[tokio::test]
async fn connections_reach_the_gate_and_allowed_names_and_nothing_else() {
    let workspace = Workspace::start(|manifest| {
        manifest.egress = vec![EgressRule {
            host: "registry.example.org".to_owned(),
            port: 443,
        }];
    });
    let mut server = workspace.ready().await;
    for (target, expected) in [
        ("127.0.0.1/7080", Purpose::Gate),
        (
            "registry.example.org/443",
            Purpose::Connect {
                host: "registry.example.org".to_owned(),
                port: 443,
            },
        ),
    ] {
        let opener = server.interactive.clone();
        let answered = answer_one(server);
        let script = format!("exec 3<>/dev/tcp/{target}; printf hello >&3; cat <&3");
        let stream = bailey_link::request(&opener, &exec(&script, None)).await.unwrap();
        let (mut reader, _writer) = bailey_link::frames(stream, 1024 * 1024);
        let (status, output, error) = within(outcome(&mut reader)).await;
        assert_eq!((status, output.as_str(), error.as_str()), (0, "heard hello", ""));
        let purpose;
        (server, purpose) = within(answered).await.unwrap();
        assert_eq!(purpose, expected);
    }
    for target in [
        "other.example.org/443",
        "93.184.216.34/443",
        "169.254.169.254/80",
        "198.18.0.1/443",
        "fd00:ec2::254/80",
        "2001:db8::1/443",
    ] {
        let script = format!("exec 3<>/dev/tcp/{target} && printf hello >&3 && cat <&3");
        let (status, output, _) = server.run(&script, b"").await;
        assert!(status != 0 && output.is_empty(), "{target}: {status} {output}");
        assert!(server.opened.try_recv().is_err(), "{target}");
    }
}

#[tokio::test]
async fn files_are_read_written_listed_and_found_as_the_person() {
    let workspace = Workspace::start(|manifest| {
        let file = |path: &str, keep| ManagedFile {
            path: path.to_owned(),
            content: "of the template\n".to_owned(),
            executable: false,
            keep,
        };
        std::fs::write(manifest_home(manifest).join("kept"), "mine\n").unwrap();
        manifest.files = vec![
            file("/home/dev/.config/tool/settings", false),
            file("/home/dev/kept", true),
            file("/etc/tool.conf", false),
        ];
    });
    let server = workspace.ready().await;
    let (_, output, error) = server.run("cat ~/.config/tool/settings ~/kept /etc/tool.conf; stat -c %U ~/.config/tool/settings; ls -d ~/.codex/config.toml", b"").await;
    assert_eq!(
        (output.as_str(), error.as_str()),
        (
            "of the template\nmine\nof the template\ndev\n/home/dev/.codex/config.toml\n",
            ""
        )
    );
    assert_eq!(
        server
            .request("PUT", "/files?path=notes/a.txt&parents=true", "one\nneedle two\n")
            .await
            .0,
        204
    );
    let read = server.request("GET", "/files?path=/home/dev/notes/a.txt", "").await;
    assert_eq!(read, (200, "one\nneedle two\n".to_owned()));
    let (_, list) = server.request("GET", "/list?path=notes", "").await;
    assert!(
        list.contains("\"name\":\"a.txt\"") && !list.contains(".a.txt."),
        "{list}"
    );
    let (_, found) = server.request("GET", "/search?path=notes&query=needle", "").await;
    assert!(found.contains("\"line\":2"), "{found}");
    assert_eq!(
        server
            .request("POST", "/rename?from=notes/a.txt&to=notes/b.txt", "")
            .await
            .0,
        204
    );
    assert_eq!(server.request("GET", "/files?path=notes/a.txt", "").await.0, 404);
    // The person's rights and the person's root: what the host has is not there, what is root's cannot be written.
    assert_eq!(server.request("GET", "/files?path=/etc/shadow", "").await.0, 404);
    assert_eq!(server.request("PUT", "/files?path=/usr/x", "x").await.0, 403);
    assert_eq!(server.request("DELETE", "/files?path=notes", "").await.0, 409);
    assert_eq!(
        server.request("DELETE", "/files?path=notes&recursive=true", "").await.0,
        204
    );
    assert_eq!(server.request("GET", "/nothing", "").await.0, 404);
}

fn manifest_home(manifest: &bailey_api::agent::Manifest) -> std::path::PathBuf {
    match &manifest.sandbox.home {
        bailey_api::agent::HomeStorage::Directory(path) => path.clone(),
        image @ bailey_api::agent::HomeStorage::Image { .. } => panic!("{image:?}"),
    }
}

#[tokio::test]
async fn apps_run_are_watched_and_reached() {
    let workspace = Workspace::start(|manifest| {
        let server = "import http.server as h\nclass H(h.BaseHTTPRequestHandler):\n def do_GET(s):\n  s.send_response(200); s.send_header('content-length','2'); s.end_headers(); s.wfile.write(b'ok')\nh.HTTPServer(('127.0.0.1',8080),H).serve_forever()";
        manifest.apps = vec![App {
            name: "web".to_owned(),
            display_name: "Web".to_owned(),
            icon: String::new(),
            target: Target::Port(8080),
            command: Some(format!("exec python3 -c \"{server}\"")),
            health: Some("/".to_owned()),
            sharing: Sharing::Owner,
        }];
        let probe = |name: &str, kind| Probe {
            name: name.to_owned(),
            display_name: name.to_owned(),
            kind,
            interval: 1,
            timeout: 5,
        };
        manifest.metadata = vec![
            probe("memory", ProbeKind::Memory),
            probe("cpu", ProbeKind::Cpu),
            probe("disk", ProbeKind::Disk),
            probe("custom", ProbeKind::Command("echo $USER; echo more".to_owned())),
        ];
    });
    let mut server = workspace.ready().await;
    let status = server.hear_until(|message| match message {
        FromAgent::Status(status) => {
            let well = status.apps.get("web") == Some(&AppHealth::Healthy);
            (well && status.metadata.len() == 4).then_some(status)
        }
        _ => None,
    });
    let status = within(status).await;
    for (name, reading) in &status.metadata {
        assert_eq!(reading.error, None, "{name}");
    }
    assert_eq!(status.metadata["custom"].value, "dev");
    assert!(status.metadata["memory"].value.parse::<u64>().unwrap() > 100_000);
    assert_eq!(
        server.request("GET", "/ports", "").await,
        (200, "{\"ports\":[8080]}".to_owned())
    );
    let purpose = Purpose::App { name: "web".to_owned() };
    let mut stream = bailey_link::request(&server.bulk, &purpose).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    let purpose = Purpose::App {
        name: "none".to_owned(),
    };
    assert!(bailey_link::request(&server.bulk, &purpose).await.is_err());
}
