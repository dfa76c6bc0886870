//! Authentication and authorization, before any handler runs.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bailey_core::authz::{Action, Reach};
use bailey_core::people::{ApiToken, PersonStatus};
use bailey_gate::authorize::{Actor, Denied};
use bailey_gate::token::{self, Kind};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::app::{App, AppError, Caller};
use crate::reject::Reject;

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: it says nothing that is not for everyone.
    Public,
    /// A good token, whatever it is for: it says only what the asker is.
    Anyone,
    /// An action.
    Needs(Action),
}

/// Lets a request pass if its token allows what the route needs.
pub(crate) async fn guard(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    if access == Access::Public {
        return next.run(request).await;
    }
    match authorize(&app, access, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => Reject::from(error).into_response(),
    }
}

async fn authorize(app: &App, access: Access, headers: &HeaderMap) -> Result<Caller, AppError> {
    let actor = authenticate(app, headers).await?;
    Ok(match access {
        Access::Needs(action) => Caller::authorize(actor, action)?,
        Access::Public | Access::Anyone => Caller {
            actor,
            reach: Reach::Own,
        },
    })
}

const FORM: AppError = AppError::TokenInvalid("the header must be `Authorization: Bearer bly_...`, once");
/// The same for a token that is not known and for one whose secret is wrong.
const UNKNOWN: AppError = AppError::TokenInvalid("this token is not known");

/// Who presents this token.
async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Actor, AppError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(AppError::TokenMissing),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(FORM),
    };
    let (scheme, text) = value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or(FORM)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(FORM);
    }
    if token::parse(Kind::Key, text).is_some() {
        return Err(AppError::TokenInvalid(
            "this is a key for the model door, not an API token",
        ));
    }
    let parsed = token::parse(Kind::ApiToken, text).ok_or(FORM)?;
    let record = app.store().token_by_public_id(parsed.public_id).await?;
    let record = record
        .filter(|r| token::matches(&r.hash, &parsed.hash))
        .ok_or(UNKNOWN)?;
    actor(app, record).await
}

/// Who a token stands for, if it and they are good now.
async fn actor(app: &App, record: ApiToken) -> Result<Actor, AppError> {
    if record.revoked_at.is_some() {
        return Err(AppError::TokenInvalid("this token is revoked"));
    }
    if record.expires_at.is_some_and(|at| at <= app.now()) {
        return Err(AppError::TokenInvalid("this token is expired"));
    }
    let person = app.store().person_get(record.person).await?.ok_or(UNKNOWN)?;
    if person.status != PersonStatus::Active {
        return Err(Denied::Suspended.into());
    }
    let groups = app.store().groups_of(person.id).await?;
    Ok(Actor {
        person,
        scopes: record.scopes,
        groups: groups.iter().map(|g| g.id).collect(),
        token: Some(record.id),
    })
}

/// The same caller as things are now, for what lasts longer than a request: the token, the person and their role may
/// have changed meanwhile.
pub(crate) async fn renew(app: &App, caller: &Caller, action: Action) -> Result<Caller, AppError> {
    let record = match caller.actor.token {
        Some(token) => app.store().token_get(token).await?,
        None => None,
    };
    let actor = actor(app, record.ok_or(UNKNOWN)?).await?;
    Ok(Caller::authorize(actor, action)?)
}
