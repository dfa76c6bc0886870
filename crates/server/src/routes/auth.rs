//! The way to identity providers and back.

pub(super) mod callback;
pub(super) mod external;
pub(super) mod logout;
pub(super) mod start;

use axum::response::{IntoResponse, Redirect, Response};
use http::header::SET_COOKIE;

use crate::app::Landed;

impl IntoResponse for Landed {
    fn into_response(self) -> Response {
        let mut response = Redirect::to(&self.to).into_response();
        if let Some(why) = self.turned_away {
            response.extensions_mut().insert(why);
        }
        for cookie in self.cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}
