//! `GET /api/v1/audit/anchors`

use axum::Json;
use bailey_api::Page;
use bailey_api::audit::{AuditAnchor, AuditAnchorListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists the anchors of the audit log, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit/anchors",
    operation_id = "audit_anchors",
    tag = "audit",
    params(AuditAnchorListQuery),
    responses((status = 200, description = "Done", body = Page<AuditAnchor>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<AuditAnchorListQuery>,
) -> Result<Json<Page<AuditAnchor>>, Reject> {
    Ok(Json(cx.app().audit_anchors(&query).await?))
}
