//! How a command fails, and how that is told.

use std::fmt::Write as _;
use std::process::ExitCode;

/// Why a command failed, and what can be done about it.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    hint: Option<String>,
    status: Option<u8>,
}

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// It did what was asked.
    Ok,
    /// It did not.
    Failed,
    /// It ran something whose status is its own.
    Of(u8),
    /// Bailey has a bug.
    Bug,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Ok => Self::SUCCESS,
            ExitStatus::Failed => Self::from(1),
            ExitStatus::Of(status) => Self::from(status),
            // EX_SOFTWARE of sysexits.h.
            ExitStatus::Bug => Self::from(70),
        }
    }
}

impl Failure {
    /// A failure without a cause.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            error: anyhow::Error::msg(message.into()),
            hint: None,
            status: None,
        }
    }

    /// The same, ending the process with a status of its own.
    pub(crate) const fn with_status(mut self, status: u8) -> Self {
        self.status = Some(status);
        self
    }

    /// How the process ends for it.
    pub(crate) fn status(&self) -> ExitStatus {
        self.status.map_or(ExitStatus::Failed, ExitStatus::Of)
    }

    /// The same, saying what can be done.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether whoever read the output has gone, as `head` does. That is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        let broken = |error: &std::io::Error| error.kind() == std::io::ErrorKind::BrokenPipe;
        self.error.downcast_ref().is_some_and(broken)
    }

    /// The chain of causes and the hint, as lines for standard error.
    pub(crate) fn report(&self) -> String {
        let mut text = format!("error: {}\n", self.error);
        for cause in self.error.chain().skip(1) {
            let cause = cause.to_string();
            // Some messages have their cause in them.
            if !text.contains(&cause) {
                let _ = writeln!(text, "  caused by: {cause}");
            }
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
        text
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            error: error.into(),
            hint: None,
            status: None,
        }
    }
}

/// Adds what was being done, or what can be done, to a failure.
pub(crate) trait Explain<T> {
    /// What was being done when it failed.
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure>;
    /// What can be done about it.
    fn hint(self, hint: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Failure>> Explain<T> for Result<T, E> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| {
            let Failure { error, hint, status } = error.into();
            let error = error.context(what());
            Failure { error, hint, status }
        })
    }

    fn hint(self, hint: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| error.into().hint(hint()))
    }
}
