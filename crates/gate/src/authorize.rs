//! The one place that answers "may they?".

use bailey_core::authz::{Action, AnyRole, Extent, Held, Holder, Reach, Role, TokenScopes};
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{GroupId, SessionId, TokenId};

/// Who asks: a person, what they were granted, and what narrows their authority.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The person.
    pub person: Person,
    /// What the token they came with may be used for.
    pub scopes: TokenScopes,
    /// The groups they are in.
    pub groups: Vec<GroupId>,
    /// What they and their groups were granted, besides the role of their own.
    pub grants: Vec<Held>,
    /// The token they came with.
    pub token: Option<TokenId>,
    /// The session they came with, where it was no token.
    pub session: Option<SessionId>,
}

/// Why an action was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The person may not use Bailey at all.
    #[error("this person is suspended")]
    Suspended,
    /// No role includes the action.
    #[error("no role of yours includes {0}")]
    Role(Action),
    /// A role includes it, the token does not.
    #[error("this token's scopes do not include {0}")]
    Token(Action),
}

/// What was looked at for a decision, in this order; everything that speaks for it, or the first thing that stands against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason<'a> {
    /// Whether the person may use Bailey at all.
    Status(PersonStatus),
    /// The role of their own, and how far the action reaches by it.
    Role(Role, Option<Reach>),
    /// A role that they or a group of theirs was granted, and how far the action reaches by it.
    Grant(&'a Held, Option<Extent>),
    /// What the token may be used for.
    Token(bool),
}

impl Actor {
    /// A person who came with a token of these scopes, or with a session.
    pub fn of(holder: Holder, scopes: TokenScopes, token: Option<TokenId>, session: Option<SessionId>) -> Self {
        let Holder { person, groups, grants } = holder;
        Self {
            person,
            scopes,
            groups,
            grants,
            token,
            session,
        }
    }

    /// Whether the action is allowed, and on whose things. Anything that no role names is denied.
    pub fn may(&self, action: Action) -> Result<Extent, Denied> {
        self.decide(action, |_| {})
    }

    /// The same, telling what was looked at. Every role adds to what the others allow; the token narrows what comes of it.
    pub fn decide<'a>(&'a self, action: Action, mut told: impl FnMut(Reason<'a>)) -> Result<Extent, Denied> {
        told(Reason::Status(self.person.status));
        if self.person.status != PersonStatus::Active {
            return Err(Denied::Suspended);
        }
        let own = self.person.role.reach(action);
        told(Reason::Role(self.person.role, own));
        let mut extent = own.map(|reach| Extent::of(reach, self.groups.iter().copied()));
        for held in &self.grants {
            let given = held.role.reach(action).map(|reach| match &held.group {
                None => Extent::of(reach, self.groups.iter().copied()),
                // What a group was granted goes into this group, and into no other that a member is in.
                Some((group, _)) => Extent::of(reach, [*group]),
            });
            told(Reason::Grant(held, given.clone()));
            extent = match (extent, given) {
                (Some(one), Some(two)) => Some(one.and(two)),
                (one, two) => one.or(two),
            };
        }
        let extent = extent.ok_or(Denied::Role(action))?;
        let allowed = self.scopes.allows(action);
        told(Reason::Token(allowed));
        if allowed {
            Ok(extent)
        } else {
            Err(Denied::Token(action))
        }
    }

    /// The actions of a role that reach further than this actor does, so that they may neither give it to others nor take
    /// it away. `into` is the group that it is given to, where it is a group.
    pub fn beyond(&self, role: &AnyRole, into: Option<GroupId>) -> Vec<Action> {
        let wider = |action: &Action| {
            role.reach(*action)
                .is_some_and(|reach| !self.may(*action).is_ok_and(|extent| extent.may_give(reach, into)))
        };
        Action::ALL.iter().copied().filter(wider).collect()
    }

    /// Whether this actor may do, on another person's things, all that an action could reach for that person: as much as they
    /// may do now, and at least what is their own.
    pub fn may_for(&self, action: Action, other: &Self) -> bool {
        let theirs = other.may(action).unwrap_or(Extent::Own);
        self.may(action)
            .is_ok_and(|mine| mine.includes_of(&theirs, &other.groups))
    }
}

#[cfg(test)]
mod tests;
