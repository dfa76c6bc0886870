//! How long taking a journal over takes. A measurement, not a promise: it prints what it saw.
//!
//! `cargo test --release -p bailey-store --test store speed -- --ignored --nocapture`

use std::time::Instant;

use bailey_core::budget::{BudgetSubject, LeasePolicy};
use bailey_core::ledger::Settlement;
use bailey_core::period::Period;
use bailey_core::{GroupId, Money};
use bailey_testkit::db::TestDb;

use crate::fixtures::*;

const BATCHES: u64 = 20;
const ROWS: u64 = 2_000;

/// Requests of fifty keys of one person, each charged to four accounts.
async fn taking_a_journal_over(db: TestDb) {
    let (store, ada) = with_owner(&db).await;
    let dev = group("dev");
    store.group_insert(&dev).await.unwrap();
    claim(&store, 1).await;
    let shared = [
        budget(1, BudgetSubject::Person(ada.id), Period::Day, Money::usd(1_000_000)),
        budget(2, BudgetSubject::Group(dev.id), Period::Month, Money::usd(1_000_000)),
        budget(
            3,
            BudgetSubject::Organization(organization().id),
            Period::Month,
            Money::usd(1_000_000),
        ),
    ];
    for budget in &shared {
        store.budget_insert(budget, T0).await.unwrap();
    }
    let mut keys = Vec::new();
    for n in 0..50 {
        let key = key(&format!("k{n}"), ada.id);
        let own = budget(10 + n, BudgetSubject::Key(key.id), Period::Day, Money::usd(1_000_000));
        store.key_insert(&key, std::slice::from_ref(&own)).await.unwrap();
        let accounts: Vec<_> = shared.iter().chain([&own]).map(account).collect();
        let wants: Vec<_> = accounts.iter().map(|a| (*a, Money::usd(1_000))).collect();
        store
            .leases_take(replica(1), T0, &wants, LeasePolicy { share: u32::MAX })
            .await
            .unwrap();
        let mut subject = subject(&key);
        subject.group = Some(GroupId::from_uuid(dev.id.uuid()));
        subject.session = Some("0199aa00-1111-7222-8333-444455556666".into());
        keys.push((subject, accounts));
    }
    let make = |n: u64| -> Settlement {
        let (subject, accounts) = &keys[usize::try_from(n % 50).unwrap()];
        settlement(u128::from(n), subject.clone(), Money::from_nanos(1_000), accounts)
    };
    let (mut slowest, mut all) = (0.0_f64, 0.0_f64);
    for batch in 0..BATCHES {
        let settled: Vec<_> = (batch * ROWS..(batch + 1) * ROWS).map(make).collect();
        let (subject, accounts) = &keys[0];
        let opened: Vec<_> = (0..64)
            .map(|n| {
                intent(
                    u128::from((batch + 1) * ROWS + n),
                    subject.clone(),
                    Money::from_nanos(1_000),
                    accounts,
                )
            })
            .collect();
        let one = Instant::now();
        store
            .ledger_apply(replica(1), at(1, batch + 1), &opened, &settled, T0)
            .await
            .unwrap();
        let seconds = one.elapsed().as_secs_f64();
        slowest = slowest.max(seconds);
        all += seconds;
    }
    let rows = f64::from(u32::try_from(BATCHES * ROWS).unwrap());
    println!(
        "{:?}: {:.2} us per request, slowest batch of {ROWS} {:.1} ms",
        store.backend(),
        all * 1e6 / rows,
        slowest * 1e3,
    );
}

#[test]
#[ignore = "a measurement"]
fn sqlite() {
    bailey_testkit::db::on_sqlite(taking_a_journal_over);
}

#[test]
#[ignore = "a measurement"]
fn postgres() {
    bailey_testkit::db::on_postgres(taking_a_journal_over);
}
