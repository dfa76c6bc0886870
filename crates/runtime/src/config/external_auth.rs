//! `[[external_auth]]`: forges that people link their own accounts of.

use std::path::PathBuf;

use bailey_egress::Hosts;
use http::Uri;
use serde::Serialize;

use super::identity_providers::{address_with, filled, path_name, scope};
use super::reader::{Section, list, parsed};
use super::secret::{self, Credential, SecretKeys};

/// A forge that people link their own accounts of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExternalAuthConfig {
    /// Its name, as addresses have it.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// What it is.
    pub kind: ExternalAuthKind,
    /// Where it is: scheme, host and port, without a slash at the end.
    pub base_url: String,
    /// Where browsers find it, where that is another address than the server's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_url: Option<String>,
    /// Where its API is, without a slash at the end.
    pub api_url: String,
    /// What Bailey is called there.
    pub client_id: String,
    /// What Bailey proves that with.
    #[serde(flatten)]
    pub client_secret: Credential,
    /// What people are asked to give leave for.
    pub scopes: Vec<String>,
    /// Certificates trusted besides the system's, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// What a forge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExternalAuthKind {
    /// GitLab.
    Gitlab,
    /// GitHub, or a GitHub Enterprise Server.
    Github,
}

impl ExternalAuthKind {
    /// The name used in text and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gitlab => "gitlab",
            Self::Github => "github",
        }
    }

    const fn base_url(self) -> &'static str {
        match self {
            Self::Gitlab => "https://gitlab.com",
            Self::Github => "https://github.com",
        }
    }

    fn api_url(self, base_url: &str) -> String {
        match self {
            Self::Gitlab => format!("{base_url}/api/v4"),
            Self::Github if base_url == self.base_url() => "https://api.github.com".to_owned(),
            Self::Github => format!("{base_url}/api/v3"),
        }
    }

    /// What it takes to clone, to push, and to say who somebody is.
    const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Gitlab => &["read_user", "write_repository"],
            Self::Github => &["repo", "read:user", "user:email"],
        }
    }
}

/// Reads all of them.
pub(super) fn external_auth(root: &mut Section<'_>, hosts: &Hosts) -> Vec<ExternalAuthConfig> {
    let mut before: Vec<ExternalAuthConfig> = Vec::new();
    root.listed("external_auth", |s| {
        let read = one(s, hosts)?;
        if before.iter().any(|other| other.name == read.name) {
            s.note("name", format!("another one is called `{}`", read.name));
        }
        if let Some(other) = before.iter().find(|other| other.base_url == read.base_url) {
            s.note("base_url", format!("`{}` has this address already", other.name));
        }
        before.push(read.clone());
        Some(read)
    })
}

fn one(s: &mut Section<'_>, hosts: &Hosts) -> Option<ExternalAuthConfig> {
    const KEYS: SecretKeys = SecretKeys {
        inline: "client_secret",
        file: "client_secret_file",
        env: Some("client_secret_env"),
    };
    let name = s.required("name", parsed(path_name));
    let written = s.required("kind", parsed(known_kind));
    // Without a kind the rest is still read, so that its mistakes are told too.
    let kind = written.unwrap_or(ExternalAuthKind::Gitlab);
    let base_url = s.or(
        "base_url",
        kind.base_url().to_owned(),
        parsed(|text: &str| origin(text, hosts)),
    );
    let browser_url = s.get("browser_url", parsed(|text: &str| origin(text, hosts)));
    let api_url = kind.api_url(&base_url);
    let client_id = s.required("client_id", filled);
    let client_secret = secret::read(s, KEYS);
    if client_secret.is_none() && !s.failed("client_secret") {
        s.note(
            "client_secret",
            "missing; write client_secret_file, client_secret_env or client_secret",
        );
    }
    let trimmed = |text: &str| address_with(text, hosts).map(|text| text.trim_end_matches('/').to_owned());
    let display_name = s.get("display_name", filled).or_else(|| name.clone());
    let api_url = s.or("api_url", api_url, parsed(trimmed));
    let scopes = kind.scopes().iter().map(|&scope| scope.to_owned()).collect();
    let scopes = s.or("scopes", scopes, |node| list(node, scope));
    let ca_file = s.path("ca_file");
    written?;
    Some(ExternalAuthConfig {
        name: name?,
        display_name: display_name?,
        kind,
        base_url,
        browser_url,
        api_url,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes,
        ca_file,
    })
}

fn known_kind(text: &str) -> Result<ExternalAuthKind, String> {
    match text {
        "gitlab" => Ok(ExternalAuthKind::Gitlab),
        "github" => Ok(ExternalAuthKind::Github),
        _ => Err(format!("unknown kind `{text}`; use gitlab or github")),
    }
}

/// An address without a path. Git is given a token for a host, and a path would be shared with whatever else is at that host.
fn origin(text: &str, hosts: &Hosts) -> Result<String, String> {
    let text = address_with(text, hosts)?;
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("`{text}` is no address ({error})"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(format!("`{text}` names no host"));
    };
    if !matches!(uri.path(), "" | "/") {
        return Err(format!(
            "`{text}` has a path; a forge has a host of its own, such as https://gitlab.example.com"
        ));
    }
    let host = authority.host().to_ascii_lowercase();
    Ok(match (authority.port_u16(), scheme) {
        (None, _) | (Some(443), "https") | (Some(80), "http") => format!("{scheme}://{host}"),
        (Some(port), _) => format!("{scheme}://{host}:{port}"),
    })
}
