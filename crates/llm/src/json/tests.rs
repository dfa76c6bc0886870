use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::tap::{Tap, Watch, presence, value};
use super::*;

/// Whether `serde_json` takes the text for JSON, given that it is UTF-8.
fn serde_accepts(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok() && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn accepts(text: &[u8]) -> bool {
    Cursor::check(text, 512).is_ok()
}

#[test]
fn accepts_and_refuses_what_serde_json_does() {
    let texts: &[&[u8]] = &[
        b"",
        b" ",
        b"{}",
        b"[]",
        b" [ ] ",
        b"{ }",
        b"null",
        b"nul",
        b"nulll",
        b"true",
        b"false",
        b"tru e",
        b"0",
        b"-0",
        b"00",
        b"01",
        b"-",
        b"1.",
        b".5",
        b"1.5e+10",
        b"1e",
        b"1e+",
        b"1E9",
        b"1e999",
        b"+1",
        b"1 2",
        b"[1,]",
        b"[,1]",
        b"[1 2]",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1,}",
        b"{a:1}",
        b"{\"a\":1 \"b\":2}",
        b"\"",
        b"\"\\\"",
        b"\"\\x\"",
        b"\"\\u12\"",
        b"\"\\u12g4\"",
        b"\"\\ud800\"",
        b"\"\\ud83d\\ude00\"",
        b"\"a\nb\"",
        b"\"a\x00b\"",
        b"\"\x7f\"",
        b"\"\xc3\xa9\"",
        b"\"\xc3\"",
        b"\xef\xbb\xbf{}",
        b"{}x",
        b"{} ",
        b"[[[[]]]]",
        b"[}",
        b"{]",
        b"NaN",
        b"Infinity",
        b"'a'",
        b"// c\n1",
        b"[1,/**/2]",
        b"\"\\/\\b\\f\\n\\r\\t\\\\\"",
        b"12345678901234567890123456789012345678901234567890",
    ];
    for text in texts {
        assert_eq!(
            accepts(text),
            serde_accepts(text),
            "{:?}",
            String::from_utf8_lossy(text)
        );
    }
}

#[test]
fn nesting_is_limited_before_the_stack_is() {
    let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    assert!(Cursor::check(&deep(128), 128).is_ok());
    assert_eq!(Cursor::check(&deep(129), 128), Err(JsonError::TooDeep(128)));
    // F17: a hundred thousand levels are refused at the limit, not at the end of the stack.
    assert_eq!(Cursor::check(&vec![b'['; 100_000], 512), Err(JsonError::TooDeep(512)));
    assert_eq!(
        Cursor::check("{\"a\":".repeat(100_000).as_bytes(), 512),
        Err(JsonError::TooDeep(512))
    );
}

#[test]
fn a_million_keys_are_walked_without_allocating_for_them() {
    let body = format!("{{{}\"z\":1}}", "\"k\":[],".repeat(1_000_000));
    assert!(Cursor::check(body.as_bytes(), 128).is_ok());
}

#[test]
fn decoding_resolves_escapes_and_refuses_lone_surrogates() {
    assert_eq!(
        decode(br#"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"#).as_deref(),
        Some("a\"\\/\u{8}\u{c}\n\r\té😀")
    );
    for bad in [&br"\ud800"[..], br"\udc00", br"\ud800\u0041", br"\u12", br"\x", br"\"] {
        assert_eq!(decode(bad), None, "{}", String::from_utf8_lossy(bad));
    }
}

/// Any JSON value, with white space and escapes as odd as the grammar allows.
pub(crate) fn any_json() -> impl Strategy<Value = String> {
    let space = "[ \t\r\n]{0,2}";
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?",
        any_string(),
    ];
    let spaced = (space, scalar, space).prop_map(|(a, s, b)| format!("{a}{s}{b}"));
    spaced.prop_recursive(5, 40, 6, move |inner| {
        let array = prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(",")));
        let pair = (space, any_string(), space, inner).prop_map(|(a, k, b, v)| format!("{a}{k}{b}:{v}"));
        let object = prop::collection::vec(pair, 0..6).prop_map(|pairs| format!("{{{}}}", pairs.join(",")));
        (space, prop_oneof![array, object], space).prop_map(|(a, s, b)| format!("{a}{s}{b}"))
    })
}

/// A JSON string: plain characters, characters beyond ASCII, escapes.
pub(crate) fn any_string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-z_ {}\\[\\]:,]{0,20}",
        1 => "\\PC{0,4}".prop_map(|s| s.replace(['"', '\\'], "")),
        1 => prop::sample::select(vec!["\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\t"])
            .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

proptest! {
    #[test]
    fn valid_json_is_accepted(text in any_json()) {
        prop_assert!(accepts(text.as_bytes()));
        prop_assert!(serde_accepts(text.as_bytes()));
    }

    #[test]
    fn damaged_json_is_judged_as_serde_json_does(
        text in any_json(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        how in 0..4,
    ) {
        let mut text = text.into_bytes();
        if text.is_empty() { return Ok(()); }
        let at = at.index(text.len());
        match how {
            0 => text[at] = byte,
            1 => text.insert(at, byte),
            2 => drop(text.remove(at)),
            _ => text.truncate(at),
        }
        prop_assert_eq!(accepts(&text), serde_accepts(&text), "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn noise_is_judged_as_serde_json_does(text in "[\\[\\]{}:,\"\\\\/untrfalse0-9eE+. \n-]{0,24}") {
        prop_assert_eq!(accepts(text.as_bytes()), serde_accepts(text.as_bytes()));
    }

    #[test]
    fn strings_decode_as_serde_json_decodes_them(text in any_string()) {
        let own = decode(&text.as_bytes()[1..text.len() - 1]);
        prop_assert_eq!(own, serde_json::from_str::<String>(&text).ok());
    }

    #[test]
    fn strings_compare_as_they_decode(text in any_string(), other in any_string()) {
        let mut cursor = Cursor::new(text.as_bytes(), 1, NoWatch).unwrap();
        let own = cursor.string().unwrap();
        if let Some(decoded) = own.decoded() {
            prop_assert!(own.is(&decoded));
            let longer = format!("{decoded}x");
            prop_assert!(!own.is(&longer));
            prop_assert!(decoded.is_empty() || !own.is(""));
        }
        if let Ok(other) = serde_json::from_str::<String>(&other) {
            prop_assert_eq!(own.is(&other), own.decoded().is_some_and(|decoded| decoded == other));
        }
    }

    #[test]
    fn spans_are_exact(text in any_json()) {
        let mut cursor = Cursor::new(text.as_bytes(), 512, NoWatch).unwrap();
        let span = cursor.skip().unwrap();
        prop_assert_eq!(span.of(text.as_bytes()), text.trim().as_bytes());
    }

    #[test]
    fn a_tap_finds_the_same_however_the_text_is_cut(text in any_json(), cuts in prop::collection::vec(any::<u8>(), 0..40)) {
        let whole = tapped(&[text.as_bytes()]);
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        for cut in cuts {
            let (piece, tail) = rest.split_at(usize::from(cut % 16).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        prop_assert_eq!(tapped(&pieces), whole);
    }

    #[test]
    fn a_tap_finds_what_a_pointer_does(inner in any_json(), before in any_json(), after in any_json()) {
        let text = format!("{{\"x\":{before},\"a\":{{\"y\":{after},\"b\":{inner}}},\"z\":[{before}]}}");
        let (found, _) = tapped(&[text.as_bytes()]);
        let wanted = (0, Some(inner.trim().as_bytes().to_vec()));
        prop_assert!(found.contains(&wanted) || inner.len() > 4_000, "{found:?}");
    }
}

const WATCHES: &[Watch] = &[
    value(&["a", "b"]),
    value(&["a", "[]", "b"]),
    presence(&["[]"]),
    value(&["c"]),
];

type All = Vec<(usize, Option<Vec<u8>>)>;

fn tapped(pieces: &[&[u8]]) -> (All, bool) {
    let mut tap = Tap::new(WATCHES);
    let mut all = Vec::new();
    for piece in pieces {
        tap.push(piece, &mut |(watch, value)| {
            all.push((watch, value.map(<[u8]>::to_vec)));
        });
    }
    (all, tap.whole())
}

#[test]
fn a_tap_reads_paths_through_arrays_and_escaped_keys() {
    let (found, whole) = tapped(&[br#"{"\u0061":[{"b":1},{"x":{"b":2}},{"b":"t"}],"c":[1,{"c":2}],"d":3}"#]);
    assert!(whole);
    let text = |s: &str| Some(s.as_bytes().to_vec());
    assert_eq!(found, [(1, text("1")), (1, text("\"t\"")), (3, text("[1,{\"c\":2}]"))]);
    assert_eq!(tapped(&[b"[1,2]"]).0, [(2, None), (2, None)]);
    assert!(!tapped(&[br#"{"c":1"#]).1);
}

#[test]
fn a_tap_keeps_no_value_that_is_too_long() {
    let text = format!("{{\"c\":\"{}\"}}", "x".repeat(100_000));
    assert_eq!(tapped(&[text.as_bytes()]), (vec![(3, None)], true));
}
