//! What keeps guessers slow: delays that grow with each wrong try.
//!
//! A try is counted before it is judged, so that a thousand at once are a thousand, and taken back when it was right.
//! Passwords are limited by network address, and by address and name: a guesser cannot keep anybody out who signs in from
//! another address. Codes of a second factor are limited by person, but whoever can try those has the password already, and
//! recovery codes, which nobody guesses, work all the same.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use bailey_core::{PersonId, Timestamp};

/// How many wrong tries are free, and how long the delay grows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    free: u32,
    longest: i64,
}

/// Passwords of one name from one address.
pub(crate) const NAME: Rule = Rule { free: 5, longest: 900 };
/// Passwords of whatever names from one address; many people may share it.
pub(crate) const ADDRESS: Rule = Rule { free: 50, longest: 30 };
/// Codes of one person, from wherever.
pub(crate) const CODES: Rule = Rule { free: 10, longest: 300 };

/// What is tried.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// A password of this name from this address.
    Name(IpAddr, String),
    /// A password from this address.
    Address(IpAddr),
    /// A code of this person.
    Code(PersonId),
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    wrong: u32,
    until: Timestamp,
    at: Timestamp,
}

/// Wrong tries so far.
#[derive(Default)]
pub(crate) struct Limits(Mutex<HashMap<Guess, Entry>>);

/// After this many seconds without a try, nothing is held against anybody.
const MEMORY: i64 = 3_600;
/// Entries kept at once. Names and addresses come from outside, so there must be an end to them.
const MOST: usize = 100_000;

/// The network that an address counts as: people with IPv6 have a whole /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

impl Limits {
    /// Counts a try, or says for how many seconds there may be none.
    pub(crate) fn enter(&self, guess: Guess, rule: Rule, now: Timestamp) -> Result<(), u64> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut table, now);
        let fresh = Entry {
            wrong: 0,
            until: now,
            at: now,
        };
        let entry = table.entry(guess).or_insert(fresh);
        if now < entry.until {
            let wait = entry.until.seconds().saturating_sub(now.seconds()).max(1);
            return Err(u64::try_from(wait).unwrap_or(1));
        }
        if is_old(entry, now) {
            *entry = fresh;
        }
        entry.wrong = entry.wrong.saturating_add(1);
        entry.at = now;
        if let Some(beyond) = entry.wrong.checked_sub(rule.free) {
            let delay = 1_i64.checked_shl(beyond.min(32)).unwrap_or(i64::MAX);
            entry.until = now.plus_seconds(delay.min(rule.longest));
        }
        Ok(())
    }

    /// Takes one try back: it was not wrong.
    pub(crate) fn take_back(&self, guess: &Guess, now: Timestamp) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = table.get_mut(guess) {
            entry.wrong = entry.wrong.saturating_sub(1);
            entry.until = now;
        }
    }

    /// Forgets all wrong tries: the right one came.
    pub(crate) fn forgive(&self, guess: &Guess) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(guess);
    }
}

fn is_old(entry: &Entry, now: Timestamp) -> bool {
    now.seconds().saturating_sub(entry.at.seconds()) >= MEMORY
}

fn make_room(table: &mut HashMap<Guess, Entry>, now: Timestamp) {
    if table.len() < MOST {
        return;
    }
    table.retain(|_, entry| !is_old(entry, now));
    // Those who tried little first: a flood of names is many with one try each, and takes nobody's count away.
    let mut fewest = 1;
    while table.len() >= MOST {
        table.retain(|_, entry| entry.wrong > fewest);
        fewest = fewest.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_seconds(1_000_000);

    fn guess(last: u8, name: &str) -> Guess {
        Guess::Name(IpAddr::from([192, 0, 2, last]), name.to_owned())
    }

    #[test]
    fn the_delay_grows_and_ends_and_concerns_one_address_and_name() {
        let limits = Limits::default();
        let mut now = T0;
        for _ in 0..NAME.free {
            limits.enter(guess(1, "ada"), NAME, now).unwrap();
        }
        let mut last = 0;
        for _ in 0..20 {
            let wait = limits.enter(guess(1, "ada"), NAME, now).unwrap_err();
            assert!(wait >= last && wait <= 900, "{wait}");
            limits
                .enter(guess(2, "ada"), NAME, T0)
                .map_or_else(|_| (), |()| limits.forgive(&guess(2, "ada")));
            limits.enter(guess(1, "bob"), NAME, T0).unwrap();
            limits.forgive(&guess(1, "bob"));
            now = now.plus_seconds(i64::try_from(wait).unwrap());
            limits.enter(guess(1, "ada"), NAME, now).unwrap();
            last = wait;
        }
        assert_eq!(last, 900);
        now = now.plus_seconds(MEMORY);
        for _ in 0..NAME.free {
            limits.enter(guess(1, "ada"), NAME, now).unwrap();
        }
    }

    #[test]
    fn many_at_once_are_all_counted() {
        let limits = Limits::default();
        let let_in = (0..1_000)
            .filter(|_| limits.enter(guess(1, "ada"), NAME, T0).is_ok())
            .count();
        assert_eq!(let_in, 5);
        limits.forgive(&guess(1, "ada"));
        limits.enter(guess(1, "ada"), NAME, T0).unwrap();
    }

    #[test]
    fn what_was_right_is_taken_back() {
        let limits = Limits::default();
        for _ in 0..100 {
            limits.enter(guess(1, "ada"), NAME, T0).unwrap();
            limits.take_back(&guess(1, "ada"), T0);
        }
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
        assert_eq!(of("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn the_table_stays_small_and_a_flood_takes_no_count_away() {
        let limits = Limits::default();
        for _ in 0..=NAME.free {
            let _ = limits.enter(guess(2, "ada"), NAME, T0);
        }
        let wait = limits.enter(guess(2, "ada"), NAME, T0).unwrap_err();
        for n in 0..MOST + 10 {
            let _ = limits.enter(guess(1, &n.to_string()), NAME, T0);
        }
        assert!(limits.0.lock().unwrap().len() <= MOST);
        assert_eq!(limits.enter(guess(2, "ada"), NAME, T0), Err(wait));
    }
}
