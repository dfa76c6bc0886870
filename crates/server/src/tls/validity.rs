//! From when to when a certificate is good, read out of its DER: nothing that is linked in already tells it.

use bailey_core::Timestamp;

/// When a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// From then on.
    pub(super) from: Timestamp,
    /// Until then.
    pub(super) until: Timestamp,
}

const SEQUENCE: u8 = 0x30;
/// The version, which the oldest certificates do not have.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate is good; `None` = this is no certificate (RFC 5280, 4.1).
pub(super) fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (mut signed, _) = expect(certificate, SEQUENCE)?;
    if let Some((_, rest)) = expect(signed, VERSION) {
        signed = rest;
    }
    // Serial number, algorithm, issuer.
    for _ in 0..3 {
        signed = element(signed)?.2;
    }
    let (times, _) = expect(signed, SEQUENCE)?;
    let (from, times) = time(times)?;
    let (until, _) = time(times)?;
    Some(Validity { from, until })
}

/// The tag, the contents and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// The contents of an element with this tag, and what follows.
fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, contents, rest) = element(bytes)?;
    (tag == wanted).then_some((contents, rest))
}

fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (tag, contents, rest) = element(bytes)?;
    let text = std::str::from_utf8(contents).ok()?.strip_suffix('Z')?;
    let year = match tag {
        // Two digits: 1950 to 2049.
        UTC_TIME if text.get(..2)?.parse::<u8>().ok()? < 50 => format!("20{}", text.get(..2)?),
        UTC_TIME => format!("19{}", text.get(..2)?),
        GENERALIZED_TIME => text.get(..4)?.to_owned(),
        _ => return None,
    };
    let digits = text.get(if tag == UTC_TIME { 2 } else { 4 }..)?;
    let two = |at: usize| digits.get(at..at + 2);
    let (month, day, hour, minute, second) = (two(0)?, two(2)?, two(4)?, two(6)?, two(8)?);
    let at = Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))?;
    (digits.len() == 10).then_some((at, rest))
}
