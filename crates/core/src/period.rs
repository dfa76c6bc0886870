//! Budget periods and the instants at which they begin anew.
//!
//! All windows are in UTC, so that every replica and every reader agree: a `day` begins at 00:00, a `week` on Monday
//! 00:00 (ISO 8601), a `month` on its first day 00:00. `run` and `total` have one window that never ends: `run` is the
//! life of one key (a key is made for one run), `total` is the life of whatever the budget is on.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How often a budget begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// The life of one key; only keys have it.
    Run,
    /// From 00:00 UTC to 00:00 UTC.
    Day,
    /// From Monday 00:00 UTC to Monday 00:00 UTC.
    Week,
    /// From the first of a month 00:00 UTC to the next.
    Month,
    /// For ever.
    Total,
}

/// One window of a budget: from `start` up to, not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first instant.
    pub start: Timestamp,
    /// The reset instant; `None` where it never ends.
    pub end: Option<Timestamp>,
}

impl Period {
    /// Every period, in the order of their length.
    pub const ALL: [Self; 5] = [Self::Run, Self::Day, Self::Week, Self::Month, Self::Total];

    /// The name used in text, JSON and the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Total => "total",
        }
    }

    /// The window that `now` lies in.
    pub fn window(self, now: Timestamp) -> Window {
        const FOREVER: Window = Window {
            start: Timestamp::from_micros(0),
            end: None,
        };
        let Some(today) = now.to_jiff().map(|t| t.to_zoned(TimeZone::UTC).date()) else {
            return FOREVER;
        };
        let (first, next) = match self {
            Self::Run | Self::Total => return FOREVER,
            Self::Day => (Some(today), today.checked_add(1.day()).ok()),
            Self::Week => {
                let monday = today
                    .checked_sub(i64::from(today.weekday().to_monday_zero_offset()).days())
                    .ok();
                (monday, monday.and_then(|d| d.checked_add(7.days()).ok()))
            }
            Self::Month => {
                let first = today.first_of_month();
                (Some(first), first.checked_add(1.month()).ok())
            }
        };
        match (first.and_then(midnight), next.and_then(midnight)) {
            (Some(start), end) => Window { start, end },
            (None, _) => FOREVER,
        }
    }
}

fn midnight(date: Date) -> Option<Timestamp> {
    let zoned = date.to_zoned(TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
}

impl Window {
    /// Whether `now` lies in the window.
    pub fn contains(&self, now: Timestamp) -> bool {
        now >= self.start && self.end.is_none_or(|end| now < end)
    }
}

/// The text names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown period; use one of run, day, week, month, total")]
pub struct UnknownPeriod;

impl FromStr for Period {
    type Err = UnknownPeriod;
    fn from_str(text: &str) -> Result<Self, UnknownPeriod> {
        Self::ALL.into_iter().find(|p| p.as_str() == text).ok_or(UnknownPeriod)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn windows_begin_and_end_where_documented() {
        // 2026-11-20 is a Friday.
        let now = at("2026-11-20T18:53:00Z");
        let cases = [
            (Period::Day, "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"),
            (Period::Week, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z"),
            (Period::Month, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"),
        ];
        for (period, start, end) in cases {
            assert_eq!(
                period.window(now),
                Window {
                    start: at(start),
                    end: Some(at(end))
                },
                "{period}"
            );
        }
        assert_eq!(Period::Total.window(now).end, None);
    }

    #[test]
    fn the_reset_instant_belongs_to_the_new_window() {
        for period in [Period::Day, Period::Week, Period::Month] {
            let window = period.window(at("2027-12-31T23:59:59.999999Z"));
            let end = window.end.unwrap();
            assert!(!window.contains(end));
            assert_eq!(period.window(end).start, end, "{period}");
        }
    }
}
