//! Standard input, read by a thread of its own: whoever is at its other end may take any time, and must not hold others up.

use std::io::Read as _;

use tokio::sync::mpsc;

/// Standard input in pieces of at most `size` bytes, of which `waiting` are read ahead, until it ends or cannot be read. The
/// thread ends with it, with the receiver or with the process.
pub(crate) fn pieces(size: usize, waiting: usize) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(waiting);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut buffer = vec![0; size];
        loop {
            let count = match input.read(&mut buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return,
                Ok(count) => count,
            };
            let data = buffer.get(..count).unwrap_or_default().to_vec();
            if sender.blocking_send(data).is_err() {
                return;
            }
        }
    });
    receiver
}
