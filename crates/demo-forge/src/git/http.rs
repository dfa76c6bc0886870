//! Git over HTTP: `git http-backend`, run as CGI (RFC 3875) and streamed both ways.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::{Git, GitError};
use crate::path::GitRequest;

/// The longest head of an answer.
const LONGEST_HEAD: usize = 16 << 10;
/// The longest body of a request: what can be pushed at once.
const LONGEST_PUSH: u64 = 256 << 20;
/// How long nothing may move.
const STALL: Duration = Duration::from_mins(2);

/// What the program is to know of a request.
pub(crate) struct Cgi<'a> {
    pub(crate) project: i64,
    pub(crate) request: GitRequest,
    /// Whoever pushes; without one the program refuses to.
    pub(crate) user: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
    /// The branch that this user may not push to.
    pub(crate) protected: Option<&'a str>,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) struct CgiHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

/// What should be a head is none.
#[derive(Debug)]
struct NoHead;

/// A running program.
pub(crate) struct CgiRun {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Git {
    /// Starts the program.
    pub(crate) fn serve(&self, repositories: &Path, cgi: &Cgi<'_>) -> Result<CgiRun, GitError> {
        let mut command = self.command();
        let method = if cgi.request.query().is_empty() { "POST" } else { "GET" };
        command
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", repositories)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("PATH_INFO", format!("/{}.git{}", cgi.project, cgi.request.tail()))
            .env("QUERY_STRING", cgi.request.query())
            .env("REQUEST_METHOD", method)
            .env("SERVER_PROTOCOL", "HTTP/1.1")
            .env("GATEWAY_INTERFACE", "CGI/1.1")
            .env("REMOTE_ADDR", "127.0.0.1");
        let passed = [
            ("content-type", "CONTENT_TYPE"),
            ("content-length", "CONTENT_LENGTH"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
        ];
        for (header, variable) in passed {
            if let Some(value) = cgi.headers.get(header).and_then(|value| value.to_str().ok()) {
                command.env(variable, value);
            }
        }
        if let Some(user) = cgi.user {
            command.env("REMOTE_USER", user);
        }
        for (at, (name, value)) in settings(cgi).iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{at}"), name);
            command.env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        command.env("GIT_CONFIG_COUNT", settings(cgi).len().to_string());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|source| self.missing(source))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(GitError::Failed("it has no pipes".to_owned()));
        };
        Ok(CgiRun { child, stdin, stdout })
    }
}

/// What git is told beside its own settings. Of what is hidden a push is refused, and the rest of it goes on. A branch called HEAD is one that
/// nobody could name afterwards.
fn settings(cgi: &Cgi<'_>) -> Vec<(&'static str, String)> {
    let mut settings = vec![("receive.fsckObjects", "true".to_owned())];
    if cgi.request == GitRequest::Push {
        settings.extend(
            ["refs", "!refs/heads", "!refs/tags", "refs/heads/HEAD"].map(|refs| ("receive.hideRefs", refs.to_owned())),
        );
        settings.extend(
            cgi.protected
                .map(|branch| ("receive.hideRefs", format!("refs/heads/{branch}"))),
        );
    }
    settings
}

impl CgiRun {
    /// Runs the program to its end. `begin` gets the head of its answer, `pieces` what follows; when nobody reads them any more, the
    /// program still comes to its end.
    ///
    /// # Errors
    /// Where it broke off, or one side stalled.
    pub(crate) async fn run(
        self,
        body: Incoming,
        begin: oneshot::Sender<CgiHead>,
        pieces: &mpsc::Sender<Bytes>,
    ) -> Result<(), GitError> {
        let Self {
            mut child,
            stdin,
            mut stdout,
        } = self;
        let answer = async {
            let (head, rest) = timeout(STALL, read_head(&mut stdout))
                .await
                .map_err(|_| GitError::Bounds)??;
            let mut listening = begin.send(head).is_ok();
            if !rest.is_empty() {
                listening = listening && pieces.send(rest).await.is_ok();
            }
            let mut buffer = vec![0_u8; 32 << 10];
            loop {
                let count = timeout(STALL, stdout.read(&mut buffer))
                    .await
                    .map_err(|_| GitError::Bounds)??;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                    return Ok::<_, GitError>(());
                };
                listening = listening && pieces.send(Bytes::copy_from_slice(bytes)).await.is_ok();
            }
        };
        let (sent, answered) = tokio::join!(pump(body, stdin), answer);
        answered?;
        sent?;
        let status = timeout(STALL, child.wait()).await.map_err(|_| GitError::Bounds)??;
        if status.success() {
            Ok(())
        } else {
            Err(GitError::Failed(format!("http-backend: {status}")))
        }
    }
}

/// Passes a request's body on.
async fn pump(mut body: Incoming, mut stdin: ChildStdin) -> Result<(), GitError> {
    let mut passed = 0_u64;
    loop {
        let Some(frame) = timeout(STALL, body.frame()).await.map_err(|_| GitError::Bounds)? else {
            return Ok(());
        };
        let frame = frame.map_err(|error| GitError::Failed(format!("the request broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        passed = passed.saturating_add(data.len() as u64);
        if passed > LONGEST_PUSH {
            return Err(GitError::Failed(format!(
                "more than {LONGEST_PUSH} bytes were pushed at once"
            )));
        }
        // The program has what it wants and closed its end: what it says of it counts.
        if stdin.write_all(&data).await.is_err() {
            return Ok(());
        }
    }
}

async fn read_head(stdout: &mut (impl AsyncRead + Unpin)) -> Result<(CgiHead, Bytes), GitError> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4_096];
    loop {
        if let Some(head) = parse_head(&bytes) {
            return head.map_err(|NoHead| GitError::Failed("http-backend: no head".to_owned()));
        }
        let count = stdout.read(&mut buffer).await?;
        let new = buffer.get(..count).unwrap_or_default();
        if new.is_empty() || bytes.len() > LONGEST_HEAD {
            return Err(GitError::Failed("http-backend: no head".to_owned()));
        }
        bytes.extend_from_slice(new);
    }
}

/// The head of a CGI answer, and what came of the body along with it: `None` while it is not whole.
///
/// # Errors
/// Where it is no head.
fn parse_head(bytes: &[u8]) -> Option<Result<(CgiHead, Bytes), NoHead>> {
    let find = |end: &[u8]| {
        bytes
            .windows(end.len())
            .position(|window| window == end)
            .map(|at| (at, at + end.len()))
    };
    let (end, rest) = find(b"\r\n\r\n").or_else(|| find(b"\n\n"))?;
    let head = bytes.get(..end).unwrap_or_default();
    let mut parsed = CgiHead {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
    };
    let rest = Bytes::copy_from_slice(bytes.get(rest..).unwrap_or_default());
    for line in String::from_utf8_lossy(head).lines() {
        let Some((name, value)) = line.split_once(':') else {
            return Some(Err(NoHead));
        };
        if name.eq_ignore_ascii_case("status") {
            let code = value.trim().split(' ').next().and_then(|code| code.parse().ok());
            match code.and_then(|code| StatusCode::from_u16(code).ok()) {
                Some(status) => parsed.status = status,
                None => return Some(Err(NoHead)),
            }
            continue;
        }
        match (HeaderName::try_from(name.trim()), HeaderValue::try_from(value.trim())) {
            (Ok(name), Ok(value)) => drop(parsed.headers.append(name, value)),
            _ => return Some(Err(NoHead)),
        }
    }
    Some(Ok((parsed, rest)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_head_is_read_when_it_is_whole() {
        assert!(parse_head(b"Status: 404 Not Found\r\nExpires: x\r\n").is_none());
        let (head, rest) = parse_head(b"Status: 404 Not Found\r\nExpires: x\r\n\r\nrest")
            .unwrap()
            .unwrap();
        assert_eq!(
            (head.status, rest.as_ref()),
            (StatusCode::NOT_FOUND, b"rest".as_slice())
        );
        assert_eq!(head.headers["expires"], "x");
        assert!(parse_head(b"Status: many\r\n\r\n").unwrap().is_err());
        assert!(parse_head(b"no colon\n\n").unwrap().is_err());
    }

    proptest! {
        #[test]
        fn no_head_panics(bytes in "(Status|:| |200|\r\n|\n|x|\\PC){0,20}") {
            let _ = parse_head(bytes.as_bytes());
        }
    }
}
