//! Rows of cells, and how they are shifted, erased and resized. Every place that is named is brought into range first.

use super::cell::{Cell, Style, Width};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    /// Whether its text goes on in the next row.
    pub(super) is_wrapped: bool,
}

impl Row {
    fn new(columns: usize, style: Style) -> Self {
        Self {
            cells: vec![Cell::erased(style); columns],
            is_wrapped: false,
        }
    }

    fn reset(&mut self, columns: usize, style: Style) {
        self.cells.clear();
        self.cells.resize(columns, Cell::erased(style));
        self.is_wrapped = false;
    }

    /// How many cells there are up to the last that shows anything.
    pub(super) fn used(&self) -> usize {
        let blank = Cell::default();
        let last = self.cells.iter().rposition(|cell| *cell != blank);
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// Takes the other half from a wide character that is cut at `column`: what stands before it, or at it.
    fn cut(&mut self, column: usize) {
        let is_rest = self.cells.get(column).is_some_and(|cell| cell.width == Width::Rest);
        if is_rest {
            for at in [column.saturating_sub(1), column] {
                if let Some(cell) = self.cells.get_mut(at) {
                    *cell = Cell::erased(cell.style);
                }
            }
        }
    }

    /// Erases places `from..to`, and the other half of each wide character that is cut.
    pub(super) fn erase(&mut self, from: usize, to: usize, style: Style) {
        let to = to.min(self.cells.len());
        if from >= to {
            return;
        }
        self.cut(from);
        self.cut(to);
        if to == self.cells.len() {
            self.is_wrapped = false;
        }
        if let Some(cells) = self.cells.get_mut(from..to) {
            cells.fill(Cell::erased(style));
        }
    }

    /// Shifts the places from `at` to the right; what leaves the row is lost.
    pub(super) fn insert(&mut self, at: usize, count: usize, style: Style) {
        self.is_wrapped = false;
        self.cut(at);
        if let Some(cells) = self.cells.get_mut(at..) {
            let count = count.min(cells.len());
            cells.rotate_right(count);
            if let Some(new) = cells.get_mut(..count) {
                new.fill(Cell::erased(style));
            }
        }
        self.mend_end();
    }

    /// Takes places away at `at`; the rest moves left.
    pub(super) fn remove(&mut self, at: usize, count: usize, style: Style) {
        self.is_wrapped = false;
        self.cut(at);
        self.cut(at.saturating_add(count));
        if let Some(cells) = self.cells.get_mut(at..) {
            let count = count.min(cells.len());
            let kept = cells.len().saturating_sub(count);
            cells.rotate_left(count);
            if let Some(new) = cells.get_mut(kept..) {
                new.fill(Cell::erased(style));
            }
        }
    }

    /// A wide character whose second half has left the row is gone.
    fn mend_end(&mut self) {
        if let Some(last) = self.cells.last_mut().filter(|cell| cell.width == Width::Two) {
            *last = Cell::erased(last.style);
        }
    }

    fn set_width(&mut self, columns: usize) {
        if columns != self.cells.len() {
            self.is_wrapped = false;
        }
        self.cells.resize(columns, Cell::default());
        self.mend_end();
    }
}

/// The rows of one screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grid {
    rows: Vec<Row>,
    columns: usize,
}

impl Grid {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self {
            rows: vec![Row::new(columns, Style::default()); rows],
            columns,
        }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn row(&self, row: usize) -> Option<&Row> {
        self.rows.get(row)
    }

    pub(super) fn row_mut(&mut self, row: usize) -> Option<&mut Row> {
        self.rows.get_mut(row)
    }

    pub(super) fn cell_mut(&mut self, row: usize, column: usize) -> Option<&mut Cell> {
        self.rows.get_mut(row)?.cells.get_mut(column)
    }

    /// Writes one cell, mending wide characters that it cuts.
    pub(super) fn put(&mut self, row: usize, column: usize, cell: Cell) {
        let Some(row) = self.rows.get_mut(row) else { return };
        row.cut(column);
        row.cut(column.saturating_add(1));
        if let Some(place) = row.cells.get_mut(column) {
            *place = cell;
        }
    }

    /// Writes the second half of a wide character.
    pub(super) fn put_rest(&mut self, row: usize, column: usize, style: Style) {
        let Some(row) = self.rows.get_mut(row) else { return };
        row.cut(column.saturating_add(1));
        if let Some(place) = row.cells.get_mut(column) {
            *place = Cell::new('\0', style, Width::Rest);
        }
    }

    /// Moves rows `top..=bottom` up; what leaves at the top is given to `leaving` first.
    pub(super) fn scroll_up(
        &mut self,
        top: usize,
        bottom: usize,
        count: usize,
        style: Style,
        mut leaving: impl FnMut(&Row),
    ) {
        let columns = self.columns;
        let Some(rows) = self.rows.get_mut(top..=bottom) else {
            return;
        };
        let count = count.min(rows.len());
        for row in rows.iter_mut().take(count) {
            leaving(row);
            row.reset(columns, style);
        }
        rows.rotate_left(count);
    }

    /// Moves rows `top..=bottom` down; what leaves at the bottom is lost.
    pub(super) fn scroll_down(&mut self, top: usize, bottom: usize, count: usize, style: Style) {
        let columns = self.columns;
        if let Some(above) = top.checked_sub(1).and_then(|above| self.rows.get_mut(above)) {
            above.is_wrapped = false;
        }
        let Some(rows) = self.rows.get_mut(top..=bottom) else {
            return;
        };
        let count = count.min(rows.len());
        rows.rotate_right(count);
        for row in rows.iter_mut().take(count) {
            row.reset(columns, style);
        }
        if let Some(last) = rows.last_mut() {
            last.is_wrapped = false;
        }
    }

    /// Erases whole rows.
    pub(super) fn erase_rows(&mut self, from: usize, to: usize, style: Style) {
        let columns = self.columns;
        for row in self.rows.iter_mut().take(to).skip(from) {
            row.reset(columns, style);
        }
    }

    /// Brings it to another size without moving text from row to row; `leaving` gets rows that leave at the top so that
    /// row `cursor` stays. Answers with how many.
    pub(super) fn resize(
        &mut self,
        columns: usize,
        rows: usize,
        cursor: usize,
        mut leaving: impl FnMut(&Row),
    ) -> usize {
        let above = cursor.saturating_add(1).saturating_sub(rows).min(self.rows.len());
        for row in self.rows.drain(..above) {
            leaving(&row);
        }
        for row in &mut self.rows {
            row.set_width(columns);
        }
        self.columns = columns;
        self.rows.resize_with(rows, || Row::new(columns, Style::default()));
        if let Some(last) = self.rows.last_mut() {
            last.is_wrapped = false;
        }
        above
    }

    /// Breaks text anew at another width: what went on in the next row goes on there at the new width. Rows that are too
    /// many leave at the top. Answers with where the place `cursor` is now (row, column).
    pub(super) fn reflow(
        &mut self,
        columns: usize,
        rows: usize,
        cursor: (usize, usize),
        mut leaving: impl FnMut(&Row),
    ) -> (usize, usize) {
        let used = self
            .rows
            .iter()
            .rposition(|row| row.used() > 0)
            .map_or(0, |row| row + 1);
        let old: Vec<Row> = self.rows.drain(..).take(used.max(cursor.0.saturating_add(1))).collect();
        let mut new: Vec<Row> = Vec::with_capacity(rows);
        let mut at = (0, 0);
        let mut goes_on = false;
        for (index, row) in old.into_iter().enumerate() {
            if !goes_on {
                new.push(Row {
                    cells: Vec::new(),
                    is_wrapped: false,
                });
            }
            let kept = if row.is_wrapped { row.cells.len() } else { row.used() };
            for (column, cell) in row.cells.iter().enumerate() {
                let is_cursor = (index, column) == cursor;
                if column >= kept && !is_cursor {
                    continue;
                }
                let room = if cell.width == Width::Two { 2 } else { 1 };
                let length = new.last().map_or(0, |row| row.cells.len());
                if length.saturating_add(room) > columns && cell.width != Width::Rest {
                    if let Some(last) = new.last_mut() {
                        last.is_wrapped = true;
                    }
                    new.push(Row {
                        cells: Vec::new(),
                        is_wrapped: false,
                    });
                }
                if let Some(last) = new.last_mut() {
                    if is_cursor {
                        at = (0, last.cells.len());
                    }
                    last.cells.push(*cell);
                }
                if is_cursor {
                    at.0 = new.len().saturating_sub(1);
                }
            }
            goes_on = row.is_wrapped;
        }
        let above = new.len().saturating_sub(rows).min(at.0);
        self.columns = columns;
        for mut row in new.drain(..above) {
            row.cells.resize(columns, Cell::default());
            leaving(&row);
        }
        self.rows = new;
        for row in &mut self.rows {
            row.cells.resize(columns, Cell::default());
            row.mend_end();
        }
        self.rows.resize_with(rows, || Row::new(columns, Style::default()));
        (at.0.saturating_sub(above), at.1.min(columns.saturating_sub(1)))
    }
}
