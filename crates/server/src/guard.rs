//! Authentication and authorization, before any handler runs: by a token in the `Authorization` header, or by the cookie of
//! a session, which counts for requests of Bailey's own pages alone.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bailey_core::authz::{Action, Extent, TokenScopes};
use bailey_core::identity::Session;
use bailey_core::people::{ApiToken, PersonStatus};
use bailey_core::{PersonId, SessionId, TokenId};
use bailey_gate::authorize::{Actor, Denied};
use bailey_gate::token::{self, Kind};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};

use crate::app::{App, AppError, Caller};
use crate::audit::{Asked, Causal, Trail, Who};
use crate::identity;
use crate::origin;
use crate::reject::Reject;
use crate::way::Way;

/// What an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: it says nothing that is not for everyone.
    Public,
    /// A good token or session, whatever it is for: it says only what the asker is.
    Anyone,
    /// A session in a browser, whatever it is for: it concerns how the asker signs in.
    Session,
    /// An action.
    Needs(Action),
    /// An action, and to go into workspaces: it has an agent work inside one, which is as good as a terminal there.
    Inside(Action),
}

/// Lets a request pass if its token or session allows what the route needs.
pub(crate) async fn guard(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    let way = app.identity().ways.of(request.extensions(), request.headers());
    let trail = app
        .audit()
        .trail(way.address, request.extensions().get::<Causal>().copied());
    let asked = Asked {
        method: request.method().clone(),
        path: request.uri().path().to_owned(),
        action: match access {
            Access::Needs(action) | Access::Inside(action) => action.as_str(),
            Access::Public | Access::Anyone | Access::Session => "request",
        },
    };
    let (who, response) = match access {
        Access::Public => {
            request.extensions_mut().insert(trail.clone());
            (None, next.run(request).await)
        }
        _ => {
            let credentials = Credentials {
                way: &way,
                method: request.method().clone(),
                headers: request.headers(),
            };
            // On the heap: it would stand on the stack of every request below.
            let (who, allowed) = Box::pin(authorize(&app, access, credentials)).await;
            let response = match allowed {
                Ok(mut caller) => {
                    caller.trail = trail.clone();
                    request.extensions_mut().insert(caller);
                    request.extensions_mut().insert(way);
                    next.run(request).await
                }
                Err(error) => Reject::from(error).into_response(),
            };
            (who, response)
        }
    };
    Box::pin(trail.finish(who, asked, response)).await
}

/// What a request says of who asks.
struct Credentials<'a> {
    way: &'a Way,
    method: Method,
    headers: &'a HeaderMap,
}

/// Who asks, as far as that is known, and whether they may.
async fn authorize(app: &App, access: Access, asked: Credentials<'_>) -> (Option<Who>, Result<Caller, AppError>) {
    let actor = match authenticate(app, asked).await {
        Ok(actor) => actor,
        Err(error) => return (None, Err(error)),
    };
    let who = Who::from(&actor);
    let caller = match access {
        Access::Needs(action) => Caller::authorize(actor, action).map_err(AppError::from),
        Access::Inside(action) => Caller::authorize(actor, action)
            .and_then(|caller| caller.inside().map(|()| caller))
            .map_err(AppError::from),
        Access::Session if actor.session.is_none() => Err(AppError::SessionRequired),
        Access::Public | Access::Anyone | Access::Session => Ok(Caller {
            actor,
            reach: Extent::Own,
            trail: Trail::default(),
        }),
    };
    (Some(who), caller)
}

const FORM: AppError = AppError::TokenInvalid("the header must be `Authorization: Bearer bly_...`, once");
/// The same for a token that is not known and for one whose secret is wrong.
const UNKNOWN: AppError = AppError::TokenInvalid("this token is not known");

/// Who asks. A token that is sent counts, whatever cookies are there.
async fn authenticate(app: &App, asked: Credentials<'_>) -> Result<Actor, AppError> {
    let mut values = asked.headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => by_session(app, asked).await,
        (Some(value), None) => by_token(app, value).await,
        (Some(_), Some(_)) => Err(FORM),
    }
}

async fn by_token(app: &App, value: &HeaderValue) -> Result<Actor, AppError> {
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
    of_token(app, record).await
}

/// How often it is noted that a session is used, in seconds.
const NOTED: i64 = 60;
/// Says with the value `1` that a page asks by itself and nobody is at it: a session that is only asked with in this way lies
/// unused. It counts for what changes nothing.
pub(crate) const BACKGROUND: &str = "x-bailey-background";

async fn by_session(app: &App, asked: Credentials<'_>) -> Result<Actor, AppError> {
    let Some(text) = identity::only(asked.headers, identity::COOKIE_NAME) else {
        return Err(AppError::TokenMissing);
    };
    // First of all: a page of somebody else's learns nothing of whether there is a session.
    if !from_own_page(&asked) {
        return Err(AppError::OriginRefused);
    }
    let Some(parsed) = token::parse(Kind::Session, text) else {
        return Err(AppError::SessionEnded);
    };
    let now = app.now();
    let session = app.store().session_by_public_id(parsed.public_id).await?;
    let session = session
        .filter(|s| token::matches(&s.hash, &parsed.hash))
        .ok_or(AppError::SessionEnded)?;
    let actor = of_session(app, &session).await?;
    if !in_background(&asked) && now.seconds().saturating_sub(session.last_used_at.seconds()) >= NOTED {
        app.store().session_touch(session.id, now).await?;
    }
    Ok(actor)
}

/// Whether nobody is at the page that asks.
fn in_background(asked: &Credentials<'_>) -> bool {
    asked.method == Method::GET && asked.headers.get(BACKGROUND).is_some_and(|value| value == "1")
}

fn from_own_page(asked: &Credentials<'_>) -> bool {
    origin::allowed(origin::Asked {
        own: &asked.way.origin,
        method: &asked.method,
        headers: asked.headers,
        upgrade: asked.headers.contains_key(http::header::UPGRADE),
        session: true,
    })
}

/// Who a token's record is for, if it is good.
async fn of_token(app: &App, record: ApiToken) -> Result<Actor, AppError> {
    let with = (record.scopes, Some(record.id), None);
    // First: a suspension revokes their tokens, and whoever has one is told why.
    let actor = actor(app, record.person, with).await?.ok_or(UNKNOWN)?;
    if record.revoked_at.is_some() {
        return Err(AppError::TokenInvalid("this token is revoked"));
    }
    if record.expires_at.is_some_and(|at| at <= app.now()) {
        return Err(AppError::TokenInvalid("this token is expired"));
    }
    Ok(actor)
}

/// Who a session is for, if it is good.
async fn of_session(app: &App, session: &Session) -> Result<Actor, AppError> {
    if !app.identity().is_good(session, app.now()) {
        return Err(AppError::SessionEnded);
    }
    let with = (TokenScopes::All, None, Some(session.id));
    actor(app, session.person, with).await?.ok_or(AppError::SessionEnded)
}

/// Whoever is signed in with the browser that asks; `None` = nobody.
pub(crate) struct SignedIn(pub(crate) Option<Actor>);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Reject;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Reject> {
        Ok(Self(signed_in(app, parts).await?))
    }
}

/// Whoever is signed in with the browser that asks; `None` = nobody.
pub(crate) async fn signed_in(app: &App, parts: &Parts) -> Result<Option<Actor>, AppError> {
    let way = app.identity().ways.of(&parts.extensions, &parts.headers);
    let asked = Credentials {
        way: &way,
        method: parts.method.clone(),
        headers: &parts.headers,
    };
    match by_session(app, asked).await {
        Ok(actor) => Ok(Some(actor)),
        Err(AppError::TokenMissing | AppError::SessionEnded) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The person as they are now, with what they came with; `None` = there is no such person.
async fn actor(
    app: &App,
    person: PersonId,
    (scopes, token, session): (TokenScopes, Option<TokenId>, Option<SessionId>),
) -> Result<Option<Actor>, AppError> {
    let Some(holder) = app.store().holder(person).await? else {
        return Ok(None);
    };
    if holder.person.status != PersonStatus::Active {
        return Err(Denied::Suspended.into());
    }
    Ok(Some(Actor::of(holder, scopes, token, session)))
}

/// The same caller as things are now, for what lasts longer than a request: the token or session, the person and their role
/// may have changed meanwhile.
pub(crate) async fn renew(app: &App, caller: &Caller, action: Action) -> Result<Caller, AppError> {
    let actor = match (caller.actor.token, caller.actor.session) {
        (Some(token), _) => {
            let record = app.store().token_get(token).await?;
            of_token(app, record.ok_or(UNKNOWN)?).await?
        }
        (None, Some(session)) => {
            let session = app.store().session_get(session).await?;
            of_session(app, &session.ok_or(AppError::SessionEnded)?).await?
        }
        (None, None) => return Err(AppError::TokenMissing),
    };
    Ok(Caller::authorize(actor, action)?)
}
