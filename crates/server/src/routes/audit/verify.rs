//! `POST /api/v1/audit/verify`

use axum::Json;
use bailey_api::audit::AuditReport;

use crate::cx::RequestCx;
use crate::reject::Reject;

/// Verifies the whole audit log: every row, its content, its place, and what the anchors say. One verification runs at a time.
#[utoipa::path(
    post,
    path = "/api/v1/audit/verify",
    operation_id = "audit_verify",
    tag = "audit",
    responses((status = 200, description = "Done", body = AuditReport)),
)]
pub(crate) async fn handler(cx: RequestCx) -> Result<Json<AuditReport>, Reject> {
    Ok(Json(cx.app().audit_verify(&cx.caller).await?))
}
