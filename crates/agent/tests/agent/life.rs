//! From the first hello to the end.

use std::time::{Duration, Instant};

use bailey_api::agent::{FromAgent, FromServer};
use bailey_core::template::When;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::server::{Server, within};
use crate::workspace::{KEY, Workspace, script};

fn text_of(source: &'static str) -> impl Fn(FromAgent) -> Option<String> {
    move |message| match message {
        FromAgent::Log { source: from, text, .. } if from == source => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn a_start_script_finds_the_key_and_its_lines_reach_the_server() {
    let workspace = Workspace::start(|manifest| {
        let command = "echo \"$ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN $BAILEY_WORKSPACE\"; echo two >&2";
        manifest.scripts = vec![script("hello", When::Start, command)];
    });
    let mut server = Server::start(&workspace.address_file()).await;
    let hello = server.hear().await;
    assert!(
        matches!(
            hello,
            FromAgent::Hello {
                needs_key: true,
                ready: false,
                ..
            }
        ),
        "{hello:?}"
    );
    let key = Some(bailey_api::agent::Handed(KEY.to_owned()));
    server.say(&FromServer::Welcome { key, committer: None }).await;
    let line = server.hear_until(text_of("script:hello")).await;
    assert_eq!(line, format!("http://127.0.0.1:7080 {KEY} blue"));
    assert_eq!(server.hear_until(text_of("script:hello")).await, "two");
    server
        .hear_until(|message| (message == FromAgent::Ready).then_some(()))
        .await;
    for secret in [KEY, crate::server::TOKEN] {
        assert!(!workspace.log().contains(secret));
    }
}

#[tokio::test]
async fn everything_runs_on_while_the_server_is_away() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    let (status, _, _) = server
        .run("setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >~/pid", b"")
        .await;
    assert_eq!(status, 0);
    drop(server);
    tokio::time::sleep(Duration::from_millis(700)).await;
    let start = Instant::now();
    let mut server = Server::start(&workspace.address_file()).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let hello = server.hear().await;
    assert!(
        matches!(
            hello,
            FromAgent::Hello {
                needs_key: false,
                ready: true,
                ..
            }
        ),
        "{hello:?}"
    );
    server
        .say(&FromServer::Welcome {
            key: None,
            committer: None,
        })
        .await;
    let (status, output, error) = server.run("kill -0 $(cat ~/pid) && echo $BAILEY_KEY", b"").await;
    assert_eq!((status, output.trim(), error.as_str()), (0, KEY, ""));
}

#[tokio::test]
async fn lines_are_said_again_to_a_server_that_has_not_stored_them() {
    let workspace = Workspace::start(|manifest| {
        manifest.scripts = vec![script("hello", When::Start, "echo one; echo two")];
    });
    let mut server = workspace.ready().await;
    server.say(&FromServer::LogStored { number: 1 }).await;
    // The answer to a command comes after what was said before it.
    server.run("true", b"").await;
    drop(server);
    let mut server = Server::start(&workspace.address_file()).await;
    server
        .say(&FromServer::Welcome {
            key: None,
            committer: None,
        })
        .await;
    assert_eq!(server.hear_until(text_of("script:hello")).await, "two");
}

#[tokio::test]
async fn a_stop_runs_the_stop_scripts_and_ends_everything() {
    let mut workspace = Workspace::start(|manifest| {
        manifest.scripts = vec![script("bye", When::Stop, "echo bye; echo bye >~/bye")];
        manifest.sandbox.limits.processes = Some(100);
    });
    let mut server = workspace.ready().await;
    assert_eq!(
        std::fs::read_to_string(workspace.lock()).unwrap().trim(),
        workspace.pid().to_string()
    );
    server
        .run("setsid sleep 987654 </dev/null >/dev/null 2>&1 &", b"")
        .await;
    let group = group_of(workspace.pid());
    assert!(group.exists());
    server.say(&FromServer::Stop { grace: 5 }).await;
    assert_eq!(server.hear_until(text_of("script:bye")).await, "bye");
    assert!(workspace.wait().success());
    assert!(!group.exists(), "{}", group.display());
    assert_eq!(std::fs::read_to_string(workspace.home().join("bye")).unwrap(), "bye\n");
    assert!(!running("sleep\u{0}987654"));
}

#[tokio::test]
async fn a_signal_ends_everything_at_once() {
    let mut workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    server
        .run("setsid sleep 987653 </dev/null >/dev/null 2>&1 &", b"")
        .await;
    until(|| running("sleep\u{0}987653")).await;
    kill(Pid::from_raw(workspace.pid()), Signal::SIGTERM).unwrap();
    assert!(workspace.wait().success());
    assert!(!running("sleep\u{0}987653"));
}

#[tokio::test]
async fn everything_inside_ends_with_an_agent_that_is_killed() {
    let mut workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    server
        .run("setsid sleep 987652 </dev/null >/dev/null 2>&1 &", b"")
        .await;
    kill(Pid::from_raw(workspace.pid()), Signal::SIGKILL).unwrap();
    workspace.wait();
    until(|| !running("sleep\u{0}987652")).await;
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let mut workspace = Workspace::start(|manifest| {
        manifest.scripts = vec![script("bad", When::Start, "echo broken; exit 3")];
    });
    let mut server = Server::start(&workspace.address_file()).await;
    server
        .say(&FromServer::Welcome {
            key: None,
            committer: None,
        })
        .await;
    let cause = server.hear_until(|message| match message {
        FromAgent::Failed { cause } => Some(cause),
        _ => None,
    });
    assert_eq!(within(cause).await, "the script `bad` ended with status 3");
    assert!(!workspace.wait().success());
}

#[tokio::test]
async fn a_second_agent_of_the_same_workspace_does_not_start() {
    let first = Workspace::start(|_| {});
    let _server = first.ready().await;
    let state = first.lock().parent().unwrap().to_owned();
    let mut second = Workspace::start(|manifest| manifest.state_dir = state);
    assert!(!second.wait().success());
    assert!(second.log().contains("another agent of this workspace is running"));
}

/// What a person did to their files must not keep them from mending it.
#[tokio::test]
async fn a_workspace_with_a_full_home_starts() {
    let image = tempfile::tempdir().unwrap();
    let path = image.path().join("home.ext4");
    let change = |manifest: &mut bailey_api::agent::Manifest| {
        manifest.sandbox.home = bailey_api::agent::HomeStorage::Image {
            path: path.clone(),
            bytes: 16 * 1024 * 1024,
        };
        manifest.files = vec![bailey_core::template::ManagedFile {
            path: "/home/dev/directory/of-the-template".to_owned(),
            content: "text\n".repeat(2000),
            executable: false,
            keep: false,
        }];
    };
    let mut first = Workspace::start(change);
    let mut server = first.ready().await;
    let fill = "cat ~/directory/of-the-template >/dev/null && rm -r ~/directory; head -c 32M /dev/zero >~/full";
    let (_, _, error) = server.run(fill, b"").await;
    assert!(error.contains("No space left"), "{error}");
    server.say(&FromServer::Stop { grace: 5 }).await;
    // It is sent by a task of this thread.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(first.wait().success());
    let second = Workspace::start(change);
    let server = second.ready().await;
    assert!(
        second
            .log()
            .contains("cannot write /home/dev/directory/of-the-template")
    );
    assert_eq!(server.run("rm ~/full && echo mended", b"").await.1, "mended\n");
}

#[tokio::test]
async fn nothing_inside_knows_the_agents_token() {
    let workspace = Workspace::start(|_| {});
    let server = workspace.ready().await;
    let look = |what: &str| {
        format!(
            "grep -rlas --exclude-dir=proc {what} /etc /run /tmp /var /home /dev/shm 2>/dev/null; \
             for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/maps; do \
             tr '\\0' '\\n' <$f 2>/dev/null | grep -v 'grep' | grep -qsF {what} && echo $f; done; true"
        )
    };
    // The control run: the key, which processes inside are to have, is found the same way. The words looked for are put
    // together inside, so that they do not stand in a command line.
    let split = |secret: &str| {
        let (first, rest) = secret.split_at(4);
        format!("{first}''{rest}")
    };
    let (_, found, _) = server.run(&look(&split(KEY)), b"").await;
    assert!(found.contains("environ"), "{found}");
    let (_, found, _) = server.run(&look(&split(crate::server::TOKEN)), b"").await;
    assert_eq!(found, "");
}

async fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(5), "it took too long");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The cgroup that counts the processes of an agent's sandbox: of what it has started, the first that is not its own.
fn group_of(agent: i32) -> std::path::PathBuf {
    let children = std::fs::read_to_string(format!("/proc/{agent}/task/{agent}/children")).unwrap();
    let mut all: Vec<String> = children.split_whitespace().map(str::to_owned).collect();
    // Init is a child of one of its threads.
    for thread in std::fs::read_dir(format!("/proc/{agent}/task")).unwrap().flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        all.extend(children.split_whitespace().map(str::to_owned));
    }
    let find = |child: &String| {
        let groups = std::fs::read_to_string(format!("/proc/{child}/cgroup")).ok()?;
        let one = groups
            .lines()
            .find_map(|line| Some(line.split_once(":pids:")?.1.to_owned()));
        let (at, path) = match one {
            Some(path) => ("/sys/fs/cgroup/pids", path),
            None => (
                "/sys/fs/cgroup",
                groups.lines().find_map(|line| line.strip_prefix("0::"))?.to_owned(),
            ),
        };
        let path = std::path::Path::new(at).join(path.trim_start_matches('/'));
        path.parent()?.ends_with("bailey").then_some(path)
    };
    all.iter().find_map(find).unwrap()
}

/// Whether a process of this command line (its arguments parted by zeros) runs anywhere on this machine.
fn running(command: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read_to_string(entry.path().join("cmdline"))
            .is_ok_and(|line| line.trim_end_matches('\u{0}') == command)
    })
}
