//! What is inside a simulated workspace: commands that say what they are, and files in memory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bailey_api::agent::Purpose;
use bailey_api::frame::ExecFrame;
use bailey_link::{Stream, frames};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Inside(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    ran: Vec<String>,
    hung_up: usize,
}

impl Inside {
    /// The text of a file.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        let state = self.0.lock().unwrap();
        state
            .files
            .get(path)
            .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }

    /// What was run, in order.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.0.lock().unwrap().ran.clone()
    }

    /// How many commands that never end were ended.
    pub(crate) fn hung_up(&self) -> usize {
        self.0.lock().unwrap().hung_up
    }

    pub(crate) async fn serve(self, stream: Stream) {
        let Ok((purpose, pending)) = bailey_link::accept::<Purpose>(stream).await else {
            return;
        };
        match purpose {
            Purpose::Http => {
                let Ok(stream) = pending.accept().await else { return };
                let service = service_fn(|request| self.clone().answer(request));
                let builder = hyper::server::conn::http1::Builder::new();
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            }
            Purpose::Exec(start) => {
                let Ok(stream) = pending.accept().await else { return };
                self.run(&start.command, stream).await;
            }
            _ => pending.refuse("there is nothing of that kind").await,
        }
    }

    /// `fail` fails, `hang` never ends, and everything else says what it is.
    async fn run(&self, command: &[String], stream: Stream) {
        let line = command.last().cloned().unwrap_or_default();
        self.0.lock().unwrap().ran.push(line.clone());
        let (mut reader, mut writer) = frames(stream, 1 << 17);
        let said = ExecFrame::Stdout(format!("ran {line}\n").into_bytes()).encode();
        let _ = writer.send(&said).await;
        if line == "hang" {
            while matches!(reader.next().await, Ok(Some(_))) {}
            self.0.lock().unwrap().hung_up += 1;
            return;
        }
        let status = i32::from(line == "fail");
        let _ = writer.send(&ExecFrame::Exited { status }.encode()).await;
        let _ = writer.finish().await;
        while matches!(reader.next().await, Ok(Some(_))) {}
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let path = query["path"].clone();
        let mut response = Response::new(Full::default());
        if request.method() == Method::PUT {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            self.0.lock().unwrap().files.insert(path, body.to_vec());
            *response.status_mut() = http::StatusCode::NO_CONTENT;
        } else if let Some(bytes) = self.0.lock().unwrap().files.get(&path) {
            *response.body_mut() = Full::from(bytes.clone());
        } else {
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            *response.body_mut() = Full::from(r#"{"error":"there is no such file"}"#);
        }
        Ok(response)
    }
}
