//! Everything that is wrong with a configuration, at once.

use std::fmt;
use std::path::PathBuf;

use super::tree::Origin;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The key it is about, such as `server.listen`; empty where it is about the file as a whole.
    pub path: String,
    /// Where that was written; `None` where it is missing.
    pub origin: Option<Origin>,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All mistakes of a configuration; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// The mistakes: those of the file by line, then the rest.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors.len();
        write!(
            f,
            "the configuration has {count} error{}",
            if count == 1 { "" } else { "s" }
        )?;
        if let Some(file) = &self.file {
            write!(f, " ({})", file.display())?;
        }
        for error in &self.errors {
            write!(f, "\n  {error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
