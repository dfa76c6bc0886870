//! Times of cron expressions: five fields (minute, hour, day of the month, month, day of the week), in UTC.
//!
//! Each field is `*`, a number, a range `a-b`, any of them with a step `/n`, or a list of these with commas. Sunday is 0 or 7.
//! Where both days are given, either is enough, as in every cron.

/// Minutes are searched this far ahead: the longest way from one time to the next is eight years, over a century that is
/// no leap year.
const HORIZON_DAYS: i64 = 366 * 9;
const MINUTES_PER_DAY: i64 = 24 * 60;

/// A parsed expression. Each field is a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Either day is enough.
    either: bool,
}

/// Not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a cron expression of five fields")]
pub struct CronError(String);

impl Schedule {
    /// Reads an expression.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let error = || CronError(text.chars().take(100).collect());
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return Err(error());
        };
        let weekdays = field(weekday, 0, 7).ok_or_else(error)?;
        Ok(Self {
            minutes: field(minute, 0, 59).ok_or_else(error)?,
            hours: field(hour, 0, 23).ok_or_else(error)?,
            days: field(day, 1, 31).ok_or_else(error)?,
            months: field(month, 1, 12).ok_or_else(error)?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        })
    }

    /// The first time after `now`, both in seconds since the epoch; `None` = it never comes (the 30th of February).
    pub fn next_after(&self, now: i64) -> Option<i64> {
        let minute = now.div_euclid(60) + 1;
        let (first_day, first_minute) = (minute.div_euclid(MINUTES_PER_DAY), minute.rem_euclid(MINUTES_PER_DAY));
        (first_day..first_day + HORIZON_DAYS)
            .filter(|day| self.falls_on(*day))
            .find_map(|day| {
                let from = if day == first_day { first_minute } else { 0 };
                let minute = (from..MINUTES_PER_DAY)
                    .find(|minute| has(self.hours, minute / 60) && has(self.minutes, minute % 60))?;
                Some((day * MINUTES_PER_DAY + minute) * 60)
            })
    }

    fn falls_on(&self, day: i64) -> bool {
        let (month, day_of_month) = month_and_day(day);
        // The first of January 1970 was a Thursday.
        let weekday = has(self.weekdays, (day + 4).rem_euclid(7));
        let day = has(self.days, day_of_month);
        has(self.months, month) && if self.either { day || weekday } else { day && weekday }
    }
}

fn has(set: u64, value: i64) -> bool {
    u32::try_from(value).is_ok_and(|value| set.checked_shr(value).is_some_and(|set| set & 1 == 1))
}

/// The month (1 to 12) and its day (1 to 31) of a day since the epoch, in the Gregorian calendar.
fn month_and_day(day: i64) -> (i64, i64) {
    // Years that begin in March have their odd day at the end; eras of 400 of them are equally long.
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    (if month < 10 { month + 3 } else { month - 9 }, day_of_month)
}

fn field(text: &str, first: u32, last: u32) -> Option<u64> {
    let mut set = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(number(step).filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (first, last),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/15` means from 5 on, in every cron that takes it.
            None => (number(range)?, if step.is_some() { last } else { number(range)? }),
        };
        if from < first || to > last || from > to {
            return None;
        }
        for value in (from..=to).step_by(usize::try_from(step.unwrap_or(1)).ok()?) {
            set |= 1 << value;
        }
    }
    Some(set)
}

fn number(text: &str) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-25 02:17:30, a Wednesday.
    const NOW: i64 = 1_795_573_050;

    fn next(text: &str) -> Option<i64> {
        Schedule::parse(text).unwrap().next_after(NOW).map(|at| at - NOW)
    }

    #[test]
    fn times_are_found() {
        const DAY: i64 = 86_400;
        // Seconds until 02:18:00.
        let to_next = 30;
        let hour = 3600;
        let midnight = to_next + 42 * 60 + 21 * hour;
        for (text, expected) in [
            ("* * * * *", to_next),
            ("*/5 * * * *", to_next + 2 * 60),
            ("17 * * * *", to_next + 59 * 60),
            ("0 0 * * *", midnight),
            ("5/20 2 * * *", to_next + 7 * 60),
            ("0,30 9-17 * * 1-5", to_next + 42 * 60 + 6 * hour),
            // Friday, Sunday twice, and the first of the month.
            ("0 0 * * 5", midnight + DAY),
            ("0 0 * * 0", midnight + 3 * DAY),
            ("0 0 * * 7", midnight + 3 * DAY),
            ("0 0 1 * *", midnight + 5 * DAY),
            // Either day: Thursday comes before the first.
            ("0 0 1 * 4", midnight),
            ("0 0 1 1 *", midnight + 36 * DAY),
            // The next 29th of February is in 2028.
            ("0 0 29 2 *", midnight + (36 + 365 + 31 + 28) * DAY),
        ] {
            assert_eq!(next(text), Some(expected), "{text}");
        }
        assert_eq!(next("0 0 30 2 *"), None);
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "5-1 * * * *",
            "*/0 * * * *",
            "a * * * *",
            "1,,2 * * * *",
            "-1 * * * *",
            "+1 * * * *",
            "1- * * * *",
            "999 * * * *",
            "@daily",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[0-9*/,\\- ]{0,40}", now in any::<i32>()) {
            if let Ok(schedule) = Schedule::parse(&text)
                && let Some(at) = schedule.next_after(i64::from(now))
            {
                prop_assert!(at > i64::from(now) && at % 60 == 0);
            }
        }

        #[test]
        fn the_calendar_agrees_with_counting(years in 0_i64..200) {
            // Walk day by day through one year that begins in January.
            let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let mut day: i64 = (1970..1970 + years).map(|year| if leap(year) { 366 } else { 365 }).sum();
            let february = if leap(1970 + years) { 29 } else { 28 };
            for (month, length) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
                for of_month in 1..=length {
                    prop_assert_eq!(month_and_day(day), (month, of_month));
                    day += 1;
                }
            }
        }
    }
}
