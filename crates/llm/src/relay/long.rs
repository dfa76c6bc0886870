//! An event that is too long to be held: read as it passes by.

use super::observed::{Observed, Plan, Signals};
use crate::json::tap::Tap;
use crate::sse::{FIELD_HEAD, Field};

/// The longest event name that is kept.
const MAX_NAME: usize = 64;

/// Where in a line the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Gathering enough bytes to tell the field.
    Head,
    Data,
    Name,
    Rest,
}

/// The state of a long event.
pub(super) struct LongEvent {
    plan: &'static Plan,
    tap: Tap,
    signals: Signals,
    line: Line,
    head: Vec<u8>,
    name: Option<Vec<u8>>,
    /// Lines of data so far.
    data_lines: u32,
    foreign: bool,
}

impl std::fmt::Debug for LongEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LongEvent")
            .field("line", &self.line)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl LongEvent {
    pub(super) fn new(plan: &'static Plan) -> Self {
        Self {
            plan,
            tap: Tap::new(plan.watches),
            signals: Signals::default(),
            line: Line::Head,
            head: Vec::new(),
            name: None,
            data_lines: 0,
            foreign: false,
        }
    }

    /// Whether it has been an event so far: it has data, and nothing that does not belong in one.
    pub(super) fn is_event(&self) -> bool {
        self.data_lines > 0 && !self.foreign && self.tap.begins_object()
    }

    pub(super) fn feed(&mut self, mut piece: &[u8]) {
        while let Some(end) = memchr::memchr2(b'\n', b'\r', piece) {
            self.part(piece.get(..end).unwrap_or_default());
            self.line_over();
            piece = piece.get(end + 1..).unwrap_or_default();
        }
        self.part(piece);
    }

    /// A part of a line.
    fn part(&mut self, part: &[u8]) {
        match self.line {
            Line::Head => {
                let room = FIELD_HEAD - self.head.len();
                let (head, rest) = part.split_at(room.min(part.len()));
                self.head.extend_from_slice(head);
                if self.head.len() == FIELD_HEAD {
                    self.head_over();
                    self.part(rest);
                }
            }
            Line::Data => {
                let Self { tap, signals, plan, .. } = self;
                tap.push(part, &mut |found| signals.take(plan, found));
            }
            Line::Name => {
                if let Some(name) = &mut self.name
                    && name.len() < MAX_NAME
                {
                    name.extend_from_slice(part);
                    name.truncate(MAX_NAME);
                }
            }
            Line::Rest => {}
        }
    }

    /// The start of a line is known.
    fn head_over(&mut self) {
        let head = std::mem::take(&mut self.head);
        let (field, value) = Field::of(&head);
        match field {
            Field::Data => {
                self.line = Line::Data;
                if self.data_lines > 0 {
                    self.part(b"\n");
                }
                self.data_lines += 1;
                self.part(value);
            }
            Field::Event => {
                self.line = Line::Name;
                self.name = Some(Vec::new());
                self.part(value);
            }
            Field::Other => self.line = Line::Rest,
            Field::Foreign => {
                self.line = Line::Rest;
                self.foreign = true;
            }
        }
        self.head = head;
        self.head.clear();
    }

    fn line_over(&mut self) {
        if self.line == Line::Head && !self.head.is_empty() {
            self.head_over();
        }
        self.head.clear();
        self.line = Line::Head;
    }

    /// The event is over.
    pub(super) fn finish(self, observed: &mut Observed) {
        // A long event is content, whatever else it is, unless it is one that ends the stream.
        observed.content_bytes += self.tap.text_bytes();
        observed.started = true;
        observed.apply(self.name.as_deref(), self.signals);
    }
}
