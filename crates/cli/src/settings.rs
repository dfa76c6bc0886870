//! The flags that say how a server is configured.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bailey_core::Secret;
use bailey_runtime::config::{Config, ConfigErrors, FILE_NAME, Overrides};
use clap::Args;

use crate::failure::Failure;

/// How a server is configured: the file, and flags that win over it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// Configuration file [default: bailey.toml in the current folder, where there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where everything of the server lies [default: ~/.local/share/bailey]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// PostgreSQL database, `postgres://USER:PASSWORD@HOST/NAME` [default: SQLite in the data directory]
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

/// Flags that only a running server has.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ServerArgs {
    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:7080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Certificate to speak TLS with, and those that vouch for it, PEM; read again when it changes [default: plain HTTP]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What is logged, such as `info` or `info,bailey_gate=debug` [default: info]
    #[arg(long, value_name = "FILTER")]
    log_level: Option<String>,
    /// How it is logged: human or json [default: human]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
}

impl ConfigArgs {
    /// The file that is read, if there is one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let here = || Path::new(FILE_NAME).is_file().then(|| PathBuf::from(FILE_NAME));
        self.config.clone().or_else(here)
    }

    /// The configuration, or everything that is wrong with it.
    pub(crate) fn read(&self, more: &ServerArgs, env: &BTreeMap<String, String>) -> Result<Config, ConfigErrors> {
        let flags = Overrides {
            listen: more.listen.clone(),
            tls_cert: more.tls_cert.clone(),
            tls_key: more.tls_key.clone(),
            data_dir: self.data_dir.clone(),
            database_url: self.database_url.clone().map(Secret::new),
            log_level: more.log_level.clone(),
            log_format: more.log_format.clone(),
        };
        let env = env.iter().map(|(name, value)| (name.clone(), value.clone()));
        Config::load(self.file().as_deref(), env, &flags)
    }

    /// The configuration.
    pub(crate) fn load(&self, more: &ServerArgs, env: &BTreeMap<String, String>) -> Result<Config, Failure> {
        Ok(self.read(more, env)?)
    }
}
