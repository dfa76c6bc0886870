//! Query strings.

use axum::extract::FromRequestParts;
use bailey_api::{Code, FieldError};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{absent_or_double, plain};
use crate::reject::Reject;

/// A query string as `T`. A parameter that is given twice is refused.
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Reject;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Reject> {
        let query = parts.uri.query().unwrap_or_default();
        let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(deserializer)
            .map(Self)
            .map_err(|error| {
                let message = plain(error.inner());
                let path = error.path().to_string();
                let name = absent_or_double(&message).unwrap_or(path.as_str()).to_owned();
                wrong(name, message)
            })
    }
}

/// A wrong query parameter.
pub(crate) fn wrong(parameter: impl Into<String>, detail: impl Into<String>) -> Reject {
    let error = FieldError::query(parameter, detail);
    let detail = format!("wrong: {}", error.parameter.as_deref().unwrap_or_default());
    Reject::new(Code::InvalidQuery, detail).errors(vec![error])
}
