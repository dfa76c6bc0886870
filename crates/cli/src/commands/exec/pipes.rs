//! This process's own outputs. Each has a thread: whoever is at their other end may take any time, and must not hold the
//! others up.

use std::io::Write;

use tokio::sync::{mpsc, oneshot};

/// Bytes on their way out.
type Piece = Vec<u8>;
use crate::failure::Failure;

/// What is read at a time.
pub(super) const BLOCK: usize = 32 * 1024;
/// Pieces that wait in each direction.
pub(super) const WAITING: usize = 8;
/// The status of a process that writes to a pipe which nobody reads: 128 and SIGPIPE.
const NOBODY_READS: u8 = 141;

/// One of the outputs.
pub(super) struct Output {
    pieces: mpsc::Sender<Piece>,
    ended: oneshot::Receiver<std::io::Result<()>>,
}

impl Output {
    pub(super) fn new<W: Write + 'static>(output: fn() -> W) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Piece>(WAITING);
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            let mut output = output();
            let mut written = Ok(());
            while let Some(piece) = receiver.blocking_recv() {
                written = output.write_all(&piece).and_then(|()| output.flush());
                if written.is_err() {
                    break;
                }
            }
            drop(receiver);
            let _ = end.send(written);
        });
        Self { pieces: sender, ended }
    }

    /// Has a piece written. It waits while many do.
    pub(super) async fn write(&mut self, data: Vec<u8>) -> Result<(), Failure> {
        match self.pieces.send(data).await {
            Ok(()) => Ok(()),
            Err(_) => Err(failed((&mut self.ended).await)),
        }
    }

    /// Waits until everything is written.
    pub(super) async fn finish(self) -> Result<(), Failure> {
        drop(self.pieces);
        match self.ended.await {
            Ok(Ok(())) => Ok(()),
            ended => Err(failed(ended)),
        }
    }
}

fn failed(ended: Result<std::io::Result<()>, oneshot::error::RecvError>) -> Failure {
    match ended {
        Ok(Err(error)) => {
            let broken = error.kind() == std::io::ErrorKind::BrokenPipe;
            let failure = Failure::from(error);
            if broken {
                failure.with_status(NOBODY_READS)
            } else {
                failure
            }
        }
        _ => Failure::new("an output of this process was lost"),
    }
}
