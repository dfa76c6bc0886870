//! The first line of a stream, which says what it is for, and the line that answers it.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::connection::{LinkError, Opener};
use crate::stream::Stream;

/// The most bytes of either line, its end included.
pub const MAX_LINE: usize = 16 * 1024;
/// How long the other side may take to say what a stream is for.
const SAY: Duration = Duration::from_secs(10);
/// How long the other side may take to answer: it may have to connect somewhere first.
const ANSWER: Duration = Duration::from_secs(30);

/// A stream has not come about.
#[derive(Debug, thiserror::Error)]
pub enum PurposeError {
    /// There is no stream to be had.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The other side says no, and why.
    #[error("{0}")]
    Refused(String),
    /// The other side took too long.
    #[error("the other side does not answer")]
    TimedOut,
    /// A line is too long, or not what it should be.
    #[error("the other side does not speak the protocol: {0}")]
    Malformed(String),
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Broken(#[from] std::io::Error),
}

/// One of the two is there.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Answer {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ok: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Opens a stream for a purpose; answers when the other side has accepted it.
///
/// # Errors
/// Where there is no stream to be had, or the other side refuses.
pub async fn request<P: Serialize + Sync>(opener: &Opener, purpose: &P) -> Result<Stream, PurposeError> {
    let line = line(purpose)?;
    let mut stream = opener.open().await?;
    let answer = timeout(ANSWER, async {
        stream.write_all(&line).await?;
        stream.flush().await?;
        read_line(&mut stream).await
    });
    let answer = answer.await.map_err(|_| PurposeError::TimedOut)??;
    let answer: Answer = parse(&answer)?;
    match answer {
        Answer { error: Some(why), .. } => Err(PurposeError::Refused(why)),
        Answer { ok: true, .. } => Ok(stream),
        Answer { .. } => Err(PurposeError::Malformed("it neither accepts nor refuses".to_owned())),
    }
}

/// Reads what a stream of the other side is for.
///
/// # Errors
/// Where it does not say so in time, or not in a way that is understood; the stream is then closed.
pub async fn accept<P: DeserializeOwned>(mut stream: Stream) -> Result<(P, Pending), PurposeError> {
    let line = timeout(SAY, read_line(&mut stream))
        .await
        .map_err(|_| PurposeError::TimedOut)??;
    match parse(&line) {
        Ok(purpose) => Ok((purpose, Pending(stream))),
        Err(error) => {
            Pending(stream).refuse("the purpose is not understood").await;
            Err(error)
        }
    }
}

/// A stream that waits for an answer.
#[derive(Debug)]
#[must_use = "the other side waits for an answer"]
pub struct Pending(Stream);

impl Pending {
    /// Says yes.
    ///
    /// # Errors
    /// Where the stream broke.
    pub async fn accept(mut self) -> std::io::Result<Stream> {
        self.0.write_all(b"{\"ok\":true}\n").await?;
        self.0.flush().await?;
        Ok(self.0)
    }

    /// Says no, and why.
    pub async fn refuse(mut self, why: &str) {
        // Escapes can make a text six times as long, and the line has its limit.
        let why: String = why.chars().take(MAX_LINE / 8).collect();
        let answer = Answer {
            ok: false,
            error: Some(why),
        };
        let Ok(line) = line(&answer) else { return };
        // Whoever asked may have gone, which is as good.
        if self.0.write_all(&line).await.is_ok() {
            let _ = self.0.shutdown().await;
        }
    }
}

fn line<T: Serialize>(value: &T) -> Result<Vec<u8>, PurposeError> {
    let mut line = serde_json::to_vec(value).map_err(|error| PurposeError::Malformed(error.to_string()))?;
    line.push(b'\n');
    if line.len() > MAX_LINE {
        return Err(PurposeError::Malformed("the line is too long".to_owned()));
    }
    Ok(line)
}

fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, PurposeError> {
    serde_json::from_slice(line).map_err(|error| PurposeError::Malformed(error.to_string()))
}

/// Reads one line, without its end. What was read behind it is put back.
async fn read_line(stream: &mut Stream) -> Result<BytesMut, PurposeError> {
    let mut bytes = BytesMut::with_capacity(512);
    let mut searched = 0;
    loop {
        let found = bytes.iter().skip(searched).position(|byte| *byte == b'\n');
        if let Some(end) = found {
            let mut line = bytes;
            let mut rest = line.split_off(searched + end);
            rest.advance(1);
            stream.unread(rest.freeze());
            return Ok(line);
        }
        searched = bytes.len();
        if searched >= MAX_LINE {
            return Err(PurposeError::Malformed("the line is too long".to_owned()));
        }
        bytes.reserve(512);
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(PurposeError::Broken(std::io::ErrorKind::UnexpectedEof.into()));
        }
    }
}
