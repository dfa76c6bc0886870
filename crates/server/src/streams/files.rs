//! Files of workspaces: requests to the agent's HTTP, and its answers.

use std::collections::BTreeMap;

use bailey_api::Code;
use bailey_api::agent::Purpose;
use bailey_core::WorkspaceId;
use bailey_runtime::http::over;
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HOST, RANGE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::held::Held;
use super::{Admitted, Kind, StreamError};
use crate::app::{App, AppError, Caller, workspace_resource as resource};
use crate::apps;
use crate::audit::{Change, Resource};

/// Bytes of an answer's head.
const HEAD: usize = 64 * 1024;
/// The largest answer that is no file: 10 000 names of the longest.
const LARGEST: usize = 16 * 1024 * 1024;
/// The largest explanation of a failure.
const EXPLANATION: usize = 64 * 1024;

/// What is asked of an agent.
pub(crate) struct Ask {
    method: Method,
    path: &'static str,
    query: String,
    range: Option<HeaderValue>,
    body: axum::body::Body,
}

impl Ask {
    /// A request without a body.
    pub(crate) fn new(method: Method, path: &'static str, query: &impl Serialize) -> Result<Self, AppError> {
        // Queries are flat structs of texts, numbers and flags; those always have this form.
        let query = serde_urlencoded::to_string(query).map_err(|error| AppError::Query {
            parameter: "path",
            detail: error.to_string(),
        })?;
        Ok(Self {
            method,
            path,
            query,
            range: None,
            body: axum::body::Body::empty(),
        })
    }

    /// The same for a part of a file.
    pub(crate) fn range(mut self, range: Option<HeaderValue>) -> Self {
        self.range = range;
        self
    }

    /// The same with a body.
    pub(crate) fn body(mut self, body: axum::body::Body) -> Self {
        self.body = body;
        self
    }
}

impl Ask {
    /// What is done, for the audit log: to which path, and not what is in it.
    fn change(&self, resource: Resource) -> Change {
        let action = match (&self.method, self.path) {
            (&Method::GET, _) => "files.read",
            (&Method::PUT, _) => "files.write",
            (&Method::DELETE, _) => "files.delete",
            (_, "/rename") => "files.rename",
            (_, "/directories") => "files.make_directory",
            (_, _) => "files.change",
        };
        let asked: BTreeMap<String, String> = form_urlencoded::parse(self.query.as_bytes()).into_owned().collect();
        Change::new(action, resource).after(&asked)
    }
}

impl App {
    /// Asks for something of a workspace that has an answer in JSON.
    pub(crate) async fn inside<T: DeserializeOwned>(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        ask: Ask,
    ) -> Result<T, AppError> {
        let (_admitted, response) = self.ask(caller, id, ask).await?;
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let read = body.map_err(|error| error.to_string());
        let read = read.and_then(|body| serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string()));
        read.map_err(|error| StreamError::Refused(format!("its answer cannot be read: {error}")).into())
    }

    /// Does something to a file that has no answer but that it is done.
    pub(crate) async fn inside_do(&self, caller: &Caller, id: WorkspaceId, ask: Ask) -> Result<StatusCode, AppError> {
        let resource = resource(&self.workspace_within(caller, id).await?);
        caller.record(ask.change(resource)).await?;
        self.ask(caller, id, ask).await?;
        Ok(StatusCode::NO_CONTENT)
    }

    /// Reads a file.
    pub(crate) async fn inside_read(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        ask: Ask,
        connection: Option<&apps::Place>,
    ) -> Result<axum::response::Response, AppError> {
        let resource = resource(&self.workspace_within(caller, id).await?);
        let entry = caller.record_open(ask.change(resource)).await?;
        let (admitted, response) = match self.ask(caller, id, ask).await {
            Ok(answered) => answered,
            Err(error) => {
                entry.fail(error.to_string());
                return Err(error);
            }
        };
        let admitted = admitted.over(connection);
        let (head, body) = response.into_parts();
        let over = {
            let (app, visit) = (self.clone(), admitted.visit.clone());
            async move { app.apps().until_over(&visit).await }
        };
        let mut response = Response::new(axum::body::Body::new(
            Held::new(body, over, Some(admitted)).recorded(entry),
        ));
        *response.status_mut() = head.status;
        for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_RANGE] {
            if let Some(value) = head.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Ok(response)
    }

    /// Asks an agent; an answer of failure is the error.
    async fn ask(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        ask: Ask,
    ) -> Result<(Admitted, Response<Incoming>), AppError> {
        let admitted = self.stream_admit(caller, id, Kind::Files).await?;
        self.fleet().note_activity(id);
        let stream = self.stream_open(&admitted, Purpose::Http).await?;
        let away = || AppError::from(StreamError::NotConnected(admitted.visit.site.name.clone()));
        let (mut sender, connection) = over(stream, HEAD).await.map_err(|_| away())?;
        self.gate().tasks().spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a request to an agent ended early"
                );
            }
        });
        let ended = {
            let (app, visit) = (self.clone(), admitted.visit.clone());
            async move { app.apps().until_over(&visit).await }
        };
        let mut request = Request::new(Held::new(ask.body, ended, None::<()>));
        *request.method_mut() = ask.method;
        let target = format!("{}?{}", ask.path, ask.query);
        *request.uri_mut() = target.parse().map_err(|_| AppError::Query {
            parameter: "path",
            detail: "is too long".to_owned(),
        })?;
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("workspace"));
        if let Some(range) = ask.range {
            request.headers_mut().insert(RANGE, range);
        }
        let answered = tokio::select! {
            answered = sender.send_request(request) => answered,
            () = self.apps().until_over(&admitted.visit) => return Err(away()),
        };
        let response = answered.map_err(|error| {
            if error.is_user() {
                StreamError::Cut.into()
            } else {
                away()
            }
        })?;
        if response.status().is_success() {
            Ok((admitted, response))
        } else {
            Err(failure(response).await.into())
        }
    }
}

/// What an agent says went wrong.
#[derive(serde::Deserialize)]
struct Explained {
    error: String,
}

async fn failure(response: Response<Incoming>) -> StreamError {
    let status = response.status();
    let body = Limited::new(response.into_body(), EXPLANATION).collect().await;
    let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let why = serde_json::from_slice(&body).map_or_else(
        |_| format!("the workspace's agent answers {status}"),
        |Explained { error }| error,
    );
    let code = match status.as_u16() {
        400 => Code::FileInvalid,
        403 => Code::FileForbidden,
        404 => Code::FileNotFound,
        409 => Code::FileConflict,
        507 => Code::DiskFull,
        _ => return StreamError::Refused(why),
    };
    StreamError::File { code, why }
}
