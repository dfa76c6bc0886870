//! What a text looks like: two texts that a person could take for one another have the same skeleton.
//!
//! The table has the letters that stand in for ASCII ones in practice (Cyrillic, Greek, Latin with marks, full-width and
//! mathematical forms), not all of Unicode. That is enough, since it decides which explanation is given and never what is done.

use crate::markdown::is_hidden;

/// Characters looked at; a label of Bailey's is far shorter.
const LOOKED_AT: usize = 160;

/// The skeleton of `text`: in lower case, without marks, spaces at its ends and characters that do not show.
pub(super) fn skeleton(text: &str) -> String {
    let shown = text.chars().filter(|c| !is_invisible(*c)).take(LOOKED_AT);
    let mut folded: String = shown.map(fold).collect();
    // Letters that read as one.
    for (pair, one) in [("rn", "m"), ("vv", "w")] {
        folded = folded.replace(pair, one);
    }
    let trimmed = folded.trim_matches('-');
    let mut out = String::with_capacity(trimmed.len());
    for c in trimmed.chars() {
        // A doubled hyphen, and spaces beside a hyphen or a colon, are hard to see.
        if c == '-' && out.ends_with(['-', ':']) {
            continue;
        }
        if c == ':' && out.ends_with('-') {
            out.pop();
        }
        out.push(c);
    }
    out
}

/// Whether a character takes no room or only changes others: marks, joiners, directions, fillers, tags.
fn is_invisible(c: char) -> bool {
    is_hidden(c)
        || matches!(c,
            '\u{200d}' | '\u{fe00}'..='\u{fe0f}' | '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
}

fn fold(c: char) -> char {
    let c = plain(c);
    match c {
        'I' | 'i' | 'l' | 'L' | '1' | '|' | '!' => 'l',
        'O' | 'o' | '0' => 'o',
        '_' | '-' => '-',
        c if c.is_whitespace() => '-',
        c if c.is_ascii() => c.to_ascii_lowercase(),
        c => lookalike(c),
    }
}

/// Full-width and mathematical letters and digits as ASCII.
fn plain(c: char) -> char {
    let code = u32::from(c);
    let letter = |index: u32, base: u8| u8::try_from(index).map_or(c, |index| char::from(base.saturating_add(index)));
    match code {
        0xff01..=0xff5e => letter(code - 0xff01, b'!'),
        // Thirteen alphabets of capital and small letters, then digits; holes in them are listed elsewhere.
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            index @ 0..=25 => letter(index, b'a'),
            index => letter(index - 26, b'a'),
        },
        0x1d7ce..=0x1d7ff => letter((code - 0x1d7ce) % 10, b'0'),
        0x24b6..=0x24cf => letter(code - 0x24b6, b'a'),
        0x24d0..=0x24e9 => letter(code - 0x24d0, b'a'),
        0x1f130..=0x1f149 => letter(code - 0x1f130, b'a'),
        _ => c,
    }
}

/// Characters of other alphabets, by the ASCII character that they look like.
const LOOKALIKES: &[(char, &str)] = &[
    ('a', "аАαΑɑᴀàáâãäåÀÁÂÃÄÅāĀăĂąĄ"),
    ('b', "ℬВвΒβЬьʙßƅ"),
    ('c', "ℂℭсСϲᴄçÇĆćĈĉĊċČčⅽⅭ"),
    ('d', "ԁɗᴅďĎđĐⅾⅮ"),
    ('e', "ℰеЕёЁεΕҽᴇèéêëÈÉÊËēĕėęěℯ℮"),
    ('g', "ցɡɢğĝġģℊ"),
    ('h', "ℋℌℍһНнΗհʜħĥℎ"),
    ('l', "ℐℑℒіІїЇιΙıɩɪӏӀìíîïÌÍÎÏĩīĭįİⅰⅠⅼⅬłĺļľʟǀ\u{5c0}∣ℓ"),
    ('j', "јЈϳĵ"),
    ('k', "кКκΚᴋķ"),
    ('m', "ℳмМΜᴍⅿⅯ"),
    ('n', "ℕпոΝɴηñÑńņň"),
    ('o', "оОοΟσօᴏòóôõöÒÓÔÕÖøØōŏőℴ"),
    ('p', "ℙрРρΡᴘ"),
    ('q', "ℚԛգ"),
    ('r', "ℛℜℝгʀŕř"),
    ('s', "ѕЅꜱśŝşš"),
    ('t', "тТτΤᴛţťŧ"),
    ('u', "υսᴜùúûüÙÚÛÜũūŭů"),
    ('v', "νѵᴠⅴⅤ"),
    ('w', "ԝաᴡŵ"),
    ('x', "хХχΧⅹⅩ×"),
    ('y', "уУүΥγʏýÿÝŷ"),
    ('z', "ℤℨᴢΖźżž"),
    (
        '-',
        "\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2043}\u{2212}\u{2796}\u{fe58}\u{fe63}\u{30fc}\u{b7}",
    ),
    (
        ':',
        "\u{2236}\u{a789}\u{fe13}\u{fe55}\u{5c3}\u{589}\u{703}\u{704}\u{2d0}",
    ),
];

/// The ASCII character that another alphabet's looks like, itself where there is none.
fn lookalike(c: char) -> char {
    let found = LOOKALIKES.iter().find(|(_, others)| others.contains(c));
    found.map_or(c, |(plain, _)| *plain)
}
