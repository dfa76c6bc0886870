//! Terminals: whatever a program prints, nothing panics, memory stays bounded, output means the same however it is cut, and a
//! screen that is drawn again shows the same and asks nothing.
//!
//! The first two bytes are the size, the third the length of the pieces; the rest is printed, half of it at another size.

#![no_main]

use bailey_agent::sandbox::Size;
use bailey_agent::terminal::screen::Screen;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [columns, rows, length, output @ ..] = data else { return };
    let size = Size { columns: u16::from(*columns), rows: u16::from(*rows) };
    let (before, after) = output.split_at(output.len() / 2);
    let (mut whole, mut cut) = (Screen::new(size), Screen::new(size));
    for (index, half) in [before, after].into_iter().enumerate() {
        whole.feed(half);
        half.chunks(usize::from(*length).max(1)).for_each(|piece| cut.feed(piece));
        assert_eq!(whole.redraw(), cut.redraw());
        let drawn = whole.redraw();
        let mut again = Screen::new(whole.size());
        again.feed(&drawn);
        assert_eq!(again.text(), whole.text());
        assert!(drawn.len() < 4 * 1024 * 1024 && whole.memory() < 16 * 1024 * 1024);
        if index == 0 {
            let other = Size { columns: u16::from(*rows), rows: u16::from(*length) };
            whole.resize(other);
            cut.resize(other);
        }
    }
});
