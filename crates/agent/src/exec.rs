//! Commands: their input, both outputs, signals and end, as frames.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::{ExecStart, HOME};
use bailey_api::frame::{ExecFrame, MAX_PAYLOAD};
use bailey_link::{FrameReader, FrameWriter, Opener, Pending, frames};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::{Instant, timeout};

use crate::agent::{Agent, KILL};
use crate::lines::AFTER_END;
use crate::pipes;
use crate::sandbox::{Command, Process, SandboxError};

/// What is read of an output at a time.
const BLOCK: usize = 32 * 1024;
/// How many bytes of input wait for a command that does not read. Signals come behind them on the same stream, so it has to be
/// read on for as long as this has room.
const WAITING: usize = 4 * 1024 * 1024;
/// The status of a command whose time was over.
const TIMED_OUT: i32 = 124;
/// A running command counts as activity this often.
const ACTIVITY: Duration = Duration::from_secs(30);
/// Between the end of a stream and of its connection, where both end.
const MOMENT: Duration = Duration::from_millis(50);
/// What is read at most of an output after its command has ended: as much as fits into a pipe, and this long.
const REST: usize = 1024 * 1024;
const REST_TIME: Duration = Duration::from_secs(2);
/// How often the other side of a command that does not read its input is asked whether it is there.
const STILL_THERE: Duration = Duration::from_secs(2);
/// What limits the request.
const MAX_ARGUMENTS: usize = 1024;

/// Runs a command for a stream. It ends with the stream, but not with the link: what runs inside does not depend on the
/// server.
pub(crate) async fn serve(
    agent: &Arc<Agent>,
    start: ExecStart,
    pending: Pending,
    link: watch::Receiver<Option<Opener>>,
) {
    let limit = start.timeout.map(Duration::from_secs);
    let (process, input, output, error) = match spawn(agent, start).await {
        Ok(started) => started,
        Err(error) => return pending.refuse(&error.to_string()).await,
    };
    let pid = process.pid;
    let Ok(stream) = pending.accept().await else {
        return agent.signal(pid, KILL).await;
    };
    let (reader, writer) = frames(stream, MAX_PAYLOAD + 16);
    let running = Running {
        agent: Arc::clone(agent),
        pid,
        writer: Mutex::new(writer),
    };
    let mut outputs = std::pin::pin!(running.outputs(process, output, error, limit));
    tokio::select! {
        // Where it was not heard any more, there is nobody to tell.
        _ = &mut outputs => return,
        // Only where the other side has gone: its silence is waited out.
        lost = running.input(reader, input) => tracing::debug!(pid, "nobody listens to a command: {lost}"),
    }
    // The connection ends its streams a moment before it has ended itself.
    tokio::time::sleep(MOMENT).await;
    if connected(&link) {
        agent.signal(pid, KILL).await;
    }
    // Otherwise it runs on, and what it prints is read and dropped.
    let _ = outputs.await;
}

/// Whether the connection of a stream is still there, so that the loss of the stream was meant.
fn connected(link: &watch::Receiver<Option<Opener>>) -> bool {
    let same = !link.has_changed().unwrap_or(true);
    same && link.borrow().as_ref().is_some_and(|opener| !opener.is_closed())
}

type Started = (Process, Sender, Receiver, Receiver);

async fn spawn(agent: &Agent, start: ExecStart) -> Result<Started, SandboxError> {
    let step = |source| SandboxError::Step {
        step: "start the command".to_owned(),
        source,
    };
    if start.command.is_empty() || start.command.len() > MAX_ARGUMENTS {
        return Err(step(io::Error::new(
            io::ErrorKind::InvalidInput,
            "no command, or too many arguments",
        )));
    }
    let mut environment = agent.variables();
    environment.extend(start.environment);
    let command = Command {
        arguments: start.command,
        environment,
        directory: start.directory.unwrap_or_else(|| HOME.to_owned()),
    };
    let (input, their_input) = pipes::to_process().map_err(step)?;
    let (output, their_output) = pipes::from_process().map_err(step)?;
    let (error, their_error) = pipes::from_process().map_err(step)?;
    let process = agent.spawn(&command, [their_input, their_output, their_error]).await?;
    Ok((process, input, output, error))
}

/// Input on its way to the command.
struct Queue {
    pieces: mpsc::UnboundedSender<(Vec<u8>, OwnedSemaphorePermit)>,
    /// In bytes.
    room: Arc<Semaphore>,
}

struct Running {
    agent: Arc<Agent>,
    pid: i32,
    writer: Mutex<FrameWriter>,
}

impl Running {
    async fn send(&self, frame: &ExecFrame) -> io::Result<()> {
        self.writer.lock().await.send(&frame.encode()).await
    }

    /// Sends the outputs and, after them, how it ended.
    async fn outputs(
        &self,
        mut process: Process,
        output: Receiver,
        error: Receiver,
        limit: Option<Duration>,
    ) -> io::Result<()> {
        let (over, is_over) = watch::channel(false);
        let waited = async {
            let status = self.wait(&mut process, limit).await;
            over.send_replace(true);
            status
        };
        let (status, output, error) = tokio::join!(
            waited,
            self.pump(output, is_over.clone(), ExecFrame::Stdout),
            self.pump(error, is_over.clone(), ExecFrame::Stderr),
        );
        output.and(error)?;
        let status = status.map_err(io::Error::other)?;
        self.send(&ExecFrame::Exited { status }).await?;
        self.writer.lock().await.finish().await
    }

    async fn wait(&self, process: &mut Process, limit: Option<Duration>) -> Result<i32, SandboxError> {
        let mut left = limit;
        loop {
            self.agent.control.outbox.active("exec");
            let turn = left.map_or(ACTIVITY, |left| left.min(ACTIVITY));
            if let Ok(status) = timeout(turn, process.wait()).await {
                return status;
            }
            left = left.map(|left| left.saturating_sub(turn));
            if left.is_some_and(|left| left.is_zero()) {
                self.agent.signal(self.pid, KILL).await;
                process.wait().await?;
                return Ok(TIMED_OUT);
            }
        }
    }

    /// Sends one output to its end. Children that keep it open when the command has ended are not waited for, whether they are
    /// silent or write without end. When the
    /// other side has gone it is read on all the same: a command must not be held up by it.
    async fn pump(
        &self,
        mut output: Receiver,
        mut over: watch::Receiver<bool>,
        frame: fn(Vec<u8>) -> ExecFrame,
    ) -> io::Result<()> {
        let mut buffer = vec![0; BLOCK];
        let mut sent = Ok(());
        let (mut bytes_left, mut time_left) = (REST, REST_TIME);
        loop {
            let ended = *over.borrow();
            let start = Instant::now();
            let read = tokio::select! {
                read = output.read(&mut buffer) => read,
                _ = over.changed(), if !ended => continue,
                () = tokio::time::sleep(AFTER_END), if ended => return sent,
            };
            let count = match read {
                Ok(0) | Err(_) => return sent,
                Ok(count) => count,
            };
            if ended {
                // Only the time that was waited here counts, not what the other side takes.
                bytes_left = bytes_left.saturating_sub(count);
                time_left = time_left.saturating_sub(start.elapsed());
            }
            if sent.is_ok() {
                let data = buffer.get(..count).unwrap_or_default().to_vec();
                sent = self.send(&frame(data)).await;
            }
            if bytes_left == 0 || time_left.is_zero() {
                return sent;
            }
        }
    }

    /// Waits for room in the queue. Meanwhile nothing is read here, so that the other side is asked by an empty piece of output
    /// whether it is still there.
    async fn hand_on(&self, queue: &Queue, data: Vec<u8>) -> io::Result<()> {
        let size = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let mut room = std::pin::pin!(Arc::clone(&queue.room).acquire_many_owned(size));
        let room = loop {
            match timeout(STILL_THERE, &mut room).await {
                Ok(room) => break room.map_err(io::Error::other)?,
                Err(_) => self.send(&ExecFrame::Stdout(Vec::new())).await?,
            }
        };
        // Where nobody takes it out any more, the command has ended.
        let _ = queue.pieces.send((data, room));
        Ok(())
    }

    /// Passes input and signals on. Comes back only when the other side is lost.
    async fn input(&self, mut reader: FrameReader, input: Sender) -> io::Error {
        let (pieces, mut queued) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(WAITING));
        let queue = Queue { pieces, room };
        let feed = async {
            let mut input = input;
            while let Some((data, _room)) = queued.recv().await {
                // A command that has closed its input is not an error; what follows is dropped.
                if input.write_all(&data).await.is_err() {
                    break;
                }
            }
            drop(input);
            while queued.recv().await.is_some() {}
            std::future::pending().await
        };
        let read = async {
            let mut queue = Some(queue);
            loop {
                let frame = match reader.next().await {
                    Ok(Some(bytes)) => ExecFrame::decode(&bytes),
                    // It has nothing more to say, which is no loss.
                    Ok(None) => {
                        drop(queue.take());
                        return std::future::pending().await;
                    }
                    Err(error) => return error,
                };
                match frame {
                    Ok(ExecFrame::Stdin(data)) => {
                        if let Some(queue) = &queue
                            && let Err(lost) = self.hand_on(queue, data).await
                        {
                            return lost;
                        }
                    }
                    Ok(ExecFrame::StdinEnd) => drop(queue.take()),
                    Ok(ExecFrame::Signal(signal)) => self.agent.signal(self.pid, i32::from(signal)).await,
                    Ok(_) => return io::ErrorKind::InvalidData.into(),
                    Err(error) => return io::Error::new(io::ErrorKind::InvalidData, error),
                }
            }
        };
        tokio::select! {
            error = read => error,
            never = feed => never,
        }
    }
}
