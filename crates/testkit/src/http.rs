//! A plain HTTP/1.1 client over a blocking socket: it can hang up at any byte, send anything, and hides nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub body: Vec<u8>,
    /// Whether the body came to its announced end.
    pub whole: bool,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("no JSON: {}", self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A request.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// A `POST` of JSON.
    pub fn post(path: &'a str, body: &serde_json::Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self {
            method: "POST",
            path,
            headers,
            body: body.to_string().into_bytes(),
        }
    }

    /// A request without a body.
    pub const fn bare(method: &'a str, path: &'a str) -> Self {
        Self {
            method,
            path,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// With `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// With these bytes as the body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Sends it and reads the whole answer.
    pub fn send(&self, to: SocketAddr) -> Result<Answer> {
        self.open(to)?.finish()
    }

    /// Sends it and reads the head of the answer.
    pub fn open(&self, to: SocketAddr) -> Result<Open> {
        use std::fmt::Write as _;
        let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(5))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(1)))?;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {to}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "content-length: {}\r\nconnection: close\r\n\r\n", self.body.len());
        stream.write_all(head.as_bytes())?;
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(&self.body);
        Open::read(BufReader::new(stream))
    }
}

/// An answer whose head has been read.
#[derive(Debug)]
pub struct Open {
    stream: BufReader<TcpStream>,
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    chunked: bool,
    length: Option<u64>,
}

impl Open {
    fn read(mut stream: BufReader<TcpStream>) -> Result<Self> {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|s| s.parse().ok())
            .with_context(|| format!("no status: {line:?}"))?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                bail!("the head ended early");
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').context("no header")?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let find = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let chunked = find("transfer-encoding").is_some_and(|v| v == "chunked");
        let length = find("content-length").and_then(|v| v.parse().ok());
        Ok(Self {
            stream,
            status,
            headers,
            chunked,
            length,
        })
    }

    /// One piece of the body; empty at the end.
    pub fn piece(&mut self) -> Result<Vec<u8>> {
        if !self.chunked {
            let mut rest = Vec::new();
            let limit = self.length.take().unwrap_or(u64::MAX);
            (&mut self.stream).take(limit).read_to_end(&mut rest)?;
            self.length = Some(0);
            return Ok(rest);
        }
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            bail!("the body ended early");
        }
        let length = usize::from_str_radix(line.trim(), 16).with_context(|| format!("no chunk length: {line:?}"))?;
        let mut piece = vec![0; length + 2];
        self.stream.read_exact(&mut piece)?;
        piece.truncate(length);
        Ok(piece)
    }

    /// Reads until the body contains `count` whole events, then hangs up.
    pub fn hang_up_after(mut self, count: usize) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while body.windows(2).filter(|w| w == b"\n\n").count() < count {
            let piece = self.piece()?;
            if piece.is_empty() {
                break;
            }
            body.extend(piece);
        }
        self.stream.get_ref().shutdown(Shutdown::Both)?;
        Ok(body)
    }

    /// Reads to the end.
    pub fn finish(mut self) -> Result<Answer> {
        let mut body = Vec::new();
        let whole = loop {
            match self.piece() {
                Ok(piece) if piece.is_empty() => break true,
                Ok(piece) => body.extend(piece),
                Err(_) => break false,
            }
        };
        Ok(Answer {
            status: self.status,
            headers: self.headers,
            body,
            whole,
        })
    }
}
