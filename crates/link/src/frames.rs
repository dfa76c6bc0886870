//! Frames on a stream: each follows its length, four bytes, big-endian.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::stream::Stream;

/// Reads frames.
#[derive(Debug)]
pub struct FrameReader<R = ReadHalf<Stream>> {
    reader: R,
    buffer: BytesMut,
    limit: usize,
}

/// Writes frames.
#[derive(Debug)]
pub struct FrameWriter<W = WriteHalf<Stream>> {
    writer: W,
    limit: usize,
}

/// Frames in both directions, each of at most `limit` bytes.
pub fn frames(stream: Stream, limit: usize) -> (FrameReader, FrameWriter) {
    let (reader, writer) = tokio::io::split(stream);
    (FrameReader::new(reader, limit), FrameWriter::new(writer, limit))
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Frames of at most `limit` bytes.
    pub fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            limit,
        }
    }

    /// The next frame; `None` = the stream has ended between frames. Nothing is lost when this is dropped halfway.
    ///
    /// # Errors
    /// Where a frame is too large or the stream ends within one.
    pub async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let wanted = match self.buffer.first_chunk::<4>() {
                None => 4,
                Some(length) => {
                    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
                    if length > self.limit {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too large"));
                    }
                    if let Some(rest) = self.buffer.len().checked_sub(4 + length) {
                        self.buffer.advance(4);
                        let frame = self.buffer.split_to(length).freeze();
                        if rest == 0 {
                            // The room of a large frame is not kept for the small ones that follow.
                            self.buffer = BytesMut::new();
                        }
                        return Ok(Some(frame));
                    }
                    4 + length
                }
            };
            // Room is made as bytes arrive, so that an announced length costs nothing.
            let missing = wanted.saturating_sub(self.buffer.len());
            self.buffer.reserve(missing.clamp(512, 16 * 1024));
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Frames of at most `limit` bytes.
    pub const fn new(writer: W, limit: usize) -> Self {
        Self { writer, limit }
    }

    /// Sends a frame. It must not be dropped halfway: what follows would be read as part of it.
    ///
    /// # Errors
    /// Where it is too large or the stream broke.
    pub async fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len())
            .ok()
            .filter(|_| frame.len() <= self.limit)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a frame is too large"))?;
        let mut bytes = Vec::with_capacity(4 + frame.len());
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(frame);
        self.writer.write_all(&bytes).await?;
        self.writer.flush().await
    }

    /// Ends this direction.
    ///
    /// # Errors
    /// Where the stream broke.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.writer.shutdown().await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(future)
    }

    proptest! {
        #[test]
        fn frames_read_back_however_they_are_cut(
            frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..2000), 0..12),
            pipe in 1_usize..300,
        ) {
            run(async {
                let (near, far) = tokio::io::duplex(pipe);
                let (mut reader, mut writer) = (FrameReader::new(far, 2000), FrameWriter::new(near, 2000));
                let sent = frames.clone();
                let send = async move {
                    for frame in &sent {
                        writer.send(frame).await.unwrap();
                    }
                    writer.finish().await.unwrap();
                };
                let read = async {
                    let mut read = Vec::new();
                    while let Some(frame) = reader.next().await.unwrap() {
                        read.push(frame.to_vec());
                    }
                    read
                };
                let ((), read) = tokio::join!(send, read);
                assert_eq!(read, frames);
            });
        }

        #[test]
        fn garbage_is_refused_or_read_and_never_held_beyond_the_limit(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            run(async {
                let mut reader = FrameReader::new(bytes.as_slice(), 64);
                while let Ok(Some(frame)) = reader.next().await {
                    assert!(frame.len() <= 64);
                }
            });
        }
    }

    #[test]
    fn limits_hold_on_both_sides_and_an_end_within_a_frame_is_an_error() {
        run(async {
            let mut reader = FrameReader::new(&b"\0\0\0\x05hello\0\0\0\x05hel"[..], 5);
            assert_eq!(reader.next().await.unwrap().unwrap(), "hello");
            assert_eq!(reader.next().await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
            let mut reader = FrameReader::new(&b"\xff\xff\xff\xff"[..], 5);
            assert_eq!(reader.next().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
            let mut writer = FrameWriter::new(tokio::io::sink(), 5);
            assert_eq!(
                writer.send(b"hello!").await.unwrap_err().kind(),
                io::ErrorKind::InvalidInput
            );
        });
    }
}
