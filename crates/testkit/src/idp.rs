//! `fake-idp`: an `OpenID` provider on loopback that does what it should, until one thing of it is changed; and a GitHub beside it.
//!
//! It shares no code with what it tests: tokens are put together and signed here.

mod forge;
mod jws;
mod serve;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

pub use forge::{CANARY, Conduct, Forge};
pub use jws::Alg;
use jws::{Keys, base64url, sha256};
use serve::{Answer, Request, Server, encoded, pairs};

/// What a client is called here.
pub const CLIENT: &str = "bailey";
/// What it proves that with.
pub const SECRET: &str = "a secret of the client's";

type Change = Arc<dyn Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync>;

/// What it does. Everything may be changed.
pub struct Behaviour {
    /// The time, in seconds of the Unix epoch.
    pub now: i64,
    /// What it says of whoever signs in.
    pub person: Value,
    /// How ID tokens and logout tokens are signed.
    pub alg: Alg,
    /// Whether their signatures are spoilt.
    pub forges: bool,
    /// Changes the header and the claims of each ID token before it is signed.
    pub change: Option<Change>,
    /// Laid over its document.
    pub document: Value,
    /// Laid over what the userinfo endpoint says.
    pub userinfo: Value,
    /// Laid over the answer of the token endpoint.
    pub tokens: Value,
    /// Laid over the parameters that it sends a browser back with; null takes one away.
    pub answer: Value,
    /// Seconds that an access token lasts.
    pub lasts: i64,
    /// Whether it gives refresh tokens.
    pub refreshes: bool,
    /// Whether the keys of before the last rotation are published still.
    pub keeps_keys: bool,
    /// Every address answers with this status.
    pub down: Option<u16>,
    /// What GitHub says, by path of its API.
    pub github: BTreeMap<String, Value>,
    /// `METHOD path` of each request so far.
    pub asked: Vec<String>,
    keys: Vec<Keys>,
    codes: BTreeMap<String, Code>,
    refresh: BTreeMap<String, bool>,
    counter: u64,
}

struct Code {
    nonce: String,
    challenge: String,
    redirect: String,
    used: bool,
}

/// A provider that runs until it is dropped.
pub struct Idp {
    server: Server,
    behaviour: Arc<Mutex<Behaviour>>,
}

fn over(base: &mut Value, laid: &Value) {
    if let (Some(base), Some(laid)) = (base.as_object_mut(), laid.as_object()) {
        for (name, value) in laid {
            if value.is_null() {
                base.remove(name);
            } else {
                base.insert(name.clone(), value.clone());
            }
        }
    }
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn lock<T>(behaviour: &Mutex<T>) -> MutexGuard<'_, T> {
    behaviour.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Idp {
    /// Starts one whose clock stands at `now`, in seconds of the Unix epoch.
    pub fn start(now: i64) -> Self {
        let behaviour = Arc::new(Mutex::new(Behaviour::usual(now)));
        let shared = Arc::clone(&behaviour);
        let server = Server::start(move |request| lock(&shared).answer(request));
        let idp = Self { server, behaviour };
        idp.behave(|b| b.document = json!({ "issuer": idp.issuer() }));
        idp
    }

    /// Who it says it is.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// Changes what it does.
    pub fn behave<T>(&self, change: impl FnOnce(&mut Behaviour) -> T) -> T {
        change(&mut lock(&self.behaviour))
    }

    /// Changes the header and the claims of each ID token.
    pub fn change(&self, change: impl Fn(&mut Map<String, Value>, &mut Map<String, Value>) + Send + Sync + 'static) {
        self.behave(|b| b.change = Some(Arc::new(change)));
    }

    /// Does what it should again; its keys, its clock and what it gave stay.
    pub fn reset(&self) {
        self.behave(|b| {
            let usual = Behaviour::usual(b.now);
            *b = Behaviour {
                document: json!({ "issuer": b.issuer() }),
                asked: std::mem::take(&mut b.asked),
                keys: std::mem::take(&mut b.keys),
                codes: std::mem::take(&mut b.codes),
                refresh: std::mem::take(&mut b.refresh),
                counter: b.counter,
                ..usual
            };
        });
    }

    /// Signs with new keys from now on.
    pub fn rotate(&self) {
        self.behave(|b| {
            let generation = u32::try_from(b.keys.len()).unwrap_or(u32::MAX).saturating_add(1);
            b.keys.push(Keys::new(generation));
        });
    }

    /// Somebody signs in with a browser that was sent to this address: the address that the browser is sent back to.
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn sign_in(&self, url: &str) -> Result<String, String> {
        let rest = url.strip_prefix(&self.issuer()).ok_or("it leads to somebody else")?;
        let (path, query) = rest.split_once('?').ok_or("it has no query")?;
        match path {
            "/authorize" | "/login/oauth/authorize" => self.behave(|b| b.authorize(query, path == "/authorize")),
            _ => Err(format!("nobody signs in at {path}")),
        }
    }

    /// A logout token with these claims laid over the usual ones, and this laid over its header.
    pub fn logout_token(&self, header: &Value, claims: &Value) -> String {
        self.behave(|b| {
            b.counter += 1;
            let mut all = json!({
                "iss": b.issuer(), "aud": CLIENT, "iat": b.now, "exp": b.now + 120, "jti": format!("jti-{}", b.counter),
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            });
            over(&mut all, claims);
            let mut head = json!({"typ": "logout+jwt"});
            over(&mut head, header);
            b.sign(map(head), &map(all))
        })
    }
}

impl Behaviour {
    /// What it should do.
    fn usual(now: i64) -> Self {
        Self {
            now,
            person: json!({
                "sub": "248289761001", "name": "Ada Lovelace", "preferred_username": "ada",
                "email": "ada@example.com", "email_verified": true, "groups": ["dev"], "sid": "session-1",
            }),
            alg: Alg::Es256,
            forges: false,
            change: None,
            document: json!({}),
            userinfo: json!({}),
            tokens: json!({}),
            answer: json!({}),
            lasts: 3_600,
            refreshes: false,
            keeps_keys: false,
            down: None,
            github: BTreeMap::new(),
            asked: Vec::new(),
            keys: vec![Keys::new(1)],
            codes: BTreeMap::new(),
            refresh: BTreeMap::new(),
            counter: 0,
        }
    }

    fn issuer(&self) -> String {
        self.document["issuer"].as_str().unwrap_or_default().to_owned()
    }

    fn sign(&self, mut header: Map<String, Value>, claims: &Map<String, Value>) -> String {
        let Some(keys) = self.keys.last() else {
            return String::new();
        };
        header.entry("alg").or_insert_with(|| self.alg.name().into());
        header.entry("kid").or_insert_with(|| match self.alg {
            Alg::HmacWithPublicKey | Alg::HmacWithSecret | Alg::None => keys.kid(Alg::Rs256).into(),
            alg => keys.kid(alg).into(),
        });
        let token = keys.sign(self.alg, &header, claims, SECRET);
        match token.rsplit_once('.') {
            // Its first character: the last one has bits that count for nothing.
            Some((input, signature)) if self.forges => {
                let first = if signature.starts_with('A') { 'B' } else { 'A' };
                format!("{input}.{first}{}", signature.get(1..).unwrap_or_default())
            }
            _ => token,
        }
    }

    fn answer(&mut self, request: &Request) -> Answer {
        self.asked.push(format!("{} {}", request.method, request.path));
        if let Some(status) = self.down {
            return Answer::Text(status, "text/plain", "down".to_owned());
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => Answer::Json(200, self.published()),
            ("GET", "/jwks") => {
                let from = if self.keeps_keys {
                    0
                } else {
                    self.keys.len().saturating_sub(1)
                };
                let keys: Vec<Value> = self.keys.iter().skip(from).flat_map(Keys::published).collect();
                Answer::Json(200, json!({ "keys": keys }))
            }
            ("GET", "/authorize") => match self.authorize(&request.query, true) {
                Ok(url) => Answer::To(url),
                Err(error) => Answer::Text(400, "text/plain", error),
            },
            ("POST", "/token") => self.token(request),
            ("GET", "/userinfo") => self.userinfo(request),
            ("POST", "/login/oauth/access_token") => self.github_token(request),
            ("GET", path) => match path.strip_prefix("/api/v3/").map(|path| self.github.get(path)) {
                Some(Some(value)) if bearer(request).is_some_and(|token| token.starts_with("access")) => {
                    Answer::Json(200, page(value, &request.query))
                }
                _ => Answer::Json(404, json!({"message": "Not Found"})),
            },
            _ => Answer::Json(405, json!({})),
        }
    }

    fn published(&self) -> Value {
        let issuer = self.issuer();
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
            "end_session_endpoint": format!("{issuer}/sign-out"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "backchannel_logout_supported": true,
        });
        over(&mut document, &self.document);
        document
    }

    /// The address that a browser is sent back to.
    fn authorize(&mut self, query: &str, oidc: bool) -> Result<String, String> {
        let asked = pairs(query);
        let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
        let redirect = get("redirect_uri");
        if get("client_id") != CLIENT || !redirect.contains("/auth/") || !redirect.ends_with("/callback") {
            return Err("no such client, or a redirect address that is not registered".to_owned());
        }
        if get("code_challenge_method") != "S256" || get("code_challenge").len() != 43 || get("state").len() < 32 {
            return Err("there must be a state, and a challenge by S256".to_owned());
        }
        let openid = get("scope").split(' ').any(|scope| scope == "openid");
        if oidc && (get("response_type") != "code" || !openid || get("nonce").len() < 32) {
            return Err("there must be a nonce, the code flow and the scope openid".to_owned());
        }
        self.counter += 1;
        let code = format!("code-{}", self.counter);
        let kept = Code {
            nonce: get("nonce"),
            challenge: get("code_challenge"),
            redirect: redirect.clone(),
            used: false,
        };
        self.codes.insert(code.clone(), kept);
        let mut answer = json!({"code": code, "state": get("state")});
        if oidc {
            answer["iss"] = self.issuer().into();
        }
        over(&mut answer, &self.answer);
        let answer = map(answer);
        let answer = answer
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value.as_str().unwrap_or_default())));
        Ok(format!("{redirect}?{}", answer.collect::<Vec<_>>().join("&")))
    }

    /// The nonce of a code that is good, which it is no more.
    fn redeem(&mut self, form: &BTreeMap<String, String>) -> Option<String> {
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let code = self.codes.get_mut(get("code"))?;
        let bound = base64url(sha256(get("code_verifier").as_bytes())) == code.challenge;
        if code.used || !bound || code.redirect != get("redirect_uri") {
            return None;
        }
        code.used = true;
        Some(code.nonce.clone())
    }

    fn token(&mut self, request: &Request) -> Answer {
        let form = pairs(&request.body);
        let basic = format!(
            "Basic {}",
            STANDARD.encode(format!("{CLIENT}:{}", encoded(SECRET).replace("%20", "+")))
        );
        let by_form = form.get("client_id").map(String::as_str) == Some(CLIENT)
            && form.get("client_secret").map(String::as_str) == Some(SECRET);
        if request.authorization.as_deref() != Some(&basic) && !by_form {
            return Answer::Json(401, json!({"error": "invalid_client"}));
        }
        let refused = Answer::Json(400, json!({"error": "invalid_grant"}));
        let nonce = match form.get("grant_type").map(String::as_str) {
            Some("authorization_code") => match self.redeem(&form) {
                Some(nonce) => Some(nonce),
                None => return refused,
            },
            Some("refresh_token") => {
                let token = form.get("refresh_token").cloned().unwrap_or_default();
                // Each is good once.
                match self.refresh.insert(token, false) {
                    Some(true) => None,
                    _ => return refused,
                }
            }
            _ => return Answer::Json(400, json!({"error": "unsupported_grant_type"})),
        };
        self.grant(nonce, form.get("code"))
    }

    fn grant(&mut self, nonce: Option<String>, code: Option<&String>) -> Answer {
        self.counter += 1;
        let access = format!("access-{}", self.counter);
        let half = |text: &str| base64url(sha256(text.as_bytes()).get(..16).unwrap_or_default());
        let mut claims = json!({
            "iss": self.issuer(), "aud": CLIENT, "iat": self.now, "exp": self.now + 300,
            "at_hash": half(&access),
        });
        if let Some(code) = code {
            claims["c_hash"] = half(code).into();
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        over(&mut claims, &self.person);
        let (mut header, mut claims) = (Map::new(), map(claims));
        if let Some(change) = self.change.clone() {
            change(&mut header, &mut claims);
        }
        let mut answer = json!({
            "access_token": access, "token_type": "Bearer", "expires_in": self.lasts,
            "id_token": self.sign(header, &claims),
        });
        if self.refreshes {
            let token = format!("refresh-{}", self.counter);
            self.refresh.insert(token.clone(), true);
            answer["refresh_token"] = token.into();
        }
        over(&mut answer, &self.tokens);
        Answer::Json(200, answer)
    }

    /// Takes every refresh token back.
    pub fn forget_refresh_tokens(&mut self) {
        self.refresh.clear();
    }

    fn userinfo(&self, request: &Request) -> Answer {
        if !bearer(request).is_some_and(|token| token.starts_with("access-")) {
            return Answer::Json(401, json!({"error": "invalid_token"}));
        }
        let mut said = self.person.clone();
        over(&mut said, &self.userinfo);
        Answer::Json(200, said)
    }

    fn github_token(&mut self, request: &Request) -> Answer {
        let form = pairs(&request.body);
        let known = form.get("client_secret").map(String::as_str) == Some(SECRET);
        if !known || self.redeem(&form).is_none() {
            return Answer::Json(
                200,
                json!({"error": "bad_verification_code", "error_description": "it is used"}),
            );
        }
        self.counter += 1;
        let access = format!("access-{}", self.counter);
        Answer::Json(
            200,
            json!({"access_token": access, "token_type": "bearer", "scope": "read:org"}),
        )
    }
}

fn bearer(request: &Request) -> Option<&str> {
    request.authorization.as_deref()?.strip_prefix("Bearer ")
}

/// One page of a list; anything else as it is.
fn page(value: &Value, query: &str) -> Value {
    let Some(items) = value.as_array() else {
        return value.clone();
    };
    let asked = pairs(query);
    let number = |name: &str, otherwise: usize| asked.get(name).and_then(|n| n.parse().ok()).unwrap_or(otherwise);
    let (size, page) = (number("per_page", 30), number("page", 1));
    items
        .iter()
        .skip(page.saturating_sub(1) * size)
        .take(size)
        .cloned()
        .collect()
}
