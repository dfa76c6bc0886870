//! `bailey terminal` in a terminal of the test's own.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::relay::{Relay, bailey, signal};
use crate::world::{PATIENCE, World, test};

/// A window with `bailey terminal` in it.
struct Window {
    child: Child,
    keys: std::fs::File,
    tty: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Window {
    fn open(world: &mut World, at: SocketAddr, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let tty = open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        size(&tty, 24, 80);
        let side = || Stdio::from(tty.try_clone().unwrap());
        let child = bailey(world, at, &[&["terminal"], arguments].concat())
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap();
        let shown = Arc::<Mutex<Vec<u8>>>::default();
        let keys = std::fs::File::from(master);
        let (mut screen, kept) = (keys.try_clone().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                kept.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            child,
            keys,
            tty,
            shown,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    fn until(&self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(began.elapsed() < PATIENCE, "no {text:?} in {:?}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.tty).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Its status; the terminal is as it was.
    fn ended(&mut self) -> i32 {
        let status = self.child.wait().unwrap();
        assert!(!self.is_raw(), "the terminal is left as it was not");
        status.code().unwrap()
    }
}

fn size(tty: &OwnedFd, rows: u16, columns: u16) {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(tty, size).unwrap();
}

#[test]
fn a_terminal_is_shared_left_and_come_back_to() {
    test(|mut world| {
        let at = world.start();
        world.create("dev");
        let mut first = Window::open(&mut world, at, &["dev"]);
        first.until("$ ");
        assert!(first.is_raw());
        let mut second = Window::open(&mut world, at, &["dev"]);
        second.until("$ ");
        first.keys("echo he''llo\r");
        second.until("hello");
        // The smallest of the windows counts.
        size(&first.tty, 30, 100);
        signal(first.child.id(), Signal::WINCH);
        second.keys("~.");
        second.until("left; the terminal stays");
        assert_eq!(second.ended(), 0);
        std::thread::sleep(Duration::from_millis(300));
        first.keys("stty size\r");
        first.until("30 100\r\n");
        signal(first.child.id(), Signal::TERM);
        assert_eq!(first.ended(), 128 + 15);
        let mut again = Window::open(&mut world, at, &["dev"]);
        again.until("hello");
        again.keys("exit 5\r");
        assert_eq!(again.ended(), 5);
        // What its program has ended is made anew; a second terminal is one of its own.
        let mut other = Window::open(&mut world, at, &["dev", "--name", "other"]);
        other.until("$ ");
        assert!(!other.text().contains("hello"));
        other.keys("\r~.");
        assert_eq!(other.ended(), 0);
    });
}

#[test]
fn nothing_is_lost_or_shown_twice_when_the_server_is_killed_or_the_network_cut() {
    test(|mut world| {
        let at = world.start();
        let relay = Relay::new(at);
        world.create("dev");
        let mut window = Window::open(&mut world, relay.addr, &["dev"]);
        window.until("$ ");
        window.keys("for i in $(seq 1 4000); do echo \"<$i>\"; sleep 0.002; done; echo do''ne\r");
        window.until("<300>");
        relay.cut();
        window.until("<700>");
        world.server.kill().unwrap();
        let at = world.start_to_fail_at(None);
        relay.point(at);
        relay.cut();
        window.until("done\r\n");
        let text = window.text();
        let numbers: Vec<u32> = text
            .split("\r\n")
            .filter_map(|line| line.rsplit_once('<')?.1.strip_suffix('>')?.parse().ok())
            .collect();
        assert_eq!(numbers, (1..=4000).collect::<Vec<_>>());
        window.keys("~.");
        assert_eq!(window.ended(), 0);
    });
}

#[test]
fn a_flood_that_nobody_reads_takes_no_memory() {
    fn resident(pid: u32) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }
    test(|mut world| {
        let at = world.start();
        world.create("dev");
        let mut window = Window::open(&mut world, at, &["dev", "--name", "flood"]);
        window.until("$ ");
        let server = world.server.pid().unwrap();
        let agents = world.agents();
        let all = |window: &Window| {
            resident(server) + resident(window.child.id()) + agents.iter().copied().map(resident).sum::<u64>()
        };
        window.keys("yes flood\r");
        window.until("flood\r\nflood");
        std::thread::sleep(Duration::from_secs(1));
        let before = all(&window);
        // The viewer stands still, and so nothing of what is sent to it is taken.
        signal(window.child.id(), Signal::STOP);
        std::thread::sleep(Duration::from_secs(4));
        let grown = all(&window).saturating_sub(before);
        signal(window.child.id(), Signal::CONT);
        assert!(grown < 16 * 1024, "{grown} KiB");
        let mut calm = Window::open(&mut world, at, &["dev", "--name", "calm"]);
        calm.until("$ ");
        calm.keys("echo ca''lm\r");
        calm.until("calm\r\n");
        calm.keys("~.");
        assert_eq!(calm.ended(), 0);
        window.keys("\u{3}");
        window.keys("\r~.");
        assert_eq!(window.ended(), 0);
    });
}
