//! `GET /api/v1/audit`

use axum::Json;
use bailey_api::Page;
use bailey_api::audit::{AuditEntry, AuditListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists entries of the audit log, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    operation_id = "audit_list",
    tag = "audit",
    params(AuditListQuery),
    responses((status = 200, description = "Done", body = Page<AuditEntry>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<AuditListQuery>,
) -> Result<Json<Page<AuditEntry>>, Reject> {
    Ok(Json(cx.app().audit_list(query).await?))
}
