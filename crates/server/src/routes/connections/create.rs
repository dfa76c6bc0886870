//! `POST /api/v1/connections`

use axum::Json;
use bailey_api::connections::{Connection, ConnectionCreate};
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Body;
use crate::reject::Reject;

/// Makes a connection to a forge. Check it next, then register its webhook.
#[utoipa::path(
    post,
    path = "/api/v1/connections",
    operation_id = "connections_create",
    tag = "connections",
    request_body = ConnectionCreate,
    responses((status = 201, description = "Made", body = Connection)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Body(body): Body<ConnectionCreate>,
) -> Result<(StatusCode, Json<Connection>), Reject> {
    let made = cx.app().connection_create(&cx.caller, body).await?;
    Ok((StatusCode::CREATED, Json(made)))
}
