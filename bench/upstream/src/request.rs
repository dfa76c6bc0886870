//! Reading one request after another from a connection, and of each no more than is needed.

use anyhow::{Context as _, bail};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::answers::{Manner, Protocol};

/// How many bytes of a body are looked at for the model's name.
const LOOKED_AT: usize = 512;
/// The longest head that is accepted.
const HEAD_LIMIT: usize = 64 * 1024;

/// What the upstream understands of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// By the path.
    pub protocol: Protocol,
    /// By the model's name.
    pub manner: Manner,
}

/// Reads requests; the buffer is kept between them.
#[derive(Debug)]
pub struct Reader {
    buffer: Vec<u8>,
    filled: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            buffer: vec![0; 64 * 1024],
            filled: 0,
        }
    }
}

impl Reader {
    /// The next request, its body read in full; none when the client closed between two requests.
    ///
    /// # Errors
    /// Where the connection broke, or the request is none that this program understands.
    pub async fn next(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<Option<Request>> {
        let head = loop {
            if let Some(end) = find(&self.buffer[..self.filled], b"\r\n\r\n") {
                break end + 4;
            }
            if self.filled >= HEAD_LIMIT {
                bail!("the head is longer than {HEAD_LIMIT} bytes");
            }
            if !self.fill(stream).await? {
                return if self.filled == 0 {
                    Ok(None)
                } else {
                    bail!("the connection ended within a head")
                };
            }
        };
        let path = self.buffer[..head]
            .split(|byte| *byte == b' ')
            .nth(1)
            .context("no request line")?;
        let protocol = Protocol::of_path(path);
        let length = content_length(&self.buffer[..head]).context("no content-length")?;

        // Enough of the body to see the model; the rest is read over it.
        while self.filled - head < length.min(LOOKED_AT) {
            if !self.fill(stream).await? {
                bail!("the connection ended within a body");
            }
        }
        let seen = (self.filled - head).min(length);
        let manner = Manner::of_body(&self.buffer[head..head + seen.min(LOOKED_AT)]).context("no bench model")?;
        self.discard(head + seen, length - seen, stream).await?;
        Ok(Some(Request { protocol, manner }))
    }

    /// Forgets `used` bytes at the front, then reads and forgets `rest` more.
    async fn discard(
        &mut self,
        used: usize,
        mut rest: usize,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> anyhow::Result<()> {
        self.buffer.copy_within(used..self.filled, 0);
        self.filled -= used;
        while rest > 0 {
            let limit = rest.min(self.buffer.len());
            let read = stream.read(&mut self.buffer[..limit]).await?;
            if read == 0 {
                bail!("the connection ended within a body");
            }
            rest -= read;
        }
        Ok(())
    }

    /// Reads once; false at the end of the connection.
    async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> anyhow::Result<bool> {
        if self.filled == self.buffer.len() {
            self.buffer.resize(self.filled * 2, 0);
        }
        let read = stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        Ok(read > 0)
    }
}

/// Where `needle` begins.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|part| part == needle)
}

/// The value of `content-length` in a head, in whatever case it is written.
pub(crate) fn content_length(head: &[u8]) -> Option<usize> {
    header(head, "content-length")?.parse().ok()
}

/// The value of a header.
pub(crate) fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let mut named = lines.filter_map(|line| std::str::from_utf8(line).ok()?.split_once(':'));
    named
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reads_pipelined_requests_with_large_bodies() {
        let small = br#"{"model":"bench-small"}"#;
        let large = format!(r#"{{"model":"bench-burst","x":"{}"}}"#, "y".repeat(300_000));
        let mut bytes = Vec::new();
        for (path, body) in [
            ("/v1/messages", large.as_bytes()),
            ("/v1/chat/completions", small.as_slice()),
        ] {
            bytes.extend(format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len()).bytes());
            bytes.extend(body);
        }
        let mut stream = bytes.as_slice();
        let mut reader = Reader::default();
        let first = reader.next(&mut stream).await.unwrap();
        assert_eq!(
            first,
            Some(Request {
                protocol: Protocol::Messages,
                manner: Manner::Burst
            })
        );
        let second = reader.next(&mut stream).await.unwrap();
        assert_eq!(
            second,
            Some(Request {
                protocol: Protocol::Chat,
                manner: Manner::Small
            })
        );
        assert_eq!(reader.next(&mut stream).await.unwrap(), None);
    }

    #[tokio::test]
    async fn refuses_what_it_does_not_understand() {
        for bytes in [
            "POST /",
            "POST / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{}",
        ] {
            assert!(Reader::default().next(&mut bytes.as_bytes()).await.is_err(), "{bytes}");
        }
    }
}
