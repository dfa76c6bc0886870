//! `GET /auth/{provider}/callback`

use axum::extract::{Request, State};

use crate::app::{App, Landed};
use crate::extract::Id;

/// Takes a provider's answer: begins a session, or links an identity, and sends the browser on. What stands against it is told on
/// the page that signs people in, as `/sign-in?error=CODE`.
#[utoipa::path(
    get,
    path = "/auth/{provider}/callback",
    operation_id = "provider_callback",
    tag = "sign-in",
    params(
        ("provider" = String, Path, description = "The provider's name"),
        ("code" = Option<String>, Query, description = "The provider's code"),
        ("state" = Option<String>, Query, description = "What the provider was sent with"),
        ("iss" = Option<String>, Query, description = "Who answers (RFC 9207)"),
        ("error" = Option<String>, Query, description = "Why the provider says no"),
    ),
    responses((status = 303, description = "Signed in or linked; or to a page that says why not")),
)]
pub(crate) async fn handler(State(app): State<App>, Id(provider): Id<String>, request: Request) -> Landed {
    let (mut parts, _) = request.into_parts();
    app.provider_callback(&provider, &mut parts).await
}
