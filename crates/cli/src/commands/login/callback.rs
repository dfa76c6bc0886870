//! Where the browser brings the code: a listener on loopback that takes one request (RFC 8252, section 7.3).

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::failure::{Explain, Failure};

/// How long a person may take.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(5);
/// The longest head of a request.
const HEAD: usize = 16 << 10;

pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

impl Callback {
    pub(super) async fn listen() -> Result<Self, Failure> {
        let listening = || "cannot listen for the browser; try --code".to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.doing(listening)?;
        let port = listener.local_addr().doing(listening)?.port();
        Ok(Self { listener, port })
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// Waits for a request with this state, and answers with its code. Others are told that there is nothing.
    pub(super) async fn code(&self, state: &str) -> Result<String, Failure> {
        let wait = async {
            loop {
                let (mut stream, _) = self.listener.accept().await?;
                let code = match tokio::time::timeout(REQUEST, path(&mut stream)).await {
                    Ok(Ok(path)) => code_of(&path, state),
                    _ => None,
                };
                let told = answer(&mut stream, code.is_some());
                let _ = tokio::time::timeout(REQUEST, told).await;
                if let Some(code) = code {
                    return Ok(code);
                }
            }
        };
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(code) => code,
            Err(_) => Err(Failure::new("nobody signed in within ten minutes").hint("run `bailey login` again")),
        }
    }
}

/// The target of a request.
async fn path(stream: &mut TcpStream) -> Result<String, std::io::Error> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    match (words.next(), words.next()) {
        (Some("GET"), Some(path)) => Ok(path.to_owned()),
        _ => Ok(String::new()),
    }
}

/// The code of a target that has this state: nobody else can know it.
fn code_of(path: &str, state: &str) -> Option<String> {
    let query = path.strip_prefix("/?")?;
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).ok()?;
    let value = |name: &str| pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value);
    if value("state").is_none_or(|found| found != state) {
        return None;
    }
    value("code").filter(|code| !code.is_empty()).cloned()
}

async fn answer(stream: &mut TcpStream, good: bool) -> Result<(), std::io::Error> {
    let (status, text) = if good {
        (
            "200 OK",
            "You are signed in. You can close this page and go back to the command line.",
        )
    } else {
        ("404 Not Found", "There is nothing at this address.")
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nreferrer-policy: no-referrer\r\nx-content-type-options: nosniff\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_with_the_state_brings_the_code() {
        assert_eq!(code_of("/?code=a-b&state=s", "s").as_deref(), Some("a-b"));
        for other in [
            "/?code=a&state=t",
            "/?code=a",
            "/?state=s&code=",
            "/favicon.ico",
            "",
            "/x?code=a&state=s",
        ] {
            assert_eq!(code_of(other, "s"), None, "{other}");
        }
    }
}
