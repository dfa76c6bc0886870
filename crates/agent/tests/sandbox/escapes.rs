//! Attempts to get out. Each is made outside first and succeeds there: only then does its failure inside mean something.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use bailey_agent::sandbox::Sandbox;

use crate::support::{Output, Place, beside_agent, is_root, run, shell};

/// Where the program lies inside.
const INSIDE: &str = "/home/dev/attempt";

fn program() -> PathBuf {
    beside_agent("examples/attempt")
}

/// Puts the program into the home directory, as the person would bring it.
fn bring(place: &Place) {
    std::fs::create_dir_all(place.home()).unwrap();
    std::fs::copy(program(), place.home().join("attempt")).unwrap();
}

fn outside(arguments: &[&str]) -> Output {
    // In a mount namespace of its own, so that a mount that succeeds troubles nobody.
    let output = Command::new("unshare")
        .args(["--mount", "--"])
        .arg(program())
        .args(arguments)
        .output()
        .unwrap();
    Output {
        status: output.status.code().unwrap_or(-1),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    }
}

async fn inside(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    run(sandbox, &[&[INSIDE], arguments].concat()).await
}

/// The attempt succeeds outside. Made as root alone: the same attempts are then made from an ordinary user's sandbox.
fn control(arguments: &[&str]) {
    if is_root() {
        let output = outside(arguments);
        assert_eq!(output.status, 0, "control run of {arguments:?}: {}", output.text);
    }
}

/// Succeeds outside, fails inside.
async fn only_outside(sandbox: &Sandbox, arguments: &[&str]) {
    control(arguments);
    let output = inside(sandbox, arguments).await;
    assert_ne!(output.status, 0, "{arguments:?} got out: {}", output.text);
    assert!(!output.text.contains("no such attempt"));
}

fn greet(mut stream: impl Write) {
    // Who hangs up first has not waited for it.
    let _ = stream.write_all(b"host");
}

struct Victim(Child);

impl Victim {
    fn new() -> Self {
        Self(Command::new("sleep").arg("300").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn system_calls_that_lead_out_are_refused() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    for attempt in [
        "mptcp",
        "raw",
        "raw6",
        "packet",
        "vsock",
        "uevent",
        "netfilter",
        "io_uring",
        "mount",
        "umount",
        "fsopen",
        "open_tree",
        "chroot",
        "clone_user",
        "clone3",
        "setns",
        "mknod",
        "sti",
        "keyctl",
        "bpf",
        "userfaultfd",
        "perf",
        "vm_read",
        "sethostname",
        "setuid",
        "personality",
    ] {
        only_outside(&sandbox, &[attempt]).await;
    }
    for flag in [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWTIME,
    ] {
        only_outside(&sandbox, &["unshare", &flag.to_string()]).await;
    }
    let killed = inside(&sandbox, &["x32"]).await;
    assert_eq!(killed.status, 128 + libc::SIGSYS, "{}", killed.text);
}

/// Not every kernel has these, so that the reason for the refusal is looked at instead of a control run.
#[tokio::test]
async fn protocols_are_refused_by_the_filter() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    for (attempt, errno) in [("alg", libc::EAFNOSUPPORT), ("sctp", libc::EPROTONOSUPPORT)] {
        let output = inside(&sandbox, &[attempt]).await;
        assert!(
            output.text.contains(&format!("(os error {errno})")),
            "{attempt}: {}",
            output.text
        );
    }
}

#[tokio::test]
async fn init_can_be_neither_ended_nor_looked_into() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    for attempt in ["ptrace", "prlimit"] {
        let victim = Victim::new();
        control(&[attempt, &victim.0.id().to_string()]);
        let output = inside(&sandbox, &[attempt, "1"]).await;
        assert_ne!(output.status, 0, "{attempt}: {}", output.text);
    }
    if is_root() {
        let mut victim = Victim::new();
        control(&["kill", &victim.0.id().to_string()]);
        assert_eq!(victim.0.wait().unwrap().signal(), Some(libc::SIGKILL));
    }
    // For an ordinary user init has the same id on the host: the signal is then allowed, and lost.
    inside(&sandbox, &["kill", "1"]).await;
    for file in ["mem", "environ", "maps", "fd/0", "root/etc/passwd", "exe"] {
        let victim = Victim::new();
        if file != "mem" && file != "fd/0" {
            let path = format!("/proc/{}/{file}", victim.0.id());
            control(&["read", &path]);
        }
        let output = inside(&sandbox, &["read", &format!("/proc/1/{file}")]).await;
        assert_ne!(output.status, 0, "/proc/1/{file}: {}", output.text);
    }
    assert_eq!(shell(&sandbox, "echo alive").await.text, "alive\n");
}

#[tokio::test]
async fn the_host_is_out_of_sight() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    let secret = place.directory.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    let own = std::process::id();
    for path in [
        "/etc/shadow",
        secret.to_str().unwrap(),
        &format!("/proc/{own}/status"),
        "/proc/keys",
        "/proc/timer_list",
        "/sys/kernel/notes",
    ] {
        only_outside(&sandbox, &["read", path]).await;
    }
    for path in ["/root", "/var/log", "/sys", "/sys/fs/cgroup", "/dev/block", "/boot"] {
        if PathBuf::from(path).exists() {
            only_outside(&sandbox, &["list", path]).await;
        }
    }
    for path in [
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/kernel/printk",
        "/etc/passwd",
        "/usr/bin/env",
        "/dev/kmsg",
    ] {
        only_outside(&sandbox, &["write", path]).await;
    }
    for path in [
        "/usr/bin/bailey-attempt",
        "/etc/bailey-attempt",
        "/bailey-attempt",
        "/dev/bailey-attempt",
    ] {
        let output = inside(&sandbox, &["create", path]).await;
        assert_ne!(output.status, 0, "{path}: {}", output.text);
    }
    let output = shell(
        &sandbox,
        "ls /proc | grep -c '^[0-9]'; for f in su sudo passwd mount; do command -v $f; done; su -c id",
    )
    .await;
    assert!(!output.text.contains("uid=0"), "{}", output.text);
}

#[tokio::test]
async fn nothing_reaches_the_hosts_sockets() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
    let tcp6 = TcpListener::bind("[::1]:0").unwrap();
    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    let path = place.directory.path().join("host.sock");
    let unix = UnixListener::bind(&path).unwrap();
    let name = format!("bailey-test-{}", std::process::id());
    let hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let (port, port6, udp_port) = (
        tcp.local_addr().unwrap().port(),
        tcp6.local_addr().unwrap().port(),
        udp.local_addr().unwrap().port(),
    );
    std::thread::spawn(move || tcp.incoming().flatten().for_each(greet));
    std::thread::spawn(move || tcp6.incoming().flatten().for_each(greet));
    std::thread::spawn(move || unix.incoming().flatten().for_each(greet));
    std::thread::spawn(move || hidden.incoming().flatten().for_each(greet));
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(b"host", from);
        }
    });
    let mut addresses = vec!["127.0.0.1".to_owned()];
    let own = Command::new("hostname").arg("-I").output().unwrap();
    addresses.extend(
        String::from_utf8_lossy(&own.stdout)
            .split_whitespace()
            .filter(|address| !address.contains(':'))
            .map(str::to_owned),
    );
    for address in addresses {
        only_outside(&sandbox, &["tcp", &format!("{address}:{port}")]).await;
        only_outside(&sandbox, &["udp", &format!("{address}:{udp_port}")]).await;
    }
    only_outside(&sandbox, &["tcp", &format!("[::1]:{port6}")]).await;
    only_outside(&sandbox, &["unix", path.to_str().unwrap()]).await;
    only_outside(&sandbox, &["abstract", &name]).await;
}

#[tokio::test]
async fn links_in_the_home_directory_lead_nowhere() {
    let place = Place::new();
    bring(&place);
    let outside = place.directory.path().join("outside");
    std::fs::write(&outside, "host").unwrap();
    std::os::unix::fs::symlink("/etc", place.home().join("etc")).unwrap();
    std::os::unix::fs::symlink(&outside, place.home().join("file")).unwrap();
    std::os::unix::fs::symlink("/", place.home().join("dev")).unwrap();
    let (sandbox, _listeners) = place.launch().await;
    let output = shell(&sandbox, "cat ~/file; cat ~/etc/shadow; echo x > ~/file; echo done").await;
    assert!(
        output.text.ends_with("done\n") && !output.text.contains("host\n"),
        "{}",
        output.text
    );
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "host");
}
