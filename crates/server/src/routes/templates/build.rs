//! `POST` and `GET /api/v1/templates/{id}/versions/{number}/build`

use axum::Json;
use bailey_api::layers::LayerBuild;
use http::StatusCode;

use crate::cx::RequestCx;
use crate::extract::Ids;
use crate::reject::Reject;

/// Begins to build what a version installs. Nothing happens where that is there, or being built.
#[utoipa::path(
    post,
    path = "/api/v1/templates/{id}/versions/{number}/build",
    operation_id = "templates_build",
    tag = "templates",
    params(
        ("id" = String, Path, description = "The template's id or name"),
        ("number" = u32, Path, description = "The version's number"),
    ),
    responses((status = 202, description = "Begun", body = LayerBuild)),
)]
pub(crate) async fn begin(
    cx: RequestCx,
    Ids(template, number): Ids<String, u32>,
) -> Result<(StatusCode, Json<LayerBuild>), Reject> {
    let build = cx.app().template_build(&cx.caller, &template, number).await?;
    Ok((StatusCode::ACCEPTED, Json(build)))
}

/// Shows how far what a version installs is.
#[utoipa::path(
    get,
    path = "/api/v1/templates/{id}/versions/{number}/build",
    operation_id = "templates_build_get",
    tag = "templates",
    params(
        ("id" = String, Path, description = "The template's id or name"),
        ("number" = u32, Path, description = "The version's number"),
    ),
    responses((status = 200, description = "Done", body = LayerBuild)),
)]
pub(crate) async fn get(cx: RequestCx, Ids(template, number): Ids<String, u32>) -> Result<Json<LayerBuild>, Reject> {
    let build = cx.app().template_build_get(&cx.caller, &template, number).await?;
    Ok(Json(build))
}
