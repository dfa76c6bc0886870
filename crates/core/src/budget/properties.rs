//! Properties of the arithmetic at the edges of its numbers, where the simulator does not go.

use proptest::prelude::*;
use uuid::Uuid;

use super::{Account, Admission, LeasePolicy, Replica};
use crate::ledger::AccountKey;
use crate::money::nanos_ceil;
use crate::{BudgetId, Money, MoneyError, Rate, Timestamp};

/// Amounts of every size, with the edges of the type more often than chance would have them.
fn any_amount() -> impl Strategy<Value = Money> {
    prop_oneof![
        Just(i64::MIN),
        Just(i64::MIN + 1),
        Just(-1),
        Just(0),
        Just(1),
        Just(i64::MAX - 1),
        Just(i64::MAX),
        -1_000_i64..1_000,
        any::<i64>(),
    ]
    .prop_map(Money::from_nanos)
}

fn amount() -> impl Strategy<Value = Money> {
    any_amount().prop_map(|m| Money::from_nanos(m.nanos().checked_abs().unwrap_or(i64::MAX)))
}

fn any_account() -> impl Strategy<Value = Account> {
    (amount(), amount(), amount(), amount()).prop_map(|(limit, posted, overrun, leased)| Account {
        limit,
        posted,
        overrun,
        leased,
    })
}

fn used(account: &Account) -> i128 {
    [account.posted, account.overrun, account.leased]
        .iter()
        .map(|m| i128::from(m.nanos()))
        .sum()
}

fn key(n: u128) -> AccountKey {
    AccountKey {
        budget: BudgetId::from_uuid(Uuid::from_u128(n)),
        window: Timestamp::default(),
    }
}

/// A replica that may admit at the beginning of time, with accounts of these leases.
fn replica(leases: &[Money]) -> (Replica, Vec<super::AccountIx>) {
    let mut replica = Replica::new();
    replica.renew(Timestamp::from_seconds(1));
    let places = leases.iter().zip(1..).map(|(lease, n)| {
        let ix = replica.open(key(n));
        replica.leased(ix, *lease);
        ix
    });
    let places = places.collect();
    (replica, places)
}

fn sane(account: &Account) -> bool {
    [account.posted, account.overrun, account.leased]
        .iter()
        .all(|m| *m >= Money::ZERO)
}

proptest! {
    #[test]
    fn a_lease_never_passes_the_limit(mut account in any_account(), need in any_amount(), share in any::<u32>()) {
        let before = account;
        let granted = account.lease(need, LeasePolicy { share });
        prop_assert!(granted >= Money::ZERO);
        prop_assert_eq!(i128::from(account.leased.nanos()), i128::from(before.leased.nanos()) + i128::from(granted.nanos()));
        prop_assert!(granted == Money::ZERO || used(&account) <= i128::from(account.limit.nanos()));
        // As much as is needed, if there is as much.
        prop_assert!(granted >= need.min(before.available()));
    }

    #[test]
    fn the_store_changes_an_account_whole_or_not_at_all(
        account in any_account(), a in any_amount(), b in any_amount(), c in any_amount(),
    ) {
        let (nanos_a, nanos_b, nanos_c) = (i128::from(a.nanos()), i128::from(b.nanos()), i128::from(c.nanos()));
        let mut posted = account;
        let change = posted.post(a, b).map(|()| nanos_b);
        prop_assert_eq!(used(&posted), used(&account) + change.unwrap_or(0));
        prop_assert!(change.is_ok() || posted == account);

        let mut released = account;
        let change = released.release(a).map(|()| -nanos_a);
        prop_assert_eq!(used(&released), used(&account) + change.unwrap_or(0));
        prop_assert!(change.is_ok() || released == account);

        let mut refunded = account;
        let change = refunded.refund(a, b, c).map(|()| nanos_b + nanos_c - nanos_a);
        prop_assert_eq!(used(&refunded), used(&account) + change.unwrap_or(0));
        prop_assert!(change.is_ok() || refunded == account);

        prop_assert!(sane(&posted) && sane(&released) && sane(&refunded));
    }

    #[test]
    fn a_forfeit_and_its_refund_leave_what_was_settled(
        mut account in any_account(), forfeited in amount(), settled in amount(),
    ) {
        let before = account;
        let settled = settled.min(forfeited);
        if account.forfeit(forfeited).is_ok() {
            prop_assert_eq!(used(&account), used(&before));
            prop_assert_eq!(account.refund(forfeited, settled, Money::ZERO), Ok(()));
            prop_assert_eq!(Ok(account.posted), before.posted.checked_add(settled));
        }
    }

    #[test]
    fn a_hold_takes_the_same_on_every_account_or_nothing(
        leases in proptest::collection::vec(any_amount(), 0..5), wish in any_amount(), cost in any_amount(),
    ) {
        let (mut replica, places) = replica(&leases);
        let free = replica.free(&places);
        match replica.admit(&places, wish, Timestamp::default()) {
            Admission::Held(hold) => {
                prop_assert!(wish <= free || wish <= Money::ZERO);
                prop_assert_eq!(hold.amount(), wish.max(Money::ZERO));
                let held = hold.amount();
                let charge = replica.settle(hold, cost);
                prop_assert!(charge.charge >= Money::ZERO && charge.charge <= held && charge.overrun >= Money::ZERO);
                prop_assert_eq!(charge.charge.checked_add(charge.overrun), Ok(cost.max(Money::ZERO)));
                for (_, local) in replica.iter() {
                    prop_assert_eq!((local.held, local.settled), (Money::ZERO, charge.charge));
                    prop_assert!(local.settled <= local.lease);
                }
            }
            Admission::Short(missing) => {
                prop_assert!(wish > free);
                prop_assert!(missing.iter().all(|(_, more)| *more > Money::ZERO && *more <= wish));
                prop_assert!(replica.iter().all(|(_, local)| local.held == Money::ZERO));
            }
            Admission::Fenced => prop_assert!(false, "it is not fenced"),
        }
    }

    #[test]
    fn a_posting_takes_what_was_settled_and_no_more(lease in amount(), cost in amount(), charge in any_amount()) {
        let (mut replica, places) = replica(&[lease]);
        let Admission::Held(hold) = replica.admit(&places, lease, Timestamp::default()) else {
            return Err(TestCaseError::fail("the lease covers it"));
        };
        let settled = replica.settle(hold, cost).charge;
        let before = *replica.local(places[0]).unwrap();
        let taken = replica.posted(places[0], charge);
        let after = *replica.local(places[0]).unwrap();
        prop_assert_eq!(taken.is_ok(), charge >= Money::ZERO && charge <= settled);
        prop_assert_eq!(after.free(), before.free());
        prop_assert!(taken.is_ok() || after == before);
    }

    #[test]
    fn tokens_times_rate_is_exact_or_refused(rate in any::<u64>(), tokens in any::<u64>()) {
        let picos = Rate::from_picos(rate).times(tokens);
        match nanos_ceil(picos) {
            Ok(money) => {
                let nanos = i128::from(money.nanos());
                prop_assert!(nanos * 1_000 >= picos && (nanos - 1) * 1_000 < picos);
            }
            Err(error) => {
                prop_assert_eq!(error, MoneyError::Overflow);
                prop_assert!(picos > i128::from(i64::MAX) * 1_000);
            }
        }
    }

    #[test]
    fn amounts_survive_their_text(amount in amount()) {
        prop_assert_eq!(Money::parse(&amount.to_string()), Ok(amount));
    }

    #[test]
    fn sums_are_exact_or_refused(a in any_amount(), b in any_amount()) {
        let (sum, difference) = (i128::from(a.nanos()) + i128::from(b.nanos()), i128::from(a.nanos()) - i128::from(b.nanos()));
        prop_assert_eq!(a.checked_add(b).ok().map(|m| i128::from(m.nanos())), i64::try_from(sum).ok().map(i128::from));
        prop_assert_eq!(
            a.checked_sub(b).ok().map(|m| i128::from(m.nanos())),
            i64::try_from(difference).ok().map(i128::from)
        );
        prop_assert!(a.minus_or_zero(b) >= Money::ZERO);
    }
}

#[test]
fn rounding_to_money_refuses_what_does_not_fit() {
    let most = i128::from(i64::MAX) * 1_000;
    assert_eq!(nanos_ceil(most), Ok(Money::MAX));
    assert_eq!(nanos_ceil(most + 1), Err(MoneyError::Overflow));
    assert_eq!(nanos_ceil(i128::MAX), Err(MoneyError::Overflow));
    assert_eq!(nanos_ceil(-1), Err(MoneyError::Negative));
    assert_eq!(nanos_ceil(i128::MIN), Err(MoneyError::Negative));
    // Sums of products are kept at the top, so that they are refused in the end.
    let product = Rate::from_picos(u64::MAX).times(u64::MAX);
    assert_eq!(nanos_ceil(product.saturating_add(product)), Err(MoneyError::Overflow));
}

#[test]
fn a_negative_amount_frees_nothing() {
    let (mut replica, places) = replica(&[Money::from_nanos(10)]);
    let Admission::Held(hold) = replica.admit(&places, Money::from_nanos(-5), Timestamp::default()) else {
        panic!("nothing is wished for");
    };
    assert_eq!(replica.free(&places), Money::from_nanos(10));
    assert_eq!(replica.settle(hold, Money::from_nanos(-5)).charge, Money::ZERO);
    assert_eq!(replica.free(&places), Money::from_nanos(10));
}

#[test]
fn an_account_named_twice_is_held_once() {
    let (mut replica, places) = replica(&[Money::from_nanos(10)]);
    let twice = [places[0], places[0]];
    let Admission::Held(hold) = replica.admit(&twice, Money::from_nanos(10), Timestamp::default()) else {
        panic!("the lease covers it");
    };
    assert_eq!(replica.local(places[0]).unwrap().held, Money::from_nanos(10));
    assert_eq!(replica.settle(hold, Money::from_nanos(3)).charge, Money::from_nanos(3));
    assert_eq!(replica.free(&places), Money::from_nanos(7));
}

#[test]
fn a_place_is_stale_once_its_account_is_closed() {
    let (mut replica, places) = replica(&[Money::ZERO]);
    assert!(replica.close_account(places[0]));
    let next = replica.open(key(2));
    assert!(
        !replica.leased(places[0], Money::from_nanos(10)),
        "the money is for an account that is closed"
    );
    assert_eq!(replica.local(places[0]), None);
    assert_eq!(replica.local(next).unwrap().lease, Money::ZERO);
    assert!(!replica.close_account(places[0]), "closed once");
}
