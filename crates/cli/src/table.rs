//! Tables of text with aligned columns, and the text of money, times and absent values in them.

use bailey_api::{Amount, Time};

/// Which edge of a column its cells stand at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    Left,
    Right,
}

/// Rows under a line of names.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Edge)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns. Names that begin with `>` are columns of numbers, which stand at the right edge.
    pub(crate) fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let column = |name: S| match name.as_ref().strip_prefix('>') {
            Some(name) => (name.to_owned(), Edge::Right),
            None => (name.as_ref().to_owned(), Edge::Left),
        };
        Self {
            columns: names.into_iter().map(column).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row with a cell for each column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text; `nothing` where there are no rows.
    pub(crate) fn text(&self, nothing: &str) -> String {
        if self.rows.is_empty() {
            return format!("{nothing}\n");
        }
        let names: Vec<String> = self.columns.iter().map(|(name, _)| name.clone()).collect();
        let lines = || std::iter::once(&names).chain(&self.rows);
        let width = |at: usize| {
            lines()
                .filter_map(|line| line.get(at))
                .map(|cell| cell.chars().count())
                .max()
        };
        let widths: Vec<usize> = (0..self.columns.len()).filter_map(width).collect();
        lines().map(|line| self.line(line, &widths)).collect()
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let padded = cells
            .iter()
            .zip(widths)
            .zip(&self.columns)
            .map(|((cell, width), (_, edge))| match edge {
                Edge::Left => format!("{cell:<width$}"),
                Edge::Right => format!("{cell:>width$}"),
            });
        let line = padded.collect::<Vec<_>>().join("  ");
        format!("{}\n", line.trim_end())
    }
}

/// Names and values, one pair a line.
#[derive(Debug, Default)]
pub(crate) struct Details(Vec<(&'static str, String)>);

impl Details {
    /// Adds a pair.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds a pair if there is a value.
    pub(crate) fn maybe(self, name: &'static str, value: Option<String>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let lines = self.0.iter().map(|(name, value)| {
            format!(
                "{name:<width$}  {value}
"
            )
        });
        lines.collect::<Vec<_>>().concat()
    }
}

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "-";

/// A value, or what stands where there is none.
pub(crate) fn or_nothing(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

/// A text of which nothing steers the terminal that it is shown on: what comes out of a workspace may try.
pub(crate) fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

/// A time to the second, such as `2026-11-20 18:53:00`, UTC.
pub(crate) fn time(time: Time) -> String {
    let text = time.to_string();
    let whole = text.split('.').next().unwrap_or_default().trim_end_matches('Z');
    whole.replacen('T', " ", 1)
}

/// An amount somebody set: cents, and more places only where they are needed.
pub(crate) fn dollars(amount: &Amount) -> String {
    let (sign, units, fraction) = parts(amount.nanos);
    let fraction = format!("{fraction:09}");
    let shown = fraction.trim_end_matches('0').len().max(2);
    format!("{sign}${units}.{}", fraction.get(..shown).unwrap_or_default())
}

/// An amount that was spent: four places, so that columns line up. The exact one is in JSON and CSV.
pub(crate) fn spent(amount: &Amount) -> String {
    const PLACE: i64 = 100_000;
    if amount.nanos > 0 && amount.nanos < PLACE {
        return "<$0.0001".to_owned();
    }
    let rounded = amount.nanos.saturating_add(PLACE / 2) / PLACE * PLACE;
    let (sign, units, fraction) = parts(rounded);
    format!("{sign}${units}.{:04}", fraction / PLACE.unsigned_abs())
}

fn parts(nanos: i64) -> (&'static str, u64, u64) {
    let unit = bailey_core::money::NANOS_PER_USD.unsigned_abs();
    let sign = if nanos < 0 { "-" } else { "" };
    (sign, nanos.unsigned_abs() / unit, nanos.unsigned_abs() % unit)
}

/// A number with thousands apart, such as `12,345`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let grouped = digits.bytes().enumerate().flat_map(|(at, digit)| {
        let separator = (at > 0 && (digits.len() - at).is_multiple_of(3)).then_some(',');
        separator.into_iter().chain(std::iter::once(char::from(digit)))
    });
    grouped.collect()
}

/// A number of things, such as `1 price` or `2 prices`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Microseconds as `12 ms` or `3.4 s`.
pub(crate) fn latency(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => format!("{}.{} s", micros / 1_000_000, micros % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bailey_core::Money;

    #[test]
    fn nothing_plain_steers_a_terminal() {
        assert_eq!(
            plain("a\tb \u{1b}]52;c;eA\u{7}\u{9b}2J\r\n"),
            "a\tb \u{fffd}]52;c;eA\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["NAME", ">COST"]);
        table.row(["ada".to_owned(), "$1.00".to_owned()]);
        table.row(["grace hopper".to_owned(), "$10.00".to_owned()]);
        assert_eq!(
            table.text("none"),
            "NAME            COST\nada            $1.00\ngrace hopper  $10.00\n"
        );
        assert_eq!(Table::new(["A"]).text("no rows"), "no rows\n");
    }

    #[test]
    fn money_is_readable() {
        let amount = |nanos| Amount::from(Money::from_nanos(nanos));
        for (nanos, set, used) in [
            (0, "$0.00", "$0.0000"),
            (5_000_000_000, "$5.00", "$5.0000"),
            (250_000_000, "$0.25", "$0.2500"),
            (1, "$0.000000001", "<$0.0001"),
            (12_345_650_000, "$12.34565", "$12.3457"),
        ] {
            assert_eq!(dollars(&amount(nanos)), set);
            assert_eq!(spent(&amount(nanos)), used);
        }
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(latency(3_400_000), "3.4 s");
    }
}
