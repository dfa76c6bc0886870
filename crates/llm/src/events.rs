//! Server-sent events, one by one, for whoever reads an answer and does not pass it on.

use crate::sse::{Event, Framer};

/// An event is longer than was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream has more than {most} bytes")]
pub struct EventTooLong {
    /// The bytes that were allowed.
    pub most: usize,
}

/// Takes a stream in pieces of any length and hands out whole events.
#[derive(Debug)]
pub struct EventReader {
    framer: Framer,
    /// The event under way.
    kept: Vec<u8>,
    most: usize,
}

impl EventReader {
    /// A reader that takes events of at most `most` bytes.
    pub const fn new(most: usize) -> Self {
        Self {
            framer: Framer::new(),
            kept: Vec::new(),
            most,
        }
    }

    /// Takes the next piece. `each` is called with the name and the data of every event that it completes; events without data
    /// are passed over, as the specification says. What a stream breaks off in the middle of is no event.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(Option<&[u8]>, &[u8])) -> Result<(), EventTooLong> {
        let skip = if self.kept.is_empty() {
            self.framer.trailing_lf(piece)
        } else {
            0
        };
        let mut rest = piece.get(skip..).unwrap_or_default();
        while !rest.is_empty() {
            let end = self.framer.event_end(rest, 0);
            let (head, tail) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, b""));
            if self.kept.len().saturating_add(head.len()) > self.most {
                return Err(EventTooLong { most: self.most });
            }
            self.kept.extend_from_slice(head);
            rest = tail;
            if end.is_some() {
                let event = Event::parse(&self.kept);
                if let Some(data) = &event.data {
                    each(event.name, data);
                }
                self.kept.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(stream: &[u8], size: usize) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
        let mut reader = EventReader::new(1 << 20);
        let mut events = Vec::new();
        for piece in stream.chunks(size.max(1)) {
            let push = reader.push(piece, |name, data| {
                events.push((name.map(<[u8]>::to_vec), data.to_vec()));
            });
            push.unwrap();
        }
        events
    }

    #[test]
    fn events_are_handed_out_whole() {
        let stream = b"event: a\r\ndata: 1\r\n\r\n: comment\n\ndata: 2\ndata: 3\n\nevent: none\n\ndata: cut off";
        let whole = [(Some(b"a".to_vec()), b"1".to_vec()), (None, b"2\n3".to_vec())];
        for size in 1..stream.len() {
            assert_eq!(read(stream, size), whole, "{size}");
        }
    }

    #[test]
    fn a_long_event_is_refused() {
        let mut reader = EventReader::new(8);
        assert_eq!(reader.push(b"data: 1\n\n", |_, _| ()), Err(EventTooLong { most: 8 }));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(stream in "(data|event|:|: |\r\n|\n|\r|[a-c]){0,40}", size in 1_usize..9) {
            prop_assert_eq!(read(stream.as_bytes(), size), read(stream.as_bytes(), stream.len()));
        }
    }
}
