//! `POST /api/v1/claim`

use axum::extract::State;
use bailey_api::sign_in::{Claim, SignedIn};

use crate::app::{App, Began, Visitor};
use crate::extract::Body;
use crate::reject::Reject;

/// Claims a person with a one-time link, such as the one that the first start of the server prints for the owner: gives them
/// a password, ends whatever they signed in with before, and begins a session.
#[utoipa::path(
    post,
    path = "/api/v1/claim",
    operation_id = "claim",
    tag = "sign-in",
    request_body = Claim,
    responses((status = 200, description = "Signed in", body = SignedIn)),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<Claim>,
) -> Result<Began, Reject> {
    Ok(app.claim(&visitor, body).await?)
}
