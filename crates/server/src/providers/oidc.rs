//! `OpenID` Connect: the code flow with PKCE, and all that a token has to be before it counts (`OpenID` Connect Core, 3.1.3.7).

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bailey_core::{Secret, Timestamp};
use bailey_runtime::config::{IdentityProviderConfig, IdentityProviderKind};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreTokenResponse,
};
use openidconnect::url::Url;
use openidconnect::{
    AccessTokenHash, AsyncHttpClient, AuthType, AuthorizationCode, AuthorizationCodeHash, ClaimsVerificationError,
    ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IssuerUrl, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken,
    RequestTokenError, Scope, SignatureVerificationError, TokenResponse,
};
use serde_json::Value;

use super::claims::{self, Claims};
use super::fetch::{FetchError, Fetcher};
use super::logout::{self, LogoutToken};
use super::metadata::{Metadata, Published, algorithms};
use super::{Answer, Flow, ProviderError, Renewed, Tokens, Vouched};

/// How far clocks may be apart, in seconds.
const SKEW: i64 = 60;

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

impl<'c> AsyncHttpClient<'c> for Fetcher {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let url = request.uri().to_string();
            let answer = self.send(request).await?;
            // A provider that is down says nothing of the code or the token that it was shown.
            if answer.status().is_server_error() {
                return Err(FetchError::Status(url, answer.status().as_u16()));
            }
            Ok(answer)
        })
    }
}

/// One `OpenID` provider.
pub(super) struct Oidc {
    issuer: String,
    config: IdentityProviderConfig,
    fetcher: Fetcher,
    published: Published,
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::Invalid(text.into())
}

impl Oidc {
    pub(super) fn new(config: &IdentityProviderConfig, issuer: &str, fetcher: Fetcher) -> Self {
        Self {
            issuer: issuer.to_owned(),
            config: config.clone(),
            fetcher,
            published: Published::new(issuer),
        }
    }

    /// The claims that groups and roles are in, and whether PKCE must be announced.
    fn settings(&self) -> (&str, &str, bool) {
        match &self.config.kind {
            IdentityProviderKind::Oidc {
                groups_claim,
                roles_claim,
                require_pkce,
                ..
            } => (groups_claim, roles_claim, *require_pkce),
            IdentityProviderKind::Github { .. } => ("", "", false),
        }
    }

    /// How the provider is spoken to: with the method of its that it and we know best.
    fn client(&self, metadata: &Metadata, redirect: Option<&str>) -> Result<Client, ProviderError> {
        let secret = self.config.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.secret().expose().clone()));
        let id = ClientId::new(self.config.client_id.clone());
        let mut client = CoreClient::from_provider_metadata(metadata.clone(), id, secret);
        let methods = metadata.token_endpoint_auth_methods_supported();
        let text = |method| {
            serde_json::to_value(method)
                .ok()
                .and_then(|v| v.as_str().map(str::to_owned))
        };
        let methods: Option<Vec<String>> = methods.map(|methods| methods.iter().filter_map(text).collect());
        let knows = |method: &str| {
            methods
                .as_ref()
                .is_none_or(|methods| methods.iter().any(|m| m == method))
        };
        client = client.set_auth_type(if knows("client_secret_basic") || !knows("client_secret_post") {
            AuthType::BasicAuth
        } else {
            AuthType::RequestBody
        });
        if let Some(redirect) = redirect {
            let redirect = RedirectUrl::new(redirect.to_owned());
            client = client.set_redirect_uri(redirect.map_err(|error| invalid(error.to_string()))?);
        }
        Ok(client)
    }

    pub(super) async fn authorize_url(
        &self,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<String, ProviderError> {
        let metadata = self.published.metadata(&self.fetcher, now).await?;
        let (_, _, required) = self.settings();
        let methods = metadata.additional_metadata().code_challenge_methods_supported.as_ref();
        let knows = methods.map(|methods| methods.iter().any(|method| method == "S256"));
        if !knows.unwrap_or(!required) {
            let text = "it does not say that it knows PKCE with S256";
            return Err(ProviderError::Unavailable(text.to_owned()));
        }
        let client = self.client(&metadata, Some(redirect))?;
        let verifier = PkceCodeVerifier::new(flow.verifier().expose().clone());
        let (state, nonce) = (flow.state().to_owned(), flow.nonce().to_owned());
        let (url, _, _) = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(
                self.config
                    .scopes
                    .iter()
                    .filter(|s| *s != "openid")
                    .cloned()
                    .map(Scope::new),
            )
            .url();
        Ok(url.into())
    }

    pub(super) async fn vouched(
        &self,
        answer: &Answer,
        flow: &Flow,
        redirect: &str,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let metadata = self.published.metadata(&self.fetcher, now).await?;
        self.check_sender(&metadata, answer)?;
        let code = answer.code()?;
        let client = self.client(&metadata, Some(redirect))?;
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.verifier().expose().clone()));
        let response = Box::pin(request.request_async(&self.fetcher)).await.map_err(failed)?;
        let nonce = Nonce::new(flow.nonce().to_owned());
        let checked = self
            .id_token(&metadata, &response, Some(&nonce), Some(code), now)
            .await?;
        let (raw, mut claims) = checked.ok_or_else(|| invalid("there is no ID token"))?;
        let sid = claims::text(&claims, "sid").map(str::to_owned);
        self.userinfo(&metadata, response.access_token().secret(), &mut claims)
            .await?;
        self.read(&claims, tokens(&response, Some(raw), sid))
    }

    /// Whether the answer comes from whom it should (RFC 9207).
    fn check_sender(&self, metadata: &Metadata, answer: &Answer) -> Result<(), ProviderError> {
        let always = metadata
            .additional_metadata()
            .authorization_response_iss_parameter_supported;
        match answer.iss.as_deref() {
            Some(iss) if iss != self.issuer => Err(invalid(format!("it comes from the issuer {iss:?}"))),
            None if always == Some(true) => Err(invalid("it does not say which issuer it comes from")),
            _ => Ok(()),
        }
    }

    /// The ID token of an answer, as text and claims, if it holds; `None` = there is none.
    async fn id_token(
        &self,
        metadata: &Metadata,
        response: &CoreTokenResponse,
        nonce: Option<&Nonce>,
        code: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<(String, Claims)>, ProviderError> {
        let Some(token) = response.id_token() else {
            return Ok(None);
        };
        let text = token.to_string();
        let (header, claims) = parts(&text)?;
        check_header(&header)?;
        let keys = self.published.keys(&self.fetcher, metadata, now).await?;
        let verifier = self.verifier(metadata, &keys, now)?;
        let outcome = match verify(token, &verifier, nonce) {
            Err(error) if is_unknown_key(&error) => {
                let again = self.published.keys_again(&self.fetcher, metadata, now).await?;
                let keys = again.ok_or_else(|| invalid("its key is unknown, and the keys were read a moment ago"))?;
                let verifier = self.verifier(metadata, &keys, now)?;
                verify(token, &verifier, nonce).map(|()| verifier)
            }
            other => other.map(|()| verifier),
        };
        let verifier = outcome.map_err(|error| invalid(explain(&error)))?;
        check_hashes(token, &verifier, response.access_token(), code)?;
        self.check_claims(&claims, now)?;
        Ok(Some((text, claims)))
    }

    fn verifier(
        &self,
        metadata: &Metadata,
        keys: &Arc<CoreJsonWebKeySet>,
        now: Timestamp,
    ) -> Result<CoreIdTokenVerifier<'static>, ProviderError> {
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(|error| invalid(error.to_string()))?;
        let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(now.seconds()).unwrap_or_default());
        let latest = now.seconds().saturating_add(SKEW);
        let id = ClientId::new(self.config.client_id.clone());
        // As for a public client, so that no secret is ever a key.
        Ok(
            CoreIdTokenVerifier::new_public_client(id, issuer, keys.as_ref().clone())
                .set_allowed_algs(algorithms(metadata))
                .set_time_fn(move || time.into())
                .set_issue_time_verifier_fn(move |at| {
                    if at.timestamp() > latest {
                        return Err("it was issued in the future".to_owned());
                    }
                    Ok(())
                }),
        )
    }

    /// What the verifier does not look at.
    fn check_claims(&self, claims: &Claims, now: Timestamp) -> Result<(), ProviderError> {
        claims::subject(claims)?;
        for name in ["exp", "iat"] {
            claims::seconds(claims, name)?.ok_or_else(|| invalid(format!("`{name}` is missing")))?;
        }
        let latest = now.seconds().saturating_add(SKEW);
        if claims::seconds(claims, "nbf")?.is_some_and(|at| at > latest) {
            return Err(invalid("it is not good yet (`nbf`)"));
        }
        let several = claims
            .get("aud")
            .and_then(Value::as_array)
            .is_some_and(|list| list.len() > 1);
        match claims.get("azp") {
            Some(azp) if azp.as_str() != Some(&self.config.client_id) => {
                Err(invalid("it was given to another client (`azp`)"))
            }
            None if several => Err(invalid(
                "it has several audiences, and does not say which it was given to (`azp`)",
            )),
            _ => Ok(()),
        }
    }

    /// Adds what the provider says beside the token. What the token says goes before it.
    async fn userinfo(&self, metadata: &Metadata, access: &str, claims: &mut Claims) -> Result<(), ProviderError> {
        let Some(url) = metadata.userinfo_endpoint() else {
            return Ok(());
        };
        let said: Result<Claims, FetchError> = self.fetcher.json(url.as_str(), Some(access)).await;
        let said = said.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        if claims::subject(&said)? != claims::subject(claims)? {
            return Err(invalid("the userinfo endpoint speaks of another subject"));
        }
        // An address and whether it is confirmed belong together, whichever of the two says them.
        let address = claims.contains_key("email");
        if !address {
            claims.remove("email_verified");
        }
        for (name, value) in said {
            if !(address && name == "email_verified") {
                claims.entry(name).or_insert(value);
            }
        }
        Ok(())
    }

    fn read(&self, claims: &Claims, tokens: Tokens) -> Result<Vouched, ProviderError> {
        let config = &self.config;
        let (groups, roles, _) = self.settings();
        let email = claims::verified_email(claims)?;
        let subject = claims::subject(claims)?.to_owned();
        let called = ["preferred_username", "nickname", "email", "name"];
        let login = called
            .iter()
            .find_map(|name| claims::text(claims, name))
            .unwrap_or(&subject);
        let needs_groups = !config.groups.is_empty() || !config.allowed_groups.is_empty();
        Ok(Vouched {
            issuer: self.issuer.clone(),
            login: login.chars().take(128).collect(),
            display_name: claims::text(claims, "name").map(str::to_owned),
            groups: claims::texts(claims, groups, needs_groups)?,
            roles: claims::texts(claims, roles, !config.roles.is_empty())?,
            email,
            subject,
            tokens,
        })
    }

    pub(super) async fn renew(
        &self,
        refresh: &Secret<String>,
        subject: &str,
        now: Timestamp,
    ) -> Result<Renewed, ProviderError> {
        let metadata = self.published.metadata(&self.fetcher, now).await?;
        let client = self.client(&metadata, None)?;
        let token = RefreshToken::new(refresh.expose().clone());
        let request = client
            .exchange_refresh_token(&token)
            .map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        let response = match Box::pin(request.request_async(&self.fetcher)).await {
            Ok(response) => response,
            Err(RequestTokenError::ServerResponse(said)) if said.error().as_ref() == "invalid_grant" => {
                return Ok(Renewed::Ended(said.to_string()));
            }
            Err(error) => return Err(failed(error)),
        };
        let checked = self.id_token(&metadata, &response, None, None, now).await?;
        let (raw, sid) = match checked {
            Some((_, claims)) if claims::subject(&claims)? != subject => {
                return Ok(Renewed::Ended("the provider speaks of another subject".to_owned()));
            }
            Some((raw, claims)) => (Some(raw), claims::text(&claims, "sid").map(str::to_owned)),
            None => (None, None),
        };
        let mut tokens = tokens(&response, raw, sid);
        // Without another one, the one before stays good.
        tokens.refresh = tokens.refresh.or_else(|| Some(Secret::new(refresh.expose().clone())));
        Ok(Renewed::Tokens(tokens))
    }

    pub(super) async fn end_session_url(
        &self,
        id_token: Option<&Secret<String>>,
        back: &str,
        now: Timestamp,
    ) -> Option<String> {
        let metadata = self.published.metadata(&self.fetcher, now).await.ok()?;
        let endpoint = metadata.additional_metadata().end_session_endpoint.as_deref()?;
        let mut url: Url = endpoint.parse().ok()?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("client_id", &self.config.client_id);
            query.append_pair("post_logout_redirect_uri", back);
            if let Some(token) = id_token {
                query.append_pair("id_token_hint", token.expose());
            }
        }
        Some(url.into())
    }

    pub(super) async fn logout_token(&self, token: &str, now: Timestamp) -> Result<LogoutToken, ProviderError> {
        let metadata = self.published.metadata(&self.fetcher, now).await?;
        let (header, claims) = parts(token)?;
        check_header(&header)?;
        let keys = self.published.keys(&self.fetcher, &metadata, now).await?;
        let allowed = algorithms(&metadata);
        if !logout::signed(token, &header, &keys, &allowed)? {
            let again = self.published.keys_again(&self.fetcher, &metadata, now).await?;
            let keys = again.ok_or_else(|| invalid("its key is unknown, and the keys were read a moment ago"))?;
            if !logout::signed(token, &header, &keys, &allowed)? {
                return Err(invalid("its key is unknown"));
            }
        }
        logout::read(&claims, &self.issuer, &self.config.client_id, now, SKEW)
    }
}

fn tokens(response: &CoreTokenResponse, id_token: Option<String>, sid: Option<String>) -> Tokens {
    let refresh = response
        .refresh_token()
        .map(|token| Secret::new(token.secret().clone()));
    let seconds = response
        .expires_in()
        .and_then(|time| i64::try_from(time.as_secs()).ok());
    Tokens {
        refresh,
        id_token: id_token.map(Secret::new),
        seconds,
        sid,
    }
}

/// A token's header and claims, unchecked.
fn parts(token: &str) -> Result<(Claims, Claims), ProviderError> {
    let mut pieces = token.split('.');
    let (Some(header), Some(claims), Some(_), None) = (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(invalid("a token has three parts"));
    };
    let read = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice::<Claims>(&bytes).ok()
    };
    let both = read(header).zip(read(claims));
    both.ok_or_else(|| invalid("a token's header and claims are JSON objects in base64url"))
}

/// A token names its key among those that the provider publishes, and brings none along.
fn check_header(header: &Claims) -> Result<(), ProviderError> {
    match ["jwk", "jku", "x5u"]
        .into_iter()
        .find(|name| header.contains_key(*name))
    {
        Some(name) => Err(invalid(format!("a token brings its own key (`{name}`)"))),
        None => Ok(()),
    }
}

fn verify(
    token: &CoreIdToken,
    verifier: &CoreIdTokenVerifier<'_>,
    nonce: Option<&Nonce>,
) -> Result<(), ClaimsVerificationError> {
    match nonce {
        Some(nonce) => token.claims(verifier, nonce).map(drop),
        // A token that comes with a refresh need not repeat it.
        None => token.claims(verifier, |_: Option<&Nonce>| Ok(())).map(drop),
    }
}

const fn is_unknown_key(error: &ClaimsVerificationError) -> bool {
    matches!(
        error,
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)
    )
}

fn explain(error: &ClaimsVerificationError) -> String {
    match error {
        ClaimsVerificationError::SignatureVerification(cause) => format!("{error}: {cause}"),
        error => error.to_string(),
    }
}

/// Whether a token belongs to the access token and the code that came with it, as far as it says so.
fn check_hashes(
    token: &CoreIdToken,
    verifier: &CoreIdTokenVerifier<'_>,
    access: &openidconnect::AccessToken,
    code: Option<&str>,
) -> Result<(), ProviderError> {
    let claims = token.claims(verifier, |_: Option<&Nonce>| Ok(()));
    let claims = claims.map_err(|error| invalid(explain(&error)))?;
    let alg = token.signing_alg().map_err(|error| invalid(error.to_string()))?;
    let key = token
        .signing_key(verifier)
        .map_err(|error| invalid(error.to_string()))?;
    if let Some(said) = claims.access_token_hash() {
        let actual = AccessTokenHash::from_token(access, alg, key).map_err(|error| invalid(error.to_string()))?;
        if actual != *said {
            return Err(invalid("it belongs to another access token (`at_hash`)"));
        }
    }
    if let (Some(said), Some(code)) = (claims.code_hash(), code) {
        let code = AuthorizationCode::new(code.to_owned());
        let actual = AuthorizationCodeHash::from_code(&code, alg, key).map_err(|error| invalid(error.to_string()))?;
        if actual != *said {
            return Err(invalid("it belongs to another code (`c_hash`)"));
        }
    }
    Ok(())
}

/// Why a token endpoint gave nothing.
fn failed<E, T>(error: RequestTokenError<E, T>) -> ProviderError
where
    E: std::error::Error + 'static,
    T: openidconnect::ErrorResponse + std::fmt::Display + 'static,
{
    match error {
        RequestTokenError::ServerResponse(said) => ProviderError::Refused(said.to_string()),
        RequestTokenError::Request(error) => ProviderError::Unavailable(error.to_string()),
        RequestTokenError::Parse(error, _) => invalid(format!("its tokens cannot be read: {error}")),
        RequestTokenError::Other(text) => ProviderError::Unavailable(text),
    }
}
