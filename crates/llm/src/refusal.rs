//! What a refusal looks like to each vendor's clients, so that their SDKs read it, show it, and do not repeat what cannot
//! succeed.

use serde_json::{Value, json};

use crate::{Protocol, Vendor};

/// Why Bailey refuses a request, or ends it early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// No key, or none that is known.
    Unauthenticated,
    /// The key may not use the model.
    ModelNotAllowed,
    /// There is no such model.
    ModelUnknown,
    /// A limit on requests or tokens in a time, or at once.
    RateLimited,
    /// A budget does not cover the request.
    BudgetExhausted,
    /// The key was revoked or has expired, or its person is suspended.
    Revoked,
    /// The request is malformed.
    BadRequest,
    /// The body or a header is too large.
    TooLarge,
    /// The client was too slow to send, or the provider too slow to answer.
    Timeout,
    /// What must be written down cannot be.
    Unavailable,
    /// The provider failed.
    UpstreamFailed,
    /// The provider refused Bailey's own credential or quota.
    UpstreamRefusedUs,
    /// The server is going down.
    ShuttingDown,
    /// The model has no provider that speaks the request's protocol.
    NoRouteForProtocol,
    /// The model has no price.
    NotPriced,
    /// A part of the request has no bound on its cost.
    Unbounded,
}

/// How a kind is told to clients.
struct Shape {
    status: u16,
    /// Anthropic's `error.type`.
    anthropic: &'static str,
    /// OpenAI's `error.type` and `error.code`.
    openai: (&'static str, &'static str),
    /// Whether a client may try again by itself.
    retry: bool,
}

impl RefusalKind {
    const fn shape(self) -> Shape {
        const INVALID: &str = "invalid_request_error";
        let (status, anthropic, openai, retry) = match self {
            Self::Unauthenticated | Self::Revoked => (401, "authentication_error", (INVALID, "invalid_api_key"), false),
            Self::ModelNotAllowed => (403, "permission_error", (INVALID, "model_not_allowed"), false),
            Self::ModelUnknown | Self::NoRouteForProtocol => {
                (404, "not_found_error", (INVALID, "model_not_found"), false)
            }
            Self::RateLimited => (429, "rate_limit_error", ("requests", "rate_limit_exceeded"), true),
            Self::BudgetExhausted => (
                429,
                "billing_error",
                ("insufficient_quota", "insufficient_quota"),
                false,
            ),
            Self::BadRequest => (400, INVALID, (INVALID, "invalid_request"), false),
            Self::Unbounded => (400, INVALID, (INVALID, "cost_unbounded"), false),
            Self::NotPriced => (403, "permission_error", (INVALID, "model_not_priced"), false),
            Self::TooLarge => (413, "request_too_large", (INVALID, "request_too_large"), false),
            Self::Timeout => (504, "timeout_error", ("server_error", "timeout"), true),
            Self::Unavailable | Self::ShuttingDown => (503, "api_error", ("server_error", "unavailable"), true),
            Self::UpstreamFailed => (502, "api_error", ("server_error", "upstream_failed"), true),
            // The client's key is not at fault and trying again does not help, so neither 401 nor a plain 5xx.
            Self::UpstreamRefusedUs => (502, "api_error", ("server_error", "upstream_refused"), false),
        };
        Shape {
            status,
            anthropic,
            openai,
            retry,
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.shape().status
    }

    /// Whether a client may try again by itself.
    pub const fn retryable(self) -> bool {
        self.shape().retry
    }
}

/// A refusal, ready to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, which picks status and shape.
    pub kind: RefusalKind,
    /// Bailey's own stable code, sent as `x-bailey-error` and explained in `docs/errors/`.
    pub code: &'static str,
    /// For people: names whose limit it was, the limit, what is spent and when it resets.
    pub message: String,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u64>,
    /// The field of the request that it is about.
    pub field: Option<String>,
    /// The request's id.
    pub request_id: String,
}

/// An answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON body.
    pub body: Vec<u8>,
}

impl Refusal {
    /// The answer in `vendor`'s shape.
    pub fn render(&self, vendor: Vendor) -> Rendered {
        let shape = self.kind.shape();
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-bailey-error", self.code.to_owned()),
            ("x-should-retry", shape.retry.to_string()),
        ];
        if let Some(seconds) = self.retry_after {
            headers.push(("retry-after", seconds.to_string()));
        }
        if vendor == Vendor::Anthropic {
            headers.push(("request-id", self.request_id.clone()));
        } else {
            headers.push(("x-request-id", self.request_id.clone()));
        }
        let body = self.body(vendor).to_string().into_bytes();
        Rendered {
            status: shape.status,
            headers,
            body,
        }
    }

    /// The error in `vendor`'s shape.
    fn body(&self, vendor: Vendor) -> Value {
        let shape = self.kind.shape();
        match vendor {
            Vendor::Anthropic => json!({
                "type": "error",
                "error": {"type": shape.anthropic, "message": self.message},
                "request_id": self.request_id,
            }),
            Vendor::OpenAi => json!({
                "error": {
                    "message": self.message,
                    "type": shape.openai.0,
                    "param": self.field,
                    "code": shape.openai.1,
                },
            }),
        }
    }

    /// An error inside a stream that has begun, as server-sent events; the stream is closed after it. `sequence` is the
    /// number that follows the last event's, for Responses, where numbers must rise.
    pub fn stream_event(&self, protocol: Protocol, sequence: u64) -> Vec<u8> {
        let body = self.body(protocol.vendor());
        match protocol {
            Protocol::Messages => format!("event: error\ndata: {body}\n\n"),
            // No `[DONE]`: the answer is not whole, and clients take the mark for a good end.
            Protocol::Chat => format!("data: {body}\n\n"),
            Protocol::Responses => {
                let event = json!({
                    "type": "response.failed",
                    "sequence_number": sequence,
                    "response": self.failed_response(),
                });
                format!("event: response.failed\ndata: {event}\n\n")
            }
        }
        .into_bytes()
    }

    /// A response object that has failed. Codex reads `error.code`: `insufficient_quota` ends its turn, others are tried
    /// again.
    fn failed_response(&self) -> Value {
        json!({
            "id": format!("resp_{}", self.request_id),
            "object": "response",
            "created_at": 0,
            "status": "failed",
            "error": {"code": self.kind.shape().openai.1, "message": self.message},
            "incomplete_details": null,
            "instructions": null,
            "metadata": {},
            "model": "",
            "output": [],
            "parallel_tool_calls": false,
            "temperature": null,
            "tool_choice": "auto",
            "tools": [],
            "top_p": null,
            "usage": null,
        })
    }
}

#[cfg(test)]
mod tests;
