//! `GET /api/v1/workspaces/{id}/exec`

use axum::extract::RawQuery;
use axum::response::Response;
use bailey_api::agent::Purpose;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::{Id, Upgrade, wrong};
use crate::reject::Reject;
use crate::streams::{Kind, query};

/// Runs a command, which begins with the WebSocket and is killed when that is closed before it has ended. Each message is
/// a frame, which `docs/api.md` describes.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/exec",
    operation_id = "workspaces_exec",
    tag = "workspaces",
    params(
        ("id" = String, Path, description = "The workspace's id"),
        ("command" = Vec<String>, Query, description = "The program and its arguments, each a `command` of its own; never run through a shell"),
        ("directory" = Option<String>, Query, description = "Where; the home directory if absent"),
        ("variable" = Option<Vec<String>>, Query, description = "`NAME=VALUE`, beside the workspace's own variables"),
        ("timeout" = Option<u64>, Query, description = "Seconds after which it is ended, 1 to 604800; no limit if absent"),
    ),
    responses((status = 101, description = "A WebSocket with binary messages")),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    RawQuery(text): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Reject> {
    let start = query::exec(text.as_deref().unwrap_or_default());
    let start = start.map_err(|query| wrong(query.parameter, query.detail))?;
    let admitted = cx.app().stream_admit(&cx.caller, id, Kind::Command).await?;
    let (upgrade, connection) = upgrade.wanted()?;
    let purpose = Purpose::Exec(start);
    Ok(cx
        .app()
        .stream_upgrade(&cx.caller, admitted, purpose, upgrade, connection)
        .await?)
}
