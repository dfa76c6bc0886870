//! Reads a few values out of a JSON text that comes in pieces, with bounded memory.
//!
//! It is for what providers send: nothing is validated, a text that is cut off or broken just yields nothing more.

/// One step of a path: the key of an object, or `[]` for any element of an array.
pub(crate) type Path = &'static [&'static str];

/// What is wanted of the values at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// The value itself, as it is written.
    Value,
    /// Only that there is one.
    Presence,
}

/// A path that is watched. Paths whose values are wanted must not lie inside one another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch {
    pub(crate) path: Path,
    pub(crate) want: Want,
}

/// A watch for a value.
pub(crate) const fn value(path: Path) -> Watch {
    Watch {
        path,
        want: Want::Value,
    }
}

/// A watch for presence.
pub(crate) const fn presence(path: Path) -> Watch {
    Watch {
        path,
        want: Want::Presence,
    }
}

/// Something found: the index of the watch, and the value. `None` if the value is longer than is kept.
pub(crate) type Found<'a> = (usize, Option<&'a [u8]>);

/// The longest value that is kept.
const MAX_VALUE: usize = 8 * 1024;
/// The longest key that can match.
const MAX_KEY: usize = 32;
/// The longest path.
const MAX_PATH: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Between tokens.
    Between,
    /// In a string; the flag is set after a backslash.
    Text { escape: bool, is_key: bool },
    /// In a number or a word.
    Scalar,
}

/// A capture under way.
#[derive(Debug, Clone, Copy)]
struct Capture {
    watch: usize,
    /// The depth around the value.
    depth: usize,
}

/// The state between pieces.
#[derive(Debug)]
pub(crate) struct Tap {
    watches: &'static [Watch],
    mode: Mode,
    depth: usize,
    /// Bit `d` tells that the container at depth `d + 1` is an object.
    objects: u128,
    /// By depth of a container: the watches whose steps lead to it.
    matching: [u32; MAX_PATH + 1],
    /// In an object: a key comes next.
    key_next: bool,
    key: Vec<u8>,
    /// The watches that the value to come matches.
    coming: u32,
    capture: Option<Capture>,
    kept: Vec<u8>,
    /// The first byte that is no white space.
    first: Option<u8>,
    text_bytes: u64,
}

impl Tap {
    pub(crate) fn new(watches: &'static [Watch]) -> Self {
        let all = (0..watches.len()).fold(0, |bits, i| bits | 1 << i);
        Self {
            watches,
            mode: Mode::Between,
            depth: 0,
            objects: 0,
            matching: [all, 0, 0, 0, 0],
            key_next: false,
            key: Vec::new(),
            coming: 0,
            capture: None,
            kept: Vec::new(),
            first: None,
            text_bytes: 0,
        }
    }

    /// Whether the text has begun and all that was opened is closed.
    pub(crate) fn whole(&self) -> bool {
        self.first.is_some() && self.depth == 0 && self.mode == Mode::Between
    }

    /// Whether the text is an object, as far as it has come.
    pub(crate) fn begins_object(&self) -> bool {
        self.first == Some(b'{')
    }

    /// The bytes in string values so far.
    pub(crate) const fn text_bytes(&self) -> u64 {
        self.text_bytes
    }

    /// Feeds the next piece; `found` is called with each watched value when it is over.
    pub(crate) fn push(&mut self, piece: &[u8], found: &mut impl FnMut(Found<'_>)) {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            match self.mode {
                Mode::Text { escape, is_key } => at = self.text(piece, at, escape, is_key, found),
                Mode::Scalar if !matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t') => {
                    self.keep(&[byte]);
                    at += 1;
                }
                Mode::Scalar => {
                    self.mode = Mode::Between;
                    self.value_over(found);
                }
                Mode::Between => {
                    self.between(byte, found);
                    at += 1;
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        // One byte more than is kept tells that a value is too long.
        if self.capture.is_some() && self.kept.len() <= MAX_VALUE {
            let room = MAX_VALUE + 1 - self.kept.len();
            self.kept.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }

    /// Moves through a string; returns the position behind what was taken.
    fn text(
        &mut self,
        piece: &[u8],
        at: usize,
        escape: bool,
        is_key: bool,
        found: &mut impl FnMut(Found<'_>),
    ) -> usize {
        let rest = piece.get(at..).unwrap_or_default();
        let (taken, mode) = if escape {
            (1, Mode::Text { escape: false, is_key })
        } else {
            match memchr::memchr2(b'"', b'\\', rest) {
                Some(i) if rest.get(i) == Some(&b'"') => (i + 1, Mode::Between),
                Some(i) => (i + 1, Mode::Text { escape: true, is_key }),
                None => (rest.len(), self.mode),
            }
        };
        let bytes = rest.get(..taken).unwrap_or_default();
        self.keep(bytes);
        if is_key {
            let room = (MAX_KEY + 1).saturating_sub(self.key.len());
            self.key.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        } else {
            self.text_bytes += taken as u64 - u64::from(mode == Mode::Between);
        }
        self.mode = mode;
        if mode == Mode::Between {
            if is_key {
                self.key_over();
            } else {
                self.value_over(found);
            }
        }
        at + taken
    }

    fn between(&mut self, byte: u8, found: &mut impl FnMut(Found<'_>)) {
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' | b':' => self.keep(&[byte]),
            b',' => {
                self.keep(&[byte]);
                self.key_next = self.in_object();
            }
            b'}' | b']' => {
                self.keep(&[byte]);
                self.depth = self.depth.saturating_sub(1);
                self.key_next = false;
                self.value_over(found);
            }
            b'"' if self.key_next => {
                self.keep(&[byte]);
                self.key.clear();
                self.mode = Mode::Text {
                    escape: false,
                    is_key: true,
                };
            }
            _ => {
                self.value_starts(byte, found);
                self.keep(&[byte]);
                match byte {
                    b'"' => {
                        self.mode = Mode::Text {
                            escape: false,
                            is_key: false,
                        }
                    }
                    b'{' | b'[' => self.open(byte == b'{'),
                    _ => self.mode = Mode::Scalar,
                }
            }
        }
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.depth <= 128 && self.objects >> (self.depth - 1) & 1 == 1
    }

    fn open(&mut self, object: bool) {
        self.depth += 1;
        if self.depth <= 128 {
            let bit = 1 << (self.depth - 1);
            self.objects = if object {
                self.objects | bit
            } else {
                self.objects & !bit
            };
        }
        self.key_next = object;
        if let Some(slot) = self.matching.get_mut(self.depth) {
            *slot = self.coming;
        }
        self.coming = 0;
    }

    /// The watches that go on from the container that the cursor is in by `step`.
    fn going_on(&self, step: &str) -> u32 {
        let here = self.matching.get(self.depth).copied().unwrap_or(0);
        let Some(step_at) = self.depth.checked_sub(1).filter(|_| here != 0) else {
            return 0;
        };
        let fits = |i: &usize| here >> i & 1 == 1 && self.watches[*i].path.get(step_at) == Some(&step);
        (0..self.watches.len()).filter(fits).fold(0, |bits, i| bits | 1 << i)
    }

    fn key_over(&mut self) {
        // Without its closing quote.
        self.key.pop();
        let key = std::mem::take(&mut self.key);
        self.coming = match std::str::from_utf8(&key) {
            _ if key.len() >= MAX_KEY => 0,
            Ok(plain) if !plain.contains('\\') => self.going_on(plain),
            _ => super::decode(&key).map_or(0, |decoded| self.going_on(&decoded)),
        };
        self.key = key;
        self.key_next = false;
    }

    fn value_starts(&mut self, byte: u8, found: &mut impl FnMut(Found<'_>)) {
        self.first = self.first.or(Some(byte));
        if self.depth > 0 && !self.in_object() {
            self.coming = self.going_on("[]");
        }
        if self.depth == 0 {
            self.coming = self.matching[0];
            return;
        }
        for i in 0..self.watches.len() {
            let watch = &self.watches[i];
            if self.coming >> i & 1 == 1 && watch.path.len() == self.depth {
                match watch.want {
                    Want::Presence => found((i, None)),
                    Want::Value if self.capture.is_none() => {
                        self.kept.clear();
                        self.capture = Some(Capture {
                            watch: i,
                            depth: self.depth,
                        });
                    }
                    Want::Value => {}
                }
            }
        }
    }

    fn value_over(&mut self, found: &mut impl FnMut(Found<'_>)) {
        if let Some(capture) = self.capture
            && capture.depth == self.depth
        {
            self.capture = None;
            let kept = std::mem::take(&mut self.kept);
            found((capture.watch, (kept.len() <= MAX_VALUE).then_some(&kept)));
            self.kept = kept;
        }
    }
}
