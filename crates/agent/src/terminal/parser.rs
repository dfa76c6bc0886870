//! From bytes to what a terminal is told: characters, controls and sequences.
//!
//! The machine is that of DEC's terminals as Paul Williams described it, with UTF-8 in place of the eight-bit controls. It
//! remembers the bytes of a sequence or character that is not whole yet, so that a viewer that gets a drawn screen in
//! the middle of one can be given its beginning too.

/// The most parameters of a sequence; more are dropped.
const MAX_PARAMETERS: usize = 32;
/// The most bytes of a string (a title, say) that are looked at. What is longer is dropped as a whole.
const MAX_STRING: usize = 4096;
/// The most bytes of an unfinished sequence that are kept for a viewer.
const MAX_PENDING: usize = 2 * MAX_STRING;

/// The most characters that are shown at once.
const MAX_RUN: usize = 256;

/// What a terminal is told.
pub(super) trait Listener {
    /// A character to show.
    fn print(&mut self, character: char);
    /// A run of printable ASCII.
    fn print_ascii(&mut self, run: &[u8]);
    /// A control: 0 to 31.
    fn control(&mut self, byte: u8);
    /// `ESC`, perhaps an intermediate, and a final byte.
    fn escape(&mut self, intermediate: Option<u8>, last: u8);
    /// A control sequence.
    fn sequence(&mut self, sequence: &Sequence);
    /// An operating system command.
    fn command(&mut self, text: &[u8]);
    /// A device control string: what follows `ESC P`.
    fn device(&mut self, text: &[u8]);
    /// Whether it wants to hear more now.
    fn has_breath(&self) -> bool;
}

/// A control sequence: `ESC [`, a private marker, parameters, an intermediate, and a final byte.
#[derive(Debug, Clone, Default)]
pub(super) struct Sequence {
    /// One of `<=>?`, or 0.
    pub(super) marker: u8,
    /// The last byte of 0x20 to 0x2f before the final one, or 0.
    pub(super) intermediate: u8,
    /// The final byte.
    pub(super) last: u8,
    /// Parameters; what follows a colon belongs to the one before it.
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, Copy)]
struct Parameter {
    value: Option<u16>,
    is_sub: bool,
}

impl Sequence {
    fn clear(&mut self) {
        self.marker = 0;
        self.intermediate = 0;
        self.parameters.clear();
    }

    fn digit(&mut self, digit: u8) {
        if self.parameters.is_empty() {
            self.separate(false);
        }
        if let Some(last) = self.parameters.last_mut() {
            let value = last.value.unwrap_or(0);
            last.value = Some(value.saturating_mul(10).saturating_add(u16::from(digit)));
        }
    }

    fn separate(&mut self, is_sub: bool) {
        if self.parameters.len() < MAX_PARAMETERS {
            self.parameters.push(Parameter { value: None, is_sub });
        }
    }

    /// The parameter at `index`; 0 and what is missing are `default`.
    pub(super) fn get(&self, index: usize, default: u16) -> u16 {
        match self.parameters.get(index).and_then(|parameter| parameter.value) {
            None | Some(0) => default,
            Some(value) => value,
        }
    }

    /// Whether there is a parameter.
    pub(super) fn is_bare(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Parameters with those that colons add to them; missing ones are 0.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let mut rest = self.parameters.as_slice();
        std::iter::from_fn(move || {
            let (first, tail) = rest.split_first()?;
            let subs = tail.iter().take_while(|parameter| parameter.is_sub).count();
            let (subs, tail) = tail.split_at_checked(subs)?;
            rest = tail;
            Some(Group {
                value: first.value.unwrap_or(0),
                subs,
            })
        })
    }
}

/// A parameter and what colons add to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group<'a> {
    /// The parameter.
    pub(super) value: u16,
    subs: &'a [Parameter],
}

impl Group<'_> {
    /// How many there are after the first.
    pub(super) const fn len(&self) -> usize {
        self.subs.len()
    }

    /// The one at `index` after the first; missing ones are 0.
    pub(super) fn sub(&self, index: usize) -> u16 {
        self.subs.get(index).and_then(|sub| sub.value).unwrap_or(0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Ground,
    Character,
    Escape,
    Sequence,
    /// A sequence that cannot be understood, until its end.
    Ignored,
    /// A string of this introducer.
    String(u8),
    /// `ESC` within a string: its end if a backslash follows.
    StringEscape(u8),
}

/// The machine.
#[derive(Debug, Default)]
pub(super) struct Parser {
    state: State,
    pending: Vec<u8>,
    sequence: Sequence,
    string: Vec<u8>,
    string_is_too_long: bool,
    /// Bytes of the character that have not come yet, and the bits that have.
    missing: u8,
    bits: u32,
    least: u32,
}

impl Parser {
    /// The bytes of a sequence or character that is not whole yet.
    pub(super) fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// Reads on until the listener has enough for now: how many bytes were read.
    pub(super) fn feed(&mut self, bytes: &[u8], listener: &mut impl Listener) -> usize {
        let mut rest = bytes;
        while listener.has_breath()
            && let Some((first, tail)) = rest.split_first()
        {
            if self.state == State::Ground && (0x20..0x7f).contains(first) {
                let is_plain = |byte: &&u8| (0x20..0x7f).contains(*byte);
                let length = rest.iter().take(MAX_RUN).take_while(is_plain).count();
                let (run, tail) = rest.split_at(length);
                listener.print_ascii(run);
                rest = tail;
            } else {
                self.byte(*first, listener);
                rest = tail;
            }
        }
        bytes.len().saturating_sub(rest.len())
    }

    fn byte(&mut self, byte: u8, listener: &mut impl Listener) {
        match self.state {
            State::Ground => self.ground(byte, listener),
            State::Character => self.character(byte, listener),
            State::String(kind) => self.string(kind, byte, listener),
            State::StringEscape(kind) => self.string_escape(kind, byte, listener),
            State::Escape | State::Sequence | State::Ignored => match byte {
                0x1b => self.start_escape(),
                0x18 | 0x1a => self.finish(),
                // Controls within a sequence are obeyed at once, so they are no part of what is pending.
                0..=0x1f => listener.control(byte),
                0x7f => {}
                _ => {
                    self.keep(byte);
                    match self.state {
                        State::Escape => self.escape(byte, listener),
                        State::Sequence => self.in_sequence(byte, listener),
                        _ if (0x40..=0x7e).contains(&byte) => self.finish(),
                        _ => {}
                    }
                }
            },
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.pending.len() < MAX_PENDING {
            self.pending.push(byte);
        }
    }

    fn finish(&mut self) {
        self.state = State::Ground;
        self.pending.clear();
        if self.pending.capacity() > 256 {
            self.pending = Vec::new();
        }
    }

    fn start_escape(&mut self) {
        self.finish();
        self.sequence.clear();
        self.pending.push(0x1b);
        self.state = State::Escape;
    }

    fn ground(&mut self, byte: u8, listener: &mut impl Listener) {
        let (missing, bits, least) = match byte {
            0x1b => return self.start_escape(),
            0..=0x1f => return listener.control(byte),
            0x20..=0x7e => return listener.print_ascii(&[byte]),
            0x7f => return,
            0xc2..=0xdf => (1, byte & 0x1f, 0x80),
            0xe0..=0xef => (2, byte & 0x0f, 0x800),
            0xf0..=0xf4 => (3, byte & 0x07, 0x1_0000),
            _ => return listener.print(char::REPLACEMENT_CHARACTER),
        };
        self.missing = missing;
        self.bits = u32::from(bits);
        self.least = least;
        self.pending.push(byte);
        self.state = State::Character;
    }

    fn character(&mut self, byte: u8, listener: &mut impl Listener) {
        if byte & 0xc0 != 0x80 {
            self.finish();
            listener.print(char::REPLACEMENT_CHARACTER);
            return self.byte(byte, listener);
        }
        self.keep(byte);
        self.bits = self.bits << 6 | u32::from(byte & 0x3f);
        self.missing = self.missing.saturating_sub(1);
        if self.missing == 0 {
            let character = Some(self.bits)
                .filter(|bits| *bits >= self.least)
                .and_then(char::from_u32)
                .unwrap_or(char::REPLACEMENT_CHARACTER);
            self.finish();
            listener.print(character);
        }
    }

    fn escape(&mut self, byte: u8, listener: &mut impl Listener) {
        match byte {
            0x20..=0x2f => self.sequence.intermediate = byte,
            b'[' if self.sequence.intermediate == 0 => self.state = State::Sequence,
            b']' | b'P' | b'X' | b'^' | b'_' if self.sequence.intermediate == 0 => {
                self.string.clear();
                self.string_is_too_long = false;
                self.state = State::String(byte);
            }
            0x30..=0x7e => {
                let intermediate = Some(self.sequence.intermediate).filter(|byte| *byte != 0);
                self.finish();
                listener.escape(intermediate, byte);
            }
            _ => self.finish(),
        }
    }

    fn in_sequence(&mut self, byte: u8, listener: &mut impl Listener) {
        match byte {
            b'0'..=b'9' if self.sequence.intermediate == 0 => self.sequence.digit(byte - b'0'),
            b';' | b':' if self.sequence.intermediate == 0 => {
                if self.sequence.parameters.is_empty() {
                    self.sequence.separate(false);
                }
                self.sequence.separate(byte == b':');
            }
            b'<'..=b'?' if self.sequence.is_bare() && self.sequence.marker == 0 => self.sequence.marker = byte,
            0x20..=0x2f => self.sequence.intermediate = byte,
            0x40..=0x7e => {
                self.sequence.last = byte;
                self.finish();
                listener.sequence(&self.sequence);
            }
            _ => self.state = State::Ignored,
        }
    }

    fn string(&mut self, kind: u8, byte: u8, listener: &mut impl Listener) {
        match byte {
            0x1b => {
                self.keep(byte);
                self.state = State::StringEscape(kind);
            }
            0x07 if kind == b']' => self.end_string(kind, listener),
            0x18 | 0x1a => self.finish(),
            _ => {
                if self.string.len() < MAX_STRING {
                    self.string.push(byte);
                    self.keep(byte);
                } else {
                    self.string_is_too_long = true;
                }
            }
        }
    }

    fn string_escape(&mut self, kind: u8, byte: u8, listener: &mut impl Listener) {
        if byte == b'\\' {
            self.end_string(kind, listener);
        } else {
            // Any other sequence ends the string unheard.
            self.start_escape();
            self.byte(byte, listener);
        }
    }

    fn end_string(&mut self, kind: u8, listener: &mut impl Listener) {
        self.finish();
        let text = std::mem::take(&mut self.string);
        if self.string_is_too_long {
            return;
        }
        match kind {
            b']' => listener.command(&text),
            b'P' => listener.device(&text),
            _ => {}
        }
    }
}
