//! Accounts at forges: linking one's own, seeing what is linked, and unlinking.

use bailey_api::Code;
use bailey_api::external::{ExternalAccount as View, ExternalLink, ExternalLinkBegun, LinkedAccount};
use bailey_core::PersonId;
use bailey_core::authz::TokenScopes;
use bailey_core::identity::ExternalAccount;
use bailey_gate::authorize::Actor;
use bailey_store::StoreError;
use http::HeaderValue;
use http::request::Parts;
use serde_json::{Value, json};

use super::provider_sign_in::{Landed, Refusal};
use super::{App, AppError, Caller, Visitor};
use crate::audit::{Change, Resource, Who};
use crate::guard;
use crate::origin::own_path;
use crate::providers::{Answer, Flow, FlowStart, Forge, ProviderError, Refreshed};
use crate::way::Way;

/// Where a browser is sent in the end unless somebody says otherwise.
const BACK: &str = "/profile";

/// A forge as the audit log names it.
fn place(name: &str) -> Resource {
    Resource::new("external_account", name)
}

/// An account as the audit log shows it.
pub(super) fn shown_account(account: &ExternalAccount) -> Value {
    json!({
        "provider": account.provider, "base_url": account.base_url, "account_id": account.account_id,
        "login": account.login, "scopes": account.scopes,
    })
}

/// The address that a forge sends browsers back to: one of its own for each.
fn redirect_uri(way: &Way, name: &str) -> String {
    format!("{}/auth/external/{name}/callback", way.base)
}

impl App {
    /// The forges that one can link an account of, and what the asker has linked.
    pub(crate) async fn external_accounts_list(&self, actor: &Actor) -> Result<Vec<View>, AppError> {
        let mut linked = self.store().external_accounts_of(actor.person.id).await?;
        let forges = self.identity().external.all();
        let mut views: Vec<View> = Vec::with_capacity(forges.len());
        for forge in forges {
            let config = &forge.config;
            let at = linked.iter().position(|account| account.provider == config.name);
            let account = at.map(|at| linked.swap_remove(at));
            views.push(View {
                provider: config.name.clone(),
                display_name: config.display_name.clone(),
                kind: Some(config.kind.as_str().to_owned()),
                base_url: config.base_url.clone(),
                account: account.map(|account| view(account, Some(forge))),
            });
        }
        linked.sort_by(|one, other| one.provider.cmp(&other.provider));
        // Of forges that are not configured any more: one can still unlink.
        views.extend(linked.into_iter().map(|account| View {
            provider: account.provider.clone(),
            display_name: account.provider.clone(),
            kind: None,
            base_url: account.base_url.clone(),
            account: Some(view(account, None)),
        }));
        Ok(views)
    }

    /// Begins to link an account: where the browser goes on, and what it keeps meanwhile.
    pub(crate) async fn external_link_begin(
        &self,
        caller: &Caller,
        way: &Way,
        name: &str,
        ask: &ExternalLink,
    ) -> Result<(ExternalLinkBegun, HeaderValue), AppError> {
        let session = caller.actor.session.ok_or(AppError::SessionRequired)?;
        let external = &self.identity().external;
        let forge = external.get(name).map_err(|_| AppError::NotFound)?;
        let back = match &ask.back {
            None => BACK,
            Some(path) => own_path(path).ok_or_else(|| AppError::field("/back", "is no path of Bailey's own"))?,
        };
        let start = FlowStart {
            provider: forge.flow_name(),
            back: back.to_owned(),
            link: Some(session),
        };
        let flow = Flow::begin(start, self.now())?;
        let cookie = flow.cookie(self.identity().providers.flows())?;
        caller
            .record(Change::new("me.external_accounts_link_begin", place(name)))
            .await?;
        let url = forge.authorize_url(&flow, &redirect_uri(way, name));
        Ok((ExternalLinkBegun { url }, cookie))
    }

    /// Takes a forge's answer.
    pub(crate) async fn external_link_end(&self, name: &str, parts: &mut Parts) -> Landed {
        let flow = Flow::of(&parts.headers, self.identity().providers.flows());
        let back = flow.as_ref().map_or(BACK, |flow| flow.back.as_str());
        let mut landed = match self.external_answer(name, flow.as_ref(), parts).await {
            Ok(()) => Landed::at(back.to_owned(), Vec::new()),
            Err(refusal) => self.turned_away(name, refusal, back, true, parts),
        };
        landed.cookies.push(Flow::cleared());
        landed
    }

    async fn external_answer(&self, name: &str, flow: Option<&Flow>, parts: &mut Parts) -> Result<(), Refusal> {
        let forge = self.identity().external.get(name)?;
        let visitor = self.visitor_of(parts).await?;
        let answer = Answer::parse(parts.uri.query().unwrap_or_default())?;
        let flow = flow.ok_or(ProviderError::Stale("the browser has no cookie of it"))?;
        let now = self.now();
        flow.check(&forge.flow_name(), answer.state.as_deref(), now)?;
        if !self.store().spend_once(&flow.spent(), flow.ends()).await? {
            return Err(ProviderError::Stale("it was answered before").into());
        }
        // The one who began it, and nobody who signed in meanwhile.
        let actor = guard::signed_in(self, parts).await?;
        let actor = actor.filter(|actor| actor.session.is_some() && actor.session == flow.link());
        let actor = actor.ok_or(AppError::SessionEnded)?;
        let change = Change::new("me.external_accounts_link", place(name));
        visitor.trail.attempt(Who::from(&actor), change);
        self.external_link(forge, &actor, &visitor, (&answer, flow)).await
    }

    async fn external_link(
        &self,
        forge: &Forge,
        actor: &Actor,
        visitor: &Visitor,
        (answer, flow): (&Answer, &Flow),
    ) -> Result<(), Refusal> {
        let name = forge.config.name.as_str();
        let tokens = forge.redeem(answer, flow, &redirect_uri(&visitor.way, name)).await?;
        let user = forge.user(&tokens.access).await?;
        let user = user.ok_or_else(|| ProviderError::Invalid("it does not take its own token".to_owned()))?;
        let (person, now) = (actor.person.id, self.now());
        let base_url = forge.config.base_url.clone();
        let external = &self.identity().external;
        let account = ExternalAccount {
            sealed: external.seal(person, &base_url, &tokens).map_err(AppError::from)?,
            person,
            provider: name.to_owned(),
            base_url,
            account_id: user.id,
            login: user.login,
            display_name: user.display_name,
            email: user.email,
            scopes: if tokens.scopes.is_empty() {
                forge.config.scopes.clone()
            } else {
                tokens.scopes.clone()
            },
            expires_at: tokens.seconds.map(|seconds| now.plus_seconds(seconds)),
            linked_at: now,
            last_used_at: None,
            refused_at: None,
        };
        // Nobody gets another token for the account that this one takes the place of meanwhile.
        let flight = external.flight(person, name);
        let _turn = flight.lock().await;
        let before = self.store().external_account(person, name).await?;
        let mut change = Change::new("me.external_accounts_link", place(name)).after(&shown_account(&account));
        if let Some(before) = &before {
            change = change.before(&shown_account(before));
        }
        let recorded = visitor.trail.record(Who::from(actor), change).await;
        recorded.map_err(AppError::from)?;
        match self.store().external_account_put(&account).await {
            Ok(()) => {}
            Err(error) => {
                // What nobody keeps is not to be good.
                self.external_revoke(vec![account]);
                return Err(taken(error).into());
            }
        }
        tracing::info!(person.id = %person, provider = name, "an account at a forge is linked");
        if let Some(before) = before {
            self.external_revoke(vec![before]);
        }
        Ok(())
    }

    /// Unlinks one of the asker's accounts. The forge is told where it can be; here it is gone either way.
    pub(crate) async fn external_unlink(&self, caller: &Caller, name: &str) -> Result<(), AppError> {
        let actor = &caller.actor;
        // What a token is narrowed to names nothing of this.
        if actor.session.is_none() && actor.scopes != TokenScopes::All {
            return Err(AppError::SessionRequired);
        }
        let person = actor.person.id;
        let flight = self.identity().external.flight(person, name);
        let _turn = flight.lock().await;
        let account = self.store().external_account(person, name).await?;
        let account = account.ok_or(AppError::NotFound)?;
        let change = Change::new("me.external_accounts_unlink", place(name)).before(&shown_account(&account));
        caller.record(change).await?;
        if !self.store().external_account_remove(person, name).await? {
            return Err(AppError::NotFound);
        }
        tracing::info!(person.id = %person, provider = name, "an account at a forge is unlinked");
        self.external_revoke(vec![account]);
        Ok(())
    }

    /// The accounts of somebody whose access is about to end, for [`App::external_revoke`] after it has.
    pub(super) async fn external_accounts_of(&self, person: PersonId) -> Result<Vec<ExternalAccount>, AppError> {
        Ok(self.store().external_accounts_of(person).await?)
    }

    /// Tells forges, beside whatever else happens, that tokens are not to be good any more. Here they are gone already.
    pub(super) fn external_revoke(&self, accounts: Vec<ExternalAccount>) {
        for account in accounts {
            let app = self.clone();
            self.gate().tasks().spawn(async move {
                if let Err(error) = app.external_revoke_one(&account).await {
                    let (person, provider) = (account.person, account.provider.as_str());
                    tracing::warn!(person.id = %person, provider, error = &error as &dyn std::error::Error, "a forge was not told that tokens are not to be good any more");
                }
            });
        }
    }

    async fn external_revoke_one(&self, account: &ExternalAccount) -> Result<(), AppError> {
        let external = &self.identity().external;
        let forge = external.get(&account.provider).ok();
        // Another forge by now learns nothing of the one before.
        let Some(forge) = forge.filter(|forge| forge.config.base_url == account.base_url) else {
            return Ok(());
        };
        let unable = |error: ProviderError| AppError::Provider(error.to_string());
        let (mut access, mut refresh) = external.open(account.person, &account.base_url, &account.sealed)?;
        // Forges forget about access tokens that are over, and about nothing that is got with them.
        if account.expires_at.is_some_and(|at| at <= self.now())
            && let Some(old) = &refresh
        {
            match forge.refresh(old).await.map_err(unable)? {
                Refreshed::Tokens(tokens) => (access, refresh) = (tokens.access, tokens.refresh),
                Refreshed::Ended(_) => return Ok(()),
            }
        }
        forge.revoke(&access).await.map_err(unable)?;
        if let Some(refresh) = &refresh {
            forge.revoke(refresh).await.map_err(unable)?;
        }
        Ok(())
    }
}

fn taken(error: StoreError) -> AppError {
    match error {
        StoreError::Conflict {
            field: "account_id", ..
        } => AppError::Conflict {
            code: Code::ExternalAccountTaken,
            detail: "this account at the forge is linked already, to another person or by another provider".to_owned(),
        },
        StoreError::Conflict { field: "owner", .. } => bailey_gate::authorize::Denied::Suspended.into(),
        error => error.into(),
    }
}

fn view(account: ExternalAccount, forge: Option<&Forge>) -> LinkedAccount {
    let elsewhere = forge.is_none_or(|forge| forge.config.base_url != account.base_url);
    LinkedAccount {
        id: account.account_id,
        login: account.login,
        display_name: account.display_name,
        email: account.email,
        scopes: account.scopes,
        linked_at: account.linked_at.into(),
        last_used_at: account.last_used_at.map(Into::into),
        link_again: account.refused_at.is_some() || elsewhere,
    }
}
