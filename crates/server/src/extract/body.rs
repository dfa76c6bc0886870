//! JSON bodies.

use std::time::Duration;

use axum::extract::{FromRequest, Request};
use bailey_api::{Code, FieldError};
use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::{absent_or_double, plain};
use crate::reject::Reject;

/// The most bytes of a body of this API.
pub(crate) const LIMIT: usize = 1024 * 1024;
/// The longest time that a body may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON object as `T`.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Reject;

    async fn from_request(request: Request, _: &S) -> Result<Self, Reject> {
        let (parts, body) = request.into_parts();
        if !declared(&parts.headers, &["application/json"]) {
            let detail = "send the header `Content-Type: application/json`";
            return Err(Reject::new(Code::UnsupportedMediaType, detail));
        }
        let bytes = collect(body, LIMIT, TIMEOUT).await?;
        parse(&bytes).map(Self)
    }
}

/// The whole of a body, within a number of bytes and a time.
pub(super) async fn collect(body: axum::body::Body, limit: usize, timeout: Duration) -> Result<Bytes, Reject> {
    match tokio::time::timeout(timeout, Limited::new(body, limit).collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let detail = format!("the body may have {limit} bytes");
            Err(Reject::new(Code::BodyTooLarge, detail))
        }
        Ok(Err(_)) => Err(Reject::new(Code::BodyCut, "the body ended early")),
        Err(_) => {
            let detail = format!("the body did not arrive within {} seconds", timeout.as_secs());
            Err(Reject::new(Code::BodyTooSlow, detail))
        }
    }
}

/// Whether a body is declared, once, as one of these types.
pub(super) fn declared(headers: &HeaderMap, types: &[&str]) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim();
    types.iter().any(|known| essence.eq_ignore_ascii_case(known))
}

fn parse<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Reject> {
    let malformed = |error: &serde_json::Error| Reject::new(Code::MalformedJson, error.to_string());
    // Serde would also read a struct from an array of its values.
    match bytes.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{') | None => {}
        Some(_) => {
            // What is no JSON at all is said to be none.
            serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|e| malformed(&e))?;
            let error = FieldError::body("", "the body must be an object");
            return Err(invalid(vec![error]));
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if !error.inner().is_data() {
            return malformed(error.inner());
        }
        let message = plain(error.inner());
        let mut pointer = pointer(error.path());
        if let Some(field) = absent_or_double(&message) {
            pointer = format!("{pointer}/{field}");
        }
        invalid(vec![FieldError::body(pointer, message)])
    })?;
    deserializer.end().map_err(|e| malformed(&e))?;
    Ok(value)
}

/// A body with wrong fields.
pub(crate) fn invalid(errors: Vec<FieldError>) -> Reject {
    let names: Vec<&str> = errors.iter().filter_map(|e| e.pointer.as_deref()).collect();
    let detail = match names.as_slice() {
        [] | [""] => "the body is wrong".to_owned(),
        names => format!("wrong: {}", names.join(", ")),
    };
    Reject::new(Code::InvalidFields, detail).errors(errors)
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    use std::fmt::Write;
    path.iter().fold(String::new(), |mut text, segment| {
        // Writing to a String does not fail.
        let _ = match segment {
            Segment::Seq { index } => write!(text, "/{index}"),
            Segment::Map { key } => write!(text, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailey_api::keys::KeyCreate;

    fn problem(json: &str) -> (String, String, String) {
        let Err(reject) = parse::<KeyCreate>(&Bytes::copy_from_slice(json.as_bytes())) else {
            panic!("{json} was taken")
        };
        let problem = reject.problem();
        let first = problem.errors.first();
        let pointer = first.and_then(|e| e.pointer.clone()).unwrap_or_default();
        (
            problem.code.clone(),
            pointer,
            first.map(|e| e.detail.clone()).unwrap_or_default(),
        )
    }

    #[test]
    fn the_field_at_fault_is_named() {
        for (json, pointer) in [
            (r#"{"name": "a", "spent": 0}"#, "/spent"),
            (r#"{"name": "a", "a/b~c": 0}"#, "/a~1b~0c"),
            (r#"{"scope": "user"}"#, "/name"),
            (r#"{"name": "a", "scope": "root"}"#, "/scope"),
            (r#"{"name": "a", "budget": "NaN/day"}"#, "/budget"),
            (
                r#"{"name": "a", "budget": {"limit": -1, "period": "day"}}"#,
                "/budget/limit",
            ),
            (
                r#"{"name": "a", "budget": ["5/day", {"limit": "1", "period": "hour"}]}"#,
                "/budget/1/period",
            ),
            (
                r#"{"name": "a", "budget": {"limit": "1", "period": "day", "spent": "0"}}"#,
                "/budget/spent",
            ),
            (r#"{"name": "a", "expires_in": "30y"}"#, "/expires_in"),
            (r#"{"name": "a", "models": {"tiers": ["$$$$"]}}"#, "/models/tiers/0"),
            (r#"{"name": "a", "rpm": -1}"#, "/rpm"),
            (r#"{"name": "a", "rpm": 1e400}"#, "/rpm"),
            (r#"{"name": "a", "name": "b"}"#, "/name"),
            (r#"["a"]"#, ""),
        ] {
            let (code, found, detail) = problem(json);
            if json.contains("1e400") {
                assert_eq!(code, "malformed_json", "{json}");
                continue;
            }
            assert_eq!(
                (code.as_str(), found.as_str()),
                ("invalid_fields", pointer),
                "{json}: {detail}"
            );
            assert!(!detail.contains("line"), "{detail}");
        }
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        for json in ["", "{", "nonsense", r#"{"name": "a"} x"#, "[", &"[".repeat(100_000)] {
            assert_eq!(problem(json).0, "malformed_json", "{}", &json[..json.len().min(20)]);
        }
    }
}
