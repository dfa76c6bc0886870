//! Streams to and from a server.

use std::time::Duration;

use bailey_api::Problem;
use bailey_runtime::http::{Incoming, Opened, Reader, StreamBody, Writer, websocket};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};

use super::{Api, NO_HEADER};
use crate::failure::{Explain, Failure};

/// How long a server may take to answer for a stream.
const ANSWER: Duration = Duration::from_secs(20);
/// The largest answer that says why there is no stream.
const REFUSAL: usize = 1024 * 1024;

/// Why there is no stream.
pub(crate) struct NoStream {
    /// What is told to a person.
    pub(crate) failure: Failure,
    /// The server's code for it; `None` = it was not the server that said no.
    pub(crate) code: Option<String>,
    /// Whether it may be there a moment later.
    pub(crate) passing: bool,
}

impl From<NoStream> for Failure {
    fn from(none: NoStream) -> Self {
        none.failure
    }
}

impl NoStream {
    fn ours(failure: impl Into<Failure>) -> Self {
        Self {
            failure: failure.into(),
            code: None,
            passing: false,
        }
    }
}

impl NoStream {
    fn passing(failure: Failure) -> Self {
        Self {
            failure,
            code: None,
            passing: true,
        }
    }
}

impl Api {
    /// Opens a WebSocket at a path, its query included.
    pub(crate) async fn socket(&self, path: &str) -> Result<(Reader, Writer), NoStream> {
        let request = self.request(Method::GET, path).map_err(NoStream::ours)?.body(());
        let request = request.doing(|| NO_HEADER.to_owned()).map_err(NoStream::ours)?;
        let Ok(opened) = tokio::time::timeout(ANSWER, websocket(&self.streams, request)).await else {
            let failure = Failure::new(format!("the server at {} did not answer within {ANSWER:?}", self.url));
            return Err(NoStream::passing(failure));
        };
        match opened {
            Ok(Opened::Socket(reader, writer)) => Ok((reader, writer)),
            Ok(Opened::Refused(response)) => Err(self.no_stream(response).await),
            Err(error) => Err(self.no_server(error)),
        }
    }

    /// Asks for an answer that is read as it comes.
    pub(crate) async fn read(&self, path: &str) -> Result<Incoming, Failure> {
        let request = self.request(Method::GET, path)?.body(StreamBody::empty());
        let response = self.begin(request.doing(|| NO_HEADER.to_owned())?).await?;
        Ok(response.into_body())
    }

    /// Sends a body as it is read.
    pub(crate) async fn write(&self, path: &str, body: StreamBody) -> Result<(), Failure> {
        let request = self.request(Method::PUT, path)?;
        let request = request.header(CONTENT_TYPE, "application/octet-stream").body(body);
        // It takes as long as it takes: what is read may be endless.
        self.exchanged(request.doing(|| NO_HEADER.to_owned())?).await?;
        Ok(())
    }

    /// The events of a stream, from behind the one of this id.
    pub(crate) async fn events(&self, path: &str, after: u64) -> Result<Events, NoStream> {
        let request = self.request(Method::GET, path).map_err(NoStream::ours)?;
        let request = request
            .header(ACCEPT, "text/event-stream, application/problem+json")
            .header("last-event-id", after)
            .body(StreamBody::empty());
        let response = self.begin(request.doing(|| NO_HEADER.to_owned()).map_err(NoStream::ours)?);
        Ok(Events::new(response.await?.into_body()))
    }

    /// Sends a request and waits for the head of its answer, which is one of success.
    async fn begin(&self, request: Request<StreamBody>) -> Result<Response<Incoming>, NoStream> {
        match tokio::time::timeout(ANSWER, self.exchanged(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let failure = Failure::new(format!("the server at {} did not answer within {ANSWER:?}", self.url));
                Err(NoStream::passing(failure))
            }
        }
    }

    async fn exchanged(&self, request: Request<StreamBody>) -> Result<Response<Incoming>, NoStream> {
        match self.streams.request(request).await {
            Ok(response) if response.status().is_success() => Ok(response),
            Ok(response) => Err(self.no_stream(response).await),
            Err(error) => Err(self.no_server(error)),
        }
    }

    fn no_server(&self, error: impl std::error::Error + Send + Sync + 'static) -> NoStream {
        NoStream::passing(self.unreached(error))
    }

    /// What an answer says that is not one of success.
    async fn no_stream(&self, response: Response<Incoming>) -> NoStream {
        let (head, body) = response.into_parts();
        let body = Limited::new(body, REFUSAL).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let problem = serde_json::from_slice::<Problem>(&body).ok();
        NoStream {
            failure: self.refused(head.status, &body),
            code: problem.map(|problem| problem.code),
            // What stands in front of a server that starts anew answers with these, too.
            passing: matches!(head.status.as_u16(), 502..=504),
        }
    }
}

/// An event of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its name; empty = it has none.
    pub(crate) name: String,
    /// What it says.
    pub(crate) data: String,
}

/// The events of a stream.
pub(crate) struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    const fn new(body: Incoming) -> Self {
        Self {
            body,
            buffer: Vec::new(),
        }
    }

    /// The next event; `None` = the stream has ended, or broke, which for whoever can go on is the same.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = take(&mut self.buffer) {
                if event != Event::default() {
                    return Some(event);
                }
                continue;
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
            if self.buffer.len() > REFUSAL {
                return None;
            }
        }
    }
}

/// Takes the first event, if it is whole. Bailey ends its lines with a line feed.
fn take(buffer: &mut Vec<u8>) -> Option<Event> {
    let end = buffer.windows(2).position(|two| two == b"\n\n")?;
    let event: Vec<u8> = buffer.drain(..end + 2).collect();
    let text = String::from_utf8_lossy(&event);
    let mut event = Event::default();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("event", name)) => name.clone_into(&mut event.name),
            Some(("data", data)) => {
                if !event.data.is_empty() {
                    event.data.push('\n');
                }
                event.data.push_str(data);
            }
            _ => {}
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_whole() {
        let mut buffer = b": hi\n\nid: 3\ndata: {\"a\": \"b: c\"}\n\nevent: end\ndata: 1\nda".to_vec();
        assert_eq!(take(&mut buffer), Some(Event::default()));
        let event = take(&mut buffer).unwrap();
        assert_eq!((event.name.as_str(), event.data.as_str()), ("", "{\"a\": \"b: c\"}"));
        assert_eq!(take(&mut buffer), None);
        buffer.extend_from_slice(b"ta: 2\n\n");
        let event = take(&mut buffer).unwrap();
        assert_eq!((event.name.as_str(), event.data.as_str()), ("end", "1\n2"));
        assert!(buffer.is_empty());
    }
}
