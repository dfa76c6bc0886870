//! The page on which a person says whether an application may act for them.

use http::{Response, StatusCode};

use crate::clock;
use crate::dispatch::Received;
use crate::error::ApiError;
use crate::html::{self, Html};
use crate::model::{OauthGrant, State, User};
use crate::params::Params;
use crate::reply::{Reply, full, set};
use crate::secret::{self, Hashed};
use crate::server::Shared;

/// How long a code is good, in milliseconds.
const CODE_LIFE: i64 = 10 * 60 * 1_000;
/// How long what is over is kept, in milliseconds.
const KEPT: i64 = 24 * 60 * 60 * 1_000;
/// The longest `state` of a client.
const LONGEST_STATE: usize = 2_048;

/// What a client asks for, once client and address are known to be good.
#[derive(Debug, Clone)]
struct Asked {
    application: i64,
    name: String,
    client_id: String,
    redirect_uri: String,
    state: Option<String>,
    scopes: Vec<String>,
    challenge: Option<String>,
}

/// Why a request is not shown to a person.
enum Wrong {
    /// Client or address are not known: nothing goes back there.
    Here(&'static str),
    /// The client is told.
    There(Box<Asked>, &'static str),
}

fn read(state: &State, params: &Params) -> Result<Asked, Wrong> {
    let id = params.text("client_id").unwrap_or_default();
    let application = state
        .applications
        .iter()
        .find(|application| application.client_id == id);
    let application = application.ok_or(Wrong::Here("The application is not known here."))?;
    let redirect_uri = params.text("redirect_uri").unwrap_or_default();
    if !application.redirect_uris.contains(&redirect_uri) {
        return Err(Wrong::Here(
            "The address to return to is not registered for the application.",
        ));
    }
    let mut asked = Asked {
        application: application.id,
        name: application.name.clone(),
        client_id: id,
        redirect_uri,
        state: params.text("state"),
        scopes: Vec::new(),
        challenge: params.text("code_challenge"),
    };
    let wrong = |asked: Asked, error| Err(Wrong::There(Box::new(asked), error));
    if asked.state.as_ref().is_some_and(|state| state.len() > LONGEST_STATE) {
        asked.state = None;
        return wrong(asked, "invalid_request");
    }
    if params.text("response_type").as_deref() != Some("code") {
        return wrong(asked, "unsupported_response_type");
    }
    let sound = |challenge: &String| {
        challenge.len() == 43
            && challenge
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let method = params.text("code_challenge_method");
    if asked
        .challenge
        .as_ref()
        .is_some_and(|challenge| !sound(challenge) || method.as_deref() != Some("S256"))
    {
        return wrong(asked, "invalid_request");
    }
    let scopes = params.text("scope").unwrap_or_else(|| application.scopes.join(" "));
    asked.scopes = scopes
        .split(' ')
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    if asked.scopes.is_empty() || !asked.scopes.iter().all(|scope| application.scopes.contains(scope)) {
        return wrong(asked, "invalid_scope");
    }
    Ok(asked)
}

/// Shows the page.
pub(super) fn ask(shared: &Shared, params: &Params) -> Reply {
    let read = shared.store.read(|state| {
        let asked = read(state, params)?;
        let people = state
            .users
            .iter()
            .filter(|user| user.active && !user.bot)
            .cloned()
            .collect::<Vec<_>>();
        Ok((asked, people))
    });
    match read {
        Ok((asked, people)) => page(&asked, &people),
        Err(wrong) => refused(wrong),
    }
}

fn refused(wrong: Wrong) -> Reply {
    match wrong {
        Wrong::Here(why) => {
            let mut body = Html::default();
            body.tag("h1", "Not possible").tag("p", why);
            html::page(StatusCode::BAD_REQUEST, "Not possible", &body)
        }
        Wrong::There(asked, error) => back(&asked, &[("error", error)]),
    }
}

fn page(asked: &Asked, people: &[User]) -> Reply {
    let mut body = Html::default();
    body.open("h1")
        .text("May ")
        .text(&asked.name)
        .text(" act for you?")
        .close("h1");
    body.open("p")
        .text("It asks for: ")
        .text(&asked.scopes.join(", "))
        .text(". It returns to ");
    body.tag("code", &asked.redirect_uri).text(".").close("p");
    body.raw("<form method=\"post\" action=\"/oauth/authorize\">");
    let fields = [
        ("client_id", Some(&asked.client_id)),
        ("redirect_uri", Some(&asked.redirect_uri)),
        ("state", asked.state.as_ref()),
        ("scope", Some(&asked.scopes.join(" "))),
        ("code_challenge", asked.challenge.as_ref()),
    ]
    .map(|(name, value)| (name, value.cloned()));
    let constant = [
        ("response_type", Some("code".to_owned())),
        (
            "code_challenge_method",
            asked.challenge.as_ref().map(|_| "S256".to_owned()),
        ),
    ];
    for (name, value) in fields.into_iter().chain(constant) {
        if let Some(value) = value {
            body.raw("<input type=\"hidden\" name=\"")
                .raw(name)
                .raw("\" value=\"")
                .text(&value)
                .raw("\">");
        }
    }
    body.raw("<fieldset><legend>Who are you?</legend>");
    for (at, user) in people.iter().enumerate() {
        body.raw("<label><input type=\"radio\" name=\"user\" required value=\"")
            .text(&user.username)
            .raw("\"");
        body.raw(if at == 0 { " checked> " } else { "> " });
        body.text(&user.name).text(" (").text(&user.username).raw(")</label>");
    }
    body.raw("</fieldset><p><button name=\"decision\" value=\"allow\">Allow</button> ");
    body.raw("<button name=\"decision\" value=\"deny\">Deny</button></p></form>");
    let mut reply = html::page(StatusCode::OK, "Authorize", &body);
    // Browsers apply it to where a form's answer leads as well.
    let origin = origin_of(&asked.redirect_uri).unwrap_or_default();
    set(
        &mut reply,
        "content-security-policy",
        &html::policy(&format!("'self' {origin}")),
    );
    reply
}

/// Takes a person's answer.
pub(super) fn decide(shared: &Shared, received: &Received) -> Result<Reply, ApiError> {
    if !from_our_page(shared, &received.headers) {
        return Err(ApiError::Forbidden);
    }
    let params = &received.params;
    let asked = match shared.store.read(|state| read(state, params)) {
        Ok(asked) => asked,
        Err(wrong) => return Ok(refused(wrong)),
    };
    if params.text("decision").as_deref() != Some("allow") {
        return Ok(back(&asked, &[("error", "access_denied")]));
    }
    let name = params.needed("user")?;
    let (code, now) = (secret::new("")?, clock::now());
    let found = shared.store.change(|state| {
        let user = state
            .user_named(&name)
            .filter(|user| user.active && !user.bot)
            .map(|user| user.id);
        let user = user.ok_or(ApiError::NotFound("User"))?;
        state.grants.retain(|grant| {
            let unused = grant.access.is_none() && grant.code_expires_at + KEPT < now;
            !(unused || grant.revoked && grant.created_at + KEPT < now)
        });
        let grant = OauthGrant {
            id: state.new_id(),
            application: asked.application,
            user,
            scopes: asked.scopes.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            code: Hashed::of(&code),
            code_used: false,
            code_expires_at: now + CODE_LIFE,
            access: None,
            access_expires_at: 0,
            refresh: None,
            spent: Vec::new(),
            revoked: false,
            created_at: now,
        };
        state.grants.push(grant);
        Ok::<_, ApiError>(())
    });
    found?;
    Ok(back(&asked, &[("code", &code)]))
}

/// Whether a form was sent from a page of ours: another site's page cannot answer for a person.
fn from_our_page(shared: &Shared, headers: &http::HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text("origin") else {
        return text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    };
    let host = text("host").unwrap_or_default();
    origin == format!("http://{host}") || Some(origin) == origin_of(&shared.base).as_deref()
}

fn origin_of(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

/// Sends the browser back to the client.
fn back(asked: &Asked, answer: &[(&str, &str)]) -> Reply {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in answer {
        query.append_pair(name, value);
    }
    if let Some(state) = &asked.state {
        query.append_pair("state", state);
    }
    let separator = if asked.redirect_uri.contains('?') { '&' } else { '?' };
    let location = format!("{}{separator}{}", asked.redirect_uri, query.finish());
    let mut reply = Response::new(full(""));
    *reply.status_mut() = StatusCode::FOUND;
    set(&mut reply, "location", &location);
    set(&mut reply, "cache-control", "no-store");
    set(&mut reply, "referrer-policy", "no-referrer");
    reply
}
