//! `[templates]`: where templates come from by themselves, and how what they install is built.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::reader::{Section, at_least, boolean, duration, list, parsed, text};
use super::tree::Node;
use super::unit::{as_duration, format_size, parse_size};

const MIB: u64 = 1 << 20;
/// Variables that say where packages come from and by whom connections there are certified.
const ENVIRONMENT: [&str; 12] = [
    "AGENT_WITH_AIDER",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "PIP_CERT",
    "PIP_INDEX_URL",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "npm_config_cafile",
    "npm_config_registry",
];

/// `[templates]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TemplatesConfig {
    /// A folder whose directories are templates. They are applied at start and whenever they change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Whether a database that never had a template gets those that come with Bailey, and keeps them current.
    pub starters: bool,
    /// When what a template installs is built.
    pub build: BuildWhen,
    /// The longest time that an install script may take.
    #[serde(serialize_with = "as_duration")]
    pub build_timeout: Duration,
    /// Install scripts at the same time.
    pub parallel_builds: usize,
    /// Bytes of the disk that building leaves free.
    #[serde(serialize_with = "as_bytes")]
    pub keep_free: u64,
    /// The server's variables that install scripts may see, where their template names them.
    pub install_environment: Vec<String>,
}

/// When what a template installs is built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildWhen {
    /// As soon as a version is in force.
    Push,
    /// When the first workspace needs it, or somebody asks for it.
    #[default]
    Use,
}

impl TemplatesConfig {
    /// Whether what is in force is built at once.
    pub const fn build_at_once(&self) -> bool {
        matches!(self.build, BuildWhen::Push)
    }
}

pub(super) fn templates(s: &mut Section<'_>) -> TemplatesConfig {
    let when = |text: &str| match text {
        "push" => Ok(BuildWhen::Push),
        "use" => Ok(BuildWhen::Use),
        other => Err(format!("unknown time `{other}`; use push or use")),
    };
    let bytes = |node: &Node| parse_size(&text(node)?);
    TemplatesConfig {
        folder: s.path("folder"),
        starters: s.or("starters", true, boolean),
        build: s.or("build", BuildWhen::default(), parsed(when)),
        build_timeout: s.or("build_timeout", Duration::from_mins(30), duration),
        parallel_builds: s.or("parallel_builds", 2, at_least(1)),
        keep_free: s.or("keep_free", 512 * MIB, bytes),
        install_environment: s.or("install_environment", ENVIRONMENT.map(str::to_owned).to_vec(), |node| {
            list(node, text)
        }),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn as_bytes<S: serde::Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format_size(*bytes))
}
