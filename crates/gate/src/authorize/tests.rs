use super::*;
use bailey_core::authz::Permissions;
use bailey_core::{GrantId, PersonId, Timestamp};
use uuid::Uuid;

fn actor(role: Role, scopes: TokenScopes, status: PersonStatus) -> Actor {
    let person = Person {
        id: PersonId::from_uuid(Uuid::nil()),
        name: "ada".into(),
        display_name: "Ada".into(),
        email: None,
        role,
        status,
        charged_group: None,
        created_at: Timestamp::default(),
    };
    let holder = Holder {
        person,
        groups: Vec::new(),
        grants: Vec::new(),
    };
    Actor::of(holder, scopes, None, None)
}

fn member() -> Actor {
    actor(Role::Member, TokenScopes::All, PersonStatus::Active)
}

fn group(n: u128) -> GroupId {
    GroupId::from_uuid(Uuid::from_u128(n))
}

fn role(permissions: &[(Action, Reach)]) -> AnyRole {
    let mut all = Permissions::default();
    for (action, reach) in permissions {
        all.add(*action, *reach).unwrap();
    }
    AnyRole::Custom {
        name: "lead".into(),
        permissions: all,
    }
}

fn held(role: AnyRole, to: Option<u128>) -> Held {
    Held {
        grant: GrantId::from_uuid(Uuid::from_u128(9)),
        role,
        group: to.map(|n| (group(n), format!("group{n}"))),
    }
}

fn into(groups: &[u128]) -> Extent {
    Extent::of(Reach::Group, groups.iter().map(|n| group(*n)))
}

#[test]
fn a_token_narrows_a_role_and_never_widens_it() {
    let scopes = TokenScopes::from_names(&["keys.read", "budgets.write"]).unwrap();
    let member = actor(Role::Member, scopes, PersonStatus::Active);
    assert_eq!(member.may(Action::KeyRead), Ok(Extent::Own));
    assert_eq!(member.may(Action::KeyCreate), Err(Denied::Token(Action::KeyCreate)));
    assert_eq!(member.may(Action::BudgetWrite), Err(Denied::Role(Action::BudgetWrite)));
}

#[test]
fn a_suspended_owner_may_nothing() {
    let owner = actor(Role::Owner, TokenScopes::All, PersonStatus::Suspended);
    assert!(Action::ALL.iter().all(|a| owner.may(*a) == Err(Denied::Suspended)));
}

#[test]
fn grants_add_to_the_role_and_those_of_a_group_go_into_that_group() {
    let reads = role(&[(Action::KeyRead, Reach::Group), (Action::HealthRead, Reach::All)]);
    let mut ada = member();
    ada.groups = vec![group(1), group(2)];
    ada.grants = vec![held(reads.clone(), Some(1))];
    assert_eq!(ada.may(Action::KeyRead), Ok(into(&[1])));
    assert_eq!(ada.may(Action::HealthRead), Ok(Extent::All));
    assert_eq!(
        ada.may(Action::KeyCreate),
        Ok(Extent::Own),
        "the role of one's own stays"
    );
    ada.grants.push(held(reads.clone(), None));
    assert_eq!(ada.may(Action::KeyRead), Ok(into(&[1, 2])));
    ada.grants.push(held(AnyRole::BuiltIn(Role::Auditor), None));
    assert_eq!(ada.may(Action::KeyRead), Ok(Extent::All));
    ada.scopes = TokenScopes::from_names(&["keys.create"]).unwrap();
    assert_eq!(ada.may(Action::KeyRead), Err(Denied::Token(Action::KeyRead)));
}

#[test]
fn nobody_gives_more_than_they_have() {
    let owner = actor(Role::Owner, TokenScopes::All, PersonStatus::Active);
    for built_in in Role::ALL {
        assert_eq!(owner.beyond(&AnyRole::BuiltIn(built_in), None), []);
    }
    let ada = member();
    assert!(
        ada.beyond(&AnyRole::BuiltIn(Role::Owner), None)
            .contains(&Action::RoleWrite)
    );
    assert_eq!(ada.beyond(&AnyRole::BuiltIn(Role::Member), None), []);
    // By scope.
    let mut clerk = owner.clone();
    clerk.scopes = TokenScopes::from_names(&["roles.write", "keys.read"]).unwrap();
    assert_eq!(clerk.beyond(&role(&[(Action::KeyRead, Reach::All)]), None), []);
    let more = role(&[(Action::KeyRead, Reach::Own), (Action::LedgerRead, Reach::Own)]);
    assert_eq!(clerk.beyond(&more, None), [Action::LedgerRead]);
    // By reach.
    let reads = role(&[(Action::KeyRead, Reach::Group)]);
    let mut lead = member();
    lead.groups = vec![group(1), group(2)];
    lead.grants = vec![held(reads.clone(), Some(1))];
    assert_eq!(lead.beyond(&reads, Some(group(1))), []);
    assert_eq!(lead.beyond(&reads, Some(group(2))), [Action::KeyRead]);
    assert_eq!(lead.beyond(&reads, None), [Action::KeyRead]);
}

#[test]
fn acting_as_somebody_wins_nothing() {
    let owner = actor(Role::Owner, TokenScopes::All, PersonStatus::Active);
    let ada = member();
    let won = |actor: &Actor, other: &Actor| -> Vec<Action> {
        let theirs = Action::ALL.iter().copied().filter(|action| other.may(*action).is_ok());
        theirs.filter(|action| !actor.may_for(*action, other)).collect()
    };
    let own = [Action::ModelUse, Action::WorkspaceAccess, Action::ChatWrite];
    assert_eq!(won(&owner, &ada), own);
    assert!(
        won(&ada, &member()).contains(&Action::KeyRead),
        "others' things are not one's own"
    );
    // What they may not do today counts as their own things some day.
    assert!(!ada.may_for(Action::PersonWrite, &member()));
}

#[test]
fn a_decision_tells_what_it_looked_at() {
    let mut ada = member();
    ada.grants = vec![held(role(&[(Action::HealthRead, Reach::All)]), None)];
    let mut told = Vec::new();
    let outcome = ada.decide(Action::HealthRead, |reason| told.push(reason));
    assert_eq!(outcome, ada.may(Action::HealthRead));
    assert_eq!(
        told,
        [
            Reason::Status(PersonStatus::Active),
            Reason::Role(Role::Member, None),
            Reason::Grant(&ada.grants[0], Some(Extent::All)),
            Reason::Token(true),
        ]
    );
}
