//! Errors in the shapes of the vendors.

use serde_json::{Value, json};

use crate::call::Protocol;

/// An error as a vendor reports it.
#[derive(Clone, Debug, Default)]
pub(crate) struct VendorError {
    pub(crate) status: u16,
    /// `None`: the type that belongs to the status.
    pub(crate) kind: Option<String>,
    pub(crate) code: Option<String>,
    pub(crate) message: Option<String>,
}

impl VendorError {
    pub(crate) fn new(status: u16, message: &str) -> Self {
        Self {
            status,
            message: Some(message.to_owned()),
            ..Self::default()
        }
    }

    fn kind(&self, protocol: Protocol) -> String {
        let usual = || {
            if protocol.is_anthropic() {
                anthropic_kind(self.status)
            } else {
                openai_kind(self.status)
            }
        };
        self.kind.clone().unwrap_or_else(|| usual().to_owned())
    }

    fn message(&self) -> String {
        self.message
            .clone()
            .unwrap_or_else(|| format!("The mock provider was told to answer {}.", self.status))
    }

    /// Body of an error status, and `data` of an error event in Messages and chat streams.
    pub(crate) fn body(&self, protocol: Protocol, request_id: &str) -> Value {
        let (kind, message) = (self.kind(protocol), self.message());
        if protocol.is_anthropic() {
            json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})
        } else {
            json!({"error": {"message": message, "type": kind, "param": null, "code": self.code()}})
        }
    }

    /// `code` of an OpenAI error.
    pub(crate) fn code(&self) -> Option<String> {
        let usual = match (self.status, self.kind.as_deref()) {
            (_, Some("insufficient_quota")) => Some("insufficient_quota"),
            (401, _) => Some("invalid_api_key"),
            (404, _) => Some("model_not_found"),
            (429, _) => Some("rate_limit_exceeded"),
            (500.., _) => Some("server_error"),
            _ => None,
        };
        self.code.clone().or_else(|| usual.map(str::to_owned))
    }

    pub(crate) fn text(&self) -> String {
        self.message()
    }
}

fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 | 200 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn openai_kind(status: u16) -> &'static str {
    match status {
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_has_its_shape() {
        let error = VendorError::new(429, "slow down");
        assert_eq!(
            error.body(Protocol::Messages, "req_1"),
            json!({"type": "error", "request_id": "req_1",
                "error": {"type": "rate_limit_error", "message": "slow down"}})
        );
        assert_eq!(
            error.body(Protocol::Responses, "req_1"),
            json!({"error": {"message": "slow down", "type": "rate_limit_error", "param": null,
                "code": "rate_limit_exceeded"}})
        );
    }

    #[test]
    fn a_spent_quota_is_not_a_rate_limit() {
        let error = VendorError {
            status: 429,
            kind: Some("insufficient_quota".to_owned()),
            ..VendorError::default()
        };
        let body = error.body(Protocol::Chat, "");
        assert_eq!(body.pointer("/error/code"), Some(&json!("insufficient_quota")));
    }
}
