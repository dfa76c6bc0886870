//! What a handler gets to know of the request.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use bailey_api::Code;
use http::request::Parts;

use crate::app::{App, Caller, Visitor};
use crate::apps::Place;
use crate::audit::Trail;
use crate::reject::Reject;
use crate::way::Way;

/// The application, and a caller whose authority for the route's action is settled.
pub(crate) struct RequestCx {
    app: App,
    /// Who asks.
    pub(crate) caller: Caller,
    /// How the request came.
    pub(crate) way: Way,
    /// The connection that it came over.
    pub(crate) connection: Option<Place>,
}

impl RequestCx {
    /// The application.
    pub(crate) const fn app(&self) -> &App {
        &self.app
    }
}

impl FromRequestParts<App> for RequestCx {
    type Rejection = Reject;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Reject> {
        // The guard puts it there; a route without a guard has none, and so answers nobody.
        let caller = parts.extensions.get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| Reject::new(Code::Internal, "this address is not guarded"))?;
        let way = parts.extensions.get::<Way>().cloned();
        let way = way.unwrap_or_else(|| app.identity().ways.of(&parts.extensions, &parts.headers));
        Ok(Self {
            app: app.clone(),
            caller,
            way,
            connection: parts.extensions.get::<Place>().cloned(),
        })
    }
}

impl FromRequestParts<App> for Trail {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        // The guard puts it there where it lets everybody in; elsewhere the caller has it.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Reject;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Reject> {
        let way = app.identity().ways.of(&parts.extensions, &parts.headers);
        let mut visitor = app.visitor(way, &parts.method, &parts.headers).await?;
        let Ok(trail) = Trail::from_request_parts(parts, app).await;
        visitor.trail = trail;
        Ok(visitor)
    }
}
