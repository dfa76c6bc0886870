//! The demonstration's directory, and what is kept in it from one time to the next.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions, TryLockError};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bailey_runtime::ids;
use serde::{Deserialize, Serialize};

use super::super::Env;
use crate::failure::{Explain, Failure};

/// The name of the owner.
pub(super) const OWNER: &str = "mia";
/// Everybody: name, role, and what they are in the story.
pub(super) const PEOPLE: [(&str, &str, &str); 3] = [
    ("mia", "owner", "leads the project"),
    ("dan", "member", "has the ticket"),
    ("ria", "auditor", "sees, changes nothing"),
];
/// The name by which workspaces and the server reach the forge.
pub(super) const FORGE_HOST: &str = "forge.demo.test";

/// What is kept. It marks the directory as a demonstration's.
const KEPT: &str = "demo.json";
/// Locked by the demonstration that runs.
const LOCK: &str = "demo.lock";
/// Everything that a demonstration puts into its directory.
pub(super) const OURS: [&str; 10] = [
    "bailey",
    "bailey.toml",
    "clone",
    "forge",
    "scenario.yaml",
    "server.log",
    "template",
    "demo.json.next",
    // Last: as long as it is there, the directory is a demonstration's.
    KEPT,
    LOCK,
];
const VERSION: u32 = 1;
const LETTERS: &str = "bcdfghjkmnpqrstvwxz";
/// The ports that are taken where they are free.
const PORTS: [u16; 2] = [7090, 7091];

/// What is kept from one time to the next.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    pub(super) port: u16,
    pub(super) forge_port: u16,
    /// Whether Bailey is set up; what is half done is begun anew.
    pub(super) set_up: bool,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    /// The token of Bailey's user at the forge.
    pub(super) forge_token: String,
    passwords: BTreeMap<String, String>,
}

/// A directory that is a demonstration's, and nobody else's as long as this is there.
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) kept: Kept,
    _lock: File,
}

/// The directory that is meant.
pub(super) fn directory(named: Option<&Path>, env: &Env) -> Result<PathBuf, Failure> {
    let below_home = || match (env.get("XDG_DATA_HOME"), env.get("HOME")) {
        (Some(data), _) if Path::new(data).is_absolute() => Some(Path::new(data).join("bailey-demo")),
        (_, Some(home)) if !home.is_empty() => Some(Path::new(home).join(".local/share/bailey-demo")),
        _ => None,
    };
    let directory = named.map(Path::to_owned).or_else(below_home);
    let directory =
        directory.ok_or_else(|| Failure::new("there is no HOME").hint("name a directory with --data-dir"))?;
    Ok(std::path::absolute(directory)?)
}

/// What is kept in a directory; `None` = there is no directory, or it is empty.
///
/// # Errors
/// Where it has something else in it.
pub(super) fn look(directory: &Path) -> Result<Option<Kept>, Failure> {
    let unreadable = || format!("cannot read {}", directory.display());
    let not_ours = || {
        let shown = directory.display();
        Failure::new(format!(
            "{shown} has something else than a demonstration in it; nothing was touched"
        ))
        .hint("name another directory with --data-dir")
    };
    if !directory.try_exists().doing(unreadable)? {
        return Ok(None);
    }
    let file = directory.join(KEPT);
    if !file.is_file() {
        let mut entries = fs::read_dir(directory).doing(unreadable)?;
        // The lock is there first.
        let strange = entries.any(|entry| entry.map_or(true, |entry| entry.file_name() != LOCK));
        return if strange { Err(not_ours()) } else { Ok(None) };
    }
    let text = fs::read(&file).doing(|| format!("cannot read {}", file.display()))?;
    let kept: Kept = serde_json::from_slice(&text).map_err(|_| not_ours())?;
    if kept.version != VERSION {
        return Err(not_ours());
    }
    Ok(Some(kept))
}

impl Place {
    /// Opens the directory, or makes it.
    pub(super) fn open(directory: &Path, port: Option<u16>, forge_port: Option<u16>) -> Result<Self, Failure> {
        let before = look(directory)?;
        fs::create_dir_all(directory).doing(|| format!("cannot make {}", directory.display()))?;
        // Passwords and tokens are in it.
        fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        let lock = lock(directory)?;
        let kept = match before.filter(|kept| kept.set_up) {
            Some(kept) => kept,
            // What was begun and not brought to its end is begun anew.
            None => new(port, forge_port)?,
        };
        for (asked, has, flag) in [
            (port, kept.port, "--port"),
            (forge_port, kept.forge_port, "--forge-port"),
        ] {
            if asked.is_some_and(|asked| asked != has) {
                return Err(Failure::new(format!("{flag}: this demonstration has port {has}"))
                    .hint("`bailey demo reset` takes it away; the next one may have another"));
            }
        }
        let place = Self {
            _lock: lock,
            directory: directory.to_owned(),
            kept,
        };
        for (port, flag) in [(place.kept.port, "--port"), (place.kept.forge_port, "--forge-port")] {
            if !is_free(port) {
                return Err(
                    Failure::new(format!("port {port} of 127.0.0.1 is in use")).hint(format!(
                        "stop what listens there; or `bailey demo reset`, and choose another with {flag}"
                    )),
                );
            }
        }
        if !place.kept.set_up {
            for name in ["bailey", "forge"] {
                remove(&place.path(name))?;
            }
        }
        place.save()?;
        Ok(place)
    }

    /// A directory that is a demonstration's, as it is; `None` = there is none.
    pub(super) fn existing(directory: &Path) -> Result<Option<Self>, Failure> {
        let Some(kept) = look(directory)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            _lock: lock(directory)?,
            directory: directory.to_owned(),
            kept,
        }))
    }

    /// Writes what is kept.
    pub(super) fn save(&self) -> Result<(), Failure> {
        let (file, next) = (self.path(KEPT), self.path("demo.json.next"));
        let write = || {
            fs::write(&next, serde_json::to_vec_pretty(&self.kept)?)?;
            fs::set_permissions(&next, Permissions::from_mode(0o600))?;
            fs::rename(&next, &file)
        };
        write().doing(|| format!("cannot write {}", file.display()))
    }

    /// A file of the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where browsers find Bailey.
    pub(super) fn url(&self) -> String {
        format!("http://localhost:{}", self.kept.port)
    }

    /// Where browsers find the forge.
    pub(super) fn forge_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.kept.forge_port)
    }

    /// Where workspaces and the server find the forge.
    pub(super) fn forge_base(&self) -> String {
        format!("http://{FORGE_HOST}:{}", self.kept.forge_port)
    }

    /// Somebody's password.
    pub(super) fn password(&self, name: &str) -> &str {
        self.kept.passwords.get(name).map_or("", String::as_str)
    }
}

fn new(port: Option<u16>, forge_port: Option<u16>) -> Result<Kept, Failure> {
    let [usual, usual_forge] = PORTS;
    let port = chosen(port, usual, forge_port)?;
    let mut passwords = BTreeMap::new();
    for (name, ..) in PEOPLE {
        passwords.insert(name.to_owned(), password()?);
    }
    Ok(Kept {
        version: VERSION,
        port,
        forge_port: chosen(forge_port, usual_forge, Some(port))?,
        set_up: false,
        client_id: String::new(),
        client_secret: String::new(),
        forge_token: String::new(),
        passwords,
    })
}

/// The port that was asked for, else the usual one, else a free one. It is not `other`.
fn chosen(asked: Option<u16>, usual: u16, other: Option<u16>) -> Result<u16, Failure> {
    if let Some(port) = asked.filter(|port| *port != 0) {
        return Ok(port);
    }
    if other != Some(usual) && is_free(usual) {
        return Ok(usual);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).doing(|| "no port of 127.0.0.1 is free".to_owned())?;
    Ok(listener.local_addr()?.port())
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Removes a file or a directory, if it is there. Links are removed, not followed.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.doing(|| format!("cannot remove {}", path.display()))
}

/// Four groups of four small letters, about 67 bits. Without vowels no name is in it, which a password must not have.
fn password() -> Result<String, Failure> {
    let random: [u8; 16] = ids::random()?;
    let letter = |byte: &u8| LETTERS.chars().nth(usize::from(*byte) % LETTERS.len());
    let letters: Vec<char> = random.iter().filter_map(letter).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

fn lock(directory: &Path) -> Result<File, Failure> {
    let path = directory.join(LOCK);
    let failed = || format!("cannot lock {}", path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .doing(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!("a demonstration runs in {}", directory.display()))
            .hint("end it with Ctrl-C first, or name another directory with --data-dir")),
        Err(TryLockError::Error(error)) => Err(error).doing(failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_something_else_in_it_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        assert!(look(&dir.path().join("none")).unwrap().is_none());
        assert!(look(dir.path()).unwrap().is_none());
        for (name, text) in [("notes.txt", "mine"), (KEPT, "{}"), (KEPT, "mine")] {
            fs::write(dir.path().join(name), text).unwrap();
            assert!(Place::open(dir.path(), None, None).is_err() && Place::existing(dir.path()).is_err());
            let found: Vec<_> = fs::read_dir(dir.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(found, [name]);
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), text);
            fs::remove_file(dir.path().join(name)).unwrap();
        }
    }

    #[test]
    fn what_is_kept_stays_and_one_runs_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("demo");
        let mut first = Place::open(&directory, None, None).unwrap();
        assert_ne!(first.kept.port, first.kept.forge_port);
        assert!(first.password("dan").len() == 19 && first.password("dan") != first.password("mia"));
        assert!(Place::open(&directory, None, None).is_err(), "it is locked");
        let (port, password) = (first.kept.port, first.password("dan").to_owned());
        first.kept.set_up = true;
        first.save().unwrap();
        drop(first);
        let again = Place::open(&directory, Some(port), None).unwrap();
        assert_eq!((again.kept.port, again.password("dan")), (port, password.as_str()));
        drop(again);
        let other = Place::open(&directory, Some(port.wrapping_add(1)), None);
        assert!(other.is_err_and(|failure| failure.report().contains("has port")));
        let _taken = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let taken = Place::open(&directory, None, None);
        assert!(taken.is_err_and(|failure| failure.report().contains("is in use")));
    }
}
