//! `GET /apps/open`

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bailey_api::apps::AppEnterQuery;
use bailey_core::authz::Action;

use crate::app::{App, AppError, Caller};
use crate::apps::not_yours;
use crate::extract::Query;
use crate::guard::SignedIn;
use crate::reject::Reject;

/// Sends a browser that is signed in to an app, with a one-time code; and one that is not to the page that signs people in,
/// and back.
#[utoipa::path(
    get,
    path = "/apps/open",
    operation_id = "apps_enter",
    tag = "workspaces",
    params(AppEnterQuery),
    responses((status = 303, description = "To the app, or to sign in")),
)]
pub(crate) async fn handler(
    State(app): State<App>,
    SignedIn(actor): SignedIn,
    Query(query): Query<AppEnterQuery>,
) -> Result<Response, Reject> {
    let Some(actor) = actor else {
        return Ok(Redirect::to(&sign_in(&query)).into_response());
    };
    let entered = match Caller::authorize(actor, Action::WorkspaceAccess) {
        Ok(caller) => app.app_open_named(&caller, &query.app, query.path.as_deref()).await,
        Err(denied) => Err(denied.into()),
    };
    match entered {
        Ok(link) => Ok(Redirect::to(&link.url).into_response()),
        Err(AppError::NotFound | AppError::Denied(_)) => Ok(not_yours().map(Body::new)),
        Err(error) => Err(error.into()),
    }
}

/// The page that signs people in, and the way back here.
fn sign_in(query: &AppEnterQuery) -> String {
    let mut back = form_urlencoded::Serializer::new(String::new());
    back.append_pair("app", &query.app);
    if let Some(path) = &query.path {
        back.append_pair("return", path);
    }
    let back = format!("/apps/open?{}", back.finish());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("return", &back)
        .finish();
    format!("/sign-in?{query}")
}
