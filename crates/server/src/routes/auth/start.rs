//! `GET /auth/{provider}/start`

use axum::extract::{Request, State};
use bailey_api::sign_in::ProviderStartQuery;

use crate::app::{App, Landed};
use crate::extract::{Id, Query};

/// Sends a browser to an identity provider, and with `link` has the identity linked to whoever is signed in and has just shown who
/// they are. What stands against it is told on the page that signs people in, as `/sign-in?error=CODE`.
#[utoipa::path(
    get,
    path = "/auth/{provider}/start",
    operation_id = "provider_start",
    tag = "sign-in",
    params(("provider" = String, Path, description = "The provider's name"), ProviderStartQuery),
    responses((status = 303, description = "To the provider, or to a page that says why not")),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    Id(provider): Id<String>,
    Query(query): Query<ProviderStartQuery>,
    request: Request,
) -> Landed {
    let (mut parts, _) = request.into_parts();
    app.provider_start(&provider, query, &mut parts).await
}
