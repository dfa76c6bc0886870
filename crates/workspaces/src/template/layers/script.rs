//! Running an install script: the agent does, and this waits for it.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bailey_runtime::failpoint;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::{LayerError, LayerOptions, LayerStore, output, step};

/// The statuses of `bailey-agent layer` for a script that took too long, and for one that could not be run.
const TIMED_OUT: i32 = 124;
const NOT_RUN: i32 = 125;
/// How much longer than a script may take its agent may.
const GRACE: Duration = Duration::from_mins(1);
/// How long the agent may take to end when its input does.
const END: Duration = Duration::from_secs(5);
/// How often the disk is looked at.
const LOOK: Duration = Duration::from_secs(1);

impl LayerStore {
    /// Runs what a request to the agent says, to its end or until there is a reason not to wait for that.
    pub(super) async fn run(
        &self,
        request: &[u8],
        line: &(impl Fn(String) + Send + Sync),
        stop: &CancellationToken,
    ) -> Result<(), LayerError> {
        let mut child = self.start()?;
        // Stays open: the agent ends when its input does, also where this process was killed.
        let mut input = child.stdin.take().ok_or(LayerError::NotRun)?;
        let (output, error) = (child.stdout.take(), child.stderr.take());
        let talk = async {
            // One that does not read has ended, and its status says why.
            let _ = input.write_all(request).await;
            let _ = input.write_all(b"\n").await;
            let _ = input.flush().await;
            failpoint::hit("layer.script");
            tokio::join!(output::lines(output, line), output::lines(error, line));
            child.wait().await
        };
        let ended = tokio::select! {
            status = talk => Ok(status),
            cause = self.interrupted(stop) => Err(cause),
        };
        let status = match ended {
            Ok(status) => status.map_err(step("wait for the agent"))?,
            Err(cause) => {
                // It ends everything inside before itself: nobody writes to what is removed next.
                drop(input);
                if tokio::time::timeout(END, child.wait()).await.is_err() {
                    child.kill().await.map_err(step("end the agent"))?;
                }
                return Err(cause);
            }
        };
        match status.code() {
            Some(0) => Ok(()),
            Some(TIMED_OUT) => Err(LayerError::Slow(self.options.timeout)),
            Some(NOT_RUN) | None => Err(LayerError::NotRun),
            Some(status) => Err(LayerError::Script(status)),
        }
    }

    fn start(&self) -> Result<Child, LayerError> {
        let mut command = Command::new(&self.options.agent);
        command
            .arg("layer")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Signals for the server's group are not for it.
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map_err(step("start bailey-agent"))
    }

    /// Answers when there is a reason not to wait any longer.
    async fn interrupted(&self, stop: &CancellationToken) -> LayerError {
        let over = tokio::time::sleep(self.options.timeout + GRACE);
        tokio::pin!(over);
        loop {
            tokio::select! {
                () = stop.cancelled() => return LayerError::Stopped,
                () = &mut over => return LayerError::Slow(self.options.timeout),
                () = tokio::time::sleep(LOOK) => {}
            }
            if let Err(full) = self.options.room() {
                return full;
            }
        }
    }
}

impl LayerOptions {
    /// Whether the disk has enough room left to build anything.
    pub(super) fn room(&self) -> Result<(), LayerError> {
        let (path, keep) = (&self.data_dir, self.keep_free);
        let free = free(path).map_err(step("look at the disk"))?;
        if free >= keep {
            return Ok(());
        }
        Err(LayerError::Full {
            path: path.clone(),
            free,
            keep,
        })
    }
}

/// Bytes that are free where a directory lies.
fn free(path: &Path) -> io::Result<u64> {
    let about = rustix::fs::statvfs(path)?;
    Ok(about.f_bavail.saturating_mul(about.f_frsize))
}
