//! Streams to and from a server.

use std::time::Duration;

use bailey_api::Problem;
use bailey_runtime::http::{Opened, Reader, Writer, websocket};
use http::Method;
use http_body_util::{BodyExt as _, Limited};

use super::{Api, NO_HEADER, unreachable};
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

impl Api {
    /// Opens a WebSocket at a path, its query included.
    pub(crate) async fn socket(&self, path: &str) -> Result<(Reader, Writer), NoStream> {
        let request = self.request(Method::GET, path).map_err(NoStream::ours)?.body(());
        let request = request.doing(|| NO_HEADER.to_owned()).map_err(NoStream::ours)?;
        let Ok(opened) = tokio::time::timeout(ANSWER, websocket(&self.streams, request)).await else {
            let failure = Failure::new(format!("the server at {} did not answer within {ANSWER:?}", self.url));
            return Err(NoStream {
                passing: true,
                ..NoStream::ours(failure)
            });
        };
        let response = match opened {
            Ok(Opened::Socket(reader, writer)) => return Ok((reader, writer)),
            Ok(Opened::Refused(response)) => response,
            Err(error) => {
                let failed = Err::<(), _>(error).doing(|| format!("cannot reach a server at {}", self.url));
                let failed = failed.hint(unreachable);
                return Err(NoStream {
                    passing: true,
                    ..NoStream::ours(failed.err().unwrap_or_else(|| Failure::new("")))
                });
            }
        };
        let (head, body) = response.into_parts();
        let body = Limited::new(body, REFUSAL).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let code = serde_json::from_slice::<Problem>(&body)
            .ok()
            .map(|problem| problem.code);
        // What stands in front of a server that starts anew answers with these, too.
        let passing = matches!(head.status.as_u16(), 502..=504);
        Err(NoStream {
            failure: self.refused(head.status, &body),
            code,
            passing,
        })
    }
}
