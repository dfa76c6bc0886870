//! What a template's directory gives to workspaces beside `template.toml`.

use bailey_core::template::{Parts, Root, Template};
use sha2::{Digest, Sha256};

use super::archive::{ArchiveError, unpack};
use super::package::{File, Package, hex};

/// A stored template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PartsError {
    /// Its archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file is missing, or is no text.
    #[error("the template's file `{0}` is missing or is no text")]
    File(String),
}

/// The parts of a stored version, from its archive.
pub fn parts(template: &Template, archive: &[u8]) -> Result<Parts, PartsError> {
    let package = unpack(archive)?;
    let mut parts = Parts::default();
    for source in template.texts() {
        let missing = || PartsError::File(source.file.clone());
        let file = package.get(&source.file).ok_or_else(missing)?;
        let text = std::str::from_utf8(&file.content).map_err(|_| missing())?;
        parts.texts.insert(source.file.clone(), text.to_owned());
    }
    if let Some(source) = &template.base.archive {
        let file = package.get(&source.file);
        let file = file.ok_or_else(|| PartsError::File(source.file.clone()))?;
        parts.root = Root::Archive(root_digest(file));
    }
    parts.layers.extend(layer_digest(template, &package));
    Ok(parts)
}

pub(super) fn root_digest(file: &File) -> String {
    hex(&Sha256::digest(&file.content))
}

/// The name of the layer that a template's install script makes: SHA-256 over the script, the files that it may read and
/// the base below. The variables that it sees are not part of it: they say where from, not what.
pub fn layer_digest(template: &Template, package: &Package) -> Option<String> {
    let base = &template.base;
    let script = package.get(&base.install.as_ref()?.file)?;
    let mut sha = Sha256::new();
    sha.update(b"bailey layer 1\n");
    let root = base.archive.as_ref().and_then(|source| package.get(&source.file));
    sha.update(root.map_or_else(|| "host".to_owned(), root_digest));
    feed(&mut sha, "", script);
    for (path, file) in install_files(template, package) {
        feed(&mut sha, path, file);
    }
    Some(hex(&sha.finalize()))
}

/// Lengths in front, so that no two lists of files come to the same bytes.
fn feed(sha: &mut Sha256, path: &str, file: &File) {
    sha.update((path.len() as u64).to_be_bytes());
    sha.update(path);
    sha.update([u8::from(file.executable)]);
    sha.update((file.content.len() as u64).to_be_bytes());
    sha.update(&file.content);
}

/// The files that an install script may read beside itself, in the order of their paths, each once.
pub(super) fn install_files<'p>(template: &Template, package: &'p Package) -> Vec<(&'p String, &'p File)> {
    let mut files: Vec<_> = template
        .base
        .install_files
        .iter()
        .flat_map(|source| {
            let itself = package.files().get_key_value(&source.file);
            itself
                .into_iter()
                .chain(package.below(&source.file))
                .collect::<Vec<_>>()
        })
        .collect();
    files.sort_by_key(|(path, _)| *path);
    files.dedup_by_key(|(path, _)| *path);
    files
}
