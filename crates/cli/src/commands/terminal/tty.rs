//! This process's own terminal, and what happens to it.

use std::io::Write as _;
use std::os::fd::AsFd as _;

use rustix::process::{Signal as Number, getpid, kill_process};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::failure::{Explain, Failure};
use crate::input;

/// What is read of the keyboard at a time.
const BLOCK: usize = 16 * 1024;
/// How many such pieces are read ahead.
const AHEAD: usize = 4;

/// Sets back what a program inside can have set, and goes below everything on the screen.
const LEAVE: &[u8] =
    b"\x18\x1b[?1049l\x1b[!p\x1b[?1000;1002;1003;1004;1005;1006;1015;1016;2004;2026;2031l\x1b[?7;25h\x1b>\
\x1b[>4m\x1b[0 q\x1b(B\x0f\x1b[r\x1b[m\x1b[999;1H\r\n";

/// Columns and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: u16,
    pub(super) rows: u16,
}

/// The terminal that this process runs in.
pub(super) struct Tty {
    before: Termios,
}

/// The same, passing everything on. It is as it was once this is dropped.
pub(super) struct Raw<'a>(&'a Tty);

impl Tty {
    /// Fails where input or output is something else.
    pub(super) fn new() -> Result<Self, Failure> {
        let (input, output) = (std::io::stdin(), std::io::stdout());
        if !isatty(&input) || !isatty(&output) {
            let failure = Failure::new("this is no terminal");
            return Err(failure.hint("in scripts and pipes use `bailey exec WORKSPACE -- COMMAND`"));
        }
        let before = tcgetattr(&input).doing(|| "cannot read the state of the terminal".to_owned())?;
        Ok(Self { before })
    }

    /// Passes keys on as they are typed.
    pub(super) fn raw(&self) -> Result<Raw<'_>, Failure> {
        let raw = Raw(self);
        raw.enter()?;
        Ok(raw)
    }
}

impl Raw<'_> {
    fn enter(&self) -> Result<(), Failure> {
        let mut termios = self.0.before.clone();
        termios.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Drain, &termios)
            .doing(|| "cannot change the state of the terminal".to_owned())
    }

    fn leave(&self) {
        // Where the terminal has gone there is nothing to set back.
        let _ = write(LEAVE);
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0.before);
    }

    /// Stops this process as the shell asked for, with the terminal as it was; comes back when it goes on.
    pub(super) fn suspend(&self) -> Result<(), Failure> {
        self.leave();
        kill_process(getpid(), Number::STOP)?;
        self.enter()
    }
}

impl Drop for Raw<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The size that the terminal has.
pub(super) fn size() -> Size {
    let size = tcgetwinsize(std::io::stdout().as_fd()).ok();
    let size = size.filter(|size| size.ws_col > 0 && size.ws_row > 0);
    size.map_or(Size { columns: 80, rows: 24 }, |size| Size {
        columns: size.ws_col,
        rows: size.ws_row,
    })
}

/// Shows bytes.
pub(super) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// What happens at the terminal.
pub(super) enum Event {
    /// Something was typed.
    Typed(Vec<u8>),
    /// It has another size.
    Resized,
    /// This process is to stop for a while.
    Suspend,
    /// This process is to end, for this signal.
    End(u8),
}

/// All that happens.
pub(super) struct Events {
    typed: mpsc::Receiver<Vec<u8>>,
    resized: Signal,
    suspend: Signal,
    ends: [(u8, Signal); 4],
}

impl Events {
    pub(super) fn new() -> Result<Self, Failure> {
        let end = |kind: SignalKind| {
            let number = u8::try_from(kind.as_raw_value()).unwrap_or_default();
            signal(kind).map(|signal| (number, signal))
        };
        Ok(Self {
            typed: input::pieces(BLOCK, AHEAD),
            resized: signal(SignalKind::window_change())?,
            suspend: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
            ends: [
                end(SignalKind::terminate())?,
                end(SignalKind::hangup())?,
                end(SignalKind::interrupt())?,
                end(SignalKind::quit())?,
            ],
        })
    }

    /// What happens next. Keys wait unless they are wanted. Nothing is lost when this is dropped halfway.
    pub(super) async fn next(&mut self, keys: bool) -> Event {
        let [a, b, c, d] = &mut self.ends;
        tokio::select! {
            biased;
            _ = a.1.recv() => Event::End(a.0),
            _ = b.1.recv() => Event::End(b.0),
            _ = c.1.recv() => Event::End(c.0),
            _ = d.1.recv() => Event::End(d.0),
            _ = self.suspend.recv() => Event::Suspend,
            _ = self.resized.recv() => Event::Resized,
            // A terminal that has gone ends this process, as SIGHUP does.
            typed = self.typed.recv(), if keys => typed.map_or(Event::End(1), Event::Typed),
        }
    }
}
