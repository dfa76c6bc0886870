//! What is refused, in GitLab's words.

use http::StatusCode;
use serde_json::{Value, json};

use crate::git::GitError;
use crate::secret::NoRandomness;
use crate::store::StoreError;

/// Why a request is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("401 Unauthorized")]
    Unauthorized,
    #[error("403 Forbidden")]
    Forbidden,
    /// The token lacks this scope.
    #[error("The request requires higher privileges than provided by the access token.")]
    Scope(&'static str),
    /// What is not there.
    #[error("404 {0} Not Found")]
    NotFound(&'static str),
    /// No such route.
    #[error("404 Not Found")]
    NoRoute,
    #[error("405 Method Not Allowed")]
    Method,
    /// A parameter that has to be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A parameter that is not what it should be.
    #[error("{0} is invalid")]
    Invalid(&'static str),
    /// What GitLab answers with 400 and a message.
    #[error("{0}")]
    Bad(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Unprocessable(String),
    #[error("413 Request Entity Too Large")]
    TooLarge,
    #[error(transparent)]
    Git(#[from] GitError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl ApiError {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Scope(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Missing(_) | Self::Invalid(_) | Self::Bad(_) => StatusCode::BAD_REQUEST,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Unprocessable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Git(_) | Self::Store(_) | Self::Random(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body, in the shape that GitLab gives it.
    pub(crate) fn body(&self) -> Value {
        let text = self.to_string();
        match self {
            Self::Scope(scope) => json!({ "error": "insufficient_scope", "error_description": text, "scope": scope }),
            Self::NoRoute | Self::Method | Self::Missing(_) | Self::Invalid(_) => json!({ "error": text }),
            Self::Conflict(_) => json!({ "message": [text] }),
            _ => json!({ "message": text }),
        }
    }
}
