//! The environment variables that Bailey reads: all of them.

/// An environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnvVar {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// The address of the server that commands talk to.
pub const URL: &str = "BAILEY_URL";
/// The API token that commands present.
pub const TOKEN: &str = "BAILEY_TOKEN";
/// Certificates that commands trust besides the system's.
pub const CA_FILE: &str = "BAILEY_CA_FILE";
/// Where configuration of a person's own lies.
pub const CONFIG_HOME: &str = "XDG_CONFIG_HOME";
/// A person's own folder.
pub const HOME: &str = "HOME";
/// Where a debug build kills itself; see [`crate::failpoint`].
pub const FAIL_AT: &str = "BAILEY_FAIL_AT";
/// What the variables begin with that set one key of the configuration.
pub const PREFIX: &str = "BAILEY__";

/// Every variable that is read. A `BAILEY__` variable that names no key is refused.
pub const ALL: &[EnvVar] = &[
    EnvVar {
        name: URL,
        about: "address of the server that commands talk to; default http://127.0.0.1:7080",
    },
    EnvVar {
        name: TOKEN,
        about: "API token that commands present",
    },
    EnvVar {
        name: CA_FILE,
        about: "certificates (PEM) that commands trust besides the system's",
    },
    EnvVar {
        name: "BAILEY__SECTION__KEY",
        about: "any key of bailey.toml, such as BAILEY__SERVER__LISTEN=0.0.0.0:7080",
    },
    EnvVar {
        name: FAIL_AT,
        about: "debug builds only: NAME:K ends the process when the named place is reached for the K-th time",
    },
    EnvVar {
        name: HOME,
        about: "where the data directory lies unless configured: ~/.local/share/bailey; and what `bailey login` keeps: ~/.config/bailey",
    },
    EnvVar {
        name: CONFIG_HOME,
        about: "used in place of ~/.config",
    },
    EnvVar {
        name: "XDG_DATA_HOME",
        about: "used in place of ~/.local/share",
    },
    EnvVar {
        name: "NO_COLOR",
        about: "set to anything: no colours in logs",
    },
];

/// The process's environment; variables that are no UTF-8 are left out, since none of them is Bailey's.
pub fn read() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}
