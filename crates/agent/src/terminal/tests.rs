//! Terminals with real programs on real PTYs, and viewers that come, go, lag and share.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use bailey_api::frame::TerminalFrame as Frame;

use super::*;

const SIZE: Size = Size { columns: 80, rows: 24 };

/// Runs a command on a PTY of this machine.
fn program(command: &'static [&'static str], size: Size) -> Program {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let window = rustix::termios::Winsize {
        ws_col: size.columns,
        ws_row: size.rows,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    rustix::termios::tcsetwinsize(&master, window).unwrap();
    let end = || Stdio::from(slave.try_clone().unwrap());
    let mut child = std::process::Command::new("setsid")
        .args(["--ctty", "--wait"])
        .args(command)
        .env_clear()
        .envs([
            ("TERM", "xterm-256color"),
            ("PATH", "/usr/bin:/bin"),
            ("PS1", "$ "),
            ("LANG", "C.UTF-8"),
        ])
        .envs([("HOME", "/nonexistent"), ("HISTFILE", "")])
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    drop(slave);
    let exit = Box::pin(async move {
        let ended = tokio::task::spawn_blocking(move || child.wait()).await;
        ended.unwrap().unwrap().code().unwrap_or(255)
    });
    Program { master, exit }
}

struct World {
    terminals: Terminals,
    started: Arc<AtomicUsize>,
    active: Arc<AtomicUsize>,
}

#[expect(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]
fn spawn(task: Later<()>) {
    tokio::spawn(task);
}

fn world(command: &'static [&'static str]) -> World {
    let (started, active) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, activity) = (Arc::clone(&started), Arc::clone(&active));
    let terminals = Terminals::new(Hooks {
        start: Arc::new(move |size| {
            count.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move { Ok(program(command, size)) })
        }),
        spawn: Arc::new(spawn),
        activity: Arc::new(move || {
            activity.fetch_add(1, Ordering::Relaxed);
        }),
    });
    World {
        terminals,
        started,
        active,
    }
}

/// The other end: what a person's terminal does.
struct View {
    stream: DuplexStream,
    incoming: Vec<u8>,
    terminal: vt100::Parser,
    epoch: u64,
    next: u64,
    resumed: bool,
    screens: usize,
    output: Vec<u8>,
    exit: Option<i32>,
    acknowledges: bool,
}

fn parser(size: Size) -> vt100::Parser {
    let part = |number: u16| std::num::NonZeroU16::new(number).unwrap();
    vt100::Parser::new(part(size.rows), part(size.columns), 3000)
}

impl World {
    async fn view(&self, name: &str, size: Size) -> View {
        self.resume(name, size, None).await
    }

    async fn resume(&self, name: &str, size: Size, before: Option<View>) -> View {
        let seen = before.as_ref().map(|view| (view.next, view.epoch));
        let viewer = self.terminals.open(TerminalOpen {
            name: name.to_owned(),
            columns: size.columns,
            rows: size.rows,
            after: seen.map(|(after, _)| after),
            epoch: seen.map(|(_, epoch)| epoch),
        });
        let viewer = viewer.await.unwrap();
        let (ours, theirs) = tokio::io::duplex(16 * 1024);
        spawn(Box::pin(async move {
            let _ = viewer.serve(theirs).await;
        }));
        let mut view = before.unwrap_or_else(|| View {
            stream: tokio::io::duplex(1).0,
            incoming: Vec::new(),
            terminal: parser(size),
            epoch: 0,
            next: 0,
            resumed: false,
            screens: 0,
            output: Vec::new(),
            exit: None,
            acknowledges: true,
        });
        view.stream = ours;
        view.incoming.clear();
        view.resumed = false;
        view
    }
}

impl View {
    async fn send(&mut self, frame: Frame) {
        let frame = frame.encode();
        let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(frame);
        // A terminal that has ended does not listen.
        let _ = self.stream.write_all(&bytes).await;
    }

    async fn type_in(&mut self, text: &str) {
        self.send(Frame::Input(text.as_bytes().to_vec())).await;
    }

    /// The next frame. What has come of one stays when this is given up.
    async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((length, rest)) = self.incoming.split_first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
                if let Some(frame) = rest.get(..length) {
                    let frame = Frame::decode(frame).unwrap();
                    self.incoming.drain(..4 + length);
                    return Some(frame);
                }
            }
            if self.stream.read_buf(&mut self.incoming).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// Takes one frame in; false = the stream has ended.
    async fn take(&mut self) -> bool {
        let Some(frame) = self.frame().await else { return false };
        match frame {
            Frame::Output { at, data } => {
                assert_eq!(at, self.next, "output is numbered without gaps");
                self.next += data.len() as u64;
                self.terminal.process(&data);
                self.output.extend(data);
            }
            Frame::Screen { epoch, next, data } => {
                (self.epoch, self.next) = (epoch, next);
                self.screens += 1;
                let (rows, columns) = self.terminal.screen().size();
                self.terminal = vt100::Parser::new(rows, columns, 3000);
                self.terminal.process(&data);
            }
            Frame::Resumed { epoch } => {
                assert_eq!(epoch, self.epoch);
                self.resumed = true;
            }
            Frame::Resize { columns, rows } => {
                let part = |number: u16| std::num::NonZeroU16::new(number).unwrap();
                self.terminal.set_size(part(rows), part(columns));
            }
            Frame::Exited { status } => self.exit = Some(status),
            other => panic!("{other:?} does not come from a terminal"),
        }
        if self.acknowledges {
            let next = self.next;
            self.send(Frame::Acknowledge(next)).await;
        }
        true
    }

    fn text(&self) -> String {
        self.terminal.screen().contents()
    }

    async fn until(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_there(self) {
                assert!(self.take().await, "the stream ended before {what}");
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(came.is_ok(), "no {what} in\n{}", self.text());
    }

    async fn shows(&mut self, text: &str) {
        self.until(text, |view| view.text().contains(text)).await;
    }

    /// Takes in what comes until nothing does.
    async fn settle(&mut self) {
        while tokio::time::timeout(Duration::from_millis(200), self.take()).await == Ok(true) {}
    }
}

#[track_caller]
fn assert_same(left: &View, right: &View) {
    let cells = |view: &View| {
        let screen = view.terminal.screen();
        let (rows, columns) = screen.size();
        let mut cells = Vec::new();
        for row in 0..rows.get() {
            for column in 0..columns.get() {
                let cell = screen.cell(row, column).unwrap();
                // A blank that was written and one that was erased look the same.
                let text = Some(cell.contents())
                    .filter(|text| *text != " ")
                    .unwrap_or_default()
                    .to_owned();
                let colors = (cell.fgcolor(), cell.bgcolor());
                let style = (
                    cell.bold(),
                    cell.italic(),
                    cell.underline(),
                    cell.inverse(),
                    cell.is_wide(),
                );
                let seen = cell.bgcolor() != vt100::Color::Default || cell.inverse() || !text.is_empty();
                cells.push(seen.then_some((text, colors, style)));
            }
        }
        cells
    };
    assert_eq!(left.text(), right.text());
    assert!(cells(left) == cells(right), "the cells differ\n{}", left.text());
    let (left, right) = (left.terminal.screen(), right.terminal.screen());
    assert_eq!(left.cursor_position(), right.cursor_position());
    assert_eq!(left.alternate_screen(), right.alternate_screen());
    assert_eq!(left.input_mode_formatted(), right.input_mode_formatted());
    assert_eq!(left.hide_cursor(), right.hide_cursor());
}

const SHELL: &[&str] = &["bash", "--norc", "--noprofile"];

#[tokio::test]
async fn a_shell_answers_ends_with_its_status_and_is_made_anew() {
    let world = world(SHELL);
    let mut view = world.view("main", SIZE).await;
    view.type_in("echo $((20+3))x; stty size\r").await;
    view.shows("23x").await;
    view.shows("24 80").await;
    let listed = world.terminals.list();
    assert_eq!(
        (listed.len(), listed[0].name.as_str(), listed[0].viewers),
        (1, "main", 1)
    );
    assert!(listed[0].alive && world.active.load(Ordering::Relaxed) == 1);
    let epoch = view.epoch;
    view.type_in("exit 7\r").await;
    view.until("end", |view| view.exit.is_some()).await;
    assert_eq!(view.exit, Some(7));
    assert!(!view.take().await);
    while !world.terminals.list().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // A viewer that was away is told of the end; one that comes anew gets a new terminal.
    view.exit = None;
    let mut late = world.resume("main", SIZE, Some(view)).await;
    late.until("end", |view| view.exit.is_some()).await;
    assert!(late.resumed && late.exit == Some(7));
    let mut new = world.view("main", SIZE).await;
    new.shows("$").await;
    assert_ne!(new.epoch, epoch);
    assert_eq!(world.started.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn vim_is_drawn_for_a_second_viewer_as_for_the_first() {
    let world = world(SHELL);
    let mut first = world.view("main", SIZE).await;
    first
        .type_in(
            "printf 'one\\ntwo \\033[31mred\\033[0m\\n'; vim -Nu NONE --cmd 'syntax on' -c 'set number' /etc/passwd\r",
        )
        .await;
    first.shows("root:x:0:0").await;
    first.type_in("3Gihello \u{65e5}\u{672c} ").await;
    first.shows("-- INSERT --").await;
    first.settle().await;
    assert!(first.terminal.screen().alternate_screen());
    let mut second = world.view("main", SIZE).await;
    second.settle().await;
    assert_same(&first, &second);
    // The screen under it is there too.
    second.type_in("\x1b:q!\r").await;
    second.shows("two red").await;
    first.settle().await;
    second.settle().await;
    assert_same(&first, &second);
    assert!(!second.terminal.screen().alternate_screen());
}

#[tokio::test]
async fn less_and_tput_are_drawn_again() {
    for command in [
        "less /etc/services",
        "tput smcup; tput cup 5 7; tput setaf 2; printf there; tput smso; printf x; read",
    ] {
        let world = world(SHELL);
        let mut first = world.view("main", SIZE).await;
        first.type_in(&format!("{command}\r")).await;
        first
            .until("screen", |view| view.terminal.screen().alternate_screen())
            .await;
        first.settle().await;
        let mut second = world.view("main", SIZE).await;
        second.settle().await;
        assert_same(&first, &second);
    }
}

#[tokio::test]
async fn a_viewer_that_is_cut_anywhere_misses_and_repeats_nothing() {
    let world = world(SHELL);
    let mut watcher = world.view("main", SIZE).await;
    let mut view = world.view("main", SIZE).await;
    view.shows("$").await;
    watcher.settle().await;
    let start = watcher.next;
    assert_eq!(start, view.next);
    view.output.clear();
    watcher.output.clear();
    let end = "done-4000";
    watcher.type_in("for i in $(seq 4000); do echo \"line $i \u{65e5}\"; [ $((i % 100)) = 0 ] && sleep 0.005; done; echo done-$((4000))\r").await;
    let has_ended = |view: &View| String::from_utf8_lossy(&view.output).contains(end);
    let mut cuts = 0;
    while !has_ended(&view) {
        // At each border of a frame in turn: size, resumption, output.
        for _ in 0..=cuts % 4 {
            let alive = tokio::time::timeout(Duration::from_secs(20), view.take()).await;
            assert!(alive.unwrap());
            if has_ended(&view) {
                break;
            }
        }
        while tokio::time::timeout(Duration::ZERO, watcher.take()).await == Ok(true) {}
        view = world.resume("main", SIZE, Some(view)).await;
        cuts += 1;
    }
    watcher
        .until(end, |view| String::from_utf8_lossy(&view.output).contains(end))
        .await;
    view.settle().await;
    watcher.settle().await;
    assert!(cuts > 20, "{cuts}");
    assert_eq!(view.screens, 1);
    assert_eq!(view.output, watcher.output);
    assert_same(&view, &watcher);
}

#[tokio::test]
async fn a_slow_viewer_gets_the_screen_and_nobody_waits_for_it() {
    let world = world(SHELL);
    let mut slow = world.view("main", SIZE).await;
    slow.shows("$").await;
    slow.acknowledges = false;
    let mut quick = world.view("main", SIZE).await;
    quick.type_in("seq 300000; echo finished-$((1))\r").await;
    quick.shows("finished-1").await;
    assert!(quick.next > 1_500_000);
    slow.acknowledges = true;
    let next = slow.next;
    slow.send(Frame::Acknowledge(next)).await;
    slow.shows("finished-1").await;
    slow.settle().await;
    quick.settle().await;
    assert!(slow.screens >= 2 && slow.output.len() < 1_500_000);
    assert_same(&slow, &quick);
    assert!(world.terminals.list()[0].memory < 2 * 1024 * 1024);
}

/// How long a character takes to come back: p50 and p99 of 200.
async fn echo(view: &mut View) -> (Duration, Duration) {
    let mut times = Vec::new();
    for round in 0..200 {
        view.output.clear();
        let since = Instant::now();
        view.type_in(&format!("{}", round % 10)).await;
        view.until("echo", |view| !view.output.is_empty()).await;
        assert_eq!(view.output, format!("{}", round % 10).into_bytes());
        times.push(since.elapsed());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    times.sort();
    (times[100], times[198])
}

#[test]
fn a_flood_does_not_disturb_another_terminal() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    // As the agent's: descriptors are looked at often, however many tasks could run.
    let runtime = runtime.enable_all().event_interval(4).build().unwrap();
    runtime.block_on(echo_beside_a_flood());
}

async fn echo_beside_a_flood() {
    let world = world(SHELL);
    let mut flood = world.view("flood", SIZE).await;
    let mut calm = world.view("calm", SIZE).await;
    calm.shows("$").await;
    calm.type_in("stty raw -echo; echo ready-$((1)); exec cat\r").await;
    calm.shows("ready-1").await;
    calm.settle().await;
    let alone = echo(&mut calm).await;
    flood.type_in("yes\r").await;
    spawn(Box::pin(async move {
        // What is shown is of no interest here, only that it is taken.
        while let Some(frame) = flood.frame().await {
            if let Frame::Output { at, data } = frame {
                flood.send(Frame::Acknowledge(at + data.len() as u64)).await;
            }
        }
    }));
    let beside = echo(&mut calm).await;
    println!("echo alone: {alone:?}, beside a flood: {beside:?} (p50, p99)");
    // Without optimisation, on a machine that does other things too; `bench` measures what is promised.
    assert!(beside.0 < alone.0 + Duration::from_millis(100), "{alone:?} {beside:?}");
    let memory: usize = world.terminals.list().iter().map(|listed| listed.memory).sum();
    assert!(memory < 2 * 1024 * 1024, "{memory}");
}

#[tokio::test]
async fn the_smallest_viewer_decides_and_programs_are_told() {
    let world = world(SHELL);
    let mut large = world.view("main", Size { columns: 100, rows: 30 }).await;
    large.shows("$").await;
    large
        .type_in("trap 'stty size' WINCH; vim -Nu NONE /etc/services\r")
        .await;
    large
        .until("vim", |view| view.terminal.screen().alternate_screen())
        .await;
    let mut small = world.view("main", Size { columns: 60, rows: 40 }).await;
    small.settle().await;
    large.settle().await;
    let size = |view: &View| {
        let (rows, columns) = view.terminal.screen().size();
        (columns.get(), rows.get())
    };
    assert_eq!((size(&small), size(&large)), ((60, 30), (60, 30)));
    assert_same(&small, &large);
    small.send(Frame::Resize { columns: 90, rows: 20 }).await;
    small.settle().await;
    large.settle().await;
    assert_eq!((size(&small), size(&large)), ((90, 20), (90, 20)));
    assert_same(&small, &large);
    drop(small);
    large.until("its own size", |view| size(view) == (100, 30)).await;
    large.settle().await;
    let mut third = world.view("main", Size { columns: 100, rows: 30 }).await;
    third.settle().await;
    assert_same(&large, &third);
}

#[tokio::test]
async fn a_question_is_answered_once() {
    let world = world(SHELL);
    let mut first = world.view("main", SIZE).await;
    let mut second = world.view("main", SIZE).await;
    first.shows("$").await;
    first
        .type_in("stty raw -echo; printf '\\033[6n'; head -c 6 | od -c; printf 'more:'; head -c 1 | od -c\r")
        .await;
    let asked = |view: &View| view.output.windows(4).any(|bytes| bytes == b"\x1b[6n");
    first.until("question", asked).await;
    second.until("question", asked).await;
    first.type_in("\x1b[9;9R").await;
    second.type_in("\x1b[8;8R").await;
    first.shows("9   ;   9   R").await;
    second.type_in("k").await;
    first.shows("more:").await;
    first.until("what came next", |view| view.text().contains("k\n")).await;
    // Nobody looks on: the terminal answers itself.
    drop(second);
    first
        .type_in("sleep 0.3; printf '\\033[6n'; head -c 6 | od -c >/dev/null; echo answered-$((1))\r")
        .await;
    drop(first);
    tokio::time::sleep(Duration::from_millis(900)).await;
    let mut again = world.view("main", SIZE).await;
    again.shows("answered-1").await;
}

#[tokio::test]
async fn there_are_not_too_many_and_they_are_small() {
    let world = world(SHELL);
    let mut views = Vec::new();
    for index in 0..MAX_TERMINALS {
        let mut view = world.view(&format!("t{index}"), SIZE).await;
        view.type_in("seq 3000; echo end-$((1))\r").await;
        view.shows("end-1").await;
        views.push(view);
    }
    let memory: usize = world.terminals.list().iter().map(|listed| listed.memory).sum();
    println!("{MAX_TERMINALS} terminals take {} KiB", memory / 1024);
    assert!(memory < 16 * 1024 * 1024, "{memory}");
    let open = |name: &str| TerminalOpen {
        name: name.to_owned(),
        columns: 80,
        rows: 24,
        after: None,
        epoch: None,
    };
    assert!(matches!(
        world.terminals.open(open("one-more")).await,
        Err(OpenError::TooMany)
    ));
    for name in ["", "a b", "../x", "\u{e9}", &"x".repeat(65)] {
        assert!(
            matches!(world.terminals.open(open(name)).await, Err(OpenError::Name)),
            "{name}"
        );
    }
    let mut more = Vec::new();
    for _ in 1..MAX_VIEWERS {
        more.push(world.terminals.open(open("t0")).await.unwrap());
    }
    assert!(matches!(
        world.terminals.open(open("t0")).await,
        Err(OpenError::TooManyViewers)
    ));
}

#[tokio::test]
async fn what_is_no_frame_ends_the_viewer_alone() {
    let world = world(SHELL);
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\x01Q", b"\0\0\0\0"] {
        let mut view = world.view("main", SIZE).await;
        view.shows("$").await;
        view.stream.write_all(bytes).await.unwrap();
        view.acknowledges = false;
        while view.take().await {}
        assert_eq!(view.exit, None);
    }
    assert_eq!(world.started.load(Ordering::Relaxed), 1);
}
