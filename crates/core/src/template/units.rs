//! Amounts as people write them: `4GiB`, `1.5`, `1h30m`.

/// Bytes of `4GiB`, `500MB` or `1024`.
pub fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("", 1),
        ("B", 1),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
    ];
    let wrong = || format!("`{text}` is not an amount of bytes such as `512MiB` or `4GiB`");
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?;
    let millionths = decimal(number).ok_or_else(wrong)?;
    let bytes = millionths.checked_mul(u128::from(*factor)).ok_or_else(wrong)? / 1_000_000;
    u64::try_from(bytes).map_err(|_| wrong())
}

/// Thousandths of a CPU of `2`, `0.5` or `500m`.
pub fn cpus(text: &str) -> Result<u32, String> {
    let wrong = || format!("`{text}` is not a number of CPUs such as `2` or `0.5`");
    let millis = match text.strip_suffix('m') {
        Some(millis) => millis.parse().map_err(|_| wrong())?,
        None => decimal(text).ok_or_else(wrong)? / 1_000,
    };
    u32::try_from(millis).map_err(|_| wrong())
}

/// Seconds of `90s`, `30m`, `24h`, `7d` or `1h30m`.
pub fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a duration such as `90s`, `30m` or `1h30m`");
    let (mut total, mut rest, mut last) = (0u64, text, u64::MAX);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let factor = match tail.chars().next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(wrong()),
        };
        if factor >= last {
            return Err(wrong());
        }
        let part: u64 = number.parse().map_err(|_| wrong())?;
        let part = part.checked_mul(factor).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        (last, rest) = (factor, tail.get(1..).unwrap_or_default());
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}

/// Millionths of a decimal number of at most twelve digits before the point and six after it.
fn decimal(text: &str) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        let good = !part.is_empty() && part.len() <= most && part.bytes().all(|b| b.is_ascii_digit());
        good.then(|| part.parse::<u128>().ok()).flatten()
    };
    let whole = digits(whole, 15)?;
    let scale = 10u128.pow(6 - u32::try_from(fraction.len()).ok().filter(|n| *n <= 6)?);
    Some(whole * 1_000_000 + digits(fraction, 6)? * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(bytes("4GiB"), Ok(4 << 30));
        assert_eq!(bytes("1.5 MiB"), Ok(3 << 19));
        assert_eq!(bytes("500MB"), Ok(500_000_000));
        assert_eq!(bytes("12"), Ok(12));
        for wrong in [
            "",
            "GiB",
            "4 gib",
            "-1",
            "1e3",
            "1.",
            ".5",
            "1.2.3",
            "99999999999999TiB",
            "4GiB4",
            "0x4",
            "1.1234567",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(cpus("2"), Ok(2_000));
        assert_eq!(cpus("0.25"), Ok(250));
        assert_eq!(cpus("250m"), Ok(250));
        for wrong in ["", "m", "-1m", "x", "99999999"] {
            assert!(cpus(wrong).is_err(), "{wrong}");
        }
        assert_eq!(seconds("1h30m"), Ok(5_400));
        assert_eq!(seconds("7d"), Ok(604_800));
        for wrong in [
            "",
            "30",
            "m",
            "30m1h",
            "1m1m",
            "1.5h",
            "-1s",
            "30 m",
            "99999999999999999999s",
            "9999999999999999999d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
