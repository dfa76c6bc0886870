//! `GET /api/v1/audit/export`

use bailey_api::audit::AuditExportQuery;

use crate::app::Export;
use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Exports the audit log. Without a filter, the JSON lines are what `bailey audit verify` proves. An answer that breaks off is
/// not whole.
#[utoipa::path(
    get,
    path = "/api/v1/audit/export",
    operation_id = "audit_export",
    tag = "audit",
    params(AuditExportQuery),
    responses(
        (status = 200, description = "Done", content((String = "application/x-ndjson"), (String = "text/csv"))),
    ),
)]
pub(crate) async fn handler(cx: RequestCx, Query(query): Query<AuditExportQuery>) -> Result<Export, Reject> {
    Ok(cx.app().audit_export(&cx.caller, query).await?)
}
