//! `GET /api/v1/audit/{id}`

use axum::Json;
use bailey_api::audit::AuditEntry;

use crate::cx::RequestCx;
use crate::extract::Id;
use crate::reject::Reject;

/// Shows an entry of the audit log.
#[utoipa::path(
    get,
    path = "/api/v1/audit/{id}",
    operation_id = "audit_get",
    tag = "audit",
    params(("id" = String, Path, description = "The entry's id: the writer of its chain, a colon, and its number")),
    responses((status = 200, description = "Done", body = AuditEntry)),
)]
pub(crate) async fn handler(cx: RequestCx, Id(id): Id<String>) -> Result<Json<AuditEntry>, Reject> {
    Ok(Json(cx.app().audit_get(&id).await?))
}
