//! What each control and sequence means.

use super::super::parser::{Listener, Sequence};
use super::{MAX_STACK, MAX_TEXT, Model, Question, Surface, style};

/// The most questions that wait to be taken; a program that asks more is not answered.
const MAX_QUESTIONS: usize = 64;
/// The most colours of the palette that are kept.
const MAX_PALETTE: usize = 512;

/// What any sequence costs at least, as so many cells.
const SEQUENCE: usize = 4;

impl Listener for Model {
    fn has_breath(&self) -> bool {
        self.breath > 0
    }

    fn print(&mut self, character: char) {
        self.show(character);
    }

    fn print_ascii(&mut self, run: &[u8]) {
        for byte in run {
            self.show(char::from(*byte));
        }
    }

    fn control(&mut self, byte: u8) {
        self.last = None;
        match byte {
            0x08 => self.back(1),
            0x09 => self.tab(1),
            0x0a..=0x0c => {
                self.cursor_mut().is_full = false;
                self.line_feed();
                if self.modes.newline {
                    self.cursor_mut().place.column = 0;
                }
            }
            0x0d => self.move_to_column(0),
            0x0e => self.cursor_mut().charsets.active = 1,
            0x0f => self.cursor_mut().charsets.active = 0,
            _ => {}
        }
    }

    fn escape(&mut self, intermediate: Option<u8>, last: u8) {
        self.last = None;
        match (intermediate, last) {
            (None, b'7') => self.save_cursor(),
            (None, b'8') => self.restore_cursor(),
            (None, b'=') => self.modes.application_keypad = true,
            (None, b'>') => self.modes.application_keypad = false,
            (None, b'D') => {
                self.cursor_mut().is_full = false;
                self.line_feed();
            }
            (None, b'E') => {
                self.move_to_column(0);
                self.line_feed();
            }
            (None, b'M') => {
                self.cursor_mut().is_full = false;
                self.reverse_line_feed();
            }
            (None, b'H') => {
                let column = self.cursor().place.column;
                if let Some(stop) = self.tabs.get_mut(column) {
                    *stop = true;
                }
            }
            (None, b'Z') => self.ask(Question::Attributes),
            (None, b'c') => self.reset(),
            (None, b'n') => self.cursor_mut().charsets.active = 2,
            (None, b'o') => self.cursor_mut().charsets.active = 3,
            (Some(b'#'), b'8') => self.align(),
            (Some(set @ b'('..=b'+'), last) => {
                let index = usize::from(set.saturating_sub(b'('));
                if let Some(lines) = self.cursor_mut().charsets.lines.get_mut(index) {
                    *lines = last == b'0';
                }
            }
            _ => {}
        }
    }

    fn sequence(&mut self, sequence: &Sequence) {
        let last = self.last.take();
        self.spend(SEQUENCE);
        match (sequence.marker, sequence.intermediate) {
            (0, 0) if sequence.last == b'b' => {
                let count = usize::from(sequence.get(0, 1));
                // Where each one moves the rest of its row, a row full of them is enough.
                let most = if self.modes.inserts { self.columns } else { self.cells() };
                for _ in 0..count.min(most) {
                    if let Some(character) = last {
                        self.show(character);
                    }
                }
            }
            (0, 0) => self.plain(sequence),
            (b'?', 0) => self.private(sequence),
            (marker, intermediate) => self.other(marker, intermediate, sequence),
        }
    }

    fn command(&mut self, text: &[u8]) {
        self.last = None;
        let mut parts = text.splitn(2, |byte| *byte == b';');
        let number = parts.next().and_then(|number| std::str::from_utf8(number).ok());
        let Some(number) = number.and_then(|number| number.parse::<u16>().ok()) else {
            return;
        };
        let rest = parts.next().unwrap_or_default();
        let rest = String::from_utf8_lossy(rest.get(..MAX_TEXT).unwrap_or(rest));
        // What is kept is written to a terminal again, so nothing in it may be obeyed there.
        let rest: String = rest.chars().filter(|character| !character.is_control()).collect();
        match number {
            0 | 2 => self.title = rest,
            4 => self.set_palette(&rest),
            10..=19 | 52 if rest.ends_with('?') => self.ask(Question::Command),
            10..=12 | 17 | 19 => {
                self.palette.insert(1000 + number, rest);
            }
            104 if rest.is_empty() => self.palette.retain(|key, _| *key >= 1000),
            104 => {
                for index in rest.split(';').filter_map(|index| index.parse().ok()) {
                    self.palette.remove(&index);
                }
            }
            110..=119 => {
                self.palette.remove(&(900 + number));
            }
            _ => {}
        }
    }

    fn device(&mut self, text: &[u8]) {
        self.last = None;
        if text.starts_with(b"$q") || text.starts_with(b"+q") {
            self.ask(Question::Device);
        }
    }
}

impl Model {
    fn ask(&mut self, question: Question) {
        if self.questions.len() < MAX_QUESTIONS {
            self.questions.push(question);
        }
    }

    fn set_palette(&mut self, text: &str) {
        let mut parts = text.split(';');
        while let (Some(index), Some(color)) = (parts.next(), parts.next()) {
            if color == "?" {
                self.ask(Question::Command);
            } else if let Ok(index) = index.parse::<u8>()
                && self.palette.len() < MAX_PALETTE
                && color.len() <= 32
            {
                self.palette.insert(u16::from(index), color.to_owned());
            }
        }
    }

    fn plain(&mut self, sequence: &Sequence) {
        let count = usize::from(sequence.get(0, 1));
        let what = sequence.get(0, 0);
        match sequence.last {
            b'@' => self.insert_characters(count),
            b'A' => self.move_rows(count, 0),
            b'B' | b'e' => self.move_rows(0, count),
            b'C' | b'a' => self.move_to_column(self.cursor().place.column.saturating_add(count)),
            b'D' => self.back(count),
            b'E' => {
                self.move_rows(0, count);
                self.move_to_column(0);
            }
            b'F' => {
                self.move_rows(count, 0);
                self.move_to_column(0);
            }
            b'G' | b'`' => self.move_to_column(count.saturating_sub(1)),
            b'H' | b'f' => {
                self.move_to_row(count.saturating_sub(1));
                self.move_to_column(usize::from(sequence.get(1, 1)).saturating_sub(1));
            }
            b'I' => self.tab(count),
            b'J' => self.erase_screen(what),
            b'K' => self.erase_line(what),
            b'L' => self.insert_lines(count),
            b'M' => self.delete_lines(count),
            b'P' => self.delete_characters(count),
            b'S' => self.scroll_up(count),
            b'T' => self.scroll_down(count),
            b'X' => self.erase_characters(count),
            b'Z' => self.back_tab(count),
            b'c' => self.ask(Question::Attributes),
            b'd' => self.move_to_row(count.saturating_sub(1)),
            b'g' => self.clear_tabs(what),
            b'h' | b'l' => self.ansi_modes(sequence),
            b'm' => style::apply(&mut self.cursor_mut().style, sequence),
            b'n' if what == 5 => self.ask(Question::Status),
            b'n' if what == 6 => self.ask(Question::Cursor),
            b'r' => {
                let bottom = u16::try_from(self.rows).unwrap_or(u16::MAX);
                self.set_margins(usize::from(sequence.get(0, 1)), usize::from(sequence.get(1, bottom)));
            }
            b's' => self.save_cursor(),
            b'u' => self.restore_cursor(),
            b't' => self.window(what),
            _ => {}
        }
    }

    fn clear_tabs(&mut self, what: u16) {
        let column = self.cursor().place.column;
        match what {
            0 => {
                if let Some(stop) = self.tabs.get_mut(column) {
                    *stop = false;
                }
            }
            3 => self.tabs.fill(false),
            _ => {}
        }
    }

    fn window(&mut self, what: u16) {
        match what {
            11 | 13..=16 | 18..=21 => self.ask(Question::Window),
            22 if self.titles.len() < MAX_STACK => self.titles.push(self.title.clone()),
            23 => {
                if let Some(title) = self.titles.pop() {
                    self.title = title;
                }
            }
            _ => {}
        }
    }

    fn ansi_modes(&mut self, sequence: &Sequence) {
        let on = sequence.last == b'h';
        for group in sequence.groups() {
            match group.value {
                4 => self.modes.inserts = on,
                20 => self.modes.newline = on,
                _ => {}
            }
        }
    }

    fn private(&mut self, sequence: &Sequence) {
        match sequence.last {
            b'J' => self.erase_screen(sequence.get(0, 0)),
            b'K' => self.erase_line(sequence.get(0, 0)),
            b'h' | b'l' => {
                let on = sequence.last == b'h';
                for group in sequence.groups() {
                    self.set_private(group.value, on);
                }
            }
            b'n' => self.ask(Question::PrivateStatus),
            b'u' => self.ask(Question::Keyboard),
            _ => {}
        }
    }

    fn set_private(&mut self, number: u16, on: bool) {
        match number {
            6 => {
                self.cursor_mut().is_origin = on;
                self.home();
            }
            47 | 1047 | 1049 if on => self.enter_alternate(number),
            47 | 1047 | 1049 => self.leave_alternate(number),
            1048 if on => self.save_cursor(),
            1048 => self.restore_cursor(),
            _ => {
                self.modes.set(number, on);
                if number == 7 && !on {
                    self.cursor_mut().is_full = false;
                }
            }
        }
    }

    fn enter_alternate(&mut self, number: u16) {
        if self.alternate.is_some() {
            return;
        }
        if number == 1049 {
            self.save_cursor();
        }
        self.spend(self.cells());
        let mut surface = Surface::new(self.columns, self.rows);
        surface.cursor = self.primary.cursor;
        self.alternate = Some((surface, number));
    }

    fn leave_alternate(&mut self, number: u16) {
        let Some((surface, _)) = self.alternate.take() else {
            return;
        };
        if number == 1049 {
            self.restore_cursor();
        } else {
            self.primary.cursor = surface.cursor;
        }
    }

    fn other(&mut self, marker: u8, intermediate: u8, sequence: &Sequence) {
        match (marker, intermediate, sequence.last) {
            (b'>', 0, b'c') => self.ask(Question::SecondaryAttributes),
            (b'=', 0, b'c') => self.ask(Question::TertiaryAttributes),
            (b'>', 0, b'q') => self.ask(Question::Device),
            (b'>', 0, b'm') if sequence.get(0, 0) == 4 => self.modes.other_keys = sequence.get(1, 0),
            (b'>', 0, b'm') if sequence.is_bare() => self.modes.other_keys = 0,
            (0 | b'?', b'$', b'p') => self.ask(Question::Mode),
            (0, b' ', b'q') => self.modes.cursor_style = sequence.get(0, 0).min(6),
            (0, b'!', b'p') => self.soft_reset(),
            (b'>' | b'<' | b'=', 0, b'u') => self.keyboard(marker, sequence),
            _ => {}
        }
    }

    /// The keyboard protocol of kitty: settings are put by and taken back, for each screen apart.
    fn keyboard(&mut self, marker: u8, sequence: &Sequence) {
        let flags = sequence.get(0, 0) & 0x1f;
        let count = usize::from(sequence.get(0, 1));
        let how = sequence.get(1, 1);
        let stack = &mut self.surface_mut().keyboard;
        match marker {
            b'>' => {
                if stack.len() >= MAX_STACK {
                    stack.remove(0);
                }
                stack.push(flags);
            }
            b'<' => stack.truncate(stack.len().saturating_sub(count)),
            _ => {
                let old = stack.pop().unwrap_or(0);
                stack.push(match how {
                    2 => old | flags,
                    3 => old & !flags,
                    _ => flags,
                });
            }
        }
    }

    fn soft_reset(&mut self) {
        self.modes.cursor_visible = true;
        self.modes.application_cursor = false;
        self.modes.application_keypad = false;
        self.modes.inserts = false;
        self.modes.wraps = true;
        let bottom = self.rows.saturating_sub(1);
        let surface = self.surface_mut();
        surface.top = 0;
        surface.bottom = bottom;
        surface.saved = None;
        let place = surface.cursor.place;
        surface.cursor = super::Cursor {
            place,
            ..super::Cursor::default()
        };
    }
}
