//! One place of the screen, and how it looks.

/// A colour: 0 is the terminal's own, otherwise a kind in the top byte and its value below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Color(u32);

impl Color {
    /// One of the palette.
    pub(super) const fn indexed(index: u8) -> Self {
        Self(1 << 24 | index as u32)
    }

    /// Red, green and blue.
    pub(super) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self(2 << 24 | (red as u32) << 16 | (green as u32) << 8 | blue as u32)
    }

    /// The index in the palette, or the three parts; `None` = the terminal's own.
    pub(super) const fn parts(self) -> Option<Result<u8, [u8; 3]>> {
        let [kind, red, green, blue] = self.0.to_be_bytes();
        match kind {
            1 => Some(Ok(blue)),
            2 => Some(Err([red, green, blue])),
            _ => None,
        }
    }
}

/// Bits of [`Style::flags`].
pub(super) mod flag {
    pub(in super::super) const BOLD: u16 = 1;
    pub(in super::super) const FAINT: u16 = 1 << 1;
    pub(in super::super) const ITALIC: u16 = 1 << 2;
    pub(in super::super) const BLINK: u16 = 1 << 3;
    pub(in super::super) const INVERSE: u16 = 1 << 4;
    pub(in super::super) const HIDDEN: u16 = 1 << 5;
    pub(in super::super) const STRUCK: u16 = 1 << 6;
    pub(in super::super) const OVERLINE: u16 = 1 << 7;
    /// Three bits: the kind of underline as SGR 4 counts them, 0 = none.
    pub(in super::super) const UNDERLINE: u16 = 7 << UNDERLINE_SHIFT;
    pub(in super::super) const UNDERLINE_SHIFT: u16 = 8;
}

/// How characters are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Style {
    pub(super) foreground: Color,
    pub(super) background: Color,
    pub(super) underline: Color,
    pub(super) flags: u16,
}

impl Style {
    pub(super) const fn set(&mut self, flag: u16, on: bool) {
        if on {
            self.flags |= flag;
        } else {
            self.flags &= !flag;
        }
    }

    pub(super) const fn set_underline(&mut self, kind: u16) {
        self.flags = self.flags & !flag::UNDERLINE | (kind & 7) << flag::UNDERLINE_SHIFT;
    }

    /// What an erased place looks like: the background stays.
    pub(super) fn erased(self) -> Self {
        Self {
            background: self.background,
            ..Self::default()
        }
    }
}

/// How much room a character takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Width {
    /// One place.
    #[default]
    One,
    /// This place and the next.
    Two,
    /// The second place of a wide character.
    Rest,
}

/// One place of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cell {
    /// The character; 0 = never written, or erased.
    pub(super) character: char,
    /// Up to three combining marks, 21 bits each, in two words so that a cell stays small.
    marks: [u32; 2],
    pub(super) style: Style,
    pub(super) width: Width,
}

const MARK: u64 = (1 << 21) - 1;

impl Cell {
    pub(super) fn new(character: char, style: Style, width: Width) -> Self {
        Self {
            character,
            marks: [0; 2],
            style,
            width,
        }
    }

    /// A place without a character.
    pub(super) fn erased(style: Style) -> Self {
        Self::new('\0', style.erased(), Width::One)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.character == '\0' && matches!(self.width, Width::One)
    }

    fn packed(&self) -> u64 {
        u64::from(self.marks[0]) << 32 | u64::from(self.marks[1])
    }

    /// Adds a combining mark; the fourth and later ones are dropped.
    pub(super) fn add_mark(&mut self, mark: char) {
        let packed = self.packed();
        for shift in [0, 21, 42] {
            if packed >> shift & MARK == 0 {
                let packed = packed | u64::from(u32::from(mark)) << shift;
                self.marks = [(packed >> 32) as u32, (packed & 0xffff_ffff) as u32];
                return;
            }
        }
    }

    /// Its combining marks.
    pub(super) fn marks(&self) -> impl Iterator<Item = char> + use<> {
        let packed = self.packed();
        [0, 21, 42]
            .into_iter()
            .filter_map(move |shift| u32::try_from(packed >> shift & MARK).ok())
            .filter(|mark| *mark != 0)
            .filter_map(char::from_u32)
    }
}
