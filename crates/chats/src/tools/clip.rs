//! Keeping texts within a size: the head and the tail stay, and what is between is counted.

/// Bytes as text. What is no character is shown as one that says so.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `text` in about `most` bytes: all of it, or its head and tail with a line between them that says how much is left out.
pub fn clip(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let (head, tail) = ends(text, most);
    let left_out = text.len() - head.len() - tail.len();
    format!("{head}\n[... {left_out} bytes are left out here ...]\n{tail}")
}

/// The first and the last half of `most` bytes, cut between characters.
fn ends(text: &str, most: usize) -> (&str, &str) {
    let half = most / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len().saturating_sub(half));
    (
        text.get(..head).unwrap_or_default(),
        text.get(tail..).unwrap_or_default(),
    )
}

/// Takes output of any length and keeps its head and tail.
#[derive(Debug)]
pub struct Keeper {
    most: usize,
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    left_out: u64,
}

impl Keeper {
    /// Keeps about `most` bytes.
    pub const fn new(most: usize) -> Self {
        Self {
            most,
            head: Vec::new(),
            tail: std::collections::VecDeque::new(),
            left_out: 0,
        }
    }

    /// Takes more.
    pub fn push(&mut self, bytes: &[u8]) {
        let half = self.most / 2;
        let room = half.saturating_sub(self.head.len()).min(bytes.len());
        let (head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, b""));
        self.head.extend_from_slice(head);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(half);
        self.tail.drain(..over);
        self.left_out = self.left_out.saturating_add(over as u64);
    }

    /// What was kept.
    pub fn finish(self) -> String {
        let tail: Vec<u8> = self.tail.into();
        if self.left_out == 0 {
            let mut whole = self.head;
            whole.extend(tail);
            return text(&whole);
        }
        // A character that was cut at an end is left out, too.
        let head = match std::str::from_utf8(&self.head) {
            Err(error) if error.error_len().is_none() => self.head.get(..error.valid_up_to()).unwrap_or_default(),
            _ => &self.head,
        };
        let inside = |byte: &&u8| (0x80..0xc0).contains(*byte);
        let skip = tail.iter().take(3).take_while(inside).count();
        let tail = tail.get(skip..).unwrap_or_default();
        let left_out = self.left_out + (self.head.len() - head.len() + skip) as u64;
        let (head, tail) = (text(head), text(tail));
        format!("{head}\n[... {left_out} bytes are left out here ...]\n{tail}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn head_and_tail_stay() {
        assert_eq!(clip("short", 10), "short");
        assert_eq!(
            clip("0123456789abcdef", 8),
            "0123\n[... 8 bytes are left out here ...]\ncdef"
        );
        assert_eq!(clip("ää€€ää", 6), "ä\n[... 10 bytes are left out here ...]\nä");
    }

    proptest! {
        #[test]
        fn a_keeper_counts_what_it_leaves_out(pieces in prop::collection::vec("[aä€😀\n]{0,9}", 0..12), most in 2_usize..40) {
            let mut keeper = Keeper::new(most);
            let whole = pieces.concat();
            for piece in &pieces {
                // In the middle of characters, too.
                let (a, b) = piece.as_bytes().split_at(piece.len() / 2);
                keeper.push(a);
                keeper.push(b);
            }
            let kept = keeper.finish();
            let cut = kept.contains('\u{fffd}');
            prop_assert!(!cut, "{kept:?}");
            match kept.split_once("\n[... ") {
                None => prop_assert_eq!(kept, whole),
                Some((head, rest)) => {
                    let (number, tail) = rest.split_once(" bytes are left out here ...]\n").unwrap();
                    prop_assert!(whole.starts_with(head) && whole.ends_with(tail));
                    prop_assert_eq!(head.len() + tail.len() + number.parse::<usize>().unwrap(), whole.len());
                    prop_assert!(head.len() + tail.len() <= most);
                }
            }
        }
    }
}
