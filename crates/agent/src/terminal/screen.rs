//! What a terminal shows and how it is set, kept so that it can be drawn again for whoever comes.
//!
//! Kept are the screen and the one under it, lines that have left it, cursor, style, margins, tab stops, character sets,
//! saved cursors, title, palette and modes. A size is at least 2 by 1 and at most [`MAX_COLUMNS`] by [`MAX_ROWS`].

mod cell;
mod edit;
mod grid;
mod history;
mod listen;
mod modes;
mod redraw;
mod style;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::cell::Style;
use self::grid::Grid;
use self::history::History;
use self::modes::Modes;
use super::parser::Parser;
use crate::sandbox::Size;

/// The most columns.
pub const MAX_COLUMNS: u16 = 500;
/// The most rows.
pub const MAX_ROWS: u16 = 200;
/// The most bytes of a title or a colour's name.
const MAX_TEXT: usize = 512;
/// The most titles and keyboard settings that a program can put by.
const MAX_STACK: usize = 8;

/// A question of the program that the terminal answers, by the kind of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Question {
    /// What are you? `CSI c`
    Attributes,
    /// `CSI > c`
    SecondaryAttributes,
    /// `CSI = c`
    TertiaryAttributes,
    /// Are you well? `CSI 5 n`
    Status,
    /// Where is the cursor? `CSI 6 n`
    Cursor,
    /// `CSI ? … n`
    PrivateStatus,
    /// How is a mode? `CSI … $ p`, `CSI ? … $ p`
    Mode,
    /// Which colour, or what is on the clipboard? `OSC … ?`
    Command,
    /// `DCS …`, `CSI > q`
    Device,
    /// How large is the window? `CSI 14 t` and so on.
    Window,
    /// Which keyboard protocol? `CSI ? u`
    Keyboard,
}

/// A place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    row: usize,
    column: usize,
}

/// The cursor and what is saved with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cursor {
    place: Place,
    /// The last column is written, and the next character goes to the next row.
    is_full: bool,
    style: Style,
    is_origin: bool,
    charsets: Charsets,
}

/// Character sets: which of four is in use, and which of them draw lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Charsets {
    active: u8,
    lines: [bool; 4],
}

impl Charsets {
    fn draws_lines(self) -> bool {
        self.lines.get(usize::from(self.active)).copied().unwrap_or(false)
    }
}

/// One of the two screens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Surface {
    grid: Grid,
    cursor: Cursor,
    saved: Option<Cursor>,
    top: usize,
    bottom: usize,
    /// Settings of the keyboard protocol, the last one in use.
    keyboard: Vec<u16>,
}

impl Surface {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            grid: Grid::new(columns, rows),
            cursor: Cursor::default(),
            saved: None,
            top: 0,
            bottom: rows.saturating_sub(1),
            keyboard: Vec::new(),
        }
    }
}

/// Everything but the parser.
#[derive(Debug)]
struct Model {
    columns: usize,
    rows: usize,
    primary: Surface,
    /// The other screen while a program has it, and the mode that it was asked for with.
    alternate: Option<(Surface, u16)>,
    history: History,
    modes: Modes,
    tabs: Vec<bool>,
    title: String,
    titles: Vec<String>,
    palette: BTreeMap<u16, String>,
    /// The character that was shown last, if nothing came after it.
    last: Option<char>,
    questions: Vec<Question>,
    scratch: Vec<u8>,
    /// How many cells may still be touched before it wants a pause.
    breath: usize,
}

/// A screen.
#[derive(Debug)]
pub struct Screen {
    parser: Parser,
    model: Model,
}

/// A size that a screen can have.
pub(super) fn bounded(size: Size) -> Size {
    Size {
        columns: size.columns.clamp(2, MAX_COLUMNS),
        rows: size.rows.clamp(1, MAX_ROWS),
    }
}

impl Screen {
    /// An empty one.
    pub fn new(size: Size) -> Self {
        let size = bounded(size);
        Self {
            parser: Parser::default(),
            model: Model::new(usize::from(size.columns), usize::from(size.rows)),
        }
    }

    /// Shows output.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.model.breath = usize::MAX;
        self.parser.feed(bytes, &mut self.model);
    }

    /// Shows output until about `cells` cells were touched: how many bytes that took, at least one of them. A few bytes can
    /// mean much work, so that bytes say little of how long it takes.
    pub fn feed_some(&mut self, bytes: &[u8], cells: usize) -> usize {
        self.model.breath = cells.max(1);
        self.parser.feed(bytes, &mut self.model)
    }

    /// Brings it to another size.
    pub fn resize(&mut self, size: Size) {
        let size = bounded(size);
        self.model.resize(usize::from(size.columns), usize::from(size.rows));
    }

    /// Its size.
    pub fn size(&self) -> Size {
        let part = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        Size {
            columns: part(self.model.columns),
            rows: part(self.model.rows),
        }
    }

    /// The title that a program gave it.
    pub fn title(&self) -> &str {
        &self.model.title
    }

    /// The bytes that draw it on a terminal that was reset, lines above it included.
    pub fn redraw(&self) -> Vec<u8> {
        redraw::redraw(&self.model, self.parser.pending())
    }

    /// What stands on it, a line for each row.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for row in self.model.surface().grid.rows() {
            let cells = row.cells.iter().filter(|cell| cell.width != cell::Width::Rest);
            let characters = cells.flat_map(|cell| std::iter::once(cell.character).chain(cell.marks()));
            text.extend(characters.map(|character| if character == '\0' { ' ' } else { character }));
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        text
    }

    /// About how much memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        let cell = size_of::<cell::Cell>();
        let grids = if self.model.alternate.is_some() { 2 } else { 1 };
        let cells = self.model.columns.saturating_mul(self.model.rows).saturating_mul(grids);
        cells.saturating_mul(cell).saturating_add(self.model.history.memory())
    }

    /// How many lines have left it at its top and are kept.
    pub fn history_lines(&self) -> usize {
        self.model.history.len()
    }

    /// The questions that came since this was last called.
    pub(super) fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.model.questions)
    }

    /// The answer to a question that can be given without any viewer.
    pub(super) fn answer(&self, question: Question) -> Option<Vec<u8>> {
        match question {
            // A VT220 with colours, as xterm.js says it is.
            Question::Attributes => Some(b"\x1b[?1;2c".to_vec()),
            Question::SecondaryAttributes => Some(b"\x1b[>0;276;0c".to_vec()),
            Question::Status => Some(b"\x1b[0n".to_vec()),
            Question::Cursor => {
                let surface = self.model.surface();
                let top = if surface.cursor.is_origin { surface.top } else { 0 };
                let row = surface.cursor.place.row.saturating_sub(top).saturating_add(1);
                let column = surface.cursor.place.column.saturating_add(1);
                Some(format!("\x1b[{row};{column}R").into_bytes())
            }
            _ => None,
        }
    }
}

impl Model {
    fn new(columns: usize, rows: usize) -> Self {
        Self {
            columns,
            rows,
            primary: Surface::new(columns, rows),
            alternate: None,
            history: History::default(),
            modes: Modes::default(),
            tabs: default_tabs(columns),
            title: String::new(),
            titles: Vec::new(),
            palette: BTreeMap::new(),
            last: None,
            questions: Vec::new(),
            scratch: Vec::new(),
            breath: usize::MAX,
        }
    }

    /// Of one screen.
    fn cells(&self) -> usize {
        self.columns.saturating_mul(self.rows)
    }

    /// Notes that cells were touched.
    fn spend(&mut self, cells: usize) {
        self.breath = self.breath.saturating_sub(cells);
    }

    fn surface(&self) -> &Surface {
        self.alternate.as_ref().map_or(&self.primary, |(surface, _)| surface)
    }

    fn surface_mut(&mut self) -> &mut Surface {
        match &mut self.alternate {
            Some((surface, _)) => surface,
            None => &mut self.primary,
        }
    }

    /// As a terminal is when it is switched on; what has left the screen stays.
    fn reset(&mut self) {
        let history = std::mem::take(&mut self.history);
        let questions = std::mem::take(&mut self.questions);
        let cells = self.cells();
        self.spend(cells);
        *self = Self {
            history,
            questions,
            breath: self.breath,
            ..Self::new(self.columns, self.rows)
        };
    }

    fn resize(&mut self, columns: usize, rows: usize) {
        if (columns, rows) == (self.columns, self.rows) {
            return;
        }
        self.last = None;
        let Self { history, scratch, .. } = self;
        let mut leaving = |row: &grid::Row| redraw::remember(history, scratch, row);
        let surface = &mut self.primary;
        let place = surface.cursor.place;
        if columns == self.columns {
            let above = surface.grid.resize(columns, rows, place.row, &mut leaving);
            surface.cursor.place.row = place.row.saturating_sub(above);
        } else {
            let at = surface
                .grid
                .reflow(columns, rows, (place.row, place.column), &mut leaving);
            surface.cursor.place = Place {
                row: at.0,
                column: at.1,
            };
            surface.cursor.is_full = false;
        }
        if let Some((surface, _)) = &mut self.alternate {
            let above = surface.grid.resize(columns, rows, surface.cursor.place.row, |_| {});
            surface.cursor.place.row = surface.cursor.place.row.saturating_sub(above);
        }
        let surfaces = std::iter::once(&mut self.primary).chain(self.alternate.as_mut().map(|(surface, _)| surface));
        for surface in surfaces {
            surface.top = 0;
            surface.bottom = rows.saturating_sub(1);
            for cursor in std::iter::once(&mut surface.cursor).chain(surface.saved.as_mut()) {
                cursor.place.row = cursor.place.row.min(rows.saturating_sub(1));
                let last = columns.saturating_sub(1);
                cursor.is_full &= cursor.place.column == last;
                cursor.place.column = cursor.place.column.min(last);
            }
        }
        let kept = self.tabs.len();
        self.tabs.truncate(columns);
        self.tabs.extend(default_tabs(columns).into_iter().skip(kept));
        self.columns = columns;
        self.rows = rows;
        self.last = None;
    }
}

fn default_tabs(columns: usize) -> Vec<bool> {
    (0..columns).map(|column| column % 8 == 0 && column > 0).collect()
}
