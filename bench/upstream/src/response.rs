//! Taking an answer apart while it arrives, to know when it is whole and how many events have come.

use anyhow::{Context as _, bail};

use crate::request::{content_length, find, header};

/// How the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// The head has not been read yet.
    Unknown,
    /// So many bytes are missing.
    Length(usize),
    /// In chunks: the state of the reader.
    Chunk(Chunk),
    Complete,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chunk {
    /// In the line with the size; the digits so far.
    Size(usize),
    /// Behind the size, up to the end of its line.
    SizeEnd(usize),
    /// In the data, so many bytes are missing.
    Data(usize),
    /// In the line break behind the data.
    DataEnd,
    /// Behind the last chunk, in a line of this length so far.
    Trailer(usize),
}

/// One answer. Bytes go in as they arrive; nothing of the body is kept.
#[derive(Debug)]
pub struct Response {
    head: Vec<u8>,
    body: Body,
    status: u16,
    events: usize,
    /// The body's last byte was a line break, so another one ends an event.
    line_ended: bool,
}

impl Default for Response {
    fn default() -> Self {
        Self {
            head: Vec::new(),
            body: Body::Unknown,
            status: 0,
            events: 0,
            line_ended: false,
        }
    }
}

impl Response {
    /// Whether all of it has come.
    pub fn is_complete(&self) -> bool {
        self.body == Body::Complete
    }

    /// The HTTP status, 0 before the head is whole.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Server-sent events that have come in full (blank lines; the answers measured here hold no others).
    pub fn events(&self) -> usize {
        self.events
    }

    /// Takes bytes as they came from the connection.
    ///
    /// # Errors
    /// Where they are no HTTP answer, or go on behind its end.
    pub fn push(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        if self.body == Body::Unknown {
            let before = self.head.len();
            self.head.extend_from_slice(bytes);
            let Some(end) = find(&self.head, b"\r\n\r\n") else {
                return Ok(());
            };
            bytes = &bytes[end + 4 - before..];
            self.begin(end + 4)?;
        }
        while !bytes.is_empty() {
            let used = match self.body {
                Body::Length(missing) => {
                    let used = missing.min(bytes.len());
                    self.count(&bytes[..used]);
                    self.body = if used == missing {
                        Body::Complete
                    } else {
                        Body::Length(missing - used)
                    };
                    used
                }
                Body::Chunk(chunk) => self.chunk(chunk, bytes)?,
                Body::Unknown | Body::Complete => bail!("bytes behind the end of the answer"),
            };
            bytes = &bytes[used..];
        }
        Ok(())
    }

    fn begin(&mut self, end: usize) -> anyhow::Result<()> {
        let head = &self.head[..end];
        let status = head
            .split(|byte| *byte == b' ')
            .nth(1)
            .and_then(|text| std::str::from_utf8(text).ok());
        self.status = status.and_then(|text| text.parse().ok()).context("no status")?;
        self.body = if header(head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            Body::Chunk(Chunk::Size(0))
        } else {
            match content_length(head).context("neither a length nor chunks")? {
                0 => Body::Complete,
                length => Body::Length(length),
            }
        };
        Ok(())
    }

    /// Goes on in a chunked body and returns how many bytes were used.
    fn chunk(&mut self, state: Chunk, bytes: &[u8]) -> anyhow::Result<usize> {
        let first = bytes[0];
        let (next, used) = match state {
            Chunk::Size(size) if first.is_ascii_hexdigit() => {
                let digit = char::from(first).to_digit(16).unwrap_or(0);
                (Chunk::Size(size * 16 + usize::try_from(digit)?), 1)
            }
            Chunk::Size(size) | Chunk::SizeEnd(size) => match first {
                b'\n' if size == 0 => (Chunk::Trailer(0), 1),
                b'\n' => (Chunk::Data(size), 1),
                _ => (Chunk::SizeEnd(size), 1),
            },
            Chunk::Data(missing) => {
                let used = missing.min(bytes.len());
                self.count(&bytes[..used]);
                (
                    if used == missing {
                        Chunk::DataEnd
                    } else {
                        Chunk::Data(missing - used)
                    },
                    used,
                )
            }
            Chunk::DataEnd => (if first == b'\n' { Chunk::Size(0) } else { Chunk::DataEnd }, 1),
            Chunk::Trailer(length) => match first {
                b'\n' if length == 0 => {
                    self.body = Body::Complete;
                    return Ok(1);
                }
                b'\n' => (Chunk::Trailer(0), 1),
                b'\r' => (Chunk::Trailer(length), 1),
                _ => (Chunk::Trailer(length + 1), 1),
            },
        };
        self.body = Body::Chunk(next);
        Ok(used)
    }

    fn count(&mut self, data: &[u8]) {
        for byte in data {
            let line_ends = *byte == b'\n';
            self.events += usize::from(line_ends && self.line_ended);
            self.line_ended = line_ends;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::{Answers, EVENTS, Protocol};

    /// Feeds the bytes in pieces of every length from 1 to 9.
    fn for_each_cut(bytes: &[u8], check: impl Fn(&Response)) {
        for length in (1..10).chain([bytes.len()]) {
            let mut response = Response::default();
            for piece in bytes.chunks(length) {
                assert!(!response.is_complete());
                response.push(piece).unwrap();
            }
            assert!(response.is_complete());
            check(&response);
        }
    }

    #[test]
    fn reads_the_answers_of_the_upstream() {
        for protocol in [Protocol::Chat, Protocol::Messages] {
            let answers = Answers::new(protocol);
            for_each_cut(&answers.burst, |response| {
                assert_eq!((response.status(), response.events()), (200, EVENTS));
            });
            for_each_cut(&answers.small, |response| assert_eq!(response.status(), 200));
            for_each_cut(&answers.unavailable, |response| assert_eq!(response.status(), 503));
        }
    }

    #[test]
    fn chunks_may_be_cut_differently_and_have_trailers() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nx\n\n\r\nA\r\n0123456\n\ny\r\n0\r\nt: 1\r\n\r\n";
        for_each_cut(bytes, |response| assert_eq!(response.events(), 2));
    }

    #[test]
    fn bytes_behind_the_end_are_an_error() {
        let mut response = Response::default();
        assert!(response.push(b"HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\nx").is_err());
        assert!(Response::default().push(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
