//! The templates that come with Bailey, embedded in the program.

use super::package::{File, Package};

type Files = &'static [(&'static str, bool, &'static [u8])];

const EMBEDDED: &[(&str, Files)] = include!(concat!(env!("OUT_DIR"), "/starters.rs"));

/// A template that comes with Bailey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Starter {
    /// Its name.
    pub name: &'static str,
    /// Its files.
    pub package: Package,
}

/// All of them, by name.
pub fn starters() -> Vec<Starter> {
    let starter = |(name, files): &(&'static str, Files)| {
        let mut package = Package::default();
        for (path, executable, content) in *files {
            let (content, executable) = (content.to_vec(), *executable);
            // They are tested below; one that broke the rules would be missed there.
            let _ = package.add(path, File { content, executable });
        }
        Starter { name, package }
    };
    EMBEDDED.iter().map(starter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_starter_is_valid_and_whole() {
        let starters = starters();
        let names: Vec<_> = starters.iter().map(|starter| starter.name).collect();
        assert_eq!(names, ["agent", "agent-governed", "agent-open", "shell", "web-ide"]);
        for (starter, (_, files)) in starters.iter().zip(EMBEDDED) {
            assert_eq!(starter.package.files().len(), files.len(), "{}", starter.name);
            let faults = starter.package.validate().err().unwrap_or_default();
            assert_eq!(faults, [], "{}", starter.name);
        }
    }

    #[test]
    fn the_agent_templates_share_one_layer() {
        let digest = |name: &str| {
            let starters = starters();
            let starter = starters.iter().find(|starter| starter.name == name).unwrap();
            super::super::layer_digest(&starter.package.validate().unwrap(), &starter.package)
        };
        assert!(digest("agent").is_some());
        assert_eq!(digest("agent"), digest("agent-open"));
        assert_eq!(digest("agent"), digest("agent-governed"));
        assert_ne!(digest("agent"), digest("web-ide"));
        assert_eq!(digest("shell"), None);
    }
}
