//! The tar format, as much of it as a template needs: regular files and directories.
//!
//! A reader of our own, because two readers that understand one archive differently are how files get where nobody looked:
//! what is unusual is refused, nothing is guessed, and what was read is packed anew before anybody else sees it.

use std::io::{self, Read, Write};

const BLOCK: usize = 512;
/// The most bytes of a header that names the next entry.
const LONGEST_EXTENSION: u64 = 64 << 10;

/// What is wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub(super) enum TarError {
    /// Reading it failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not one, or is broken.
    #[error("{0}")]
    Broken(&'static str),
    /// It has something in it that has no place there.
    #[error("`{path}` {why}")]
    Entry {
        /// The entry.
        path: String,
        /// Why not.
        why: &'static str,
    },
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
}

/// An entry whose content comes next.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) size: u64,
}

/// Reads an archive entry by entry.
pub(super) struct Reader<R> {
    inner: R,
}

impl<R: Read> Reader<R> {
    pub(super) const fn new(inner: R) -> Self {
        Self { inner }
    }

    /// The next entry; the caller reads its content with [`Reader::content`] before it asks again.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, TarError> {
        let mut long: Option<Vec<u8>> = None;
        let mut size_said: Option<u64> = None;
        loop {
            let mut block = [0; BLOCK];
            self.block(&mut block)?;
            if block.iter().all(|b| *b == 0) {
                if long.is_some() || size_said.is_some() {
                    return Err(TarError::Broken("an entry is announced and missing"));
                }
                return self.end().map(|()| None);
            }
            let header = Header::parse(&block)?;
            match header.kind {
                b'x' | b'L' => {
                    if long.is_some() || size_said.is_some() {
                        return Err(TarError::Broken("an entry is named twice"));
                    }
                    let content = self.extension(header.size)?;
                    if header.kind == b'L' {
                        long = Some(trimmed(&content).to_vec());
                    } else {
                        (long, size_said) = pax(&content)?;
                    }
                }
                // A comment on the whole, as `git archive` writes it. One that changes entries is refused.
                b'g' => {
                    let content = self.extension(header.size)?;
                    if pax(&content)? != (None, None) {
                        return Err(TarError::Broken("a global header changes the entries"));
                    }
                }
                kind => return header.entry(kind, long, size_said).map(Some),
            }
        }
    }

    /// The content of an entry.
    pub(super) fn content(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        let mut content = Vec::new();
        let read = (&mut self.inner).take(size).read_to_end(&mut content)?;
        if read as u64 != size {
            return Err(TarError::Broken("the archive ends within a file"));
        }
        let rest = (BLOCK - read % BLOCK) % BLOCK;
        let mut padding = [0; BLOCK];
        let padding = padding.get_mut(..rest).unwrap_or_default();
        self.inner.read_exact(padding).map_err(short)?;
        Ok(content)
    }

    fn extension(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        if size > LONGEST_EXTENSION {
            return Err(TarError::Broken("a name is too long"));
        }
        self.content(size)
    }

    fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<(), TarError> {
        self.inner.read_exact(block).map_err(short)
    }

    /// Behind the first block of zeros there is nothing but zeros. Reading on also checks the sums of what is around it.
    fn end(&mut self) -> Result<(), TarError> {
        let mut buffer = [0; 8 * 1024];
        loop {
            let read = self.inner.read(&mut buffer)?;
            if read == 0 {
                return Ok(());
            }
            if buffer.iter().take(read).any(|b| *b != 0) {
                return Err(TarError::Broken("there is something behind the archive's end"));
            }
        }
    }
}

fn short(error: io::Error) -> TarError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return TarError::Broken("the archive is cut off, or is no tar archive");
    }
    TarError::Io(error)
}

struct Header {
    name: Vec<u8>,
    mode: u32,
    size: u64,
    kind: u8,
}

impl Header {
    fn parse(block: &[u8; BLOCK]) -> Result<Self, TarError> {
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let sum: u64 = block
            .iter()
            .enumerate()
            .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u64::from(*b) })
            .sum();
        if octal(field(148, 156)) != Some(sum) {
            return Err(TarError::Broken("this is no tar archive, or it is damaged"));
        }
        let mut name = trimmed(field(0, 100)).to_vec();
        // Only ustar has a prefix there; GNU's old format keeps times in it.
        if field(257, 263) == b"ustar\0" {
            let prefix = trimmed(field(345, 500));
            if !prefix.is_empty() {
                name = [prefix, b"/", &name].concat();
            }
        }
        let number = |from, to| octal(field(from, to)).ok_or(TarError::Broken("a number in a header is none"));
        Ok(Self {
            name,
            mode: u32::try_from(number(100, 108)?).unwrap_or(u32::MAX),
            size: number(124, 136)?,
            kind: block.get(156).copied().unwrap_or_default(),
        })
    }

    fn entry(self, kind: u8, long: Option<Vec<u8>>, size_said: Option<u64>) -> Result<Entry, TarError> {
        let path = long.unwrap_or(self.name);
        let refuse = |why| TarError::Entry {
            path: String::from_utf8_lossy(&path).escape_debug().take(200).collect(),
            why,
        };
        let kind = match kind {
            b'0' | 0 | b'7' => Kind::File,
            b'5' => Kind::Directory,
            b'1' => return Err(refuse("is a hard link; a template has files and directories only")),
            b'2' => return Err(refuse("is a symbolic link; a template has files and directories only")),
            b'3' | b'4' => return Err(refuse("is a device; a template has files and directories only")),
            b'6' => return Err(refuse("is a pipe; a template has files and directories only")),
            b'S' => return Err(refuse("is a sparse file; pack it without --sparse")),
            _ => return Err(refuse("is of a kind that a template cannot have")),
        };
        // Two sizes for one entry: readers differ about which one holds, and then about everything that follows.
        if size_said.is_some_and(|said| said != self.size) {
            return Err(refuse("has two sizes that differ"));
        }
        if kind == Kind::Directory && self.size != 0 {
            return Err(refuse("is a directory with content"));
        }
        if kind == Kind::File && self.mode & 0o7000 != 0 {
            return Err(refuse("is marked setuid, setgid or sticky"));
        }
        let (mode, size) = (self.mode, self.size);
        Ok(Entry { path, kind, mode, size })
    }
}

/// Digits up to a space or NUL. Numbers in base 256, which are for what is larger than any template, are none.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let text = text.trim_matches(|c| c == ' ' || c == '\0');
    if text.is_empty() {
        return Some(0);
    }
    let good = text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    good.then(|| u64::from_str_radix(text, 8).ok()).flatten()
}

fn trimmed(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    field.get(..end).unwrap_or_default()
}

/// The path and the size that a PAX header gives. Times, owners and comments do not matter; what would change the entry's
/// kind or content is refused.
fn pax(content: &[u8]) -> Result<(Option<Vec<u8>>, Option<u64>), TarError> {
    const BROKEN: TarError = TarError::Broken("a PAX header is damaged");
    let (mut path, mut size, mut rest) = (None, None, content);
    while !rest.is_empty() {
        let space = rest.iter().position(|b| *b == b' ').ok_or(BROKEN)?;
        let digits = rest
            .get(..space)
            .and_then(|d| std::str::from_utf8(d).ok())
            .ok_or(BROKEN)?;
        let plain = !digits.is_empty() && digits.len() <= 6 && digits.bytes().all(|b| b.is_ascii_digit());
        let length: usize = digits.parse().ok().filter(|_| plain).ok_or(BROKEN)?;
        let record = rest.get(space + 1..length).ok_or(BROKEN)?;
        let record = record.strip_suffix(b"\n").ok_or(BROKEN)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or(BROKEN)?;
        let (key, value) = record.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        match key {
            b"path" if path.is_none() && !value.contains(&0) => path = Some(value.to_vec()),
            b"size" if size.is_none() => {
                let text = std::str::from_utf8(value).map_err(|_| BROKEN)?;
                let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                size = Some(text.parse().ok().filter(|_| plain).ok_or(BROKEN)?);
            }
            b"path" | b"size" => return Err(BROKEN),
            b"linkpath" => return Err(TarError::Broken("a PAX header makes a link")),
            key if key.starts_with(b"GNU.sparse") => {
                return Err(TarError::Broken(
                    "a PAX header makes a sparse file; pack it without --sparse",
                ));
            }
            _ => {}
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok((path, size))
}

/// Writes one regular file the canonical way: no owner, no time.
pub(super) fn write_file(out: &mut impl Write, path: &str, executable: bool, content: &[u8]) -> io::Result<()> {
    let mode = if executable { 0o755 } else { 0o644 };
    if path.len() > 100 {
        let record = pax_record(path);
        let header = header("pax", 0o644, record.len() as u64, b'x')?;
        out.write_all(&header)?;
        padded(out, record.as_bytes())?;
    }
    let short: String = if path.len() > 100 {
        "long".to_owned()
    } else {
        path.to_owned()
    };
    out.write_all(&header(&short, mode, content.len() as u64, b'0')?)?;
    padded(out, content)
}

/// Ends an archive.
pub(super) fn write_end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(&[0; 2 * BLOCK])
}

fn padded(out: &mut impl Write, content: &[u8]) -> io::Result<()> {
    out.write_all(content)?;
    let rest = (BLOCK - content.len() % BLOCK) % BLOCK;
    out.write_all([0; BLOCK].get(..rest).unwrap_or_default())
}

/// The length at a record's front counts its own digits.
fn pax_record(path: &str) -> String {
    let body = path.len() + " path=\n".len();
    let mut length = body + 1;
    while length != body + length.to_string().len() {
        length = body + length.to_string().len();
    }
    format!("{length} path={path}\n")
}

fn header(name: &str, mode: u32, size: u64, kind: u8) -> io::Result<[u8; BLOCK]> {
    let mut block = [0u8; BLOCK];
    let mut put = |from: usize, text: &[u8]| match block.get_mut(from..from + text.len()) {
        Some(field) => {
            field.copy_from_slice(text);
            Ok(())
        }
        None => Err(io::Error::other("a field does not fit into a header")),
    };
    put(0, name.as_bytes())?;
    put(100, format!("{mode:07o}").as_bytes())?;
    put(108, b"0000000")?;
    put(116, b"0000000")?;
    put(124, format!("{size:011o}").as_bytes())?;
    put(136, b"00000000000")?;
    put(148, b"        ")?;
    put(156, &[kind])?;
    put(257, b"ustar\x0000")?;
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    let mut put = |from: usize, text: &[u8]| {
        if let Some(field) = block.get_mut(from..from + text.len()) {
            field.copy_from_slice(text);
        }
    };
    put(148, format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}
