//! Cron expressions of five fields in UTC: minute, hour, day of month, month, day of week (0 or 7 is Sunday).

/// The numbers that each field allows, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether both day fields are limited: then either suffices, as cron has it.
    either: bool,
}

impl Cron {
    /// Reads an expression: `*`, numbers, ranges, steps and lists of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!(
                "`{text}` is not a cron expression of five fields such as `*/5 * * * *`"
            ));
        };
        let mut week = field(weekdays, 0, 7, "day of the week")?;
        if week & (1 << 7) != 0 {
            week |= 1;
        }
        let cron = Self {
            minutes: field(minutes, 0, 59, "minute")?,
            hours: field(hours, 0, 23, "hour")?,
            days: field(days, 1, 31, "day of the month")?,
            months: field(months, 1, 12, "month")?,
            weekdays: week,
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        };
        if cron.never() {
            return Err(format!("`{text}` names a day that no month has"));
        }
        Ok(cron)
    }

    /// Whether a minute is meant. `weekday` counts from 0 for Sunday.
    pub fn matches(&self, minute: u8, hour: u8, day: u8, month: u8, weekday: u8) -> bool {
        let has = |bits: u64, n: u8| n < 64 && bits & (1 << n) != 0;
        let (by_day, by_weekday) = (has(self.days, day), has(self.weekdays, weekday));
        has(self.minutes, minute)
            && has(self.hours, hour)
            && has(self.months, month)
            && if self.either {
                by_day || by_weekday
            } else {
                by_day && by_weekday
            }
    }

    /// Whether there is no such date, as with 30 February.
    fn never(&self) -> bool {
        const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let exists = (1..=12u8)
            .zip(DAYS)
            .any(|(month, last)| self.months & (1 << month) != 0 && (1..=last).any(|day| self.days & (1 << day) != 0));
        !exists && !self.either
    }
}

fn field(text: &str, least: u8, most: u8, what: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a {what} ({least} to {most}, `*`, ranges, steps or lists of these)");
    let number = |text: &str| -> Result<u8, String> {
        let good = !text.is_empty() && text.len() <= 2 && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| good && (least..=most).contains(n));
        number.ok_or_else(wrong)
    };
    let mut bits = 0;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let step = step.parse::<u8>().ok().filter(|step| *step > 0);
                (range, Some(step.ok_or_else(wrong)?))
            }
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            // `5/10` is every tenth from the fifth on.
            None if step.is_some() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return Err(wrong());
        }
        for n in (from..=to).step_by(step.unwrap_or(1).into()) {
            bits |= 1 << n;
        }
    }
    Ok(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_mean_what_cron_says() {
        let every = Cron::parse("*/5 * * * *").unwrap();
        assert!(every.matches(55, 3, 1, 1, 4) && !every.matches(56, 3, 1, 1, 4));
        let workdays = Cron::parse("0 9-17/4 * * 1-5").unwrap();
        assert!(workdays.matches(0, 13, 24, 11, 2) && !workdays.matches(0, 13, 22, 11, 0));
        let sunday = Cron::parse("0 0 * * 7").unwrap();
        assert!(sunday.matches(0, 0, 22, 11, 0));
        // Both day fields limited: either.
        let either = Cron::parse("0 0 13 * 5").unwrap();
        assert!(either.matches(0, 0, 13, 11, 1) && either.matches(0, 0, 20, 11, 5) && !either.matches(0, 0, 21, 11, 6));
    }

    #[test]
    fn nonsense_is_refused() {
        for wrong in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "+5 * * * *",
            ", * * * *",
            "1,,2 * * * *",
            "0 0 30 2 *",
            "@daily",
            "1-2-3 * * * *",
        ] {
            assert!(Cron::parse(wrong).is_err(), "{wrong}");
        }
    }
}
