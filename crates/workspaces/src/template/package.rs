//! A template's directory in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;

use bailey_core::template::{Source, Template, TemplateError, names};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::{MANIFEST, MAX_FILES, MAX_UNPACKED, tar};

/// The most bytes of a file whose text goes into workspaces.
const MAX_TEXT: usize = 1 << 20;

/// A file of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub content: Vec<u8>,
    /// Whether it may be executed.
    pub executable: bool,
}

/// A template's directory: files by their path, with `/` between names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    files: BTreeMap<String, File>,
    /// Paths in lower case, and those of directories: what differs in case alone is one file on some machines.
    folded: BTreeMap<String, bool>,
    bytes: usize,
}

/// What is wrong with a template, and in which of its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file; empty where the template as a whole is at fault.
    pub file: String,
    /// The line, from 1; 0 where the file as a whole is at fault.
    pub line: usize,
    /// The column in characters, from 1; 0 likewise.
    pub column: usize,
    /// Which value of `template.toml`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(f, "{}:", self.file)?;
            if self.line > 0 {
                write!(f, "{}:{}:", self.line, self.column)?;
            }
            f.write_str(" ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl Fault {
    /// A fault of a file as a whole, or of all of them.
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            path: String::new(),
            message: message.into(),
        }
    }

    fn at(source: &Source, message: impl Into<String>) -> Self {
        Self {
            file: MANIFEST.to_owned(),
            line: source.at.line,
            column: source.at.column,
            path: source.path.clone(),
            message: message.into(),
        }
    }

    fn of(error: TemplateError) -> Self {
        Self {
            file: MANIFEST.to_owned(),
            line: error.line,
            column: error.column,
            path: error.path,
            message: error.message,
        }
    }
}

impl Package {
    /// Bytes that may still be added.
    pub(super) const fn room(&self) -> usize {
        MAX_UNPACKED.saturating_sub(self.bytes)
    }

    /// Adds a file, or says why it has no place in a template.
    pub(super) fn add(&mut self, path: &str, file: File) -> Result<(), String> {
        names::relative_path(path)?;
        if self.files.len() >= MAX_FILES {
            return Err(format!("a template has at most {MAX_FILES} files"));
        }
        if file.content.len() > self.room() {
            return Err(format!("a template has at most {} MiB", MAX_UNPACKED >> 20));
        }
        let folded = path.to_lowercase();
        for (end, _) in folded.match_indices('/') {
            let directory = folded.get(..end).unwrap_or_default();
            if self.folded.insert(directory.to_owned(), false) == Some(true) {
                return Err("lies below something that is a file".to_owned());
            }
        }
        match self.folded.insert(folded, true) {
            None => {}
            Some(true) => return Err("is there twice; names that differ in case alone count as one".to_owned()),
            Some(false) => return Err("is a file and a directory".to_owned()),
        }
        self.bytes += file.content.len();
        self.files.insert(path.to_owned(), file);
        Ok(())
    }

    /// The files, by path.
    pub const fn files(&self) -> &BTreeMap<String, File> {
        &self.files
    }

    /// The file of this path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    /// The text of `template.toml`.
    pub fn manifest(&self) -> Option<&str> {
        std::str::from_utf8(&self.files.get(MANIFEST)?.content).ok()
    }

    /// Reads `template.toml`, and looks whether everything that it names is there. All faults at once.
    pub fn validate(&self) -> Result<Template, Vec<Fault>> {
        let Some(manifest) = self.files.get(MANIFEST) else {
            let below = self.files.keys().find_map(|path| path.strip_suffix("/template.toml"));
            let message = match below {
                Some(directory) => format!("is missing; the one in `{directory}` belongs at the top"),
                None => "is missing".to_owned(),
            };
            return Err(vec![Fault::whole(MANIFEST, message)]);
        };
        let Ok(text) = std::str::from_utf8(&manifest.content) else {
            return Err(vec![Fault::whole(MANIFEST, "is no UTF-8 text")]);
        };
        let template = Template::parse(text);
        let template = template.map_err(|errors| errors.into_iter().map(Fault::of).collect::<Vec<_>>())?;
        let mut faults = Vec::new();
        for source in template.sources() {
            let directory = template.base.install_files.iter().any(|known| known == source);
            let full = directory && self.below(&source.file).next().is_some();
            if !full && !self.files.contains_key(&source.file) {
                faults.push(Fault::at(
                    source,
                    format!("there is no file `{}` in the template", source.file),
                ));
            }
        }
        let texts = template.texts().chain(&template.base.install);
        for source in texts {
            if let Some(fault) = self.files.get(&source.file).and_then(not_text) {
                faults.push(Fault::at(source, format!("`{}` {fault}", source.file)));
            }
        }
        if faults.is_empty() { Ok(template) } else { Err(faults) }
    }

    /// The files in a directory and below it.
    pub(super) fn below<'a>(&'a self, directory: &str) -> impl Iterator<Item = (&'a String, &'a File)> {
        let from = format!("{directory}/");
        let beginning = from.clone();
        let files = self.files.range(from..);
        files.take_while(move |(path, _)| path.starts_with(&beginning))
    }

    /// SHA-256 of the canonical archive, in hexadecimal digits.
    pub fn digest(&self) -> String {
        let mut sha = Hashing(Sha256::new());
        // Hashing does not fail, and every path fits.
        let _ = self.write_tar(&mut sha);
        hex(&sha.0.finalize())
    }

    /// Writes the canonical archive: files in the order of their paths, without owners and times.
    pub fn write_tar(&self, out: &mut impl Write) -> std::io::Result<()> {
        for (path, file) in &self.files {
            tar::write_file(out, path, file.executable, &file.content)?;
        }
        tar::write_end(out)
    }

    /// The canonical archive with gzip around it.
    pub fn to_gzip(&self) -> std::io::Result<Vec<u8>> {
        let mut out = GzEncoder::new(Vec::new(), Compression::default());
        self.write_tar(&mut out)?;
        out.finish()
    }
}

struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn not_text(file: &File) -> Option<String> {
    match std::str::from_utf8(&file.content) {
        Err(_) => Some("is no UTF-8 text".to_owned()),
        Ok(text) if text.contains('\0') => Some("has a NUL character in it".to_owned()),
        Ok(text) if text.len() > MAX_TEXT => Some(format!("has more than {} MiB", MAX_TEXT >> 20)),
        Ok(_) => None,
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
