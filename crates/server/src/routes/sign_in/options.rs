//! `GET /api/v1/sign-in`

use axum::Json;
use axum::extract::State;
use bailey_api::sign_in::SignInOptions;

use crate::app::App;
use crate::reject::Reject;

/// Says how one can sign in.
#[utoipa::path(
    get,
    path = "/api/v1/sign-in",
    operation_id = "sign_in_options",
    tag = "sign-in",
    responses((status = 200, description = "Done", body = SignInOptions)),
)]
pub(crate) async fn handler(State(app): State<App>) -> Result<Json<SignInOptions>, Reject> {
    Ok(Json(app.sign_in_options().await?))
}
