//! `fake-forge`: a GitLab and a GitHub on loopback, as far as OAuth and "who am I" go. Refresh tokens are good once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::jws::{base64url, sha256};
use super::serve::{Answer, Request, Server, encoded, pairs};
use super::{CLIENT, SECRET, lock};

/// What every token has in it, so that one that got somewhere is found.
pub const CANARY: &str = "canary-8f3a";

/// What it does. Everything may be changed.
pub struct Conduct {
    /// Who has given leave, as GitLab shows them.
    pub gitlab: Value,
    /// Who has given leave, as GitHub shows them.
    pub github: Value,
    /// Seconds that an access token lasts; `None` = for ever, and there are no refresh tokens.
    pub lasts: Option<i64>,
    /// Every address answers with this status.
    pub down: Option<u16>,
    /// What it says instead of giving leave.
    pub denies: Option<&'static str>,
    /// How long it thinks about tokens.
    pub thinks: Duration,
    /// `METHOD path` of each request so far.
    pub asked: Vec<String>,
    /// Tokens that it was told to revoke.
    pub revoked: Vec<String>,
    codes: BTreeMap<String, (String, String)>,
    access: BTreeMap<String, bool>,
    refresh: BTreeMap<String, bool>,
    counter: u64,
}

impl Conduct {
    /// Takes no token that it gave any more.
    pub fn forget(&mut self) {
        self.access.values_mut().for_each(|good| *good = false);
        self.refresh.values_mut().for_each(|good| *good = false);
    }

    /// Takes no access token that it gave any more; with their refresh tokens there are others.
    pub fn forget_access(&mut self) {
        self.access.values_mut().for_each(|good| *good = false);
    }

    /// How often tokens were asked for with a refresh token.
    pub fn refreshes(&self) -> usize {
        self.asked.iter().filter(|asked| *asked == "refresh").count()
    }

    /// Access tokens that it takes.
    pub fn good(&self) -> Vec<String> {
        let good = self.access.iter().filter(|(_, good)| **good);
        good.map(|(token, _)| token.clone()).collect()
    }

    fn grant(&mut self, scope: &str) -> Value {
        self.counter += 1;
        let access = format!("{CANARY}-access-{}", self.counter);
        self.access.insert(access.clone(), true);
        let mut granted = json!({"access_token": access, "token_type": "bearer", "scope": scope});
        if let Some(lasts) = self.lasts {
            let refresh = format!("{CANARY}-refresh-{}", self.counter);
            self.refresh.insert(refresh.clone(), true);
            granted["refresh_token"] = json!(refresh);
            granted["expires_in"] = json!(lasts);
        }
        granted
    }

    fn authorize(&mut self, query: &str) -> Result<String, String> {
        let asked = pairs(query);
        let get = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
        let (redirect, state) = (get("redirect_uri"), get("state"));
        if get("client_id") != CLIENT || !redirect.contains("/auth/external/") || !redirect.ends_with("/callback") {
            return Err("no such client, or a redirect address that is not registered".to_owned());
        }
        if get("code_challenge_method") != "S256" || get("code_challenge").len() != 43 || state.len() < 32 {
            return Err("there must be a state, and a challenge by S256".to_owned());
        }
        if get("response_type") != "code" || get("scope").is_empty() {
            return Err("there must be the code flow, and something to give leave for".to_owned());
        }
        if let Some(error) = self.denies {
            return Ok(format!("{redirect}?error={error}&state={}", encoded(state)));
        }
        self.counter += 1;
        let code = format!("code-{}", self.counter);
        self.codes
            .insert(code.clone(), (get("code_challenge").to_owned(), redirect.to_owned()));
        Ok(format!("{redirect}?code={code}&state={}", encoded(state)))
    }

    fn token(&mut self, request: &Request, github: bool) -> Answer {
        let form = pairs(&request.body);
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let no = |error: &str| {
            let status = if github { 200 } else { 400 };
            Answer::Json(status, json!({"error": error, "error_description": "no"}))
        };
        if get("client_id") != CLIENT || get("client_secret") != SECRET {
            return Answer::Json(if github { 200 } else { 401 }, json!({"error": "invalid_client"}));
        }
        let scope = if github {
            "repo,user:email"
        } else {
            "api write_repository"
        };
        match get("grant_type") {
            "refresh_token" => {
                self.asked.push("refresh".to_owned());
                match self.refresh.insert(get("refresh_token").to_owned(), false) {
                    Some(true) => Answer::Json(200, self.grant(scope)),
                    // Somebody has it who should not: nothing that came of it is good any more.
                    Some(false) | None => {
                        self.forget();
                        no(if github { "bad_refresh_token" } else { "invalid_grant" })
                    }
                }
            }
            "authorization_code" => match self.codes.remove(get("code")) {
                Some((challenge, redirect))
                    if challenge == base64url(sha256(get("code_verifier").as_bytes()))
                        && redirect == get("redirect_uri") =>
                {
                    Answer::Json(200, self.grant(scope))
                }
                _ => no(if github {
                    "bad_verification_code"
                } else {
                    "invalid_grant"
                }),
            },
            _ => no("unsupported_grant_type"),
        }
    }

    fn revoke(&mut self, token: &str) {
        self.access.entry(token.to_owned()).and_modify(|good| *good = false);
        self.refresh.entry(token.to_owned()).and_modify(|good| *good = false);
        self.revoked.push(token.to_owned());
    }

    fn answer(&mut self, request: &Request) -> Answer {
        self.asked.push(format!("{} {}", request.method, request.path));
        if let Some(status) = self.down {
            return Answer::Text(status, "text/plain", "down".to_owned());
        }
        let bearer = request
            .authorization
            .as_deref()
            .and_then(|text| text.strip_prefix("Bearer "));
        let takes = bearer.is_some_and(|token| self.access.get(token) == Some(&true));
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/oauth/token") => self.token(request, false),
            ("POST", "/login/oauth/access_token") => self.token(request, true),
            ("GET", "/api/v4/user") if takes => Answer::Json(200, self.gitlab.clone()),
            ("GET", "/api/v3/user") if takes => Answer::Json(200, self.github.clone()),
            ("GET", _) => Answer::Json(401, json!({"message": "401 Unauthorized"})),
            ("POST", "/oauth/revoke") => {
                let form = pairs(&request.body);
                if form.get("client_secret").map(String::as_str) != Some(SECRET) {
                    return Answer::Json(403, json!({}));
                }
                self.revoke(form.get("token").map(String::as_str).unwrap_or_default());
                Answer::Json(200, json!({}))
            }
            ("DELETE", path) if path == format!("/api/v3/applications/{CLIENT}/token") => {
                let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{SECRET}")));
                let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
                if request.authorization.as_deref() != Some(&basic) {
                    return Answer::Json(401, json!({}));
                }
                self.revoke(body["access_token"].as_str().unwrap_or_default());
                Answer::Text(204, "text/plain", String::new())
            }
            _ => Answer::Json(404, json!({})),
        }
    }
}

/// A forge that runs until it is dropped.
pub struct Forge {
    server: Server,
    conduct: Arc<Mutex<Conduct>>,
}

impl Forge {
    /// Starts one.
    pub fn start() -> Self {
        let conduct = Arc::new(Mutex::new(Conduct {
            gitlab: json!({
                "id": 42, "username": "ada", "name": "Ada Lovelace", "email": "ada@forge.example", "state": "active",
            }),
            github: json!({"id": 583_231, "login": "ada-hub", "name": null, "email": null}),
            lasts: Some(7_200),
            down: None,
            denies: None,
            thinks: Duration::ZERO,
            asked: Vec::new(),
            revoked: Vec::new(),
            codes: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            counter: 0,
        }));
        let shared = Arc::clone(&conduct);
        let server = Server::start(move |request| {
            let thinks = lock(&shared).thinks;
            std::thread::sleep(thinks);
            lock(&shared).answer(request)
        });
        Self { server, conduct }
    }

    /// Where it is.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Changes what it does.
    pub fn behave<T>(&self, change: impl FnOnce(&mut Conduct) -> T) -> T {
        change(&mut lock(&self.conduct))
    }

    /// Somebody gives leave in a browser that was sent to this address: the address that the browser is sent back to.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn give_leave(&self, url: &str) -> Result<String, String> {
        let rest = url.strip_prefix(&self.base_url()).ok_or("it leads to somebody else")?;
        let (path, query) = rest.split_once('?').ok_or("it has no query")?;
        match path {
            "/oauth/authorize" | "/login/oauth/authorize" => self.behave(|conduct| conduct.authorize(query)),
            _ => Err(format!("nobody gives leave at {path}")),
        }
    }
}
