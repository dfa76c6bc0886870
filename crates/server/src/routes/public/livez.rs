//! `GET /livez`

/// Says that the process runs. Asks nobody.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "livez",
    tag = "health",
    responses((status = 200, description = "It runs", body = String, content_type = "text/plain")),
)]
pub(crate) async fn handler() -> &'static str {
    "ok\n"
}
