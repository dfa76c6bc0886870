//! What identity providers give people at each sign-in, and take again: their role, groups, and roles of people's own making.

use std::collections::BTreeSet;

use bailey_core::authz::Role;
use bailey_core::identity::{Identity, renewed_role};
use bailey_core::people::{Group, Person, PersonStatus};
use bailey_core::{GroupId, IdentityId, PersonId};
use bailey_gate::authorize::{Actor, Denied};
use bailey_runtime::ids::NewId;
use bailey_store::{Given, StoreError};
use serde_json::{Value, json};

use super::identities::shown_identity;
use super::{App, AppError, users};
use crate::audit::{Change, Trail, Who};
use crate::providers::{Provider, Vouched};

impl App {
    /// An identity that is nobody's yet.
    pub(super) fn stranger(&self, provider: &Provider, person: PersonId, vouched: &Vouched) -> Identity {
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

    pub(super) fn groups_given(&self, provider: &Provider, vouched: &Vouched) -> Vec<Group> {
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
    pub(super) async fn identity_renew(
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
        let roles = provider.custom_roles_of(vouched);
        self.record_given(provider, &person, role, trail).await?;
        self.record_gifts(&identity, &person, (&groups, &roles), trail).await?;
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
        let done = done?;
        if self.provider_grants(&renewed, &roles).await? || done {
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

    /// Records which groups and roles of people's own making a provider gives and takes, if that is another lot than before.
    async fn record_gifts(
        &self,
        identity: &Identity,
        person: &Person,
        (groups, roles): (&[Group], &[String]),
        trail: &Trail,
    ) -> Result<(), AppError> {
        let before = self.store().identity_gifts(identity).await?;
        // What somebody decided here is nothing that the provider gives, and roles that do not exist are left out.
        let own = self.store().groups_of(person.id).await?;
        let decided =
            |name: &str| own.iter().any(|group| group.name == name) && !before.0.iter().any(|given| given == name);
        let joined: BTreeSet<&str> = group_names(groups).into_iter().filter(|name| !decided(name)).collect();
        let mut granted = BTreeSet::new();
        for name in roles {
            if self.store().role_by_name(name).await?.is_some() {
                granted.insert(name.as_str());
            }
        }
        let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
        let after = (owned(joined), owned(granted));
        if before == after {
            return Ok(());
        }
        let change = Change::new("users.gifts_by_provider", users::resource(person))
            .before(&shown_gifts(identity, &before))
            .after(&shown_gifts(identity, &after));
        trail.record(Who::person(person.id, &person.name), change).await?;
        Ok(())
    }

    /// Links an identity to whoever asks, and gives them what its provider gives.
    pub(super) async fn identity_link(
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
        let roles = provider.custom_roles_of(vouched);
        let change = Change::new("me.identities_link", users::resource(&person)).after(&shown_identity(&identity));
        trail.record(Who::from(actor), change).await?;
        self.record_given(provider, &person, role, trail).await?;
        self.record_gifts(&identity, &person, (&groups, &roles), trail).await?;
        self.store().identity_insert(&identity, &given).await?;
        self.provider_grants(&identity, &roles).await?;
        tracing::info!(person.id = %person.id, provider = provider.config.name, "an identity is linked");
        Ok(self.gate().forget_all().await?)
    }
}

/// Groups as the audit log names them.
pub(super) fn group_names(groups: &[Group]) -> Vec<&str> {
    groups.iter().map(|group| group.name.as_str()).collect()
}

/// What a provider gives, as the audit log shows it.
pub(super) fn shown_gifts(identity: &Identity, (groups, roles): &(Vec<String>, Vec<String>)) -> Value {
    json!({ "provider": identity.provider, "groups": groups, "roles": roles })
}
