//! Path segments.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::app::AppError;
use crate::reject::Reject;

/// The path's one parameter as `T`. Text that is no `T` names nothing, and is answered like that.
pub(crate) struct Id<T>(pub(crate) T);

/// The path's two parameters.
pub(crate) struct Ids<T, U>(pub(crate) T, pub(crate) U);

async fn parameters<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, Reject> {
    let raw = RawPathParams::from_request_parts(parts, state).await;
    let raw = raw.map_err(|_| AppError::NotFound)?;
    Ok(raw.iter().map(|(_, value)| value.to_owned()).collect())
}

fn parse<T: FromStr>(text: &str) -> Result<T, Reject> {
    text.parse().map_err(|_| AppError::NotFound.into())
}

impl<S: Send + Sync, T: FromStr> FromRequestParts<S> for Id<T> {
    type Rejection = Reject;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Reject> {
        match parameters(parts, state).await?.as_slice() {
            [one] => Ok(Self(parse(one)?)),
            _ => Err(AppError::NotFound.into()),
        }
    }
}

impl<S: Send + Sync, T: FromStr, U: FromStr> FromRequestParts<S> for Ids<T, U> {
    type Rejection = Reject;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Reject> {
        match parameters(parts, state).await?.as_slice() {
            [first, second] => Ok(Self(parse(first)?, parse(second)?)),
            _ => Err(AppError::NotFound.into()),
        }
    }
}
