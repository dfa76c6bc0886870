//! `GET /auth/external/{provider}/callback`

use axum::extract::{Request, State};

use crate::app::{App, Landed};
use crate::extract::Id;

/// Takes a forge's answer: links the account to whoever began it, in the browser and session that it was begun in, and sends the
/// browser back. What stands against it is told on the page that it was begun on, as `?error=CODE`.
#[utoipa::path(
    get,
    path = "/auth/external/{provider}/callback",
    operation_id = "external_callback",
    tag = "external accounts",
    params(
        ("provider" = String, Path, description = "The provider's name"),
        ("code" = Option<String>, Query, description = "The forge's code"),
        ("state" = Option<String>, Query, description = "What the forge was sent with"),
        ("error" = Option<String>, Query, description = "Why the forge says no"),
    ),
    responses((status = 303, description = "Linked; or to a page that says why not")),
)]
pub(crate) async fn handler(State(app): State<App>, Id(provider): Id<String>, request: Request) -> Landed {
    let (mut parts, _) = request.into_parts();
    app.external_link_end(&provider, &mut parts).await
}
