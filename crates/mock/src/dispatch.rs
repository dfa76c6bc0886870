//! From a request to its response.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::call::{Call, Protocol};
use crate::clock;
use crate::connection::Control;
use crate::errors::VendorError;
use crate::ledger::Outcome;
use crate::models;
use crate::player::{Ended, Player};
use crate::recorder::{Arrival, Recorder};
use crate::server::{Seen, Shared};

mod respond;

/// Most bytes of a request's body.
const MAX_BODY_BYTES: usize = 64 << 20;

/// A request whose body has arrived.
struct Received {
    shared: Arc<Shared>,
    control: Control,
    seen: Seen,
    /// Identifier that the vendor would give the request.
    request_id: String,
}

/// Answers a request; an error means that the connection ends as [`Control`] says.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    control: Control,
    request: Request<Incoming>,
) -> Result<Response<Player>, Ended> {
    let (head, body) = request.into_parts();
    let at_micros = clock::now_micros();
    let sequence = shared.next_sequence();
    let path = head.uri.path().to_owned();
    let collected = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let too_large = collected.as_ref().is_err_and(|error| error.is::<LengthLimitError>());
    let seen = Seen {
        sequence,
        at_micros,
        method: head.method,
        path: head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        headers: head.headers,
        body: collected.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
    };
    shared.remember(seen.clone());
    let received = Received {
        shared,
        control,
        seen,
        request_id: format!("req_mock{sequence:08}"),
    };
    if too_large {
        let error = VendorError::new(413, "Request exceeds the maximum size");
        return Ok(received.error(protocol_of(&path).unwrap_or(Protocol::Chat), &error));
    }
    received.route(&path).await
}

fn protocol_of(path: &str) -> Option<Protocol> {
    match path {
        "/v1/messages" => Some(Protocol::Messages),
        "/v1/messages/count_tokens" => Some(Protocol::CountTokens),
        "/v1/chat/completions" => Some(Protocol::Chat),
        "/v1/responses" => Some(Protocol::Responses),
        _ => None,
    }
}

impl Received {
    async fn route(self, path: &str) -> Result<Response<Player>, Ended> {
        let read = self.seen.method == Method::GET || self.seen.method == Method::HEAD;
        match (protocol_of(path), path) {
            (Some(protocol), _) if self.seen.method == Method::POST => self.call(protocol).await,
            (Some(protocol), _) => Ok(self.error(protocol, &VendorError::new(405, "Method not allowed"))),
            (None, "/") if read => Ok(self.respond(StatusCode::OK, Bytes::new())),
            (None, "/ledger") if read => Ok(self.ledger()),
            (None, "/v1/models") if read => Ok(self.models(None)),
            (None, _) if read && path.starts_with("/v1/models/") => Ok(self.models(path.strip_prefix("/v1/models/"))),
            (None, _) => Ok(self.error(self.shape(), &VendorError::new(404, "Not found"))),
        }
    }

    /// The protocol whose error shape a caller of a route without one understands.
    fn shape(&self) -> Protocol {
        if self.seen.headers.contains_key("anthropic-version") {
            Protocol::Messages
        } else {
            Protocol::Chat
        }
    }

    fn models(&self, name: Option<&str>) -> Response<Player> {
        let shape = self.shape();
        if !self.authorized() {
            return self.error(shape, &unauthorized());
        }
        let anthropic = shape.is_anthropic();
        self.json(&match name {
            Some(name) => models::one(name, anthropic),
            None => models::list(&self.shared.models, anthropic),
        })
    }

    /// The ledger as JSON; `?after=N` leaves out the entries of requests up to number N.
    fn ledger(&self) -> Response<Player> {
        let mut ledger = self.shared.ledger();
        let query = self.seen.path.split_once('?').map_or("", |(_, query)| query);
        let after = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("after="))
            .and_then(|number| number.parse().ok());
        if let Some(after) = after {
            ledger
                .entries
                .retain(|entry: &crate::ledger::Entry| entry.sequence > after);
        }
        self.json(&json!(ledger))
    }

    /// Whether the request carries the credential that is asked for, if one is.
    fn authorized(&self) -> bool {
        let Some(wanted) = &self.shared.api_key else {
            return true;
        };
        let is = |value: Option<&HeaderValue>, prefix: &str| {
            value
                .and_then(|value| value.to_str().ok())
                .and_then(|value| value.strip_prefix(prefix))
                == Some(wanted)
        };
        is(self.seen.headers.get(AUTHORIZATION), "Bearer ") || is(self.seen.headers.get("x-api-key"), "")
    }

    async fn call(self, protocol: Protocol) -> Result<Response<Player>, Ended> {
        let arrival = Arrival {
            sequence: self.seen.sequence,
            at_micros: self.seen.at_micros,
            path: &self.seen.path,
            headers: &self.seen.headers,
            bytes: self.seen.body.len() as u64,
        };
        let mut recorder = Recorder::open(Arc::clone(&self.shared), protocol, &arrival);
        let refusal = if self.authorized() { None } else { Some(unauthorized()) };
        let parsed = match refusal {
            Some(refusal) => Err(refusal),
            None => parse(protocol, &self.seen.body),
        };
        match parsed {
            Ok(call) => {
                recorder.describe(|entry| {
                    entry.model.clone_from(&call.model);
                    entry.stream = call.stream;
                    entry.max_tokens = call.max_tokens;
                });
                self.answer(call, recorder).await
            }
            Err(error) => Ok(self.refuse(protocol, &error, &mut recorder)),
        }
    }

    /// Records and answers an error status.
    fn refuse(&self, protocol: Protocol, error: &VendorError, recorder: &mut Recorder) -> Response<Player> {
        recorder.describe(|entry| entry.status = Some(error.status));
        recorder.finish(Outcome::Error);
        self.error(protocol, error)
    }

    fn error(&self, protocol: Protocol, error: &VendorError) -> Response<Player> {
        let body = error.body(protocol, &self.request_id).to_string();
        let mut response = self.respond(status(error.status), Bytes::from(body));
        self.vendor_headers(protocol, response.headers_mut());
        response
    }

    fn json(&self, body: &Value) -> Response<Player> {
        self.respond(StatusCode::OK, Bytes::from(body.to_string()))
    }

    /// A response whose call, if it is one, is recorded already.
    fn respond(&self, status: StatusCode, body: Bytes) -> Response<Player> {
        let mut response = Response::new(Player::fixed(body, self.control.clone()));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }

    fn vendor_headers(&self, protocol: Protocol, headers: &mut HeaderMap) {
        let name = if protocol.is_anthropic() {
            "request-id"
        } else {
            "x-request-id"
        };
        insert(headers, name, &self.request_id);
    }
}

fn parse(protocol: Protocol, body: &[u8]) -> Result<Call, VendorError> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| VendorError::new(400, &format!("The request body is not valid JSON: {error}")))?;
    Call::parse(protocol, body).map_err(|bad| VendorError::new(400, &bad.0))
}

fn unauthorized() -> VendorError {
    VendorError::new(401, "Incorrect API key provided")
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Sets a header; one that cannot be sent was refused when the scenario was read, or is left out.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

/// A redirect to `to`.
fn redirect(received: &Received, code: u16, to: &str) -> Response<Player> {
    let mut response = received.respond(status(code), Bytes::new());
    insert(response.headers_mut(), LOCATION.as_str(), to);
    response
}
