//! Problem details (RFC 9457): the one shape of every error of this API.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Code;

/// What went wrong, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the code is explained: `/errors/<code>`.
    #[serde(rename = "type")]
    #[schema(example = "/errors/not_found")]
    pub kind: String,
    /// The code's title; the same for every problem of the code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do. Safe to show to anyone who may make the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id of the request, which is in the server's log too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// The stable code, for programs.
    #[schema(example = "not_found")]
    pub code: String,
    /// Which parts of the request are at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Whole seconds after which the request may be tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// One part of a request that is at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// Where in the body: a JSON pointer (RFC 6901) such as `/budget/limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Or which query parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// Or which file of an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in that file, from 1; absent = the file as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column in characters, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What is wrong with it.
    pub detail: String,
}

impl FieldError {
    /// A fault in the body at a JSON pointer.
    pub fn body(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            ..Self::whole(detail)
        }
    }

    /// A fault of the body as a whole.
    pub fn whole(detail: impl Into<String>) -> Self {
        Self {
            pointer: None,
            parameter: None,
            file: None,
            line: None,
            column: None,
            detail: detail.into(),
        }
    }

    /// A fault in a file of an archive.
    pub fn file(file: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            file: Some(file.into()),
            ..Self::whole(detail)
        }
    }

    /// The same, at a line and column.
    #[must_use]
    pub const fn at(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// Where it is, for people; empty for the body as a whole.
    pub fn place(&self) -> String {
        if let Some(file) = &self.file {
            return match (self.line, self.column) {
                (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
                _ => file.clone(),
            };
        }
        let place = self.pointer.as_deref().or(self.parameter.as_deref());
        place.unwrap_or_default().trim_start_matches('/').to_owned()
    }

    /// A fault in a query parameter.
    pub fn query(parameter: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            parameter: Some(parameter.into()),
            ..Self::whole(detail)
        }
    }
}

impl Problem {
    /// A problem of `code`, without details yet.
    pub fn new(code: Code) -> Self {
        Self {
            kind: code.uri(),
            title: code.title().to_owned(),
            status: code.status(),
            detail: None,
            instance: None,
            code: code.as_str().to_owned(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// The same, saying what happened this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same, naming the parts of the request that are at fault.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }
}
