//! Select graphic rendition: read from sequences, and written back.

use std::io::Write as _;

use super::super::parser::{Group, Sequence};
use super::cell::{Color, Style, flag};

/// Obeys `ESC [ … m`.
pub(super) fn apply(style: &mut Style, sequence: &Sequence) {
    if sequence.is_bare() {
        *style = Style::default();
        return;
    }
    let mut groups = sequence.groups();
    while let Some(group) = groups.next() {
        match group.value {
            0 => *style = Style::default(),
            1 => style.set(flag::BOLD, true),
            2 => style.set(flag::FAINT, true),
            3 => style.set(flag::ITALIC, true),
            4 if group.len() > 0 => style.set_underline(group.sub(0)),
            4 => style.set_underline(1),
            5 | 6 => style.set(flag::BLINK, true),
            7 => style.set(flag::INVERSE, true),
            8 => style.set(flag::HIDDEN, true),
            9 => style.set(flag::STRUCK, true),
            21 => style.set_underline(2),
            22 => style.set(flag::BOLD | flag::FAINT, false),
            23 => style.set(flag::ITALIC, false),
            24 => style.set_underline(0),
            25 => style.set(flag::BLINK, false),
            27 => style.set(flag::INVERSE, false),
            28 => style.set(flag::HIDDEN, false),
            29 => style.set(flag::STRUCK, false),
            53 => style.set(flag::OVERLINE, true),
            55 => style.set(flag::OVERLINE, false),
            39 => style.foreground = Color::default(),
            49 => style.background = Color::default(),
            59 => style.underline = Color::default(),
            38 => set(&mut style.foreground, color(group, &mut groups)),
            48 => set(&mut style.background, color(group, &mut groups)),
            58 => set(&mut style.underline, color(group, &mut groups)),
            value => plain(style, value),
        }
    }
}

fn plain(style: &mut Style, value: u16) {
    let indexed = |first: u16, base: u16| {
        let index = value.checked_sub(first).filter(|index| *index < 8)?;
        u8::try_from(index.saturating_add(base)).ok().map(Color::indexed)
    };
    set(&mut style.foreground, indexed(30, 0).or_else(|| indexed(90, 8)));
    set(&mut style.background, indexed(40, 0).or_else(|| indexed(100, 8)));
}

fn set(place: &mut Color, color: Option<Color>) {
    if let Some(color) = color {
        *place = color;
    }
}

/// A colour of 256 or of 16 million: after colons, or, as most programs write it, in the parameters that follow.
fn color<'a>(group: Group<'a>, groups: &mut impl Iterator<Item = Group<'a>>) -> Option<Color> {
    let byte = |value: u16| u8::try_from(value).ok();
    if group.len() > 0 {
        return match group.sub(0) {
            5 => byte(group.sub(1)).map(Color::indexed),
            2 => {
                // With a colour space there are five, without it four.
                let first = if group.len() > 4 { 2 } else { 1 };
                Some(Color::rgb(
                    byte(group.sub(first))?,
                    byte(group.sub(first + 1))?,
                    byte(group.sub(first + 2))?,
                ))
            }
            _ => None,
        };
    }
    match groups.next()?.value {
        5 => byte(groups.next()?.value).map(Color::indexed),
        2 => {
            let (red, green, blue) = (groups.next()?.value, groups.next()?.value, groups.next()?.value);
            Some(Color::rgb(byte(red)?, byte(green)?, byte(blue)?))
        }
        _ => None,
    }
}

/// Writes what makes a terminal that is at `from` show `to`.
pub(super) fn write(out: &mut Vec<u8>, from: Style, to: Style) {
    if from == to {
        return;
    }
    out.extend_from_slice(b"\x1b[0");
    let flags = [
        (flag::BOLD, "1"),
        (flag::FAINT, "2"),
        (flag::ITALIC, "3"),
        (flag::BLINK, "5"),
        (flag::INVERSE, "7"),
        (flag::HIDDEN, "8"),
        (flag::STRUCK, "9"),
        (flag::OVERLINE, "53"),
    ];
    for (flag, number) in flags {
        if to.flags & flag != 0 {
            let _ = write!(out, ";{number}");
        }
    }
    // A terminal without kinds of underlines reads `4`, and none reads `4:1`.
    match (to.flags & flag::UNDERLINE) >> flag::UNDERLINE_SHIFT {
        0 => {}
        1 => out.extend_from_slice(b";4"),
        2 => out.extend_from_slice(b";21"),
        kind => {
            let _ = write!(out, ";4:{kind}");
        }
    }
    write_color(out, 30, to.foreground);
    write_color(out, 40, to.background);
    write_color(out, 50, to.underline);
    out.push(b'm');
}

fn write_color(out: &mut Vec<u8>, base: u16, color: Color) {
    let extended = base.saturating_add(8);
    // Underlines have no short forms. Writing to a vector cannot fail.
    let _ = match color.parts() {
        None => Ok(()),
        Some(Ok(index)) if index < 8 && base < 50 => write!(out, ";{}", base + u16::from(index)),
        Some(Ok(index)) if index < 16 && base < 50 => write!(out, ";{}", base + 52 + u16::from(index)),
        Some(Ok(index)) if base < 50 => write!(out, ";{extended};5;{index}"),
        Some(Err([red, green, blue])) if base < 50 => write!(out, ";{extended};2;{red};{green};{blue}"),
        Some(Ok(index)) => write!(out, ";{extended}:5:{index}"),
        Some(Err([red, green, blue])) => write!(out, ";{extended}:2::{red}:{green}:{blue}"),
    };
}
