//! `[templates]`: where templates come from by themselves.

use std::path::PathBuf;

use serde::Serialize;

use super::reader::{Section, boolean};

/// `[templates]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplatesConfig {
    /// A folder whose directories are templates. They are applied at start and whenever they change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Whether a database that never had a template gets those that come with Bailey, and keeps them current.
    pub starters: bool,
}

pub(super) fn templates(s: &mut Section<'_>) -> TemplatesConfig {
    TemplatesConfig {
        folder: s.path("folder"),
        starters: s.or("starters", true, boolean),
    }
}
