//! What an install script says, line by line, however it says it.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The longest line; what is longer goes on in the next.
const LONGEST: usize = 4096;

/// Hands over each line until the end.
pub(super) async fn lines(from: Option<impl AsyncRead + Unpin>, line: &(impl Fn(String) + Send + Sync)) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 4096];
    let mut pending = Vec::new();
    // A pipe that breaks ends like one that is closed.
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        for byte in buffer.iter().take(read) {
            match byte {
                b'\n' => line(text(&mut pending)),
                byte => pending.push(*byte),
            }
            if pending.len() >= LONGEST {
                line(text(&mut pending));
            }
        }
    }
    if !pending.is_empty() {
        line(text(&mut pending));
    }
}

/// Without what would move a reader's cursor: a progress bar's last state is what counts.
fn text(bytes: &mut Vec<u8>) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('\r');
    let last = text.rsplit('\r').next().unwrap_or_default();
    let plain = last.chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    bytes.clear();
    plain
}
