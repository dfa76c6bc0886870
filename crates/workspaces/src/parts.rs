//! What a template's archive contributes to a workspace: the texts that `template.toml` names, and which root and layers.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use bailey_core::template::{Parts, Root, Template};
use sha2::{Digest as _, Sha256};

/// The most bytes of one text.
const LONGEST: u64 = 4 << 20;

/// Reads the parts of a template from its archive, which was checked when it was stored.
///
/// # Errors
/// Where the archive cannot be read, or lacks a file that the template names.
pub fn parts(template: &Template, archive: &[u8]) -> io::Result<Parts> {
    let mut wanted: BTreeMap<&str, Option<Vec<u8>>> = BTreeMap::new();
    let base = &template.base;
    let named = template.sources().map(|source| source.file.as_str());
    wanted.extend(named.map(|file| (file, None)));
    let mut tar = tar::Archive::new(archive);
    for entry in tar.entries()? {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        if let Some(found) = wanted.get_mut(path.trim_start_matches("./")) {
            let mut bytes = Vec::new();
            entry.take(LONGEST).read_to_end(&mut bytes)?;
            *found = Some(bytes);
        }
    }
    let bytes = |file: &str| {
        let found = wanted.get(file).and_then(Option::as_ref);
        found.ok_or_else(|| io::Error::other(format!("the template's archive has no file `{file}`")))
    };
    let mut texts = BTreeMap::new();
    for source in template.texts() {
        let text = std::str::from_utf8(bytes(&source.file)?)
            .map_err(|_| io::Error::other(format!("the template's file `{}` is not UTF-8", source.file)))?;
        texts.insert(source.file.clone(), text.to_owned());
    }
    let root = match &base.archive {
        Some(source) => Root::Archive(hex(&Sha256::digest(bytes(&source.file)?))),
        None => Root::Host,
    };
    let mut layers = Vec::new();
    if let Some(install) = &base.install {
        let mut digest = Sha256::new();
        // Each part after its length, so that no two lists of parts look the same.
        let mut part = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        part(bytes(&install.file)?);
        match &root {
            Root::Host => part(b"host"),
            Root::Archive(archive) => part(archive.as_bytes()),
        }
        for source in &base.install_files {
            part(source.file.as_bytes());
            part(bytes(&source.file)?);
        }
        layers.push(hex(&digest.finalize()));
    }
    Ok(Parts { texts, root, layers })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
