//! Logs: to standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

use crate::config::{LogConfig, LogFormat};

/// Logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter has no such form.
    #[error("the log level is no filter")]
    Filter(#[from] ParseError),
    /// There is a subscriber already.
    #[error("logging is set up already")]
    Twice(#[from] TryInitError),
}

/// Sends what is logged from now on to standard error, and makes panics log lines. Called once, at start.
///
/// # Errors
/// Where the filter is malformed, or logging is set up already.
pub fn init(config: &LogConfig, colours: bool) -> Result<(), TelemetryError> {
    let filter: EnvFilter = config.level.parse()?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.format {
        LogFormat::Human => {
            let ansi = colours && std::io::stderr().is_terminal();
            builder.with_ansi(ansi).with_target(false).finish().try_init()?;
        }
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .finish()
            .try_init()?,
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

/// A panic's message may quote what a caller sent, so that only where it happened is logged.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(place, %backtrace, "a task panicked; this is a bug");
}
