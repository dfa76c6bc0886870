//! The server's side of a link.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bailey_api::agent::{FromAgent, FromServer, Purpose};
use bailey_api::frame::ExecFrame;
use bailey_link::{Connection, FrameReader, FrameWriter, Messages, Opener, Pending, Stream, websocket_config};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, ReadHalf, WriteHalf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

pub(crate) const TOKEN: &str = "agent-token-of-the-test";

#[expect(clippy::disallowed_methods, reason = "tests have no tasks to wait for")]
pub(crate) fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("it took too long")
}

/// One server. Dropping it is what kill -9 of a server is to an agent.
pub(crate) struct Server {
    tasks: Vec<JoinHandle<()>>,
    pub(crate) interactive: Opener,
    pub(crate) bulk: Opener,
    /// Streams that the agent has opened, but for the control stream.
    pub(crate) opened: mpsc::Receiver<(Purpose, Pending)>,
    lines: BufReader<ReadHalf<Stream>>,
    writer: WriteHalf<Stream>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Waits for a connection with the right token; answers with its class.
#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
async fn accept(listener: &TcpListener) -> (String, Connection) {
    let (stream, _) = listener.accept().await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut class = String::new();
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        assert_eq!(request.uri().path(), bailey_api::agent::LINK_PATH);
        assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
        class = request.uri().query().unwrap().to_owned();
        Ok(response)
    };
    let websocket = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(websocket_config()))
        .await
        .unwrap();
    (class, Connection::server(Messages(websocket)))
}

impl Server {
    /// Listens, says where in `address_file`, and waits for the agent's link.
    pub(crate) async fn start(address_file: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let temporary: PathBuf = address_file.with_extension("new");
        std::fs::write(&temporary, format!("{address}\n")).unwrap();
        std::fs::rename(temporary, address_file).unwrap();
        let (open, opened) = mpsc::channel(16);
        let mut tasks = Vec::new();
        let (mut interactive, mut bulk) = (None, None);
        for _ in 0..2 {
            let (class, connection) = within(accept(&listener)).await;
            tasks.push(spawn(async move {
                let _ = connection.driver.await;
            }));
            let mut incoming = connection.incoming;
            let open = open.clone();
            tasks.push(spawn(async move {
                while let Some(stream) = incoming.next().await {
                    let Ok(accepted) = bailey_link::accept::<Purpose>(stream).await else {
                        continue;
                    };
                    let _ = open.send(accepted).await;
                }
            }));
            match class.as_str() {
                "class=interactive" => interactive = Some(connection.opener),
                "class=bulk" => bulk = Some(connection.opener),
                other => panic!("{other}"),
            }
        }
        let mut opened = opened;
        let (purpose, pending) = within(opened.recv()).await.unwrap();
        assert_eq!(purpose, Purpose::Control);
        let (reader, writer) = tokio::io::split(pending.accept().await.unwrap());
        Self {
            tasks,
            interactive: interactive.unwrap(),
            bulk: bulk.unwrap(),
            opened,
            lines: BufReader::new(reader),
            writer,
        }
    }

    pub(crate) async fn hear(&mut self) -> FromAgent {
        let mut line = String::new();
        within(self.lines.read_line(&mut line)).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The first message that `wanted` takes; others are passed over.
    pub(crate) async fn hear_until<T>(&mut self, wanted: impl Fn(FromAgent) -> Option<T>) -> T {
        loop {
            if let Some(found) = wanted(self.hear().await) {
                return found;
            }
        }
    }

    pub(crate) async fn say(&mut self, message: &FromServer) {
        let mut line = serde_json::to_vec(message).unwrap();
        line.push(b'\n');
        self.writer.write_all(&line).await.unwrap();
        self.writer.flush().await.unwrap();
    }

    pub(crate) async fn frames(&self, purpose: &Purpose) -> (FrameReader, FrameWriter) {
        let stream = within(bailey_link::request(&self.interactive, purpose)).await.unwrap();
        bailey_link::frames(stream, 1024 * 1024)
    }

    /// Runs a shell command to its end: its status and both outputs.
    pub(crate) async fn run(&self, script: &str, input: &[u8]) -> (i32, String, String) {
        let (mut reader, mut writer) = self.frames(&exec(script, None)).await;
        // A command may have ended before its input.
        for frame in [ExecFrame::Stdin(input.to_vec()), ExecFrame::StdinEnd] {
            let _ = writer.send(&frame.encode()).await;
        }
        within(outcome(&mut reader)).await
    }

    /// One request to the agent: status and body.
    pub(crate) async fn request(&self, method: &str, target: &str, body: &str) -> (u16, String) {
        let mut stream = within(bailey_link::request(&self.interactive, &Purpose::Http))
            .await
            .unwrap();
        let length = body.len();
        let request = format!(
            "{method} {target} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        within(stream.read_to_end(&mut answer)).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }
}

pub(crate) fn exec(script: &str, timeout: Option<u64>) -> Purpose {
    Purpose::Exec(bailey_api::agent::ExecStart {
        command: ["/bin/bash", "-c", script].map(str::to_owned).to_vec(),
        directory: None,
        environment: std::collections::BTreeMap::new(),
        timeout,
    })
}

pub(crate) async fn outcome(reader: &mut FrameReader) -> (i32, String, String) {
    let (mut output, mut error) = (Vec::new(), Vec::new());
    while let Some(frame) = reader.next().await.unwrap() {
        match ExecFrame::decode(&frame).unwrap() {
            ExecFrame::Stdout(data) => output.extend(data),
            ExecFrame::Stderr(data) => error.extend(data),
            ExecFrame::Exited { status } => {
                let text = |bytes| String::from_utf8(bytes).unwrap();
                return (status, text(output), text(error));
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it ended without saying how");
}
