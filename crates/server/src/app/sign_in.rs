//! Signing in with a browser: by password, by a link that claims a person, by an invitation.

use bailey_api::sign_in::{Claim, InvitationAccept, PasswordSignIn, SignInOptions, SignInProvider, SignedIn};
use bailey_core::authz::{Action, Extent};
use bailey_core::identity::{Invitation, Session, SignInMethod};
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{PersonId, Secret, SessionId};
use bailey_gate::authorize::Denied;
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::NewId;
use bailey_store::StoreError;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;

use super::checks::Checks;
use super::{App, AppError, users, view};
use crate::audit::{Change, Resource, Trail, Who};
use crate::identity::{self, ADDRESS, Guess, NAME};
use crate::origin::{self, Asked};
use crate::way::Way;

/// The longest text that is hashed as a password.
const LONGEST: usize = 1_024;
/// Characters kept of what a browser says it is.
const AGENT: usize = 256;

/// A browser that somebody signs in with.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) way: Way,
    /// Where what comes of it is recorded.
    pub(crate) trail: Trail,
    agent: String,
    /// The session that it has so far.
    pub(super) session: Option<SessionId>,
}

/// What signing in came to: an answer, and the session's cookie if one began.
#[derive(Debug)]
pub(crate) struct Began {
    pub(crate) answer: SignedIn,
    pub(crate) cookie: Option<HeaderValue>,
}

impl App {
    /// The browser that asks to sign in. It must show a page of Bailey's own, and keep what it gets.
    pub(crate) async fn visitor(&self, way: Way, method: &Method, headers: &HeaderMap) -> Result<Visitor, AppError> {
        let asked = Asked {
            own: &way.origin,
            method,
            headers,
            upgrade: false,
            session: false,
        };
        if !origin::allowed(asked) {
            return Err(AppError::OriginRefused);
        }
        if !way.keeps_cookies {
            return Err(AppError::HttpsRequired);
        }
        let agent = headers
            .get(USER_AGENT)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        Ok(Visitor {
            agent: agent.chars().take(AGENT).collect(),
            session: self.session_of(headers).await?,
            trail: Trail::default(),
            way,
        })
    }

    /// The session whose secret a browser has, good or not.
    async fn session_of(&self, headers: &HeaderMap) -> Result<Option<SessionId>, AppError> {
        let text = identity::only(headers, identity::COOKIE_NAME);
        let Some(parsed) = text.and_then(|text| token::parse(Kind::Session, text)) else {
            return Ok(None);
        };
        let session = self.store().session_by_public_id(parsed.public_id).await?;
        Ok(session.filter(|s| token::matches(&s.hash, &parsed.hash)).map(|s| s.id))
    }

    /// How one can sign in.
    pub(crate) async fn sign_in_options(&self) -> Result<SignInOptions, AppError> {
        let providers = self.identity().providers.all();
        Ok(SignInOptions {
            claimed: self.is_claimed().await?,
            password: self.identity().config.passwords,
            sign_up: providers.iter().any(|p| self.signs_up(p)),
            providers: providers
                .iter()
                .map(|provider| SignInProvider {
                    name: provider.config.name.clone(),
                    display_name: provider.config.display_name.clone(),
                    kind: provider.config.kind.as_str().to_owned(),
                })
                .collect(),
        })
    }

    /// Signs in with a name and a password, and a code where a second factor is asked for. Whatever is wrong, the answer is
    /// the same, and takes as long.
    pub(crate) async fn sign_in_password(&self, visitor: &Visitor, ask: PasswordSignIn) -> Result<Began, AppError> {
        if !self.identity().config.passwords {
            return Err(AppError::SignInRefused);
        }
        let name = ask.name.trim().to_ascii_lowercase();
        let person = self.store().person_by_name(&name).await?;
        // A name that nobody has may be a password in the wrong field.
        let tried = person
            .as_ref()
            .map_or_else(|| Resource::new("person", "unknown"), users::resource);
        let attempt = Change::new("sign_in.password", tried.clone());
        visitor.trail.attempt(Who::anonymous(), attempt);
        let password = Secret::new(ask.password);
        self.guess_password(visitor.way.address, &name, person.as_ref(), password)
            .await?;
        let person = person.ok_or(AppError::SignInRefused)?;
        // Only who knows the password learns of it.
        if person.status != PersonStatus::Active {
            return Err(Denied::Suspended.into());
        }
        if let Some(factor) = self.second_factor_of(person.id).await? {
            let Some(code) = ask.code else {
                let asked = Change::new("sign_in.second_factor_asked", tried);
                visitor
                    .trail
                    .record(Who::person(person.id, &person.name), asked)
                    .await?;
                return Ok(Began {
                    answer: SignedIn {
                        signed_in: false,
                        second_factor: true,
                    },
                    cookie: None,
                });
            };
            if !self.second_factor_passes(person.id, &factor, &code).await? {
                return Err(AppError::SignInRefused);
            }
        }
        self.session_begin(visitor, person.id, SignInMethod::Password).await
    }

    /// Whether the password is that of the person: counted among the tries of this address and name, and refused while
    /// there were too many.
    pub(crate) async fn guess_password(
        &self,
        address: std::net::IpAddr,
        name: &str,
        person: Option<&Person>,
        password: Secret<String>,
    ) -> Result<(), AppError> {
        let (limits, now) = (&self.identity().limits, self.now());
        let network = identity::network(address);
        let by_address = Guess::Address(network);
        // What is too long for a name is nobody's; names of strangers need not be kept whole.
        let by_name = Guess::Name(network, name.chars().take(64).collect());
        let enter = |guess: &Guess, rule| limits.enter(guess.clone(), rule, now).map_err(AppError::SignInLimited);
        // The address first: what is refused for it is no try of the name, and makes no entry of it.
        enter(&by_address, ADDRESS)?;
        enter(&by_name, NAME)?;
        let hash = match person {
            Some(person) => self.store().password_hash(person.id).await?,
            None => None,
        };
        if password.expose().len() > LONGEST {
            return Err(AppError::SignInRefused);
        }
        match self.identity().hashing.verify(password, hash).await {
            Ok(true) => {
                limits.take_back(&by_address, now);
                limits.forgive(&by_name);
                Ok(())
            }
            Ok(false) => Err(AppError::SignInRefused),
            // Nothing was judged.
            Err(error) => {
                limits.take_back(&by_address, now);
                limits.take_back(&by_name, now);
                Err(error.into())
            }
        }
    }

    /// Claims a person: they get this password, and their sessions, password and second factor of before are over. What they
    /// linked at identity providers and their API tokens stay.
    pub(crate) async fn claim(&self, visitor: &Visitor, ask: Claim) -> Result<Began, AppError> {
        let invitation = self.invitation_of(&ask.token).await?;
        let id = invitation.claims.ok_or(AppError::LinkInvalid)?;
        let person = self.store().person_get(id).await?.ok_or(AppError::LinkInvalid)?;
        if person.status != PersonStatus::Active {
            return Err(Denied::Suspended.into());
        }
        let name = ask.name.unwrap_or(person.name);
        let display_name = ask.display_name.unwrap_or(person.display_name);
        let mut checks = Checks::default();
        checks.unique_name("/name", &name);
        checks.text("/display_name", &display_name);
        checks.password("/password", &ask.password, &name);
        checks.done()?;
        let hash = self.identity().hashing.hash(Secret::new(ask.password)).await?;
        let names = (name.as_str(), display_name.as_str());
        let claim = Change::new("claim", Resource::new("person", id).named(&name))
            .after(&json!({ "name": name, "display_name": display_name }));
        visitor.trail.record(Who::person(id, &name), claim).await?;
        let claimed = self
            .store()
            .invitation_claim(invitation.id, id, names, &hash, self.now());
        claimed.await.map_err(used_up)?;
        self.gate().forget_all().await?;
        self.session_begin(visitor, id, SignInMethod::Claim).await
    }

    /// Makes the person that an invitation is for, and signs them in.
    pub(crate) async fn invitation_accept(&self, visitor: &Visitor, ask: InvitationAccept) -> Result<Began, AppError> {
        let invitation = self.invitation_of(&ask.token).await?;
        if invitation.claims.is_some() || !self.still_stands(&invitation).await? {
            return Err(AppError::LinkInvalid);
        }
        let display_name = ask.display_name.unwrap_or_else(|| invitation.display_name.clone());
        let mut checks = Checks::default();
        checks.text("/display_name", &display_name);
        checks.password("/password", &ask.password, &invitation.name);
        checks.done()?;
        let hash = self.identity().hashing.hash(Secret::new(ask.password)).await?;
        let now = self.now();
        let person = Person {
            id: PersonId::new_at(now),
            name: invitation.name.clone(),
            display_name,
            email: None,
            role: invitation.role,
            status: PersonStatus::Active,
            charged_group: None,
            created_at: now,
        };
        let accept = Change::new(
            "invitations.accept",
            Resource::new("invitation", invitation.id).named(&invitation.name),
        )
        .after(&view::user(person.clone()));
        visitor
            .trail
            .record(Who::person(person.id, &person.name), accept)
            .await?;
        let accepted = self.store().invitation_accept(&invitation, &person, &hash, now);
        accepted.await.map_err(used_up)?;
        self.session_begin(visitor, person.id, SignInMethod::Invitation).await
    }

    /// The open invitation of a link's secret.
    async fn invitation_of(&self, text: &str) -> Result<Invitation, AppError> {
        let parsed = token::parse(Kind::Invitation, text).ok_or(AppError::LinkInvalid)?;
        let found = self.store().invitation_by_public_id(parsed.public_id).await?;
        let now = self.now();
        found
            .filter(|i| token::matches(&i.hash, &parsed.hash) && i.is_open(now))
            .ok_or(AppError::LinkInvalid)
    }

    /// Whether whoever made an invitation could make it today.
    async fn still_stands(&self, invitation: &Invitation) -> Result<bool, AppError> {
        let Some(maker) = invitation.created_by else {
            return Ok(true);
        };
        let Some(maker) = self.actor_of(maker).await? else {
            return Ok(false);
        };
        if maker.may(Action::PersonWrite) != Ok(Extent::All) {
            return Ok(false);
        }
        let beyond = self.beyond_invitation(&maker, invitation.role, &invitation.groups);
        Ok(beyond.await?.is_empty())
    }

    /// Begins a session, and ends the one that the browser had.
    pub(crate) async fn session_begin(
        &self,
        visitor: &Visitor,
        person: PersonId,
        method: SignInMethod,
    ) -> Result<Began, AppError> {
        let lifetime = self.identity().lifetime_seconds();
        let (_, began) = self.session_begin_for(visitor, person, method, lifetime).await?;
        Ok(began)
    }

    /// Begins a session of at most so many seconds, and ends the one that the browser had.
    pub(super) async fn session_begin_for(
        &self,
        visitor: &Visitor,
        person: PersonId,
        method: SignInMethod,
        lifetime: i64,
    ) -> Result<(SessionId, Began), AppError> {
        let now = self.now();
        let minted = token::mint(Kind::Session)?;
        let session = Session {
            id: SessionId::new_at(now),
            public_id: minted.public_id,
            hash: minted.hash,
            person,
            method,
            address: visitor.way.address.to_string(),
            agent: visitor.agent.clone(),
            created_at: now,
            last_used_at: now,
            expires_at: now.plus_seconds(lifetime),
            ended_at: None,
        };
        let name = self
            .store()
            .person_get(person)
            .await?
            .map(|p| p.name)
            .unwrap_or_default();
        let sign_in = Change::new("sign_in", Resource::new("session", session.id)).after(&json!({
            "method": session.method.to_string(),
            "agent": session.agent,
            "expires_at": session.expires_at.to_string(),
            "ends": visitor.session,
        }));
        visitor.trail.record(Who::person(person, &name), sign_in).await?;
        if let Some(before) = visitor.session {
            self.store().session_end(before, now).await?;
        }
        self.store().session_insert(&session).await?;
        tracing::info!(person.id = %person, session.id = %session.id, method = %session.method, address = %session.address, "signed in");
        let began = Began {
            answer: SignedIn {
                signed_in: true,
                second_factor: false,
            },
            cookie: identity::set(minted.text.expose(), lifetime),
        };
        Ok((session.id, began))
    }
}

/// A link that somebody else used a moment ago is like one that was used long ago.
fn used_up(error: StoreError) -> AppError {
    match error {
        StoreError::Conflict {
            what: "invitation",
            field: "token",
        } => AppError::LinkInvalid,
        error => error.into(),
    }
}
