//! A screen as the bytes that draw it.
//!
//! They assume a terminal that was reset, or one that a program has used: what a program can have set is set back first.
//! Nothing in them asks the terminal a question.

use std::io::Write as _;

use super::cell::{Cell, Style, Width};
use super::grid::Row;
use super::history::History;
use super::{Charsets, Cursor, Model, Surface, default_tabs, style};

/// The most bytes of cells in one redraw, so that it fits into a frame. Only a screen made for it has more.
const MAX_CELLS: usize = 2 * 1024 * 1024;

/// Sets back what a program can have set, and clears the screen. Leaving the other screen comes first, since it moves
/// the cursor.
const RESET: &[u8] =
    b"\x18\x1b[?1049l\x1b[!p\x1b[?5;6;9;45;1000;1002;1003;1004;1005;1006;1015;1016;2004;2031l\x1b[20l\x1b[?7;25h\
\x1b>\x1b[0 q\x1b[>4m\x1b(B\x1b)B\x1b*B\x1b+B\x0f\x1b[r\x1b[m\x1b[H\x1b[2J";

/// Adds a row that leaves the screen to the history.
pub(super) fn remember(history: &mut History, scratch: &mut Vec<u8>, row: &Row) {
    scratch.clear();
    // Only a character makes a terminal go to the next row; where the line before goes on in this one, it begins with one.
    let blanks = if history.goes_on() {
        row.cells.iter().take_while(|cell| cell.is_empty()).count()
    } else {
        0
    };
    let blanks = blanks.min(row.used());
    scratch.resize(blanks, b' ');
    let end = draw_cells(scratch, row, blanks);
    style::write(scratch, end, Style::default());
    history.push(scratch, row.is_wrapped && is_written_to_end(row));
}

/// Sets back what a cursor brings with it, and nothing else.
const PLAIN: &[u8] = b"\x1b[?6l\x1b[m\x1b(B\x1b)B\x1b*B\x1b+B\x0f";

pub(super) fn redraw(model: &Model, pending: &[u8]) -> Vec<u8> {
    let mut out = RESET.to_vec();
    write_palette(&mut out, model);
    model.history.draw(&mut out);
    // The line after the last one is brought to the top, wherever it is.
    out.resize(out.len().saturating_add(model.rows.saturating_sub(1)), b'\n');
    draw_grid(&mut out, &model.primary);
    put_by(&mut out, &model.primary);
    if let Some((surface, number)) = &model.alternate {
        write_margins(&mut out, model, &model.primary);
        // The mode saves the cursor where it stands: where the one is that was put by.
        if *number == 1049 && model.primary.saved.is_some() {
            out.extend_from_slice(b"\x1b8");
        }
        let _ = write!(out, "\x1b[?{number}h");
        out.extend_from_slice(PLAIN);
        out.extend_from_slice(b"\x1b[r\x1b[2J");
        draw_grid(&mut out, surface);
        put_by(&mut out, surface);
    }
    let surface = model.surface();
    write_tabs(&mut out, model);
    write_titles(&mut out, model);
    for flags in &surface.keyboard {
        let _ = write!(out, "\x1b[>{flags}u");
    }
    model.modes.write(&mut out);
    place_cursor(&mut out, model, surface);
    out.extend_from_slice(pending);
    out
}

fn draw_grid(out: &mut Vec<u8>, surface: &Surface) {
    let limit = out.len().saturating_add(MAX_CELLS);
    let mut goes_on = false;
    for (index, row) in surface.grid.rows().iter().enumerate() {
        if out.len() > limit {
            break;
        }
        if !goes_on {
            let _ = write!(out, "\x1b[{};1H", index.saturating_add(1));
        }
        let next = surface
            .grid
            .row(index.saturating_add(1))
            .and_then(|next| next.cells.first());
        goes_on = row.is_wrapped && next.is_some_and(|next| goes_over(row, next));
        let end = draw_cells(out, row, 0);
        style::write(out, end, Style::default());
    }
}

/// Whether writing the row and then `next` makes a terminal wrap.
fn goes_over(row: &Row, next: &Cell) -> bool {
    let leaves_one = || row.used() == row.cells.len().saturating_sub(1);
    !next.is_empty() && (is_written_to_end(row) || next.width == Width::Two && leaves_one())
}

fn is_written_to_end(row: &Row) -> bool {
    row.cells.last().is_some_and(|cell| !cell.is_empty())
}

/// Writes a row's characters from column `from` on, where the cursor is; answers with the style at the end.
fn draw_cells(out: &mut Vec<u8>, row: &Row, from: usize) -> Style {
    let mut now = Style::default();
    let mut cells = row.cells.iter().take(row.used()).skip(from).peekable();
    while let Some(cell) = cells.next() {
        if cell.width == Width::Rest {
            continue;
        }
        style::write(out, now, cell.style);
        now = cell.style;
        if cell.is_empty() {
            let mut count = 1_usize;
            while cells
                .next_if(|next| next.is_empty() && next.style == cell.style)
                .is_some()
            {
                count = count.saturating_add(1);
            }
            // Erased places are not spaces: a copy of the line has no blanks at its end.
            if cell.style != Style::default() {
                let _ = write!(out, "\x1b[{count}X");
            }
            let _ = write!(out, "\x1b[{count}C");
        } else {
            write_cell(out, cell);
        }
    }
    now
}

fn write_cell(out: &mut Vec<u8>, cell: &Cell) {
    let mut buffer = [0; 4];
    out.extend_from_slice(cell.character.encode_utf8(&mut buffer).as_bytes());
    for mark in cell.marks() {
        out.extend_from_slice(mark.encode_utf8(&mut buffer).as_bytes());
    }
}

/// Brings a saved cursor to where the terminal puts cursors by.
fn put_by(out: &mut Vec<u8>, surface: &Surface) {
    let Some(saved) = &surface.saved else { return };
    set_saved(out, surface, saved);
    out.extend_from_slice(b"\x1b7");
    out.extend_from_slice(PLAIN);
}

/// Sets origin mode, place, style and character sets of a cursor that is saved: it may be outside the margins of now, so there are
/// none meanwhile.
fn set_saved(out: &mut Vec<u8>, surface: &Surface, cursor: &Cursor) {
    out.extend_from_slice(b"\x1b[r");
    let again = before(surface, cursor).filter(|_| cursor.is_full);
    write_cursor(out, 0, cursor, again);
}

/// Brings the cursor where it is; with `again`, the character before it is written once more to get there, which tells
/// the terminal that the row is full.
fn write_cursor(out: &mut Vec<u8>, top: usize, cursor: &Cursor, again: Option<(usize, Cell)>) {
    match again {
        Some((column, cell)) => {
            write_place(out, top, cursor, column);
            style::write(out, Style::default(), cell.style);
            write_cell(out, &cell);
            // It was not shown last, and is not to be repeated: something has come after it.
            out.push(0x0f);
            style::write(out, cell.style, cursor.style);
        }
        None => {
            write_place(out, top, cursor, cursor.place.column);
            style::write(out, Style::default(), cursor.style);
        }
    }
    write_charsets(out, cursor.charsets);
}

fn write_margins(out: &mut Vec<u8>, model: &Model, surface: &Surface) {
    if surface.top > 0 || surface.bottom.saturating_add(1) < model.rows {
        let (top, bottom) = (surface.top.saturating_add(1), surface.bottom.saturating_add(1));
        let _ = write!(out, "\x1b[{top};{bottom}r");
    } else {
        out.extend_from_slice(b"\x1b[r");
    }
}

/// Brings the cursor to a column of its row. In origin mode rows count from `top`.
fn write_place(out: &mut Vec<u8>, top: usize, cursor: &Cursor, column: usize) {
    let top = if cursor.is_origin {
        out.extend_from_slice(b"\x1b[?6h");
        top
    } else {
        out.extend_from_slice(b"\x1b[?6l");
        0
    };
    let row = cursor.place.row.saturating_sub(top).saturating_add(1);
    let _ = write!(out, "\x1b[{row};{}H", column.saturating_add(1));
}

fn write_charsets(out: &mut Vec<u8>, charsets: Charsets) {
    for (name, lines) in (b'('..=b'+').zip(charsets.lines) {
        if lines {
            out.extend_from_slice(&[0x1b, name, b'0']);
        }
    }
    match charsets.active {
        1 => out.push(0x0e),
        2 => out.extend_from_slice(b"\x1bn"),
        3 => out.extend_from_slice(b"\x1bo"),
        _ => {}
    }
}

/// Brings the cursor where it is, last of all: so a character that is to be repeated is the last one written.
fn place_cursor(out: &mut Vec<u8>, model: &Model, surface: &Surface) {
    let cursor = &surface.cursor;
    write_margins(out, model, surface);
    let last = last_shown(model, surface);
    let again = last.or_else(|| before(surface, cursor).filter(|_| cursor.is_full));
    if let Some((column, cell)) = again.filter(|_| model.modes.inserts) {
        // Written once more it would push the rest of the row away, so room is made first.
        write_place(out, surface.top, cursor, column);
        let _ = write!(out, "\x1b[{}P\x1b[4h", if cell.width == Width::Two { 2 } else { 1 });
    }
    match last {
        // Nothing may come after it. It looks the same with these character sets: it was shown with them.
        Some((column, cell)) => {
            write_charsets(out, cursor.charsets);
            write_place(out, surface.top, cursor, column);
            style::write(out, Style::default(), cell.style);
            write_cell(out, &cell);
        }
        None => write_cursor(out, surface.top, cursor, again),
    }
    if model.modes.inserts && again.is_none() {
        out.extend_from_slice(b"\x1b[4h");
    }
}

/// The character that was shown last, if nothing came after it, and its column.
fn last_shown(model: &Model, surface: &Surface) -> Option<(usize, Cell)> {
    let (last, cursor) = (model.last?, &surface.cursor);
    let is_it = |found: &(usize, Cell)| {
        let cell = &found.1;
        cell.character == last && cell.marks().next().is_none() && cell.style == cursor.style
    };
    // In the last column, where rows do not wrap, the cursor stays on it.
    let stays = !model.modes.wraps && cursor.place.column.saturating_add(1) == model.columns;
    before(surface, cursor)
        .filter(is_it)
        .or_else(|| up_to(surface, cursor, cursor.place.column).filter(|found| stays && is_it(found)))
}

/// The character before the cursor, and its column.
fn before(surface: &Surface, cursor: &Cursor) -> Option<(usize, Cell)> {
    let column = if cursor.is_full {
        cursor.place.column
    } else {
        cursor.place.column.checked_sub(1)?
    };
    up_to(surface, cursor, column)
}

/// The character that covers a column of the cursor's row, and where it begins.
fn up_to(surface: &Surface, cursor: &Cursor, column: usize) -> Option<(usize, Cell)> {
    let row = surface.grid.row(cursor.place.row)?;
    let cell = row.cells.get(column)?;
    let column = if cell.width == Width::Rest {
        column.checked_sub(1)?
    } else {
        column
    };
    let cell = *row.cells.get(column)?;
    if cell.is_empty() {
        // The last place of a full row was erased since; a blank there looks the same.
        return cursor.is_full.then(|| (column, Cell::new(' ', cell.style, Width::One)));
    }
    Some((column, cell))
}

fn write_tabs(out: &mut Vec<u8>, model: &Model) {
    if model.tabs == default_tabs(model.columns) {
        return;
    }
    out.extend_from_slice(b"\x1b[?6l\x1b[3g");
    let stops = model.tabs.iter().enumerate().filter(|(_, stop)| **stop);
    for (column, _) in stops {
        let _ = write!(out, "\x1b[{}G\x1bH", column.saturating_add(1));
    }
}

fn write_titles(out: &mut Vec<u8>, model: &Model) {
    for title in &model.titles {
        let _ = write!(out, "\x1b]2;{title}\x1b\\\x1b[22;2t");
    }
    if !model.title.is_empty() || !model.titles.is_empty() {
        let _ = write!(out, "\x1b]2;{}\x1b\\", model.title);
    }
}

fn write_palette(out: &mut Vec<u8>, model: &Model) {
    for (key, color) in &model.palette {
        let _ = match key.checked_sub(1000) {
            Some(number) => write!(out, "\x1b]{number};{color}\x1b\\"),
            None => write!(out, "\x1b]4;{key};{color}\x1b\\"),
        };
    }
}
