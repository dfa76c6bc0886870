//! A client on raw sockets, so that the tests see what really crosses the wire.

use std::io::ErrorKind;
use std::time::Duration;

use bailey_mock::{Mock, MockConfig, Scenario};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);
/// Long enough to believe that nothing more comes.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

pub(crate) async fn start(rules: &str) -> Mock {
    let scenario = Scenario::parse("test", rules).unwrap();
    Mock::start(MockConfig {
        scenarios: vec![scenario],
        ..MockConfig::default()
    })
    .await
    .unwrap()
}

/// A request body for `path` with the user text "hello".
pub(crate) fn hello(path: &str, stream: bool) -> Value {
    match path {
        "/v1/responses" => json!({"model": "m", "stream": stream, "input": "hello"}),
        "/v1/chat/completions" => {
            json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hello"}]})
        }
        _ => json!({"model": "m", "stream": stream, "max_tokens": 1000,
            "messages": [{"role": "user", "content": "hello"}]}),
    }
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Broken,
    Reset,
}

pub(crate) struct Reply {
    pub(crate) head: String,
    /// The body in the pieces in which the server wrote it (one piece where it has a length).
    pub(crate) pieces: Vec<String>,
    pub(crate) end: End,
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text()).unwrap()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        events(&self.text())
    }
}

/// A server-sent event: its name (empty if it has none) and its data.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// Whole events in `text`; data that is no JSON, such as `[DONE]`, becomes a string.
pub(crate) fn events(text: &str) -> Vec<Event> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let field = |event: &str, name: &str| {
        event
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let event = |event: &str| {
        let data = field(event, "data:");
        let data = serde_json::from_str(&data).unwrap_or(Value::String(data));
        Event {
            name: field(event, "event:"),
            data,
        }
    };
    whole
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .map(event)
        .collect()
}

/// Sends a request and leaves its answer to be read.
pub(crate) async fn send(mock: &Mock, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(mock.addr()).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Sends a request and reads its answer to the end.
pub(crate) async fn exchange(mock: &Mock, method: &str, path: &str, headers: &str, body: &str) -> Reply {
    let mut stream = send(mock, method, path, headers, body).await;
    let (bytes, reset) = read_all(&mut stream).await;
    parse(&bytes, reset)
}

pub(crate) async fn post(mock: &Mock, path: &str, body: &Value) -> Reply {
    exchange(mock, "POST", path, "", &body.to_string()).await
}

/// Everything until the connection ends, and whether it was reset.
pub(crate) async fn read_all(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match timeout(LONG, stream.read(&mut buffer)).await.unwrap() {
            Ok(0) => return (bytes, false),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (bytes, true),
            Err(error) => panic!("{error}"),
        }
    }
}

/// What comes until nothing comes for a while; the connection must stay open.
pub(crate) async fn read_until_silent(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(read) = timeout(SHORT, stream.read(&mut buffer)).await {
        let count = read.unwrap();
        assert_ne!(count, 0, "the connection was closed");
        bytes.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Takes a response apart.
pub(crate) fn parse(bytes: &[u8], reset: bool) -> Reply {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Reply {
            head: text,
            pieces: Vec::new(),
            end: if reset { End::Reset } else { End::Broken },
        };
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let (pieces, whole) = match length {
        Some(length) => (vec![body.to_owned()], body.len() == length.parse::<usize>().unwrap()),
        None => chunks(body),
    };
    let end = match (reset, whole) {
        (true, _) => End::Reset,
        (false, true) => End::Complete,
        (false, false) => End::Broken,
    };
    Reply {
        head: head.to_owned(),
        pieces,
        end,
    }
}

/// The chunks of a chunked body, and whether its last chunk came.
fn chunks(mut body: &str) -> (Vec<String>, bool) {
    let mut pieces = Vec::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (pieces, true);
        }
        pieces.push(rest[..size].to_owned());
        body = rest[size..].strip_prefix("\r\n").unwrap();
    }
    (pieces, false)
}
