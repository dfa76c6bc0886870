//! Modes: what a program switches on and off, and the sequences that bring a terminal to the same.

use std::io::Write as _;

/// Which mouse events are reported: the number of the mode, 0 = none.
pub(super) const MOUSE: [u16; 4] = [9, 1000, 1002, 1003];
/// How they are written: the number of the mode, 0 = as ever.
pub(super) const MOUSE_ENCODING: [u16; 4] = [1005, 1006, 1015, 1016];

/// How a terminal is set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(super) struct Modes {
    pub(super) application_cursor: bool,
    pub(super) application_keypad: bool,
    pub(super) reverse: bool,
    pub(super) wraps: bool,
    pub(super) reverse_wraps: bool,
    pub(super) blinks: Option<bool>,
    pub(super) cursor_visible: bool,
    pub(super) cursor_style: u16,
    pub(super) focus: bool,
    pub(super) alternate_scroll: Option<bool>,
    pub(super) bracketed_paste: bool,
    pub(super) inserts: bool,
    pub(super) newline: bool,
    pub(super) mouse: u16,
    pub(super) mouse_encoding: u16,
    /// xterm's `modifyOtherKeys`.
    pub(super) other_keys: u16,
    /// Colour schemes are reported when they change.
    pub(super) scheme: bool,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            application_cursor: false,
            application_keypad: false,
            reverse: false,
            wraps: true,
            reverse_wraps: false,
            blinks: None,
            cursor_visible: true,
            cursor_style: 0,
            focus: false,
            alternate_scroll: None,
            bracketed_paste: false,
            inserts: false,
            newline: false,
            mouse: 0,
            mouse_encoding: 0,
            other_keys: 0,
            scheme: false,
        }
    }
}

impl Modes {
    /// Sets a private mode that is a mere switch.
    pub(super) fn set(&mut self, number: u16, on: bool) {
        match number {
            1 => self.application_cursor = on,
            5 => self.reverse = on,
            7 => self.wraps = on,
            12 => self.blinks = Some(on),
            25 => self.cursor_visible = on,
            45 => self.reverse_wraps = on,
            66 => self.application_keypad = on,
            1004 => self.focus = on,
            1007 => self.alternate_scroll = Some(on),
            2004 => self.bracketed_paste = on,
            2031 => self.scheme = on,
            _ if MOUSE.contains(&number) => self.mouse = if on { number } else { 0 },
            _ if MOUSE_ENCODING.contains(&number) => self.mouse_encoding = if on { number } else { 0 },
            _ => {}
        }
    }

    /// Writes what brings a terminal from its defaults to these.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let switches = [
            (self.application_cursor, "?1h"),
            (self.reverse, "?5h"),
            (!self.wraps, "?7l"),
            (self.reverse_wraps, "?45h"),
            (self.focus, "?1004h"),
            (self.bracketed_paste, "?2004h"),
            (self.scheme, "?2031h"),
            (self.newline, "20h"),
            (self.blinks == Some(true), "?12h"),
            (self.blinks == Some(false), "?12l"),
            (self.alternate_scroll == Some(true), "?1007h"),
            (self.alternate_scroll == Some(false), "?1007l"),
            (!self.cursor_visible, "?25l"),
        ];
        for (_, sequence) in switches.into_iter().filter(|(differs, _)| *differs) {
            out.extend_from_slice(b"\x1b[");
            out.extend_from_slice(sequence.as_bytes());
        }
        if self.application_keypad {
            out.extend_from_slice(b"\x1b=");
        }
        // Writing to a vector cannot fail.
        for mode in [self.mouse, self.mouse_encoding].into_iter().filter(|mode| *mode != 0) {
            let _ = write!(out, "\x1b[?{mode}h");
        }
        if self.cursor_style != 0 {
            let _ = write!(out, "\x1b[{} q", self.cursor_style);
        }
        if self.other_keys != 0 {
            let _ = write!(out, "\x1b[>4;{}m", self.other_keys);
        }
    }
}
