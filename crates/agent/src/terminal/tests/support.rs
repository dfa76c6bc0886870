//! Programs on PTYs of this machine, and viewers of them.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use bailey_api::frame::TerminalFrame as Frame;

use super::super::*;

pub(super) const SIZE: Size = Size { columns: 80, rows: 24 };

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

pub(super) struct World {
    pub(super) terminals: Terminals,
    pub(super) started: Arc<AtomicUsize>,
    pub(super) active: Arc<AtomicUsize>,
}

#[expect(clippy::disallowed_methods, reason = "a test's tasks end with its runtime")]
pub(super) fn spawn(task: Later<()>) {
    tokio::spawn(task);
}

pub(super) fn world(command: &'static [&'static str]) -> World {
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
pub(super) struct View {
    pub(super) stream: DuplexStream,
    pub(super) incoming: Vec<u8>,
    pub(super) terminal: vt100::Parser,
    pub(super) epoch: u64,
    pub(super) next: u64,
    pub(super) resumed: bool,
    pub(super) screens: usize,
    pub(super) output: Vec<u8>,
    pub(super) exit: Option<i32>,
    pub(super) acknowledges: bool,
}

fn parser(size: Size) -> vt100::Parser {
    let part = |number: u16| std::num::NonZeroU16::new(number).unwrap();
    vt100::Parser::new(part(size.rows), part(size.columns), 3000)
}

impl World {
    pub(super) async fn view(&self, name: &str, size: Size) -> View {
        self.resume(name, size, None).await
    }

    pub(super) async fn resume(&self, name: &str, size: Size, before: Option<View>) -> View {
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
    pub(super) async fn send(&mut self, frame: Frame) {
        let frame = frame.encode();
        let mut bytes = u32::try_from(frame.len()).unwrap().to_be_bytes().to_vec();
        bytes.extend(frame);
        // A terminal that has ended does not listen.
        let _ = self.stream.write_all(&bytes).await;
    }

    pub(super) async fn type_in(&mut self, text: &str) {
        self.send(Frame::Input(text.as_bytes().to_vec())).await;
    }

    /// The next frame. What has come of one stays when this is given up.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
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
    pub(super) async fn take(&mut self) -> bool {
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

    pub(super) fn text(&self) -> String {
        self.terminal.screen().contents()
    }

    pub(super) async fn until(&mut self, what: &str, is_there: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !is_there(self) {
                assert!(self.take().await, "the stream ended before {what}");
            }
        };
        let came = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(came.is_ok(), "no {what} in\n{}", self.text());
    }

    pub(super) async fn shows(&mut self, text: &str) {
        self.until(text, |view| view.text().contains(text)).await;
    }

    /// Takes in what comes until nothing does.
    pub(super) async fn settle(&mut self) {
        while tokio::time::timeout(Duration::from_millis(200), self.take()).await == Ok(true) {}
    }
}

#[track_caller]
pub(super) fn assert_same(left: &View, right: &View) {
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
