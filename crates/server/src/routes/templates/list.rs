//! `GET /api/v1/templates`

use axum::Json;
use bailey_api::Page;
use bailey_api::templates::{Template, TemplateListQuery};

use crate::cx::RequestCx;
use crate::extract::Query;
use crate::reject::Reject;

/// Lists templates, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/templates",
    operation_id = "templates_list",
    tag = "templates",
    params(TemplateListQuery),
    responses((status = 200, description = "Done", body = Page<Template>)),
)]
pub(crate) async fn handler(
    cx: RequestCx,
    Query(query): Query<TemplateListQuery>,
) -> Result<Json<Page<Template>>, Reject> {
    Ok(Json(cx.app().templates_list(&cx.caller, query).await?))
}
