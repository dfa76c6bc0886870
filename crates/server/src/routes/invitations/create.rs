//! `POST /api/v1/invitations`

use axum::Json;
use bailey_api::invitations::{InvitationCreate, InvitationWithLink};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a link with which somebody becomes a person. The link is in this answer and nowhere else, and is good once.
#[utoipa::path(
    post,
    path = "/api/v1/invitations",
    operation_id = "invitations_create",
    tag = "users",
    request_body = InvitationCreate,
    responses((status = 201, description = "Made", body = InvitationWithLink)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<InvitationCreate>,
) -> Result<(StatusCode, Json<InvitationWithLink>), Reject> {
    let made = cx.app().invitation_create(&cx.caller, &cx.way, body).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
