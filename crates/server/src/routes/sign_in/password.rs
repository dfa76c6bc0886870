//! `POST /api/v1/sign-in/password`

use axum::extract::State;
use bailey_api::sign_in::{PasswordSignIn, SignedIn};

use crate::app::{App, Began, Visitor};
use crate::extract::Body;
use crate::reject::Reject;

/// Signs in with a name and a password: begins a session, whose secret is the cookie `__Host-bailey-session`.
#[utoipa::path(
    post,
    path = "/api/v1/sign-in/password",
    operation_id = "sign_in_password",
    tag = "sign-in",
    request_body = PasswordSignIn,
    responses((status = 200, description = "Signed in, or a second factor is asked for", body = SignedIn)),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<PasswordSignIn>,
) -> Result<Began, Reject> {
    Ok(app.sign_in_password(&visitor, body).await?)
}
