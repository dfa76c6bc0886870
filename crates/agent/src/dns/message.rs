//! The little of DNS that is needed: one question in, one answer out.

use std::fmt;
use std::net::Ipv4Addr;

/// The most bytes of a query. Without extensions no more than 512 would be right; those that exist stay far below this.
pub(super) const MAX_QUERY: usize = 1024;
const HEADER: usize = 12;
const CLASS_INTERNET: u16 = 1;
const TYPE_A: u16 = 1;
/// How long an answer may be kept, in seconds.
const LIFETIME: u32 = 60;

/// A host name: letters, digits and hyphens, in lower case, without a dot at its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Reads a name: at most 253 bytes, labels of 1 to 63 that neither begin nor end with a hyphen.
    pub fn parse(text: &str) -> Option<Self> {
        let good = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        (text.len() <= 253 && text.split('.').all(good)).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    id: [u8; 2],
    recursion_desired: bool,
    /// The question as it came, for the answer, which repeats it (with its capitals: some resolvers look at them).
    bytes: Vec<u8>,
    /// The name; `None` = no host can have it.
    pub name: Option<Name>,
    /// Whether an IPv4 address is asked for.
    pub address: bool,
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// This address.
    Address(Ipv4Addr),
    /// The name exists, but has nothing of what was asked for.
    Empty,
    /// There is no such name.
    NoSuchName,
    /// Not answered here.
    Refused,
}

/// Reads a query. `None` = it is none, and not worth an answer.
pub fn parse(query: &[u8]) -> Option<Question> {
    let (header, mut rest) = query.split_first_chunk::<HEADER>()?;
    let [
        id_high,
        id_low,
        flags,
        _,
        questions_high,
        questions_low,
        answers @ ..,
        _,
        _,
    ] = *header;
    // A query (not an answer), of the standard kind, with one question and no answers. What stands in the additional
    // section is the business of extensions, which are not answered.
    let standard = flags & 0b1111_1000 == 0 && answers == [0; 4];
    if query.len() > MAX_QUERY || !standard || [questions_high, questions_low] != [0, 1] {
        return None;
    }
    let mut labels: Vec<&[u8]> = Vec::new();
    let mut length = 0;
    loop {
        let (size, after) = rest.split_first()?;
        if *size == 0 {
            rest = after;
            break;
        }
        // Compression begins with two set bits; in a question there is nothing that it could point to.
        if *size > 63 || after.len() < usize::from(*size) {
            return None;
        }
        let (label, after) = after.split_at(usize::from(*size));
        length += label.len() + 1;
        if length > 254 {
            return None;
        }
        labels.push(label);
        rest = after;
    }
    let ([kind_high, kind_low, class_high, class_low], after) = rest.split_first_chunk::<4>()?;
    if u16::from_be_bytes([*class_high, *class_low]) != CLASS_INTERNET {
        return None;
    }
    let end = query.len() - after.len();
    let name = std::str::from_utf8(&labels.join(&b'.')).ok().and_then(Name::parse);
    // A dot within a label would read as two labels.
    let name = name.filter(|_| !labels.iter().any(|label| label.contains(&b'.')));
    Some(Question {
        id: [id_high, id_low],
        recursion_desired: flags & 1 == 1,
        bytes: query.get(HEADER..end)?.to_vec(),
        name,
        address: u16::from_be_bytes([*kind_high, *kind_low]) == TYPE_A,
    })
}

/// The answer to a question.
pub fn answer(question: &Question, reply: Reply) -> Vec<u8> {
    let (code, count) = match reply {
        Reply::Address(_) => (0, 1),
        Reply::Empty => (0, 0),
        Reply::NoSuchName => (3, 0),
        Reply::Refused => (5, 0),
    };
    // An answer, with authority; recursion is available, or some resolvers would look elsewhere.
    let flags = [0b1000_0100 | u8::from(question.recursion_desired), 0b1000_0000 | code];
    let mut bytes = Vec::with_capacity(HEADER + question.bytes.len() + 16);
    bytes.extend_from_slice(&question.id);
    bytes.extend_from_slice(&flags);
    bytes.extend_from_slice(&[0, 1, 0, count, 0, 0, 0, 0]);
    bytes.extend_from_slice(&question.bytes);
    if let Reply::Address(address) = reply {
        // The name is the question's, at byte 12.
        bytes.extend_from_slice(&[0xc0, 12]);
        bytes.extend_from_slice(&TYPE_A.to_be_bytes());
        bytes.extend_from_slice(&CLASS_INTERNET.to_be_bytes());
        bytes.extend_from_slice(&LIFETIME.to_be_bytes());
        bytes.extend_from_slice(&[0, 4]);
        bytes.extend_from_slice(&address.octets());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(labels: &[&[u8]], kind: u16) -> Vec<u8> {
        let mut bytes = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in labels {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label);
        }
        bytes.push(0);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 1]);
        bytes
    }

    #[test]
    fn a_question_is_read_and_answered() {
        let bytes = query(&[b"Registry", b"npmjs", b"org"], 1);
        let question = parse(&bytes).unwrap();
        assert_eq!(question.name.as_ref().unwrap().as_str(), "registry.npmjs.org");
        assert!(question.address);
        let answered = answer(&question, Reply::Address(Ipv4Addr::new(198, 18, 0, 7)));
        let mut expected = vec![0xab, 0xcd, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
        expected.extend_from_slice(&bytes[12..]);
        expected.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 198, 18, 0, 7]);
        assert_eq!(answered, expected);
        let refused = answer(&parse(&query(&[b"a"], 28)).unwrap(), Reply::NoSuchName);
        assert_eq!(refused[3] & 15, 3);
        assert!(!parse(&query(&[b"a"], 28)).unwrap().address);
    }

    #[test]
    fn odd_names_are_no_names() {
        let long = [b'a'; 63];
        for labels in [
            &[&b"a\0b"[..], b"com"][..],
            &[b"a b"],
            &[b"a.b", b"com"],
            &[b"-a", b"com"],
            &[b"a-", b"com"],
            &[b"_dmarc", b"com"],
            &["ä".as_bytes()],
            &[],
        ] {
            assert_eq!(parse(&query(labels, 1)).unwrap().name, None, "{labels:?}");
        }
        assert_eq!(
            parse(&query(&[&long[..]; 4], 1)),
            None,
            "254 bytes of labels are too many"
        );
        assert!(Name::parse("a.b.").is_none() && Name::parse("a..b").is_none());
    }

    #[test]
    fn what_is_no_query_is_not_answered() {
        let good = query(&[b"a"], 1);
        for (at, value) in [(2, 0x81), (2, 0x09), (5, 2), (5, 0), (7, 1), (9, 1)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            assert_eq!(parse(&bytes), None, "{at}");
        }
        // Compression, another class, and a message that ends early.
        let mut bytes = good.clone();
        bytes[12] = 0xc0;
        assert_eq!(parse(&bytes), None);
        *bytes.last_mut().unwrap() = 3;
        bytes[12] = 1;
        assert_eq!(parse(&bytes), None);
        for end in 0..good.len() {
            assert_eq!(parse(&good[..end]), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1200)) {
            if let Some(question) = parse(&bytes) {
                prop_assert!(answer(&question, Reply::Refused).len() <= bytes.len());
            }
        }

        #[test]
        fn good_queries_are_read_whatever_follows(
            name in "[a-zA-Z0-9]{1,20}(\\.[a-z0-9]{1,20}){0,5}",
            tail in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).collect();
            let mut bytes = query(&labels, 1);
            bytes.extend_from_slice(&tail);
            let read = parse(&bytes).unwrap().name.unwrap();
            prop_assert_eq!(read.as_str(), name.to_ascii_lowercase());
        }
    }
}
