//! The configuration: `bailey.toml`, then `BAILEY__SECTION__KEY` variables, then flags; each wins over what is before it.
//!
//! It is read into a tree whose values remember where they were written, and from there into typed sections. A key that
//! is not asked for is refused, and all mistakes are reported at once. With nothing configured there is one provider, the
//! mock inside the server, and every model name leads to it.

mod apps;
mod bounds;
mod chats;
pub mod env;
mod error;
mod external_auth;
mod identity_providers;
mod keys;
mod layers;
mod models;
mod prices;
mod providers;
mod reader;
mod secret;
mod sections;
mod sign_in;
mod templates;
#[cfg(test)]
mod tests;
mod tree;
mod unit;
mod workspaces;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bailey_llm::Bounds;
use serde::Serialize;

pub use apps::{AppsConfig, EgressConfig};
pub use chats::ChatsConfig;
pub use error::{ConfigError, ConfigErrors};
pub use external_auth::{ExternalAuthConfig, ExternalAuthKind};
pub use identity_providers::{IdentityProviderConfig, IdentityProviderKind, is_loopback};
pub use keys::{DefaultsConfig, KeyDefaults};
pub use layers::Overrides;
pub use models::{ModelConfig, RouteConfig, WILDCARD};
pub use prices::{PriceConfig, PricesConfig, format_rate};
pub use providers::{DrainMode, ProviderConfig, ProviderKind};
pub use secret::{Credential, CredentialSource};
pub use sections::{
    AuditConfig, AuditMode, DatabaseConfig, DrainConfig, LimitsConfig, LogConfig, LogFormat, RetriesConfig,
    ServerConfig,
};
pub use sign_in::SignInConfig;
pub use templates::{BuildWhen, TemplatesConfig};
pub use tree::Origin;
pub use unit::{format_duration, format_size, parse_duration, parse_size};
pub use workspaces::{LimitDefaults, QuotaConfig, WorkspacesConfig};

use reader::{Context, Section};

/// The name that the configuration file has in the current folder.
pub const FILE_NAME: &str = "bailey.toml";

/// The provider that there is when none is configured.
const MOCK: &str = "mock";

/// Everything that a server is configured with, checked. Secrets are redacted in `Debug` and never serialised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The file it was read from.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// Address, data directory and timeouts.
    pub server: ServerConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Logs.
    pub log: LogConfig,
    /// Limits on what clients send.
    pub limits: LimitsConfig,
    /// The journal.
    pub audit: AuditConfig,
    /// Tries and cool-downs.
    pub retries: RetriesConfig,
    /// Answers read to their end after the client hung up.
    pub drain: DrainConfig,
    /// Prices.
    pub prices: PricesConfig,
    /// Token bounds of content that is not text.
    pub bounds: Bounds,
    /// Apps of workspaces.
    pub apps: AppsConfig,
    /// Connections of workspaces.
    pub egress: EgressConfig,
    /// Workspaces.
    pub workspaces: WorkspacesConfig,
    /// Runs of AI agents.
    pub chats: ChatsConfig,
    /// How people sign in.
    pub sign_in: SignInConfig,
    /// Forges that people link their own accounts of, in the order written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub external_auth: Vec<ExternalAuthConfig>,
    /// Where templates come from.
    pub templates: TemplatesConfig,
    /// What keys get.
    pub defaults: DefaultsConfig,
    /// Providers by name; never empty.
    pub providers: BTreeMap<String, ProviderConfig>,
    /// Models in the order written.
    pub models: Vec<ModelConfig>,
}

impl Config {
    /// Reads `file` (if any), lays `env` and `flags` over it, and checks the whole.
    ///
    /// # Errors
    /// Every mistake at once: of grammar, unknown keys and variables, wrong values, secrets that cannot be read.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<Self, ConfigErrors> {
        let text = match file.map(std::fs::read_to_string).transpose() {
            Ok(text) => text.unwrap_or_default(),
            Err(error) => return Err(unreadable(file, &error)),
        };
        Self::from_text(&text, file, env, flags)
    }

    /// Reads `text` as if it were the contents of `file`; otherwise as [`Config::load`].
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn from_text(
        text: &str,
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        flags: &Overrides,
    ) -> Result<Self, ConfigErrors> {
        let variables: BTreeMap<String, String> = env.collect();
        let cx = Context::new(&variables, file.and_then(Path::parent));
        let (mut tree, syntax) = tree::parse(text);
        for error in syntax {
            cx.note("", Some(Origin::Line(error.line)), error.message);
        }
        for error in layers::lay_env(&mut tree, &variables)
            .into_iter()
            .chain(layers::lay_flags(&mut tree, flags))
        {
            cx.note(error.path, error.origin, error.message);
        }
        let config = Section::root(&cx, tree, |root| read(root, file));
        let mut errors = cx.into_problems();
        if errors.is_empty() {
            return Ok(config);
        }
        errors.sort_by_key(|error| match error.origin {
            Some(Origin::Line(line)) => line,
            _ => usize::MAX,
        });
        let file = file.map(Path::to_owned);
        Err(ConfigErrors { file, errors })
    }

    /// The configuration as TOML that can be loaded again, defaults written out. A secret shows as where it is read
    /// from, or as `[redacted]`.
    ///
    /// # Errors
    /// Where a path is not UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// Where the database lies unless one is configured.
    pub fn sqlite_path(&self) -> PathBuf {
        self.server.data_dir.join("bailey.db")
    }
}

fn read(root: &mut Section<'_>, file: Option<&Path>) -> Config {
    let bounds = root.section("bounds", |s| bounds::bounds(s, Bounds::default()));
    let (mut providers, broken) = providers::providers(root, bounds);
    let unconfigured = providers.is_empty() && broken.is_empty();
    if unconfigured {
        providers.insert(MOCK.to_owned(), providers::embedded_mock(bounds));
    }
    let known = models::Known {
        providers: &providers,
        broken: &broken,
    };
    let mut models = models::models(root, &known);
    if unconfigured && models.is_empty() {
        models.push(models::wildcard(MOCK));
    }
    // With nothing but the mock there is nothing that tiers could tell apart.
    let any_tier = providers.values().all(|provider| provider.kind == ProviderKind::Mock)
        && models.iter().all(|model| model.tier.is_none());
    let server = root.section("server", sections::server);
    let tls = server.speaks_tls();
    let egress = root.section("egress", apps::egress);
    let external_auth = external_auth::external_auth(root, &egress.hosts);
    Config {
        file: file.map(Path::to_owned),
        server,
        database: root.section("database", sections::database),
        log: root.section("log", sections::log),
        limits: root.section("limits", sections::limits),
        audit: root.section("audit", sections::audit),
        retries: root.section("retries", sections::retries),
        drain: root.section("drain", sections::drain),
        prices: root.section("prices", prices::prices),
        bounds,
        apps: root.section("apps", |s| apps::apps(s, tls)),
        egress,
        workspaces: root.section("workspaces", workspaces::workspaces),
        chats: root.section("chats", chats::chats),
        sign_in: root.section("sign_in", sign_in::sign_in),
        external_auth,
        templates: root.section("templates", templates::templates),
        defaults: root.section("defaults", |s| keys::defaults(s, any_tier)),
        providers,
        models,
    }
}

fn unreadable(file: Option<&Path>, error: &std::io::Error) -> ConfigErrors {
    ConfigErrors {
        file: file.map(Path::to_owned),
        errors: vec![ConfigError {
            path: String::new(),
            origin: None,
            message: format!("cannot read the file: {error}"),
        }],
    }
}
