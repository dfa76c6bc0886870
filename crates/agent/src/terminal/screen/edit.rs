//! What sequences do to the screen: writing, moving, scrolling, erasing.

use unicode_width::UnicodeWidthChar as _;

use super::cell::{Cell, Style, Width};
use super::grid::Row;
use super::{Cursor, Model, Place, redraw};

/// DEC's line drawing characters, from `` ` `` to `~`.
const LINES: [char; 31] = [
    '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤', '┴',
    '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

impl Model {
    pub(super) fn cursor(&self) -> &Cursor {
        &self.surface().cursor
    }

    pub(super) fn cursor_mut(&mut self) -> &mut Cursor {
        &mut self.surface_mut().cursor
    }

    fn style(&self) -> Style {
        self.cursor().style
    }

    pub(super) fn show(&mut self, character: char) {
        let character = match u32::from(character).checked_sub(0x60) {
            Some(index) if self.cursor().charsets.draws_lines() => usize::try_from(index)
                .ok()
                .and_then(|index| LINES.get(index))
                .copied()
                .unwrap_or(character),
            _ => character,
        };
        match character.width() {
            Some(0) => self.mark(character),
            Some(1) => self.put(character, Width::One),
            Some(_) => self.put(character, Width::Two),
            None => {}
        }
    }

    fn put(&mut self, character: char, width: Width) {
        let room = if width == Width::Two { 2 } else { 1 };
        let (columns, wraps, inserts) = (self.columns, self.modes.wraps, self.modes.inserts);
        self.spend(if inserts { columns } else { 1 });
        let fits = |place: Place| place.column.saturating_add(room) <= columns;
        let cursor = self.cursor();
        if cursor.is_full || !fits(cursor.place) {
            if wraps {
                self.wrap();
            } else if !fits(cursor.place) {
                self.last = None;
                return;
            }
        }
        let surface = self.surface_mut();
        surface.cursor.is_full = false;
        let Place { row, column } = surface.cursor.place;
        let style = surface.cursor.style;
        if inserts && let Some(row) = surface.grid.row_mut(row) {
            row.insert(column, room, style);
        }
        surface.grid.put(row, column, Cell::new(character, style, width));
        if width == Width::Two {
            surface.grid.put_rest(row, column.saturating_add(1), style);
        }
        let next = column.saturating_add(room);
        if next >= columns {
            surface.cursor.place.column = columns.saturating_sub(1);
            surface.cursor.is_full = wraps;
        } else {
            surface.cursor.place.column = next;
        }
        self.last = Some(character);
    }

    fn wrap(&mut self) {
        let surface = self.surface_mut();
        let at = surface.cursor.place.row;
        // A row that is moved up keeps its mark, one at the screen's end that does not scroll is overwritten.
        if let Some(row) = surface.grid.row_mut(at) {
            row.is_wrapped = true;
        }
        surface.cursor.place.column = 0;
        surface.cursor.is_full = false;
        self.line_feed();
        let surface = self.surface_mut();
        if surface.cursor.place.row == at
            && at != surface.bottom
            && let Some(row) = surface.grid.row_mut(at)
        {
            row.is_wrapped = false;
        }
    }

    /// Puts a combining mark on the character before the cursor.
    fn mark(&mut self, mark: char) {
        let surface = self.surface_mut();
        let Place { row, column } = surface.cursor.place;
        let before = if surface.cursor.is_full {
            column
        } else {
            column.wrapping_sub(1)
        };
        let is_rest = |row: &Row| row.cells.get(before).is_some_and(|cell| cell.width == Width::Rest);
        let at = match surface.grid.row(row) {
            Some(row) if is_rest(row) => before.wrapping_sub(1),
            _ => before,
        };
        if let Some(cell) = surface.grid.cell_mut(row, at)
            && cell.character != '\0'
        {
            cell.add_mark(mark);
        }
        self.last = None;
    }

    /// One row down; the screen scrolls where the cursor is at the end of its margins.
    pub(super) fn line_feed(&mut self) {
        let surface = self.surface_mut();
        let row = surface.cursor.place.row;
        if row == surface.bottom {
            self.scroll_up(1);
        } else if row.saturating_add(1) < self.rows {
            self.cursor_mut().place.row = row.saturating_add(1);
        }
    }

    pub(super) fn reverse_line_feed(&mut self) {
        let surface = self.surface();
        let row = surface.cursor.place.row;
        if row == surface.top {
            self.scroll_down(1);
        } else {
            self.cursor_mut().place.row = row.saturating_sub(1);
        }
    }

    /// Notes what shifting rows costs: each that is emptied, and moving the others.
    fn spend_rows(&mut self, count: usize) {
        let rows = self.rows;
        self.spend(count.min(rows).saturating_mul(self.columns).saturating_add(rows));
    }

    pub(super) fn scroll_up(&mut self, count: usize) {
        self.spend_rows(count);
        let style = self.style();
        let Self {
            alternate,
            primary,
            history,
            scratch,
            ..
        } = self;
        match alternate {
            Some((surface, _)) => surface
                .grid
                .scroll_up(surface.top, surface.bottom, count, style, |_| {}),
            None if primary.top > 0 => primary
                .grid
                .scroll_up(primary.top, primary.bottom, count, style, |_| {}),
            None => {
                let leaving = |row: &Row| redraw::remember(history, scratch, row);
                primary.grid.scroll_up(0, primary.bottom, count, style, leaving);
            }
        }
    }

    pub(super) fn scroll_down(&mut self, count: usize) {
        self.spend_rows(count);
        let style = self.style();
        let surface = self.surface_mut();
        surface.grid.scroll_down(surface.top, surface.bottom, count, style);
    }

    /// Moves the cursor by rows, staying within the margins that it is in.
    pub(super) fn move_rows(&mut self, up: usize, down: usize) {
        let last = self.rows.saturating_sub(1);
        let surface = self.surface_mut();
        let row = surface.cursor.place.row;
        let highest = if row >= surface.top { surface.top } else { 0 };
        let lowest = if row <= surface.bottom { surface.bottom } else { last };
        surface.cursor.place.row = row.saturating_add(down).min(lowest).saturating_sub(up).max(highest);
        surface.cursor.is_full = false;
    }

    /// Moves the cursor to a column, counted from 0.
    pub(super) fn move_to_column(&mut self, column: usize) {
        let last = self.columns.saturating_sub(1);
        let cursor = self.cursor_mut();
        cursor.place.column = column.min(last);
        cursor.is_full = false;
    }

    /// Moves the cursor to a row, counted from 0, within the margins in origin mode.
    pub(super) fn move_to_row(&mut self, row: usize) {
        let last = self.rows.saturating_sub(1);
        let surface = self.surface_mut();
        surface.cursor.place.row = if surface.cursor.is_origin {
            row.saturating_add(surface.top).min(surface.bottom)
        } else {
            row.min(last)
        };
        surface.cursor.is_full = false;
    }

    pub(super) fn back(&mut self, count: usize) {
        let column = self.cursor().place.column;
        self.move_to_column(column.saturating_sub(count));
    }

    pub(super) fn tab(&mut self, count: usize) {
        self.spend(self.columns);
        let last = self.columns.saturating_sub(1);
        for _ in 0..count.min(self.columns) {
            let column = self.cursor().place.column;
            let stop = self.tabs.iter().skip(column.saturating_add(1)).position(|stop| *stop);
            self.cursor_mut().place.column =
                stop.map_or(last, |stop| stop.saturating_add(column).saturating_add(1).min(last));
        }
    }

    pub(super) fn back_tab(&mut self, count: usize) {
        self.spend(self.columns);
        for _ in 0..count.min(self.columns) {
            let column = self.cursor().place.column;
            let stop = self.tabs.iter().take(column).rposition(|stop| *stop);
            self.cursor_mut().place.column = stop.unwrap_or(0);
        }
        self.cursor_mut().is_full = false;
    }

    pub(super) fn erase_screen(&mut self, what: u16) {
        self.spend(self.cells());
        let (rows, style) = (self.rows, self.style());
        let row = self.cursor().place.row;
        match what {
            0 => {
                self.erase_line(0);
                self.surface_mut().grid.erase_rows(row.saturating_add(1), rows, style);
            }
            1 => {
                self.erase_line(1);
                self.surface_mut().grid.erase_rows(0, row, style);
            }
            2 => self.surface_mut().grid.erase_rows(0, rows, style),
            3 => self.history.clear(),
            _ => {}
        }
    }

    pub(super) fn erase_line(&mut self, what: u16) {
        self.spend(self.columns);
        let Place { row, column } = self.cursor().place;
        let (from, to) = match what {
            0 => (column, self.columns),
            1 => (0, column.saturating_add(1)),
            2 => (0, self.columns),
            _ => return,
        };
        let style = self.style();
        self.cursor_mut().is_full = false;
        if let Some(row) = self.surface_mut().grid.row_mut(row) {
            row.erase(from, to, style);
        }
    }

    pub(super) fn erase_characters(&mut self, count: usize) {
        self.spend(self.columns);
        let (Place { row, column }, style) = (self.cursor().place, self.style());
        self.cursor_mut().is_full = false;
        if let Some(row) = self.surface_mut().grid.row_mut(row) {
            row.erase(column, column.saturating_add(count), style);
        }
    }

    pub(super) fn insert_characters(&mut self, count: usize) {
        self.spend(self.columns);
        let (Place { row, column }, style) = (self.cursor().place, self.style());
        self.cursor_mut().is_full = false;
        if let Some(row) = self.surface_mut().grid.row_mut(row) {
            row.insert(column, count, style);
        }
    }

    pub(super) fn delete_characters(&mut self, count: usize) {
        self.spend(self.columns);
        let (Place { row, column }, style) = (self.cursor().place, self.style());
        self.cursor_mut().is_full = false;
        if let Some(row) = self.surface_mut().grid.row_mut(row) {
            row.remove(column, count, style);
        }
    }

    pub(super) fn insert_lines(&mut self, count: usize) {
        self.spend_rows(count);
        self.shift_lines(|surface, row, style| surface.grid.scroll_down(row, surface.bottom, count, style));
    }

    pub(super) fn delete_lines(&mut self, count: usize) {
        self.spend_rows(count);
        self.shift_lines(|surface, row, style| surface.grid.scroll_up(row, surface.bottom, count, style, |_| {}));
    }

    fn shift_lines(&mut self, shift: impl FnOnce(&mut super::Surface, usize, Style)) {
        let style = self.style();
        let surface = self.surface_mut();
        let row = surface.cursor.place.row;
        if (surface.top..=surface.bottom).contains(&row) {
            surface.cursor.place.column = 0;
            surface.cursor.is_full = false;
            shift(surface, row, style);
        }
    }

    /// Fills the screen with `E`, to align it.
    pub(super) fn align(&mut self) {
        self.spend(self.cells());
        let cell = Cell::new('E', Style::default(), Width::One);
        let surface = self.surface_mut();
        for row in 0..surface.grid.rows().len() {
            if let Some(row) = surface.grid.row_mut(row) {
                row.cells.fill(cell);
                row.is_wrapped = false;
            }
        }
        self.home();
    }

    pub(super) fn set_margins(&mut self, top: usize, bottom: usize) {
        let bottom = bottom.min(self.rows).saturating_sub(1);
        let top = top.saturating_sub(1);
        if top < bottom {
            let surface = self.surface_mut();
            surface.top = top;
            surface.bottom = bottom;
            self.home();
        }
    }

    pub(super) fn home(&mut self) {
        self.move_to_row(0);
        self.move_to_column(0);
    }

    pub(super) fn save_cursor(&mut self) {
        let surface = self.surface_mut();
        surface.saved = Some(surface.cursor);
    }

    pub(super) fn restore_cursor(&mut self) {
        let surface = self.surface_mut();
        surface.cursor = surface.saved.unwrap_or_default();
        if surface.cursor.is_origin {
            // The margins may have moved since.
            let row = &mut surface.cursor.place.row;
            *row = (*row).clamp(surface.top, surface.bottom.max(surface.top));
        }
    }
}
