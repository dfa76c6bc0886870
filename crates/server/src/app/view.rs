//! Records as the API shows them.

use bailey_api::budgets::{self, SubjectKind};
use bailey_api::{Named, groups, organization, tokens, users};
use bailey_core::budget::BudgetSubject;
use bailey_core::people::{ApiToken, Group, GroupLimits, Organization, Person};
use bailey_store::BudgetState;

use super::quota;

/// A person.
pub(crate) fn user(person: Person) -> users::User {
    users::User {
        id: person.id,
        name: person.name,
        display_name: person.display_name,
        email: person.email,
        role: person.role,
        status: person.status,
        charged_group: person.charged_group.map(|id| id.to_string()),
        created_at: person.created_at.into(),
    }
}

/// A group.
pub(crate) fn group(group: Group, limits: GroupLimits) -> groups::Group {
    groups::Group {
        models: limits.models,
        quota: quota::shown(&limits.quota),
        id: group.id,
        name: group.name,
        display_name: group.display_name,
        created_at: group.created_at.into(),
    }
}

/// A group in passing.
pub(crate) fn named_group(group: Group) -> Named {
    Named {
        id: group.id.to_string(),
        name: group.name,
    }
}

/// The organization.
pub(crate) fn organization(org: Organization) -> organization::Organization {
    organization::Organization {
        id: org.id,
        display_name: org.display_name,
        created_at: org.created_at.into(),
    }
}

/// A token, without its secret.
pub(crate) fn token(token: ApiToken) -> tokens::Token {
    tokens::Token {
        id: token.id,
        prefix: format!("bly_{}", token.public_id),
        name: token.name,
        person: token.person.to_string(),
        scopes: token.scopes.to_names(),
        created_at: token.created_at.into(),
        expires_at: token.expires_at.map(Into::into),
        revoked_at: token.revoked_at.map(Into::into),
    }
}

/// A budget and how it stands.
pub(crate) fn budget(state: BudgetState) -> budgets::Budget {
    let BudgetState {
        budget,
        window,
        posted,
        overrun,
        leased,
    } = state;
    let (kind, id) = match budget.subject {
        BudgetSubject::Key(id) => (SubjectKind::Key, id.to_string()),
        BudgetSubject::Person(id) => (SubjectKind::Person, id.to_string()),
        BudgetSubject::Tokens(id) => (SubjectKind::Tokens, id.to_string()),
        BudgetSubject::Group(id) => (SubjectKind::Group, id.to_string()),
        BudgetSubject::Organization(id) => (SubjectKind::Organization, id.to_string()),
    };
    budgets::Budget {
        id: budget.id,
        subject: budgets::Subject { kind, id },
        period: budget.period,
        limit: budget.limit.into(),
        spent: posted.into(),
        overrun: overrun.into(),
        leased: leased.into(),
        left: budget.limit.minus_or_zero(posted.saturating_add(overrun)).into(),
        // A window without an end began with the budget's subject, not in 1970.
        window_start: window.end.map(|_| window.start.into()),
        resets_at: window.end.map(Into::into),
        created_at: budget.created_at.into(),
    }
}
