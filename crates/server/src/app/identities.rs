//! One's identities at providers.

use bailey_api::sign_in::{Confirm, Identity};
use bailey_core::identity::{Identity as Record, renewed_role};
use bailey_core::people::Person;
use bailey_core::{GrantId, IdentityId, SessionId};
use bailey_gate::authorize::Actor;
use bailey_runtime::ids::NewId;
use bailey_store::WaysIn;
use http::HeaderValue;
use serde_json::{Value, json};

use super::provider_gifts::shown_gifts;
use super::second_factor::wrong_code;
use super::{App, AppError, Caller, users};
use crate::audit::{Change, Resource};
use crate::way::Way;

/// For how many seconds somebody has just shown who they are.
const RECENT: i64 = 300;

/// An identity as the audit log shows it.
pub(super) fn shown_identity(identity: &Record) -> Value {
    json!({
        "provider": identity.provider, "issuer": identity.issuer, "subject": identity.subject, "login": identity.login,
    })
}

impl App {
    /// The asker's identities, oldest first.
    pub(crate) async fn identities_list(&self, actor: &Actor) -> Result<Vec<Identity>, AppError> {
        let records = self.store().identities_of(actor.person.id).await?;
        let shown = |record: Record| {
            let provider = self.identity().providers.get(&record.provider).ok();
            Identity {
                id: record.id,
                display_name: provider.map_or_else(|| record.provider.clone(), |p| p.config.display_name.clone()),
                provider: record.provider,
                subject: record.subject,
                login: record.login,
                email: record.email,
                linked_at: record.linked_at.into(),
                last_used_at: record.last_used_at.into(),
            }
        };
        Ok(records.into_iter().map(shown).collect())
    }

    /// Removes one of the asker's identities, and what its provider gave.
    pub(crate) async fn identity_remove(&self, caller: &Caller, id: IdentityId) -> Result<(), AppError> {
        let actor = &caller.actor;
        let session = actor.session.ok_or(AppError::SessionRequired)?;
        // A role may go with it; the store keeps the last owner's.
        let _owners = self.owners().lock().await;
        let records = self.store().identities_of(actor.person.id).await?;
        let record = records
            .into_iter()
            .find(|record| record.id == id)
            .ok_or(AppError::NotFound)?;
        let person = self
            .store()
            .person_get(record.person)
            .await?
            .ok_or(AppError::NotFound)?;
        let (role, _) = renewed_role(&record, person.role, None);
        let providers = &self.identity().providers;
        let issuers: Vec<&str> = providers.all().iter().map(crate::providers::Provider::issuer).collect();
        let ways = WaysIn {
            passwords: self.identity().config.passwords,
            issuers: &issuers,
        };
        let gifts = self.store().identity_gifts(&record).await?;
        let change = Change::new("me.identities_remove", users::resource(&person))
            .before(&json!({ "identity": shown_identity(&record), "role": person.role, "given": shown_gifts(&record, &gifts) }))
            .after(&json!({ "role": role }));
        caller.record(change).await?;
        let role = (role != person.role).then_some(role);
        let removed = self.store().identity_remove(&record, role, ways, session, self.now());
        removed.await?;
        self.provider_grants(&record, &[]).await?;
        tracing::info!(person.id = %person.id, provider = record.provider, "an identity is removed");
        Ok(self.gate().forget_all().await?)
    }

    /// Notes that the asker has just shown their password, and gives their session another secret.
    pub(crate) async fn confirm(
        &self,
        caller: &Caller,
        way: &Way,
        ask: Confirm,
    ) -> Result<Option<HeaderValue>, AppError> {
        let actor = &caller.actor;
        let person: &Person = &actor.person;
        let session = actor.session.ok_or(AppError::SessionRequired)?;
        self.own_password(person, way, ask.password, "/password").await?;
        if let Some(factor) = self.second_factor_of(person.id).await? {
            let code = ask
                .code
                .ok_or_else(|| AppError::field("/code", "is missing; there is a second factor"))?;
            if !self.second_factor_passes(person.id, &factor, &code).await? {
                return Err(wrong_code("/code"));
            }
        }
        caller
            .record(Change::new("me.confirm", Resource::new("session", session)))
            .await?;
        self.store().session_confirm(session, self.now()).await?;
        self.session_renew(actor).await
    }

    /// Gives the person of an identity the roles of people's own making that its provider gives, and takes those that it gave
    /// before. Says whether that changed anything.
    pub(super) async fn provider_grants(&self, identity: &Record, roles: &[String]) -> Result<bool, AppError> {
        let now = self.now();
        let (person, provider) = (identity.person, identity.provider.as_str());
        let set = self
            .store()
            .grants_set_of_provider(person, provider, roles, || GrantId::new_at(now), now);
        Ok(set.await?)
    }

    /// Makes sure that whoever uses a session has just shown who they are.
    pub(super) async fn recently_shown(&self, session: SessionId) -> Result<(), AppError> {
        let began = self
            .store()
            .session_get(session)
            .await?
            .map(|session| session.created_at);
        let confirmed = self.store().session_confirmed_at(session).await?;
        let now = self.now();
        let recent = began
            .into_iter()
            .chain(confirmed)
            .any(|at| now < at.plus_seconds(RECENT));
        if recent {
            Ok(())
        } else {
            Err(AppError::ConfirmationRequired)
        }
    }
}
