//! What `bailey login` keeps: a token for each server, in a file for its owner's eyes only.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bailey_core::Secret;
use bailey_runtime::config::env;
use serde::{Deserialize, Serialize};

use crate::failure::{Explain, Failure};

/// The file's contents.
#[derive(Default, Serialize, Deserialize)]
struct Contents {
    /// The server that was signed in to last.
    current: Option<String>,
    /// Tokens by the address of their server.
    servers: BTreeMap<String, String>,
}

/// The file, whether it is there or not.
pub(crate) struct Credentials(PathBuf);

impl Credentials {
    /// `$XDG_CONFIG_HOME/bailey/credentials.json`, or the same below `~/.config`; `None` = there is no home.
    pub(crate) fn of(environment: &BTreeMap<String, String>) -> Option<Self> {
        let config = environment.get(env::CONFIG_HOME).map(PathBuf::from);
        let config = config.filter(|path| path.is_absolute()).or_else(|| {
            let home = environment.get(env::HOME).filter(|home| !home.is_empty());
            home.map(|home| Path::new(home).join(".config"))
        })?;
        Some(Self(config.join("bailey").join("credentials.json")))
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The server that was signed in to last.
    pub(crate) fn current(&self) -> Result<Option<String>, Failure> {
        Ok(self.read()?.current)
    }

    /// The token for a server.
    pub(crate) fn token(&self, url: &str) -> Result<Option<Secret<String>>, Failure> {
        Ok(self.read()?.servers.remove(url).map(Secret::new))
    }

    /// Keeps a token for a server, which is the one that commands talk to from now on.
    pub(crate) fn keep(&self, url: &str, token: &str) -> Result<(), Failure> {
        let mut contents = self.read()?;
        contents.current = Some(url.to_owned());
        contents.servers.insert(url.to_owned(), token.to_owned());
        self.write(&contents)
    }

    /// Puts another token in the place of one.
    pub(crate) fn replace(&self, url: &str, token: &str) -> Result<(), Failure> {
        let mut contents = self.read()?;
        contents.servers.insert(url.to_owned(), token.to_owned());
        self.write(&contents)
    }

    /// Forgets the token for a server.
    pub(crate) fn forget(&self, url: &str) -> Result<(), Failure> {
        let mut contents = self.read()?;
        contents.servers.remove(url);
        if contents.current.as_deref() == Some(url) {
            contents.current = None;
        }
        self.write(&contents)
    }

    fn read(&self) -> Result<Contents, Failure> {
        let reading = || format!("cannot read {}", self.0.display());
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(error).doing(reading),
        };
        let mode = std::fs::metadata(&self.0).doing(reading)?.permissions().mode();
        if mode & 0o077 != 0 {
            let error = Failure::new(format!("others can read {}, which holds tokens", self.0.display()));
            return Err(error.hint(format!("run `chmod 600 {}`", self.0.display())));
        }
        serde_json::from_str(&text)
            .doing(|| format!("{} is not what `bailey login` wrote", self.0.display()))
            .hint(|| "remove it and run `bailey login`".to_owned())
    }

    fn write(&self, contents: &Contents) -> Result<(), Failure> {
        if let Some(folder) = self.0.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.doing(|| format!("cannot make {}", folder.display()))?;
        }
        let mut text = serde_json::to_string_pretty(contents)?;
        text.push('\n');
        save(&self.0, &text)
    }
}

/// Writes a secret into a file that only its owner can read. Renamed into place, so that there is never half of it.
pub(crate) fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let write = || {
        // One that was left lying around may be readable to others.
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().doing(|| format!("cannot write {}", path.display()))
}
