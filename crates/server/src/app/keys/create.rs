//! Making keys.

use bailey_api::FieldError;
use bailey_api::keys::{KeyCreate, KeyWithSecret, Models};
use bailey_core::budget::{Budget, BudgetSpec, BudgetSubject};
use bailey_core::key::{Key, KeyScope, ModelAccess};
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{BudgetId, KeyId, Timestamp};
use bailey_gate::token::{self, Kind};
use bailey_runtime::config::KeyDefaults;
use bailey_runtime::ids::NewId;

use super::{check_budgets, check_models, escape, escapes, resource};
use crate::app::bounds::{Bounds, with_default};
use crate::app::checks::Checks;
use crate::app::names::Names;
use crate::app::{App, AppError, Caller};
use crate::audit::Change;

impl App {
    /// Makes a key. Those who may not set budgets get at most what the scope's defaults are.
    pub async fn key_create(&self, caller: &Caller, ask: KeyCreate) -> Result<KeyWithSecret, AppError> {
        let now = self.now();
        let scope = ask.scope.unwrap_or(KeyScope::User);
        let defaults = self.defaults().key(scope);
        let expiry = check(&ask, now)?;
        let person = self.key_person(caller, ask.person.as_deref()).await?;
        let group = match ask.group.as_deref() {
            Some(text) => Some(self.group_of(&person, text, "/group").await?.id),
            None => None,
        };
        let most = Bounds::of_scope(&defaults, now);
        let raises = caller.sets_limits();
        let bounds = Bounds {
            models: models(ask.models, &defaults, raises),
            rpm: ask.rpm.or(defaults.rpm),
            tpm: ask.tpm.or(defaults.tpm),
            concurrent: ask.concurrent.or(defaults.concurrent),
            expires_at: expiry.unwrap_or(most.expires_at),
        };
        let budgets = ask.budget.map(|b| b.0);
        let budgets = if raises {
            budgets.unwrap_or_else(|| vec![defaults.budget])
        } else {
            let mut beyond = bounds.beyond(&most);
            if ask.workspace.is_some() {
                // Workspaces get their keys from the server; nobody takes another's by naming it.
                beyond.push(FieldError::body(
                    "/workspace",
                    "only those who may set budgets name one",
                ));
            }
            if escapes(None, group, person.charged_group) {
                beyond.push(escape());
            }
            let budgets = with_default(budgets, defaults.budget).map_err(|e| beyond.push(*e));
            match budgets {
                Ok(budgets) if beyond.is_empty() => budgets,
                _ => return Err(AppError::Beyond(beyond)),
            }
        };

        let minted = token::mint(Kind::Key)?;
        let mut key = Key {
            id: KeyId::new_at(now),
            public_id: minted.public_id,
            hash: minted.hash,
            name: ask.name,
            scope,
            person: person.id,
            group,
            workspace: ask.workspace,
            models: ModelAccess::default(),
            rpm: None,
            tpm: None,
            concurrent: None,
            expires_at: None,
            metadata: ask.metadata,
            created_at: now,
            created_by: caller.person(),
            revoked_at: None,
            rotated_at: None,
        };
        bounds.apply(&mut key);
        let budgets: Vec<Budget> = budgets.into_iter().map(|spec| budget(key.id, spec, now)).collect();
        let limits: Vec<String> = budgets.iter().map(|b| format!("{}/{}", b.limit, b.period)).collect();
        let mut after =
            serde_json::to_value(self.key_view(key.clone(), &mut Names::default()).await?).unwrap_or_default();
        if let Some(members) = after.as_object_mut() {
            members.insert("budgets".to_owned(), limits.into());
        }
        caller
            .record(Change::new("keys.create", resource(&key)).after(&after))
            .await?;
        self.store().key_insert(&key, &budgets).await?;
        Ok(KeyWithSecret {
            key: minted.text.expose().clone(),
            record: self.key_view(key, &mut Names::default()).await?,
        })
    }

    /// The person who is to answer for a key.
    async fn key_person(&self, caller: &Caller, asked: Option<&str>) -> Result<Person, AppError> {
        let Some(text) = asked else {
            return Ok(caller.actor.person.clone());
        };
        let reach = self.people_within(caller).await?;
        let found = self.find_person(text, &reach).await?;
        let person = found.ok_or_else(|| AppError::field("/person", "is nobody that you may make keys for"))?;
        match person.status {
            PersonStatus::Active => Ok(person),
            PersonStatus::Suspended => Err(AppError::field("/person", "is suspended")),
            PersonStatus::Deleted => Err(AppError::field("/person", "is deleted")),
        }
    }
}

/// A budget of a key.
pub(super) fn budget(key: KeyId, spec: BudgetSpec, now: Timestamp) -> Budget {
    Budget {
        id: BudgetId::new_at(now),
        subject: BudgetSubject::Key(key),
        period: spec.period,
        limit: spec.limit,
        created_at: now,
    }
}

/// Checks what can be checked without asking anybody, and says when the key ends if the body does.
#[expect(
    clippy::option_option,
    reason = "not said, said to be never, and said to be then are three things"
)]
fn check(ask: &KeyCreate, now: Timestamp) -> Result<Option<Option<Timestamp>>, AppError> {
    let mut checks = Checks::default();
    checks.text("/name", &ask.name);
    checks.metadata(&ask.metadata);
    checks.not_zero("/rpm", ask.rpm.or(None).map(u64::from));
    checks.not_zero("/tpm", ask.tpm.or(None));
    checks.not_zero("/concurrent", ask.concurrent.or(None).map(u64::from));
    check_models(&mut checks, ask.models.as_ref());
    check_budgets(&mut checks, ask.budget.as_ref().map_or(&[], |b| &b.0));
    let expiry = checks.expiry(ask.expires_in, ask.expires_at, now);
    checks.done()?;
    Ok(expiry)
}

/// The models of a new key. Names alone mean these models whatever their tier, for those who may grant that.
fn models(asked: Option<Models>, defaults: &KeyDefaults, raises: bool) -> ModelAccess {
    let Models { tiers, names } = asked.unwrap_or_default();
    let names = names.unwrap_or_default();
    let any_tier = raises && !names.is_empty();
    let tiers = tiers.unwrap_or_else(|| if any_tier { Vec::new() } else { defaults.tiers.clone() });
    ModelAccess { tiers, names }
}
