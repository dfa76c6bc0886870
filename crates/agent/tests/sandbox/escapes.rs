//! Attempts to get out. Each is made outside first and succeeds there: only then does its failure inside mean something.

use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::attempts::{bring, control, inside, only_outside};
use crate::support::{Place, is_root, shell};

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
        "io_setup",
        "nice_group",
        "io_priority_group",
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
        "add_key",
        "request_key",
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
    for (attempt, errno) in [
        ("alg", libc::EAFNOSUPPORT),
        ("bluetooth", libc::EAFNOSUPPORT),
        ("can", libc::EAFNOSUPPORT),
        ("sctp", libc::EPROTONOSUPPORT),
        ("ping", libc::EPROTONOSUPPORT),
        ("ping6", libc::EPROTONOSUPPORT),
        ("udplite", libc::EPROTONOSUPPORT),
        ("dccp", libc::EPROTONOSUPPORT),
    ] {
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
    let slowing = [
        "scheduler",
        "parameters",
        "attributes",
        "affinity",
        "nice",
        "io_priority",
    ];
    for attempt in slowing.into_iter().chain(["ptrace", "prlimit", "pidfd_getfd"]) {
        let victim = Victim::new();
        control(&[attempt, &victim.0.id().to_string()]);
        let output = inside(&sandbox, &[attempt, "1"]).await;
        assert_ne!(output.status, 0, "{attempt}: {}", output.text);
    }
    // Without a control run: it would set the machine's other processes back.
    assert_ne!(inside(&sandbox, &["nice_user", "0"]).await.status, 0);
    for attempt in slowing {
        // What a process may do to itself stays.
        let output = inside(&sandbox, &[attempt, "0"]).await;
        assert_eq!(output.status, 0, "{attempt}: {}", output.text);
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

/// An ordinary user's kernel takes the person for the owner of the agent's own file.
#[tokio::test]
async fn the_agents_own_file_cannot_be_changed() {
    let place = Place::new();
    bring(&place);
    let agent = place.directory.path().join("agent");
    std::fs::copy(crate::support::beside_agent("bailey-agent"), &agent).unwrap();
    let mode = || std::fs::metadata(&agent).unwrap().permissions().mode() & 0o7777;
    let set = |mode| std::fs::set_permissions(&agent, std::fs::Permissions::from_mode(mode)).unwrap();
    set(0o755);
    // The control run: the link to a running program's file is as good as the file.
    let (input, _ours) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut running = Command::new(&agent)
        .arg("files")
        .stdin(OwnedFd::from(input))
        .spawn()
        .unwrap();
    let link = format!("/proc/{}/exe", running.id());
    std::fs::set_permissions(link, std::fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(mode(), 0o4755);
    running.kill().unwrap();
    running.wait().unwrap();
    set(0o755);
    let (sandbox, _listeners) = place.launch().await;
    let (input, _ours) = std::os::unix::net::UnixStream::pair().unwrap();
    let program = bailey_agent::sandbox::program(&agent).unwrap();
    let mut helper = sandbox
        .spawn(
            &crate::support::command(&["/proc/self/fd/2", "files"]),
            [input.into(), crate::support::null(), program],
        )
        .await
        .unwrap();
    let all = "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' < $p/cmdline) in */fd/2*files*) \
        echo found; chmod 4755 $p/exe $p/fd/2; : > $p/exe; echo >> $p/fd/2; chmod 0 $p/exe $p/fd/2;; esac; done 2>/dev/null";
    let output = shell(&sandbox, all).await;
    assert_eq!(output.text, "found\n");
    assert_eq!(mode(), 0o755);
    assert!(
        tokio::time::timeout(Duration::from_millis(100), helper.wait())
            .await
            .is_err()
    );
    assert!(std::fs::read(&agent).unwrap() == std::fs::read(crate::support::beside_agent("bailey-agent")).unwrap());
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
        "/proc/self/root/../../etc/shadow",
        "/proc/self/cwd/../../../../../../../../../etc/shadow",
        "/proc/thread-self/root/etc/shadow",
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

#[tokio::test]
async fn a_signal_to_everybody_reaches_nobody_outside() {
    let (place, neighbour) = (Place::new(), Place::new());
    bring(&place);
    let ((sandbox, _l), (other, _o)) = (place.launch().await, neighbour.launch().await);
    let mut victim = Victim::new();
    // A process of the neighbour's, and one inside that the signal does reach.
    let mut stays = other
        .spawn(
            &crate::support::command(&["sleep", "300"]),
            [(); 3].map(|()| crate::support::null()),
        )
        .await
        .unwrap();
    let mut goes = sandbox
        .spawn(
            &crate::support::command(&["sleep", "300"]),
            [(); 3].map(|()| crate::support::null()),
        )
        .await
        .unwrap();
    inside(&sandbox, &["signal_all"]).await;
    let gone = tokio::time::timeout(Duration::from_secs(10), goes.wait()).await;
    assert_eq!(gone.unwrap().unwrap(), 128 + libc::SIGKILL);
    assert!(
        tokio::time::timeout(Duration::from_millis(200), stays.wait())
            .await
            .is_err()
    );
    assert!(victim.0.try_wait().unwrap().is_none());
    assert_eq!(shell(&sandbox, "echo alive").await.text, "alive\n");
}

#[tokio::test]
async fn memory_and_queues_are_not_shared_with_the_host() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    let key = i32::try_from(std::process::id()).unwrap();
    let made = |kind: &str, id: &str| {
        let output = Command::new("perl")
            .args(["-MIPC::SysV=IPC_CREAT", "-e"])
            .arg(format!("{kind}; print {id}"))
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let objects = [
        (
            "shm",
            made(&format!("$i = shmget({key}, 4096, IPC_CREAT | 0666)"), "$i"),
        ),
        ("msg", made(&format!("$i = msgget({key}, IPC_CREAT | 0666)"), "$i")),
        ("sem", made(&format!("$i = semget({key}, 1, IPC_CREAT | 0666)"), "$i")),
    ];
    let mut found = Vec::new();
    for (kind, id) in &objects {
        let output = inside(&sandbox, &[kind, &key.to_string()]).await;
        found.push((kind, id.clone(), output.status));
    }
    for (kind, id) in &objects {
        control(&[kind, &key.to_string()]);
        let flag = match *kind {
            "shm" => "-m",
            "msg" => "-q",
            _ => "-s",
        };
        let _ = Command::new("ipcrm").args([flag, id]).output();
    }
    assert!(found.iter().all(|(_, _, status)| *status != 0), "{found:?}");
    if is_root() {
        // Queues of POSIX have names in a file system of each namespace's own.
        let name = format!("/bailey-{key}");
        let open = |flags: &str| {
            format!(
                "import ctypes, os; l = ctypes.CDLL('librt.so.1', use_errno=True); \
                 f = l.mq_open(b'{name}', {flags}, 0o666, None); print(f >= 0)"
            )
        };
        let python = |script: &str| {
            let output = Command::new("python3").args(["-c", script]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(python(&open("os.O_CREAT | os.O_RDWR")), "True\n");
        assert_eq!(python(&open("os.O_RDWR")), "True\n");
        let output = crate::support::run(&sandbox, &["python3", "-c", &open("os.O_RDWR")]).await;
        python(&format!(
            "import ctypes; ctypes.CDLL('librt.so.1').mq_unlink(b'{name}')"
        ));
        assert_eq!(output.text, "False\n");
    }
}

/// All that a process is given, and what it can find of init's, from which nothing can be sent to it.
#[tokio::test]
async fn nothing_of_init_can_be_reached() {
    let place = Place::new();
    bring(&place);
    let (sandbox, _listeners) = place.launch().await;
    let own = "for (0..4096) { print \"$_ \" if -l \"/proc/self/fd/$_\" }";
    assert_eq!(crate::support::run(&sandbox, &["perl", "-e", own]).await.text, "0 1 2 ");
    let output = shell(
        &sandbox,
        "ls /proc/1/fd /proc/1/task/1/fd /proc/1/map_files; cat /proc/1/cmdline; : > /proc/1/fd/3",
    )
    .await;
    assert!(
        !output.text.lines().any(|line| line.parse::<u32>().is_ok()),
        "{}",
        output.text
    );
    // Unix sockets that others may connect to: init has a pair without a name, and the agent the one where git asks.
    let output = shell(&sandbox, "cat /proc/net/unix | awk 'NR > 1 { print $8 }'").await;
    assert_eq!(output.text.trim(), "git-credentials", "{}", output.text);
    // Signals that stop, end or interrupt it are lost.
    for signal in ["STOP", "TSTP", "TERM", "INT", "USR1", "CHLD", "SEGV"] {
        shell(&sandbox, &format!("kill -{signal} 1")).await;
    }
    assert_eq!(shell(&sandbox, "echo alive").await.text, "alive\n");
}
