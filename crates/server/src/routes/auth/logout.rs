//! `POST /auth/{provider}/backchannel-logout`

use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::audit::Trail;
use crate::extract::{Form, Id};
use crate::reject::Reject;

/// What a provider sends. Fields that are not known are left out, as the specification has it.
#[derive(Deserialize, ToSchema)]
pub(crate) struct BackchannelLogout {
    /// A token that says whose session is over.
    logout_token: String,
}

/// Ends the sessions that a provider says are over (`OpenID` Connect Back-Channel Logout).
#[utoipa::path(
    post,
    path = "/auth/{provider}/backchannel-logout",
    operation_id = "provider_logout",
    tag = "sign-in",
    params(("provider" = String, Path, description = "The provider's name")),
    request_body(content = BackchannelLogout, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "They are over")),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    trail: Trail,
    Id(provider): Id<String>,
    Form(form): Form<BackchannelLogout>,
) -> Result<StatusCode, Reject> {
    app.provider_logout(&provider, &form.logout_token, &trail).await?;
    Ok(StatusCode::OK)
}
