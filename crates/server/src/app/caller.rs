//! Who asks, and how far the action reaches for them.

use bailey_core::PersonId;
use bailey_core::authz::{Action, Extent, TokenScopes};
use bailey_gate::authorize::{Actor, Denied};
use bailey_store::LedgerReach;

use super::{App, AppError};
use crate::audit::{AuditError, Change, Entry, Trail, Who};

/// An actor who may do the action at hand, and on whose things.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Whose things the action touches.
    pub reach: Extent,
    /// Where what they do is recorded.
    pub(crate) trail: Trail,
}

impl Caller {
    /// The actor, if they may do `action`.
    pub fn authorize(actor: Actor, action: Action) -> Result<Self, Denied> {
        let reach = actor.may(action)?;
        Ok(Self {
            actor,
            reach,
            trail: Trail::default(),
        })
    }

    /// Whether they may go into workspaces of their own as well, as whoever has an agent work there must be able to.
    pub(crate) fn inside(&self) -> Result<(), Denied> {
        self.actor.may(Action::WorkspaceAccess).map(drop)
    }

    /// Records in the audit log what the caller is about to change; if that cannot be, it must not be changed. Whether it was
    /// done is recorded by how the request is answered.
    pub(crate) async fn record(&self, change: Change) -> Result<(), AuditError> {
        self.trail.record(Who::from(&self.actor), change).await
    }

    /// Records in the audit log what begins now and outlasts the request, such as a terminal.
    pub(crate) async fn record_open(&self, change: Change) -> Result<Entry, AuditError> {
        self.trail.open(Who::from(&self.actor), change).await
    }

    /// The person who asks.
    pub(crate) const fn person(&self) -> PersonId {
        self.actor.person.id
    }

    /// Whether they may set budgets for everyone, and so raise any limit.
    pub(crate) fn sets_limits(&self) -> bool {
        self.actor.may(Action::BudgetWrite) == Ok(Extent::All)
    }
}

impl App {
    /// The people whose things the caller's action reaches.
    pub(crate) async fn people_within(&self, caller: &Caller) -> Result<LedgerReach, AppError> {
        Ok(match &caller.reach {
            Extent::All => LedgerReach::All,
            Extent::Own => LedgerReach::People(vec![caller.person()]),
            Extent::Groups(groups) => {
                let groups: Vec<_> = groups.iter().copied().collect();
                let mut people = self.store().people_in(&groups).await?;
                people.push(caller.person());
                people.sort_unstable();
                people.dedup();
                LedgerReach::People(people)
            }
        })
    }

    /// A person as an actor with all their authority, whatever they come with.
    pub(crate) async fn actor_of(&self, person: PersonId) -> Result<Option<Actor>, AppError> {
        let holder = self.store().holder(person).await?;
        Ok(holder.map(|holder| Actor::of(holder, TokenScopes::All, None, None)))
    }
}

/// Whether a thing of `person` is within reach. What belongs to nobody is seen by those who see everything.
pub(crate) fn sees(reach: &LedgerReach, person: Option<PersonId>) -> bool {
    match reach {
        LedgerReach::All => true,
        LedgerReach::People(people) => person.is_some_and(|p| people.contains(&p)),
    }
}
