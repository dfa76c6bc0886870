use super::*;

/// The events of a stream that is fed in pieces of `size`.
fn events(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut framer, mut events, mut open) = (Framer::new(), Vec::new(), Vec::new());
    for piece in stream.chunks(size) {
        let mut from = 0;
        while let Some(end) = framer.event_end(piece, from) {
            open.extend_from_slice(&piece[from..end]);
            events.push(std::mem::take(&mut open));
            from = end;
        }
        open.extend_from_slice(&piece[from..]);
    }
    events
}

fn data(raw: &[u8]) -> Option<String> {
    Event::parse(raw)
        .data
        .map(|d| String::from_utf8(d.into_owned()).unwrap())
}

#[test]
fn lines_end_in_lf_crlf_or_cr() {
    for end in ["\n", "\r\n", "\r"] {
        let stream =
            format!("event: a{end}data: 1{end}{end}data: 2{end}{end}: comment{end}{end}data:3{end}data: 4{end}{end}");
        let expected = [Some("1"), Some("2"), None, Some("3\n4")].map(|d| d.map(str::to_owned));
        for size in 1..stream.len() {
            let found: Vec<_> = events(stream.as_bytes(), size).iter().map(|raw| data(raw)).collect();
            // A CR alone ends an event at once, so an LF after it may come as an event of its own without data.
            let found: Vec<_> = found.into_iter().collect();
            assert_eq!(found, expected, "{end:?} in pieces of {size}");
        }
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_field() {
    let event = Event::parse(b"\xEF\xBB\xBFevent: x\ndata: 1\n\n");
    assert_eq!(event.name, Some(&b"x"[..]));
    assert_eq!(event.data.as_deref(), Some(&b"1"[..]));
}

#[test]
fn fields_are_told_by_their_whole_name() {
    assert_eq!(Field::of(b"data"), (Field::Data, &b""[..]));
    assert_eq!(Field::of(b"data:x"), (Field::Data, &b"x"[..]));
    assert_eq!(Field::of(b"data:  x"), (Field::Data, &b" x"[..]));
    assert_eq!(Field::of(b"database: x").0, Field::Foreign);
    assert_eq!(Field::of(b": ping").0, Field::Other);
    assert_eq!(Field::of(b"retry: 5").0, Field::Other);
    assert_eq!(Field::of(b"<html>").0, Field::Foreign);
}

#[test]
fn utf8_is_checked_across_pieces() {
    let text = "aé€😀z".as_bytes();
    for size in 1..=text.len() {
        let mut utf8 = Utf8::default();
        assert!(
            text.chunks(size).all(|piece| utf8.valid(piece) == piece.len()),
            "{size}"
        );
    }
    let mut utf8 = Utf8::default();
    assert_eq!(utf8.valid(b"ab\xffcd"), 2);
    let mut utf8 = Utf8::default();
    assert_eq!(utf8.valid(b"ab\xf0\x9f"), 4);
    assert_eq!(utf8.valid(b"x"), 0);
    // An encoded surrogate is no UTF-8.
    let mut utf8 = Utf8::default();
    assert_eq!(utf8.valid(b"\xed"), 1);
    assert_eq!(utf8.valid(b"\xa0\x80"), 0);
}
