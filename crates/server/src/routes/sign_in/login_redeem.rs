//! `POST /api/v1/login-codes/redeem`

use axum::Json;
use axum::extract::State;
use bailey_api::sign_in::LoginCodeRedeem;
use bailey_api::tokens::TokenWithSecret;
use http::StatusCode;

use crate::app::App;
use crate::audit::Trail;
use crate::extract::Body;
use crate::reject::Reject;

/// Swaps a code for a token that works for 30 days. A code is tried once, whatever comes of it.
#[utoipa::path(
    post,
    path = "/api/v1/login-codes/redeem",
    operation_id = "login_codes_redeem",
    tag = "sign-in",
    request_body = LoginCodeRedeem,
    responses((status = 201, description = "Made", body = TokenWithSecret)),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    trail: Trail,
    Body(body): Body<LoginCodeRedeem>,
) -> Result<(StatusCode, Json<TokenWithSecret>), Reject> {
    Ok((StatusCode::CREATED, Json(app.login_code_redeem(&trail, body).await?)))
}
