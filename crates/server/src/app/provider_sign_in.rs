//! Signing in by way of an identity provider, and linking identities.

use bailey_api::sign_in::ProviderStartQuery;
use bailey_core::authz::Role;
use bailey_core::identity::{Identity, SignInMethod, renewed_role};
use bailey_core::people::{Group, Person, PersonStatus, valid_name};
use bailey_core::{GroupId, IdentityId, PersonId};
use bailey_gate::authorize::{Actor, Denied};
use bailey_runtime::ids::{self, NewId};
use bailey_store::{Given, StoreError};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use serde_json::json;

use super::identities::shown_identity;
use super::{App, AppError, Visitor, users};
use crate::audit::{Change, Resource, Trail, TurnedAway, Who};
use crate::guard;
use crate::origin::own_path;
use crate::providers::{Answer, Flow, FlowStart, Provider, ProviderError, Vouched};
use crate::reject::Reject;

/// Where the browser goes, and what it is given on the way.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) to: String,
    pub(crate) cookies: Vec<HeaderValue>,
    /// Why nothing came of it, if that is so.
    pub(crate) turned_away: Option<TurnedAway>,
}

impl Landed {
    pub(super) const fn at(to: String, cookies: Vec<HeaderValue>) -> Self {
        Self {
            to,
            cookies,
            turned_away: None,
        }
    }
}

/// Why nobody got in, and nothing was linked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Provider(#[from] ProviderError),
    #[error("nobody here is known by this identity, and strangers do not become people")]
    SignUpClosed,
    #[error("nobody has claimed this installation, and the provider makes them no owner")]
    NotClaimed,
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::App(error.into())
    }
}

impl Refusal {
    fn code(self) -> String {
        match self {
            Self::Provider(error) => error.code().as_str().to_owned(),
            Self::SignUpClosed => bailey_api::Code::SignUpClosed.as_str().to_owned(),
            Self::NotClaimed => bailey_api::Code::NotClaimed.as_str().to_owned(),
            Self::App(error) => Reject::from(error).problem().code.clone(),
        }
    }
}

impl App {
    /// Sends a browser to a provider.
    pub(crate) async fn provider_start(&self, name: &str, query: ProviderStartQuery, parts: &mut Parts) -> Landed {
        let back = query.back.as_deref().and_then(own_path).unwrap_or("/").to_owned();
        match self.flow_begin(name, &back, query.link, parts).await {
            Ok(landed) => landed,
            Err(refusal) => self.turned_away(name, refusal, &back, query.link, parts),
        }
    }

    async fn flow_begin(&self, name: &str, back: &str, link: bool, parts: &mut Parts) -> Result<Landed, Refusal> {
        let provider = self.identity().providers.get(name)?;
        let visitor = self.visitor_of(parts).await?;
        let link = if link {
            // Another page could have somebody link what is not theirs, with an identity that it chose for them.
            if !from_here(&parts.headers) {
                return Err(AppError::OriginRefused.into());
            }
            let actor = guard::signed_in(self, parts).await?.ok_or(AppError::SessionEnded)?;
            let session = actor.session.ok_or(AppError::SessionRequired)?;
            self.recently_shown(session).await?;
            Some(session)
        } else {
            None
        };
        let start = FlowStart {
            provider: name.to_owned(),
            back: back.to_owned(),
            link,
        };
        let now = self.now();
        let flow = Flow::begin(start, now).map_err(AppError::from)?;
        let to = provider
            .authorize_url(&flow, &redirect_uri(&visitor, name), now)
            .await?;
        let cookie = flow.cookie(self.identity().providers.flows()).map_err(AppError::from)?;
        Ok(Landed::at(to, vec![cookie]))
    }

    /// Takes a provider's answer.
    pub(crate) async fn provider_callback(&self, name: &str, parts: &mut Parts) -> Landed {
        let flow = Flow::of(&parts.headers, self.identity().providers.flows());
        let (back, links) = flow
            .as_ref()
            .map_or(("/", false), |flow| (flow.back.as_str(), flow.links()));
        let mut landed = match self.flow_end(name, flow.as_ref(), parts).await {
            Ok(landed) => landed,
            Err(refusal) => self.turned_away(name, refusal, back, links, parts),
        };
        landed.cookies.push(Flow::cleared());
        landed
    }

    async fn flow_end(&self, name: &str, flow: Option<&Flow>, parts: &mut Parts) -> Result<Landed, Refusal> {
        let provider = self.identity().providers.get(name)?;
        let visitor = self.visitor_of(parts).await?;
        let answer = Answer::parse(parts.uri.query().unwrap_or_default())?;
        let flow = flow.ok_or(ProviderError::Stale("the browser has no cookie of it"))?;
        let now = self.now();
        flow.check(name, answer.state.as_deref(), now)?;
        if !self.store().spend_once(&flow.spent(), flow.ends()).await? {
            return Err(ProviderError::Stale("it was answered before").into());
        }
        let asker = match flow.link() {
            None => None,
            Some(session) => {
                let actor = guard::signed_in(self, parts).await?;
                // The one who began it, and nobody who signed in meanwhile.
                Some(
                    actor
                        .filter(|actor| actor.session == Some(session))
                        .ok_or(AppError::SessionEnded)?,
                )
            }
        };
        // From here on it is somebody's own try, and a refusal is worth a record.
        let place = Resource::new("identity_provider", name);
        let (who, action) = match &asker {
            Some(actor) => (Who::from(actor), "me.identities_link"),
            None => (Who::anonymous(), "sign_in.provider"),
        };
        visitor.trail.attempt(who.clone(), Change::new(action, place.clone()));
        let redirect = redirect_uri(&visitor, name);
        let vouched = provider.vouched(&answer, flow, &redirect, now).await?;
        let known = json!({ "subject": vouched.subject, "login": vouched.login });
        visitor.trail.attempt(who, Change::new(action, place).after(&known));
        let cookies = match asker {
            Some(actor) => {
                self.identity_link(provider, &actor, &visitor.trail, &vouched).await?;
                Vec::new()
            }
            None => self.provider_sign_in(provider, &visitor, &vouched).await?,
        };
        Ok(Landed::at(flow.back.clone(), cookies))
    }

    pub(super) async fn visitor_of(&self, parts: &Parts) -> Result<Visitor, AppError> {
        let way = self.identity().ways.of(&parts.extensions, &parts.headers);
        let mut visitor = self.visitor(way, &parts.method, &parts.headers).await?;
        visitor.trail = trail_of(parts);
        Ok(visitor)
    }

    /// Says why on a page: the one that signs people in, or the one that somebody wanted to link an identity on.
    pub(super) fn turned_away(&self, name: &str, refusal: Refusal, back: &str, links: bool, parts: &Parts) -> Landed {
        let way = self.identity().ways.of(&parts.extensions, &parts.headers);
        let reason = refusal.to_string();
        let code = refusal.code();
        // What a provider says may be any text: `?` escapes it.
        tracing::warn!(provider = ?name, address = %way.address, code, ?reason, "signing in by way of a provider is refused");
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("error", &code);
        let to = if links {
            let (page, rest) = back
                .split_once('#')
                .map_or((back, None), |(page, rest)| (page, Some(rest)));
            let joint = if page.contains('?') { '&' } else { '?' };
            let fragment = rest.map(|rest| format!("#{rest}")).unwrap_or_default();
            format!("{page}{joint}{}{fragment}", query.finish())
        } else {
            if back != "/" {
                query.append_pair("return", back);
            }
            format!("/sign-in?{}", query.finish())
        };
        Landed {
            turned_away: Some(TurnedAway { code, reason }),
            ..Landed::at(to, Vec::new())
        }
    }

    /// Whether somebody can sign in here at all.
    pub(super) async fn is_claimed(&self) -> Result<bool, AppError> {
        Ok(self.store().any_password().await? || self.store().any_identity().await?)
    }

    /// Whether strangers whom a provider vouches for become people.
    pub(super) fn signs_up(&self, provider: &Provider) -> bool {
        self.identity().config.sign_up && provider.config.sign_up
    }

    /// Begins a session for whom a provider vouches for; a stranger becomes a person first, if strangers do.
    async fn provider_sign_in(
        &self,
        provider: &Provider,
        visitor: &Visitor,
        vouched: &Vouched,
    ) -> Result<Vec<HeaderValue>, Refusal> {
        let known = self
            .store()
            .identity_by_subject(&vouched.issuer, &vouched.subject)
            .await?;
        let identity = match known {
            Some(identity) => self.identity_renew(provider, identity, &visitor.trail, vouched).await?,
            None => self.sign_up(provider, &visitor.trail, vouched).await?,
        };
        let lifetime = self.identity().lifetime_seconds();
        let lifetime = provider
            .session_seconds(&vouched.tokens)
            .map_or(lifetime, |most| most.clamp(0, lifetime));
        let method = SignInMethod::Provider(provider.config.name.clone());
        let (session, began) = self
            .session_begin_for(visitor, identity.person, method, lifetime)
            .await?;
        if let Err(error) = self.provider_session_begin(session, identity.id, &vouched.tokens).await {
            // A session that its provider could not end is none.
            self.store().session_end(session, self.now()).await?;
            return Err(error.into());
        }
        Ok(began.cookie.into_iter().collect())
    }

    /// Makes a person of a stranger.
    async fn sign_up(&self, provider: &Provider, trail: &Trail, vouched: &Vouched) -> Result<Identity, Refusal> {
        let given = provider.role_of(vouched);
        if !self.is_claimed().await? && given != Some(Role::Owner) {
            return Err(Refusal::NotClaimed);
        }
        if !self.signs_up(provider) {
            return Err(Refusal::SignUpClosed);
        }
        let now = self.now();
        let mut person = Person {
            id: PersonId::new_at(now),
            name: String::new(),
            display_name: shown_name(vouched),
            email: vouched.email.clone(),
            role: provider.config.default_role,
            status: PersonStatus::Active,
            charged_group: None,
            created_at: now,
        };
        let identity = self.stranger(provider, person.id, vouched);
        let (role, identity) = renewed_role(&identity, person.role, given);
        person.role = role;
        let groups = self.groups_given(provider, vouched);
        let given = Given {
            role: None,
            groups: Some(&groups),
        };
        for name in names(vouched).map_err(AppError::from)? {
            if self.store().person_by_name(&name).await?.is_some() {
                continue;
            }
            person.name = name;
            let change = Change::new("users.sign_up", users::resource(&person)).after(&json!({
                "identity": shown_identity(&identity), "role": person.role,
                "groups": groups.iter().map(|group| &group.name).collect::<Vec<_>>(),
            }));
            let record = trail.record(Who::person(person.id, &person.name), change);
            record.await.map_err(AppError::from)?;
            match self.store().identity_sign_up(&person, &identity, &given).await {
                Ok(()) => {
                    self.provider_grants(&identity, &provider.custom_roles_of(vouched))
                        .await?;
                    tracing::info!(person.id = %person.id, name = person.name, provider = provider.config.name, role = %person.role, "signed up");
                    return Ok(identity);
                }
                Err(StoreError::Conflict { field: "name", .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(AppError::Conflict {
            code: bailey_api::Code::NameTaken,
            detail: "no login name for them is free".to_owned(),
        }
        .into())
    }

    /// An identity that is nobody's yet.
    fn stranger(&self, provider: &Provider, person: PersonId, vouched: &Vouched) -> Identity {
        let now = self.now();
        Identity {
            id: IdentityId::new_at(now),
            person,
            provider: provider.config.name.clone(),
            issuer: vouched.issuer.clone(),
            subject: vouched.subject.clone(),
            login: vouched.login.clone(),
            email: vouched.email.clone(),
            given_role: None,
            own_role: None,
            linked_at: now,
            last_used_at: now,
        }
    }

    fn groups_given(&self, provider: &Provider, vouched: &Vouched) -> Vec<Group> {
        let now = self.now();
        let group = |name: &str| Group {
            id: GroupId::new_at(now),
            name: name.to_owned(),
            display_name: name.to_owned(),
            created_at: now,
        };
        provider.groups_of(vouched).into_iter().map(group).collect()
    }

    /// Gives the person of an identity what the provider gives today, and takes what it gave before.
    async fn identity_renew(
        &self,
        provider: &Provider,
        identity: Identity,
        trail: &Trail,
        vouched: &Vouched,
    ) -> Result<Identity, AppError> {
        // The person's record must not change between reading and writing it.
        let _owners = self.owners().lock().await;
        let person = self
            .store()
            .person_get(identity.person)
            .await?
            .ok_or(AppError::NotFound)?;
        if person.status != PersonStatus::Active {
            return Err(Denied::Suspended.into());
        }
        let identity = Identity {
            provider: provider.config.name.clone(),
            login: vouched.login.clone(),
            email: vouched.email.clone(),
            last_used_at: self.now(),
            ..identity
        };
        let (role, renewed) = renewed_role(&identity, person.role, provider.role_of(vouched));
        let groups = self.groups_given(provider, vouched);
        self.record_given(provider, &person, role, trail).await?;
        let given = Given {
            role: (role != person.role).then_some(role),
            groups: Some(&groups),
        };
        let (done, renewed) = match self.store().identity_renew(&renewed, &given).await {
            Err(StoreError::Conflict {
                field: "last_owner", ..
            }) => {
                tracing::warn!(person.id = %person.id, provider = provider.config.name, "the provider takes the last owner's role away; they keep it until there is another one");
                let given = Given { role: None, ..given };
                (self.store().identity_renew(&identity, &given).await, identity)
            }
            done => (done, renewed),
        };
        let granted = self
            .provider_grants(&renewed, &provider.custom_roles_of(vouched))
            .await?;
        if done? || granted {
            self.gate().forget_all().await?;
        }
        Ok(renewed)
    }

    /// Records that a provider gives somebody another role.
    async fn record_given(
        &self,
        provider: &Provider,
        person: &Person,
        role: Role,
        trail: &Trail,
    ) -> Result<(), AppError> {
        if role == person.role {
            return Ok(());
        }
        let change = Change::new("users.role_by_provider", users::resource(person))
            .before(&json!({ "role": person.role }))
            .after(&json!({ "role": role, "provider": provider.config.name }));
        tracing::info!(person.id = %person.id, provider = provider.config.name, before = %person.role, %role, "the provider gives another role");
        trail.record(Who::person(person.id, &person.name), change).await?;
        Ok(())
    }

    /// Links an identity to whoever asks, and gives them what its provider gives.
    async fn identity_link(
        &self,
        provider: &Provider,
        actor: &Actor,
        trail: &Trail,
        vouched: &Vouched,
    ) -> Result<(), AppError> {
        let known = self
            .store()
            .identity_by_subject(&vouched.issuer, &vouched.subject)
            .await?;
        match known {
            Some(known) if known.person != actor.person.id => {
                return Err(AppError::Conflict {
                    code: bailey_api::Code::IdentityTaken,
                    detail: "this account at the provider is another person's here".to_owned(),
                });
            }
            Some(known) => return self.identity_renew(provider, known, trail, vouched).await.map(drop),
            None => {}
        }
        let _owners = self.owners().lock().await;
        let person = self
            .store()
            .person_get(actor.person.id)
            .await?
            .ok_or(AppError::NotFound)?;
        let identity = self.stranger(provider, person.id, vouched);
        let (role, identity) = renewed_role(&identity, person.role, provider.role_of(vouched));
        let groups = self.groups_given(provider, vouched);
        let given = Given {
            // What somebody has by hand is never taken away by linking.
            role: (role != person.role).then_some(role),
            groups: Some(&groups),
        };
        let change = Change::new("me.identities_link", users::resource(&person)).after(&shown_identity(&identity));
        trail.record(Who::from(actor), change).await?;
        self.record_given(provider, &person, role, trail).await?;
        self.store().identity_insert(&identity, &given).await?;
        self.provider_grants(&identity, &provider.custom_roles_of(vouched))
            .await?;
        tracing::info!(person.id = %person.id, provider = provider.config.name, "an identity is linked");
        Ok(self.gate().forget_all().await?)
    }
}

/// Where what is asked is recorded.
fn trail_of(parts: &Parts) -> Trail {
    parts.extensions.get::<Trail>().cloned().unwrap_or_default()
}

/// Whether a request comes from a page of Bailey's own, or the address bar, as far as the browser tells.
fn from_here(headers: &HeaderMap) -> bool {
    let site = headers
        .get("sec-fetch-site")
        .map(|site| site.to_str().unwrap_or("unreadable"));
    matches!(site, None | Some("same-origin" | "none"))
}

/// The address that a provider sends browsers back to: one of its own for each provider.
fn redirect_uri(visitor: &Visitor, name: &str) -> String {
    format!("{}/auth/{name}/callback", visitor.way.base)
}

/// The longest name to show.
const SHOWN: usize = 128;

fn shown_name(vouched: &Vouched) -> String {
    let name = vouched.display_name.as_deref().unwrap_or(&vouched.login);
    let clean: String = name.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let clean = clean.trim();
    if clean.is_empty() {
        "?".to_owned()
    } else {
        clean.to_owned()
    }
}

/// The longest name that others are made from by adding to it.
const STEM: usize = 48;

/// Login names to try, the likeliest first.
fn names(vouched: &Vouched) -> Result<Vec<String>, ids::RandomError> {
    let local = vouched.login.split('@').next().unwrap_or_default();
    let kept = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let lower = local.to_lowercase();
    let plain: String = lower.chars().map(|c| if kept(c) { c } else { '-' }).collect();
    let stem: String = plain
        .trim_matches(|c| matches!(c, '.' | '_' | '-'))
        .chars()
        .take(STEM)
        .collect();
    let stem = if valid_name(&stem) { stem } else { "user".to_owned() };
    let mut names = vec![stem.clone()];
    names.extend((2..=20).map(|n| format!("{stem}-{n}")));
    let random = u32::from_be_bytes(ids::random::<4>()?);
    names.push(format!("{stem}-{random:08x}"));
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::providers::Tokens;

    #[test]
    fn a_login_name_is_made_of_what_the_provider_calls_them() {
        let first = |login: &str| {
            let vouched = Vouched {
                issuer: String::new(),
                subject: String::new(),
                login: login.to_owned(),
                display_name: None,
                email: None,
                groups: BTreeSet::new(),
                roles: BTreeSet::new(),
                tokens: Tokens::default(),
            };
            let names = names(&vouched).unwrap();
            assert!(names.iter().all(|name| valid_name(name)), "{names:?}");
            names[0].clone()
        };
        assert_eq!(first("Ada.Lovelace@example.com"), "ada.lovelace");
        assert_eq!(first("ACME\\ada"), "acme-ada");
        assert_eq!(first("Zo\u{eb}"), "zo");
        for none in ["", "@example.com", "\u{4e2d}", "..."] {
            assert_eq!(first(none), "user", "{none}");
        }
        assert_eq!(first(&"x".repeat(200)).len(), STEM);
    }
}
