//! Templates that may be stored.

use bailey_core::template::Template;

use super::archive::ArchiveError;
use super::package::{Fault, Package};
use super::{MANIFEST, MAX_PACKED};

/// A template that may be stored: valid, with the name of its content and its canonical archive.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// What its `template.toml` says.
    pub template: Template,
    /// The text of `template.toml`.
    pub manifest: String,
    /// SHA-256 (hex) of its canonical archive.
    pub digest: String,
    /// The canonical archive with gzip around it.
    pub archive: Vec<u8>,
}

impl Package {
    /// Checks everything and packs it, or says all that is wrong.
    pub fn seal(&self) -> Result<Sealed, Vec<Fault>> {
        let template = self.validate()?;
        let whole = |message: String| vec![Fault::whole("", message)];
        let manifest = self
            .manifest()
            .ok_or_else(|| vec![Fault::whole(MANIFEST, "is no UTF-8 text")])?;
        let archive = self.to_gzip().map_err(|error| whole(error.to_string()))?;
        // What was let in from a directory, or came better packed, must be readable again when a workspace is made.
        if archive.len() > MAX_PACKED {
            return Err(whole(ArchiveError::Packed.to_string()));
        }
        Ok(Sealed {
            template,
            manifest: manifest.to_owned(),
            digest: self.digest(),
            archive,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::package::File;
    use super::super::unpack;
    use super::*;

    fn package(files: &[(&str, Vec<u8>)]) -> Package {
        let mut package = Package::default();
        for (path, content) in files {
            let content = content.clone();
            let executable = false;
            package.add(path, File { content, executable }).unwrap();
        }
        package
    }

    #[test]
    fn what_is_sealed_can_be_read_again() {
        let package = package(&[("template.toml", b"description = \"a\"\n".to_vec())]);
        let sealed = package.seal().unwrap();
        assert_eq!(
            (sealed.digest.as_str(), sealed.manifest.as_str()),
            (package.digest().as_str(), "description = \"a\"\n")
        );
        assert_eq!(unpack(&sealed.archive).unwrap(), package);
    }

    #[test]
    fn what_could_not_be_read_again_is_not_sealed() {
        // Bytes that do not compress.
        let mut state = 1u64;
        let noise = (0..MAX_PACKED + (1 << 20)).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        });
        let package = package(&[("template.toml", Vec::new()), ("noise", noise.collect())]);
        let faults = package.seal().unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].to_string(), "the archive has more than 32 MiB");
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let package = package(&[("template.toml", b"a = 1\n\nicon = 3\n".to_vec())]);
        let faults: Vec<_> = package.seal().unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("template.toml:1:1: a: "), "{faults:?}");
        assert!(faults[1].starts_with("template.toml:3:8: icon: "), "{faults:?}");
    }
}
