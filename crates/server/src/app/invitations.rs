//! Invitations: one-time links that make people.

use bailey_api::invitations::{Invitation as Shown, InvitationCreate, InvitationListQuery, InvitationWithLink};
use bailey_api::{Code, FieldError, Lifetime, Named, Page};
use bailey_core::authz::{Action, AnyRole, Extent, Role};
use bailey_core::identity::Invitation;
use bailey_core::people::Group;
use bailey_core::{GroupId, InvitationId};
use bailey_gate::authorize::Actor;
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::NewId;
use bailey_store::LedgerReach;

use super::checks::Checks;
use super::names::Names;
use super::roles::beyond;
use super::{App, AppError, Caller, cursor};
use crate::audit::{Change, Resource};
use crate::way::Way;

const CURSOR: u8 = b'i';
const DAY: i64 = 86_400;
/// How long an invitation is good if nothing is said.
const LIFETIME: i64 = 7 * DAY;
/// The longest that one is good.
const LONGEST: i64 = 30 * DAY;

/// An invitation as the audit log names it.
fn resource(invitation: &Invitation) -> Resource {
    Resource::new("invitation", invitation.id).named(&invitation.name)
}

impl App {
    /// Makes a link with which somebody becomes a person.
    pub(crate) async fn invitation_create(
        &self,
        caller: &Caller,
        way: &Way,
        ask: InvitationCreate,
    ) -> Result<InvitationWithLink, AppError> {
        let display_name = ask.display_name.unwrap_or_else(|| ask.name.clone());
        let mut checks = Checks::default();
        checks.unique_name("/name", &ask.name);
        checks.text("/display_name", &display_name);
        let lifetime = match ask.expires_in {
            None => LIFETIME,
            Some(Lifetime::Seconds(seconds)) if seconds <= LONGEST => seconds,
            Some(_) => {
                checks.wrong("/expires_in", "must be at most 30d");
                LIFETIME
            }
        };
        let groups = self.invited_groups(caller, &ask.groups, &mut checks).await?;
        checks.done()?;
        let role = ask.role.unwrap_or(Role::Member);
        let ids: Vec<_> = groups.iter().map(|group| group.id).collect();
        let errors = self.beyond_invitation(&caller.actor, role, &ids).await?;
        if !errors.is_empty() {
            return Err(AppError::Beyond(errors));
        }
        if self.store().person_by_name(&ask.name).await?.is_some() {
            return Err(AppError::Conflict {
                code: Code::NameTaken,
                detail: "another person has this name".to_owned(),
            });
        }
        let now = self.now();
        let minted = token::mint(Kind::Invitation)?;
        let invitation = Invitation {
            id: InvitationId::new_at(now),
            public_id: minted.public_id,
            hash: minted.hash,
            claims: None,
            name: ask.name,
            display_name,
            role,
            groups: ids,
            created_by: Some(caller.person()),
            created_at: now,
            expires_at: now.plus_seconds(lifetime),
            accepted_at: None,
            revoked_at: None,
        };
        let record = self.invitation_shown(invitation.clone(), &mut Names::default()).await?;
        let change = Change::new("invitations.create", resource(&invitation)).after(&record);
        caller.record(change).await?;
        self.store().invitation_insert(&invitation).await?;
        Ok(InvitationWithLink {
            link: format!("{}/invitation#{}", way.base, minted.text.expose()),
            record,
        })
    }

    /// Invitations that wait, newest first.
    pub(crate) async fn invitations_list(&self, query: InvitationListQuery) -> Result<Page<Shown>, AppError> {
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), InvitationId::from_uuid)?;
        let (invitations, next) = self.store().invitations_list(self.now(), page).await?;
        let mut names = Names::default();
        let mut items = Vec::with_capacity(invitations.len());
        for invitation in invitations {
            items.push(self.invitation_shown(invitation, &mut names).await?);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(InvitationId::uuid)),
        })
    }

    /// Withdraws an invitation. Again is as good as once.
    pub(crate) async fn invitation_revoke(&self, caller: &Caller, id: InvitationId) -> Result<(), AppError> {
        let change = Change::new("invitations.revoke", Resource::new("invitation", id));
        caller.record(change).await?;
        self.store().invitation_revoke(id, self.now()).await?;
        Ok(())
    }

    /// What stands against somebody's inviting a person of this role into these groups: they would give more than they have.
    pub(super) async fn beyond_invitation(
        &self,
        actor: &Actor,
        role: Role,
        groups: &[GroupId],
    ) -> Result<Vec<FieldError>, AppError> {
        let mut errors: Vec<_> = beyond(actor, &AnyRole::BuiltIn(role), None, "/role")
            .into_iter()
            .collect();
        if !groups.is_empty() && actor.may(Action::GroupWrite) != Ok(Extent::All) {
            errors.push(FieldError::body("/groups", "you may not put people into groups"));
        }
        for (at, group) in groups.iter().enumerate() {
            errors.extend(self.beyond_group(actor, *group, &format!("/groups/{at}")).await?);
        }
        Ok(errors)
    }

    async fn invited_groups(
        &self,
        caller: &Caller,
        asked: &[String],
        checks: &mut Checks,
    ) -> Result<Vec<Group>, AppError> {
        let mut groups: Vec<Group> = Vec::new();
        checks.names("/groups", asked);
        for (at, text) in asked.iter().enumerate() {
            match self.find_group(text, &LedgerReach::All, caller).await? {
                Some(group) if groups.iter().all(|g| g.id != group.id) => groups.push(group),
                Some(_) => {}
                None => checks.wrong(format!("/groups/{at}"), "is no group"),
            }
        }
        Ok(groups)
    }

    async fn invitation_shown(&self, invitation: Invitation, names: &mut Names) -> Result<Shown, AppError> {
        let mut groups = Vec::with_capacity(invitation.groups.len());
        for id in invitation.groups {
            if let Some(group) = self.store().group_get(id).await? {
                groups.push(Named {
                    id: id.to_string(),
                    name: group.name,
                });
            }
        }
        let created_by = match invitation.created_by {
            Some(person) => Some(names.person(self, person).await?),
            None => None,
        };
        Ok(Shown {
            id: invitation.id,
            name: invitation.name,
            display_name: invitation.display_name,
            role: invitation.role,
            groups,
            created_by,
            created_at: invitation.created_at.into(),
            expires_at: invitation.expires_at.into(),
        })
    }
}
