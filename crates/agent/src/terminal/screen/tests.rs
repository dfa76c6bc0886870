//! The screen against another terminal (vt100, which shares no code with it), and against itself drawn again.

use proptest::prelude::*;

use super::*;

const SIZE: Size = Size { columns: 20, rows: 6 };

fn screen(output: &[u8]) -> Screen {
    let mut screen = Screen::new(SIZE);
    screen.feed(output);
    screen
}

/// What `screen` draws, shown on another one that a program has left in some state.
fn drawn(screen: &Screen) -> Screen {
    let mut other = Screen::new(screen.size());
    other.feed(b"\x1b[?1049h\x1b[31mrest\x1b[2;3r\x1b[?6h\x1b(0\x1b[4h\x1b[?7l\x1b]0;half");
    other.feed(&screen.redraw());
    other
}

fn rows(screen: &Screen) -> Vec<String> {
    screen.text().lines().map(str::to_owned).collect()
}

/// Everything that matters later: two screens with the same answer act alike.
fn state(screen: &Screen) -> Vec<String> {
    let model = &screen.model;
    let mut history = Vec::new();
    model.history.draw(&mut history);
    let mut parts = vec![
        format!("{:?}", model.modes),
        format!("{:?}", (&model.title, &model.titles, &model.palette, model.last)),
        format!(
            "{:?}",
            model.tabs.iter().map(|stop| u8::from(*stop)).collect::<Vec<_>>()
        ),
        format!("{:?}", String::from_utf8_lossy(&history)),
        format!("{:?}", screen.parser.pending()),
    ];
    let alternate = model.alternate.as_ref().map(|(surface, _)| surface);
    for (index, surface) in std::iter::once(&model.primary).chain(alternate).enumerate() {
        // While the other screen is shown, this one's cursor is the saved one.
        let is_hidden = index == 0 && alternate.is_some();
        let cursor = Some(surface.cursor).filter(|_| !is_hidden);
        parts.push(format!(
            "{:?}",
            (cursor, surface.saved, surface.top, surface.bottom, &surface.keyboard)
        ));
        for row in surface.grid.rows() {
            let cells = row.cells.iter().filter(|cell| **cell != cell::Cell::default());
            let cells: Vec<String> = cells
                .map(|cell| {
                    format!(
                        "{:?}{:?}{:?}",
                        cell.character,
                        cell.marks().collect::<String>(),
                        cell.style
                    )
                })
                .collect();
            let cells = cells.join(" ");
            parts.push(format!("{} {cells}", row.is_wrapped));
        }
    }
    parts
}

#[track_caller]
fn assert_redraws(output: &[u8]) {
    let screen = screen(output);
    let again = drawn(&screen);
    assert_eq!(
        rows(&screen),
        rows(&again),
        "{:?}",
        String::from_utf8_lossy(&screen.redraw())
    );
    assert_eq!(
        state(&screen),
        state(&again),
        "{:?}",
        String::from_utf8_lossy(&screen.redraw())
    );
}

#[test]
fn each_thing_that_can_be_set_is_drawn_again() {
    for output in [
        "hello\r\nworld",
        "a\r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh",
        "\x1b[31;1mred\x1b[0m \x1b[38;5;200mx\x1b[48;2;1;2;3my\x1b[4:3;58;5;9mz",
        "primary\x1b[3;4H\x1b7\x1b[?1049h\x1b[2Jalternate\x1b[5;6H\x1b[33m\x1b7\x1b[1;1H",
        "x\x1b[?47hy\x1b[2;2H",
        "x\x1b[?1047hy\x1b[2;2H\x1b[1;31m",
        "日本語 e\u{301}a\u{308}\u{323}",
        "aaaaaaaaaaaaaaaaaaa日b",
        "aaaaaaaaaaaaaaaaaaaaabbb",
        "aaaaaaaaaaaaaaaaaaaa",
        "\x1b[31maaaaaaaaaaaaaaaaaaaa\x1b[0m",
        "aaaaaaaaaaaaaaaaaa日",
        "\x1b[2;4r\x1b[3;3H",
        "\x1b[2;4r\x1b[?6h\x1b[2;2H",
        "\x1b(0lqqk\x1b(B \x1b)0\x0exx\x0f",
        "\x1b)0\x0e",
        "\x1b(0",
        "\x1b[3g\x1b[5G\x1bH\x1b[9G\x1bH\r",
        "\x1b[?1h\x1b=\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[?1004h\x1b[?25l\x1b[5 q\x1b[4h\x1b[20h\x1b[?7l\x1b[?5h\x1b[?12h",
        "\x1b[>4;2m\x1b[>1u\x1b[>5u",
        "\x1b]0;first\x07\x1b[22;0t\x1b]2;second\x1b\\",
        "\x1b]4;1;rgb:11/22/33\x07\x1b]11;#123456\x07",
        "ab\x1b[41m\x1b[K\x1b[0m\r\n\x1b[44m\x1b[3X\x1b[m",
        "half \x1b[3",
        "half \x1b]0;ti",
        "half \u{65e5}".trim_end_matches('\u{65e5}'),
        "title \x1b]2;a\x1b",
        "abc\x1b[3b",
        "\x1b[?7l\x1b[20Gx",
        "\x1b[?7l\x1b[19Gx",
        "\x1b[?7l\x1b[19G\u{65e5}",
        "\x1b[?7l\x1b[4h\x1b[20Gx",
        "\x1b(0q",
        "\x1b)0\x0e\x1b[31mq",
        "\x1b[4hab",
        "abc",
        "aaaaaaaaaaaaaaaaaaaa\r\x1b[K",
        "\x1b#8",
    ] {
        assert_redraws(output.as_bytes());
    }
    assert_redraws(b"half \xe6\x97");
}

#[test]
fn questions_are_never_in_what_is_drawn() {
    let questions = b"\x1b[c\x1b[>c\x1b[=c\x1b[6n\x1b[5n\x1b[?6n\x1b]10;?\x07\x1b]4;1;?\x07\x1b[?25$p\x1b[>q\x1bP$qm\x1b\\\x1b[14t\x1b[?u\x1bZ";
    let mut first = screen(questions);
    let asked = first.take_questions();
    assert_eq!(asked.len(), 14, "{asked:?}");
    assert_eq!(drawn(&first).take_questions(), []);
}

#[test]
fn a_cursor_is_reported_where_it_is() {
    assert_eq!(screen(b"\x1b[3;5H").answer(Question::Cursor).unwrap(), b"\x1b[3;5R");
    assert_eq!(
        screen(b"\x1b[2;4r\x1b[?6h\x1b[2;2H").answer(Question::Cursor).unwrap(),
        b"\x1b[2;2R"
    );
}

#[test]
fn history_is_bounded_and_what_it_keeps_is_the_end() {
    let mut screen = Screen::new(Size { columns: 500, rows: 2 });
    for line in 0..20_000_u32 {
        let filler = "\x1b[31mx\x1b[32my".repeat(200);
        screen.feed(format!("{line:05} {filler}\r\n").as_bytes());
    }
    assert!(screen.memory() < 2 * history::MAX_BYTES, "{}", screen.memory());
    let text = String::from_utf8(screen.redraw()).unwrap();
    assert!(text.contains("19998 ") && !text.contains("00001 "));
    let mut screen = Screen::new(SIZE);
    for line in 0..5_000 {
        screen.feed(format!("line {line}\r\n").as_bytes());
    }
    assert_eq!(screen.history_lines(), history::MAX_LINES);
    screen.feed(b"\x1b[3J");
    assert_eq!(screen.history_lines(), 0);
}

#[test]
fn text_is_broken_anew_at_another_width() {
    let mut screen = screen(b"$ 0123456789012345678901234\r\n$ ls");
    screen.resize(Size { columns: 10, rows: 6 });
    assert_eq!(rows(&screen)[..4], ["$ 01234567", "8901234567", "8901234", "$ ls"]);
    assert_eq!(screen.answer(Question::Cursor).unwrap(), b"\x1b[4;5R");
    screen.resize(Size { columns: 40, rows: 6 });
    assert_eq!(rows(&screen)[..2], ["$ 0123456789012345678901234", "$ ls"]);
    screen.resize(Size { columns: 40, rows: 1 });
    assert_eq!(rows(&screen), ["$ ls"]);
    assert_eq!(screen.history_lines(), 1);
    assert_eq!(screen.answer(Question::Cursor).unwrap(), b"\x1b[1;5R");
}

#[test]
fn sizes_are_bounded() {
    let mut screen = Screen::new(Size { columns: 0, rows: 0 });
    screen.feed("日本\r\n\x1b[5;5H\x1b[3;9rx".as_bytes());
    screen.resize(Size {
        columns: u16::MAX,
        rows: u16::MAX,
    });
    screen.feed(b"\x1b[65535;65535Hx\x1b[65535b\x1b[65535L\x1b[65535@");
    assert_eq!((screen.size().columns, screen.size().rows), (MAX_COLUMNS, MAX_ROWS));
    assert!(screen.redraw().len() < 4 * 1024 * 1024);
}

/// Output as programs make it, and worse.
fn output() -> impl Strategy<Value = Output> {
    let number = 0_u16..25;
    let piece = prop_oneof![
        8 => "[a-z]{1,30}".prop_map(String::into_bytes),
        2 => "[日本é😀ü]{1,9}".prop_map(String::into_bytes),
        1 => Just("e\u{301}".as_bytes().to_vec()),
        4 => prop::sample::select(vec![&b"\r\n"[..], b"\n", b"\r", b"\t", b"\x08", b"\x0e", b"\x0f", b"\x1bM", b"\x1b7", b"\x1b8",
            b"\x1bH", b"\x1b(0", b"\x1b(B", b"\x1b)0", b"\x1bD", b"\x1bE", b"\x1bc", b"\x1b#8"]).prop_map(<[u8]>::to_vec),
        8 => (number.clone(), number, prop::sample::select(b"ABCDEFGHIJKLMPSTXZ@abdfgrsu`".to_vec()))
            .prop_map(|(a, b, last)| format!("\x1b[{a};{b}{}", char::from(last)).into_bytes()),
        4 => (prop::collection::vec(0_u16..110, 0..6)).prop_map(|numbers| {
            let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            format!("\x1b[{}m", numbers.join(";")).into_bytes()
        }),
        3 => (prop::sample::select(vec!["?1", "?5", "?6", "?7", "?12", "?25", "4", "20", "?47", "?1047", "?1048", "?1049", "?1000",
            "?1002", "?1003", "?1006", "?2004", "?1004"]), prop::bool::ANY)
            .prop_map(|(mode, on)| format!("\x1b[{mode}{}", if on { 'h' } else { 'l' }).into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 1..12),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| Output(pieces.concat()))
}

/// Output that shows itself as text.
#[derive(Clone)]
struct Output(Vec<u8>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_screen_that_is_drawn_goes_on_like_the_first(Output(output) in output(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(output.len() + 1);
        let (before, after) = output.split_at(cut);
        let mut whole = screen(before);
        let mut other = drawn(&whole);
        prop_assert_eq!(rows(&whole), rows(&other));
        whole.feed(after);
        other.feed(after);
        prop_assert_eq!(rows(&whole), rows(&other));
        prop_assert_eq!(whole.answer(Question::Cursor), other.answer(Question::Cursor));
    }

    #[test]
    fn cuts_change_nothing(Output(output) in output(), size in 1_usize..9) {
        let whole = screen(&output);
        let mut cut = Screen::new(SIZE);
        output.chunks(size).for_each(|piece| cut.feed(piece));
        prop_assert_eq!(state(&whole), state(&cut));
    }

    #[test]
    fn any_sizes_are_fine(Output(output) in output(), sizes in prop::collection::vec((0_u16..40, 0_u16..20), 1..6)) {
        let mut screen = Screen::new(SIZE);
        for (columns, rows) in sizes {
            screen.feed(&output);
            screen.resize(Size { columns, rows });
            let again = drawn(&screen);
            prop_assert_eq!(self::rows(&screen), self::rows(&again));
        }
    }
}
