//! Frames of terminals and commands. Over a WebSocket each is one binary message; on a stream of the link each follows its
//! length (four bytes, big-endian).

/// The most bytes of one frame's payload.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// What a terminal and its viewer say to each other: one byte for the kind, then what is written at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminalFrame {
    /// `O`, from the terminal: number of the first byte (8 bytes, big-endian), then output as it came.
    Output {
        /// The number of the first byte; the first byte of a terminal is 0.
        at: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// `S`, from the terminal: epoch (8), number of the next byte (8), then bytes that draw the whole screen anew. Comes
    /// first, and again when the viewer was too slow, knows another epoch, or the size has changed. The viewer resets its
    /// terminal, lines that have left its screen included, and then shows the bytes.
    Screen {
        /// The terminal's epoch.
        epoch: u64,
        /// The number of the next byte of output.
        next: u64,
        /// The bytes.
        data: Vec<u8>,
    },
    /// `R`, from the terminal, in place of `Screen` where the viewer has missed nothing that is not sent now: epoch (8).
    Resumed {
        /// The terminal's epoch.
        epoch: u64,
    },
    /// `X`, from the terminal: its program has ended; exit status (4 bytes, big-endian, signed). The last frame.
    Exited {
        /// The exit status; 128 and the signal's number where a signal ended it.
        status: i32,
    },
    /// `I`, from the viewer: input.
    Input(Vec<u8>),
    /// `Z`, columns (2) and rows (2). From the viewer: the size it has room for. From the terminal, before `Screen` and
    /// `Resumed`: the size it has, the smallest of its viewers'. A viewer shows what follows in that size.
    Resize {
        /// Columns.
        columns: u16,
        /// Rows.
        rows: u16,
    },
    /// `A`, from the viewer: everything before this number was shown (8). What is not acknowledged is bounded.
    Acknowledge(u64),
}

/// What a command and whoever runs it say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecFrame {
    /// `i`, to the command: standard input.
    Stdin(Vec<u8>),
    /// `c`, to the command: standard input is over.
    StdinEnd,
    /// `k`, to the command: a signal's number (1 byte).
    Signal(u8),
    /// `o`, from the command: standard output.
    Stdout(Vec<u8>),
    /// `e`, from the command: standard error.
    Stderr(Vec<u8>),
    /// `x`, from the command: exit status (4). The last frame.
    Exited {
        /// The exit status; 128 and the signal's number where a signal ended it, 124 where its time was over.
        status: i32,
    },
}

/// The bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a frame: {0}")]
pub struct FrameError(&'static str);

fn number<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), FrameError> {
    bytes
        .split_first_chunk::<N>()
        .map(|(head, rest)| (*head, rest))
        .ok_or(FrameError("it is too short"))
}

fn whole<T>(value: T, rest: &[u8]) -> Result<T, FrameError> {
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(FrameError("it is too long"))
    }
}

fn payload(bytes: &[u8]) -> Result<Vec<u8>, FrameError> {
    // A screen may be larger than a piece of output; nothing else is.
    if bytes.len() > 64 * MAX_PAYLOAD {
        return Err(FrameError("its payload is too large"));
    }
    Ok(bytes.to_vec())
}

impl TerminalFrame {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32);
        match self {
            Self::Output { at, data } => {
                bytes.push(b'O');
                bytes.extend_from_slice(&at.to_be_bytes());
                bytes.extend_from_slice(data);
            }
            Self::Screen { epoch, next, data } => {
                bytes.push(b'S');
                bytes.extend_from_slice(&epoch.to_be_bytes());
                bytes.extend_from_slice(&next.to_be_bytes());
                bytes.extend_from_slice(data);
            }
            Self::Resumed { epoch } => {
                bytes.push(b'R');
                bytes.extend_from_slice(&epoch.to_be_bytes());
            }
            Self::Exited { status } => {
                bytes.push(b'X');
                bytes.extend_from_slice(&status.to_be_bytes());
            }
            Self::Input(data) => {
                bytes.push(b'I');
                bytes.extend_from_slice(data);
            }
            Self::Resize { columns, rows } => {
                bytes.push(b'Z');
                bytes.extend_from_slice(&columns.to_be_bytes());
                bytes.extend_from_slice(&rows.to_be_bytes());
            }
            Self::Acknowledge(number) => {
                bytes.push(b'A');
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads [`Self::encode`] back.
    ///
    /// # Errors
    /// Where the bytes are no frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (kind, rest) = bytes.split_first().ok_or(FrameError("it is empty"))?;
        match kind {
            b'O' => {
                let (at, rest) = number(rest)?;
                let at = u64::from_be_bytes(at);
                Ok(Self::Output {
                    at,
                    data: payload(rest)?,
                })
            }
            b'S' => {
                let (epoch, rest) = number(rest)?;
                let (next, rest) = number(rest)?;
                Ok(Self::Screen {
                    epoch: u64::from_be_bytes(epoch),
                    next: u64::from_be_bytes(next),
                    data: payload(rest)?,
                })
            }
            b'R' => {
                let (epoch, rest) = number(rest)?;
                whole(
                    Self::Resumed {
                        epoch: u64::from_be_bytes(epoch),
                    },
                    rest,
                )
            }
            b'X' => {
                let (status, rest) = number(rest)?;
                whole(
                    Self::Exited {
                        status: i32::from_be_bytes(status),
                    },
                    rest,
                )
            }
            b'I' => Ok(Self::Input(payload(rest)?)),
            b'Z' => {
                let (columns, rest) = number(rest)?;
                let (rows, rest) = number(rest)?;
                let size = Self::Resize {
                    columns: u16::from_be_bytes(columns),
                    rows: u16::from_be_bytes(rows),
                };
                whole(size, rest)
            }
            b'A' => {
                let (count, rest) = number(rest)?;
                whole(Self::Acknowledge(u64::from_be_bytes(count)), rest)
            }
            _ => Err(FrameError("its kind is unknown")),
        }
    }
}

impl ExecFrame {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Stdin(data) => {
                bytes.push(b'i');
                bytes.extend_from_slice(data);
            }
            Self::StdinEnd => bytes.push(b'c'),
            Self::Signal(signal) => bytes.extend_from_slice(&[b'k', *signal]),
            Self::Stdout(data) => {
                bytes.push(b'o');
                bytes.extend_from_slice(data);
            }
            Self::Stderr(data) => {
                bytes.push(b'e');
                bytes.extend_from_slice(data);
            }
            Self::Exited { status } => {
                bytes.push(b'x');
                bytes.extend_from_slice(&status.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads [`Self::encode`] back.
    ///
    /// # Errors
    /// Where the bytes are no frame.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let (kind, rest) = bytes.split_first().ok_or(FrameError("it is empty"))?;
        match kind {
            b'i' => Ok(Self::Stdin(payload(rest)?)),
            b'c' => whole(Self::StdinEnd, rest),
            b'k' => {
                let (signal, rest) = number::<1>(rest)?;
                whole(Self::Signal(signal[0]), rest)
            }
            b'o' => Ok(Self::Stdout(payload(rest)?)),
            b'e' => Ok(Self::Stderr(payload(rest)?)),
            b'x' => {
                let (status, rest) = number(rest)?;
                whole(
                    Self::Exited {
                        status: i32::from_be_bytes(status),
                    },
                    rest,
                )
            }
            _ => Err(FrameError("its kind is unknown")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_read_back() {
        let frames = [
            TerminalFrame::Output {
                at: 7,
                data: b"x".to_vec(),
            },
            TerminalFrame::Screen {
                epoch: 1,
                next: 2,
                data: b"y".to_vec(),
            },
            TerminalFrame::Resumed { epoch: 3 },
            TerminalFrame::Exited { status: -1 },
            TerminalFrame::Input(b"ls\n".to_vec()),
            TerminalFrame::Resize { columns: 80, rows: 24 },
            TerminalFrame::Acknowledge(9),
        ];
        for frame in frames {
            assert_eq!(TerminalFrame::decode(&frame.encode()), Ok(frame));
        }
        let frames = [
            ExecFrame::Stdin(b"a".to_vec()),
            ExecFrame::StdinEnd,
            ExecFrame::Signal(15),
            ExecFrame::Stdout(Vec::new()),
            ExecFrame::Stderr(b"b".to_vec()),
            ExecFrame::Exited { status: 124 },
        ];
        for frame in frames {
            assert_eq!(ExecFrame::decode(&frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&b""[..], b"Q", b"Z\0", b"R1234567", b"R123456789", b"Oabc", b"k"] {
            assert!(
                TerminalFrame::decode(bytes).is_err() && ExecFrame::decode(bytes).is_err(),
                "{bytes:?}"
            );
        }
    }
}
