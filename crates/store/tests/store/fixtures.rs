//! Records to test with.

use std::collections::BTreeMap;

use bailey_core::authz::Role;
use bailey_core::budget::{Budget, BudgetSubject};
use bailey_core::key::{Key, KeyScope, ModelAccess, Tier};
use bailey_core::ledger::{AccountKey, Intent, Outcome, RequestRecord, Settlement, Subject, Usage};
use bailey_core::people::{Group, Organization, Person, PersonStatus};
use bailey_core::period::Period;
use bailey_core::{
    AttemptId, BudgetId, GroupId, KeyId, Money, OrgId, PersonId, ReplicaId, RequestId, Secret, Timestamp,
};
use bailey_store::{JournalPosition, Store, Target};
use bailey_testkit::db::{TestDb, TestTarget};
use uuid::Uuid;

/// 2026-11-20T12:00:00Z, a Friday.
pub(crate) const T0: Timestamp = Timestamp::from_seconds(1_795_176_000);

pub(crate) fn target(db: &TestDb) -> Target {
    match db.target() {
        TestTarget::Sqlite(path) => Target::Sqlite(path.clone()),
        TestTarget::Postgres(url) => Target::Postgres(Secret::new(url.clone())),
    }
}

pub(crate) async fn open(db: &TestDb) -> Store {
    Store::open(&target(db)).await.unwrap()
}

/// An id that depends on the name alone, in the order of the numbers.
pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// A number for a name.
pub(crate) fn number(name: &str) -> u128 {
    name.bytes().fold(0, |n, b| (n * 257 + u128::from(b)) % 0xffff_ffff)
}

pub(crate) fn replica(n: u128) -> ReplicaId {
    ReplicaId::from_uuid(uuid(n))
}

pub(crate) const fn at(segment: u64, offset: u64) -> JournalPosition {
    JournalPosition { segment, offset }
}

pub(crate) fn organization() -> Organization {
    Organization {
        id: OrgId::from_uuid(uuid(1)),
        display_name: "Acme".into(),
        created_at: T0,
    }
}

pub(crate) fn person(name: &str) -> Person {
    Person {
        id: PersonId::from_uuid(uuid(number(name))),
        name: name.into(),
        display_name: format!("{name} by name"),
        email: None,
        role: Role::Member,
        status: PersonStatus::Active,
        charged_group: None,
        created_at: T0,
    }
}

pub(crate) fn group(name: &str) -> Group {
    Group {
        id: GroupId::from_uuid(uuid(number(name))),
        name: name.into(),
        display_name: name.to_uppercase(),
        created_at: T0,
    }
}

pub(crate) fn key(name: &str, person: PersonId) -> Key {
    Key {
        id: KeyId::from_uuid(uuid(number(name))),
        public_id: format!("pub-{name}"),
        hash: [7; 32],
        name: name.into(),
        scope: KeyScope::User,
        person,
        group: None,
        workspace: None,
        models: ModelAccess {
            tiers: vec![Tier::Fast, Tier::Deep],
            names: vec!["mock".into()],
        },
        rpm: Some(60),
        tpm: None,
        concurrent: Some(3),
        expires_at: None,
        metadata: BTreeMap::from([("team".into(), "ä \"quoted\"".into())]),
        created_at: T0,
        created_by: person,
        revoked_at: None,
        rotated_at: None,
    }
}

pub(crate) fn budget(n: u128, subject: BudgetSubject, period: Period, limit: Money) -> Budget {
    Budget {
        id: BudgetId::from_uuid(uuid(1_000_000 + n)),
        subject,
        period,
        limit,
        created_at: T0,
    }
}

pub(crate) fn account(budget: &Budget) -> AccountKey {
    AccountKey {
        budget: budget.id,
        window: budget.period.window(T0).start,
    }
}

pub(crate) fn subject(key: &Key) -> Subject {
    Subject {
        key: Some(key.id),
        token: None,
        person: Some(key.person),
        group: key.group,
        workspace: key.workspace,
        protocol: "messages".into(),
        model: "mock".into(),
        stream: true,
        session: None,
    }
}

/// Request `n`, `n` seconds after [`T0`].
pub(crate) fn request(n: u128, subject: Subject, cost: Money) -> RequestRecord {
    RequestRecord {
        id: RequestId::from_uuid(uuid(2_000_000 + n)),
        subject,
        started_at: T0.plus_seconds(i64::try_from(n).unwrap()),
        latency_us: 1_500,
        ttft_us: Some(700),
        status: 200,
        outcome: Outcome::Ok,
        code: None,
        provider: Some("mock".into()),
        provider_model: Some("mock-large".into()),
        attempts: 1,
        usage: Usage {
            input: 10,
            cache_read: 1,
            cache_write_5m: 2,
            cache_write_1h: 3,
            output: 20,
            reasoning: 5,
        },
        cost,
        overrun: Money::ZERO,
        flag: None,
        price_version: Some("2026-11".into()),
        provider_request_id: Some(format!("up-{n}")),
    }
}

pub(crate) fn attempt(n: u128) -> AttemptId {
    AttemptId::from_uuid(uuid(3_000_000 + n))
}

pub(crate) fn intent(n: u128, subject: Subject, hold: Money, accounts: &[AccountKey]) -> Intent {
    Intent {
        attempt: attempt(n),
        request: RequestId::from_uuid(uuid(2_000_000 + n)),
        number: 1,
        started_at: T0,
        subject,
        provider: "mock".into(),
        provider_model: "mock-large".into(),
        hold,
        accounts: accounts.to_vec(),
        price_version: "2026-11".into(),
    }
}

pub(crate) fn settlement(n: u128, subject: Subject, cost: Money, accounts: &[AccountKey]) -> Settlement {
    Settlement {
        attempt: Some(attempt(n)),
        accounts: accounts.to_vec(),
        charge: cost,
        overrun: Money::ZERO,
        detail: None,
        request: Some(request(n, subject, cost)),
    }
}

/// A store with an owner named `ada`.
pub(crate) async fn with_owner(db: &TestDb) -> (Store, Person) {
    let store = open(db).await;
    let ada = person("ada");
    assert!(store.bootstrap(&ada, &organization()).await.unwrap());
    (store, ada)
}

/// Makes the store's process the server of the database.
pub(crate) async fn claim(store: &Store, n: u128) {
    store.replica_claim(replica(n), T0, T0.plus_seconds(30)).await.unwrap();
}
