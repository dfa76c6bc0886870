//! `GET /api/v1/workspaces/{id}/terminal`

use axum::extract::RawQuery;
use axum::response::Response;
use bailey_api::agent::Purpose;
use bailey_core::WorkspaceId;

use crate::cx::RequestCx;
use crate::extract::{Id, Upgrade, wrong};
use crate::reject::Reject;
use crate::streams::{Kind, query};

/// Opens a terminal, and makes it if it is not there. Each message is a frame, which `docs/api.md` describes. Whoever comes
/// back with `after` and `epoch` gets what was missed, or the screen anew where that is not kept any more.
#[utoipa::path(
    get,
    path = "/api/v1/workspaces/{id}/terminal",
    operation_id = "workspaces_terminal",
    tag = "workspaces",
    params(
        ("id" = String, Path, description = "The workspace's id"),
        ("name" = Option<String>, Query, description = "The terminal's name: 1 to 64 letters, digits, - and _; `main` if absent"),
        ("columns" = Option<u16>, Query, description = "Columns of the viewer; 80 if absent"),
        ("rows" = Option<u16>, Query, description = "Rows of the viewer; 24 if absent"),
        ("after" = Option<u64>, Query, description = "The number of the first byte of output that was not seen; absent = nothing was"),
        ("epoch" = Option<u64>, Query, description = "The epoch that `after` counts in"),
    ),
    responses((status = 101, description = "A WebSocket with binary messages")),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Id(id): Id<WorkspaceId>,
    RawQuery(text): RawQuery,
    upgrade: Upgrade,
) -> Result<Response, Reject> {
    let open = query::terminal(text.as_deref().unwrap_or_default());
    let open = open.map_err(|query| wrong(query.parameter, query.detail))?;
    let admitted = cx.app().stream_admit(&cx.caller, id, Kind::Terminal).await?;
    let (upgrade, connection) = upgrade.wanted()?;
    let purpose = Purpose::Terminal(open);
    Ok(cx
        .app()
        .stream_upgrade(&cx.caller, admitted, purpose, upgrade, connection)
        .await?)
}
