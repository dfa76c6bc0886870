//! Rate limits: exact counts over the last sixty seconds, in one-second slots.
//!
//! A limit of N per minute means: never more than N in any 60 consecutive slots, the running second included. Nothing
//! is smoothed, so a burst of N is fine, and a refusal can say exactly when there is room again.

use crate::Timestamp;

const SLOTS: usize = 60;
const SECONDS: i64 = 60;

/// A sliding count of the last minute.
#[derive(Debug, Clone)]
pub struct MinuteWindow {
    slots: [u64; SLOTS],
    sum: u64,
    /// The second that the newest slot stands for.
    newest: i64,
}

impl Default for MinuteWindow {
    fn default() -> Self {
        Self {
            slots: [0; SLOTS],
            sum: 0,
            newest: i64::MIN / 2,
        }
    }
}

impl MinuteWindow {
    fn slot(second: i64) -> usize {
        usize::try_from(second.rem_euclid(SECONDS)).unwrap_or(0)
    }

    fn take(&mut self, second: i64) -> u64 {
        self.slots.get_mut(Self::slot(second)).map_or(0, std::mem::take)
    }

    /// Forgets what is older than a minute. A clock that went back changes nothing: counts stay where they are.
    fn advance(&mut self, second: i64) {
        if second - self.newest >= SECONDS {
            self.slots = [0; SLOTS];
            self.sum = 0;
        } else {
            for s in self.newest + 1..=second {
                self.sum -= self.take(s);
            }
        }
        self.newest = self.newest.max(second);
    }

    /// What was counted in the last minute.
    pub fn total(&mut self, now: Timestamp) -> u64 {
        self.advance(now.seconds());
        self.sum
    }

    /// Counts `amount` now.
    pub fn add(&mut self, now: Timestamp, amount: u64) {
        self.advance(now.seconds());
        let room = u64::MAX - self.sum;
        let amount = amount.min(room);
        if let Some(slot) = self.slots.get_mut(Self::slot(self.newest)) {
            *slot += amount;
            self.sum += amount;
        }
    }

    /// Takes back up to `amount` of what was counted, newest first: an estimate that turned out too high.
    pub fn give_back(&mut self, now: Timestamp, mut amount: u64) {
        self.advance(now.seconds());
        for age in 0..SECONDS {
            let Some(slot) = self.slots.get_mut(Self::slot(self.newest - age)) else {
                return;
            };
            let taken = amount.min(*slot);
            *slot -= taken;
            self.sum -= taken;
            amount -= taken;
            if amount == 0 {
                return;
            }
        }
    }

    /// Whether `amount` more keeps within `limit`; if not, in how many whole seconds it will (1 to 60).
    /// An amount larger than the limit itself fits only an empty window, so that one large request can pass at all.
    pub fn room(&mut self, now: Timestamp, limit: u64, amount: u64) -> Result<(), u64> {
        self.advance(now.seconds());
        if self.sum.saturating_add(amount) <= limit || (self.sum == 0 && limit > 0) {
            return Ok(());
        }
        let mut left = self.sum;
        for wait in 1..=SECONDS {
            // After `wait` seconds the slot of (newest + wait - SLOTS) has aged out.
            left -= self.slots.get(Self::slot(self.newest + wait)).copied().unwrap_or(0);
            if left.saturating_add(amount) <= limit || left == 0 {
                return Err(u64::try_from(wait).unwrap_or(1));
            }
        }
        Err(60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_sixty_first_request_waits_until_the_first_ages_out() {
        let mut window = MinuteWindow::default();
        let t = Timestamp::from_seconds(1_000_000);
        for _ in 0..60 {
            assert_eq!(window.room(t, 60, 1), Ok(()));
            window.add(t, 1);
        }
        assert_eq!(window.room(t.plus_seconds(10), 60, 1), Err(50));
        assert_eq!(window.room(t.plus_seconds(59), 60, 1), Err(1));
        assert_eq!(window.room(t.plus_seconds(60), 60, 1), Ok(()));
    }

    proptest! {
        #[test]
        fn counts_are_those_of_a_plain_list(steps in proptest::collection::vec((0_i64..90, 0_u64..5), 1..200)) {
            let mut window = MinuteWindow::default();
            let mut list: Vec<(i64, u64)> = Vec::new();
            let mut now = 1_700_000_000;
            for (wait, amount) in steps {
                now += wait;
                window.add(Timestamp::from_seconds(now), amount);
                list.push((now, amount));
                let want: u64 = list.iter().filter(|(s, _)| *s > now - 60).map(|(_, a)| a).sum();
                prop_assert_eq!(window.total(Timestamp::from_seconds(now)), want);
            }
        }

        #[test]
        fn after_the_wait_that_a_refusal_names_there_is_room(
            adds in proptest::collection::vec((0_i64..20, 1_u64..5), 1..100), limit in 1_u64..20, amount in 1_u64..10,
        ) {
            let mut window = MinuteWindow::default();
            let mut now = Timestamp::from_seconds(1_700_000_000);
            for (wait, amount) in adds {
                now = now.plus_seconds(wait);
                window.add(now, amount);
            }
            if let Err(wait) = window.room(now, limit, amount) {
                prop_assert!((1..=60).contains(&wait));
                let then = now.plus_seconds(i64::try_from(wait).unwrap());
                prop_assert_eq!(window.room(then, limit, amount), Ok(()));
            }
        }
    }
}
