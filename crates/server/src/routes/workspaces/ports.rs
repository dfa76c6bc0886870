//! `GET /api/v1/workspaces/{id}/ports`

use axum::Json;
use bailey_api::files::Ports;
use bailey_core::WorkspaceId;
use http::Method;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;
use crate::streams::files::Ask;

/// Lists the TCP ports on loopback that something inside listens on. Nothing is forwarded by it.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/ports",
    operation_id = "workspaces_ports",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")),
    responses((status = 200, description = "Done", body = Ports)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<WorkspaceId>) -> Result<Json<Ports>, Reject> {
    let ask = Ask::new(Method::GET, "/ports", &())?;
    Ok(Json(cx.app().inside(&cx.caller, id, ask).await?))
}
