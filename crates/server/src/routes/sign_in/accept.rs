//! `POST /api/v1/invitations/accept`

use axum::extract::State;
use bailey_api::sign_in::{InvitationAccept, SignedIn};

use crate::app::{App, Began, Visitor};
use crate::extract::Body;
use crate::reject::Reject;

/// Accepts an invitation: makes the person that it is for, and begins a session.
#[utoipa::path(
    post,
    path = "/api/v1/invitations/accept",
    operation_id = "invitations_accept",
    tag = "sign-in",
    request_body = InvitationAccept,
    responses((status = 200, description = "Signed in", body = SignedIn)),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    visitor: Visitor,
    Body(body): Body<InvitationAccept>,
) -> Result<Began, Reject> {
    Ok(app.invitation_accept(&visitor, body).await?)
}
