//! `[[sign_in.providers]]`: who else may say who somebody is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bailey_core::authz::Role;
use bailey_core::people::valid_name;
use bailey_egress::Hosts;
use http::Uri;
use serde::Serialize;

use super::reader::{Section, boolean, list, parsed, text};
use super::secret::{self, Credential, SecretKeys};
use super::tree::{Node, Value};

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityProviderConfig {
    /// Its name, as addresses have it.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// What it speaks, and where.
    #[serde(flatten)]
    pub kind: IdentityProviderKind,
    /// What Bailey is called there.
    pub client_id: String,
    /// What Bailey proves that with; `None` = nothing, for a public client.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Credential>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Domains of e-mail addresses, one of which a person must have, confirmed by the provider; empty = any or none.
    pub allowed_domains: Vec<String>,
    /// Groups, one of which a person must be in; empty = any or none.
    pub allowed_groups: Vec<String>,
    /// Whether strangers become people.
    pub sign_up: bool,
    /// The role of those who sign up.
    pub default_role: Role,
    /// Certificates trusted besides the system's, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// What the provider says of a person -> the role that it gives, a built-in one or one that somebody made.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, String>,
    /// A group of the provider -> the group of Bailey's that it leads to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, String>,
}

/// What an identity provider speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum IdentityProviderKind {
    /// `OpenID` Connect.
    Oidc {
        /// Its issuer, letter by letter.
        issuer: String,
        /// Where a token has the groups: names of members, one within the other, with dots between.
        groups_claim: String,
        /// Where a token has what `roles` maps.
        roles_claim: String,
        /// Whether it must say that it knows PKCE.
        require_pkce: bool,
        /// Whether a session ends with the provider's token where that cannot be renewed.
        follow_token: bool,
    },
    /// GitHub, or a GitHub Enterprise Server.
    Github {
        /// Where people sign in.
        base_url: String,
        /// Where its API is.
        api_url: String,
        /// Organizations, one of which a person must be an active member of.
        organizations: Vec<String>,
    },
}

impl IdentityProviderKind {
    /// The name used in text and JSON.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Oidc { .. } => "oidc",
            Self::Github { .. } => "github",
        }
    }
}

const GITHUB: &str = "https://github.com";

/// Issuers where everybody may have an account.
const OPEN: [&str; 4] = [
    "https://accounts.google.com",
    "https://appleid.apple.com",
    "https://gitlab.com",
    "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
];

/// Reads all identity providers.
pub(super) fn identity_providers(s: &mut Section<'_>) -> Vec<IdentityProviderConfig> {
    let mut names: Vec<String> = Vec::new();
    s.listed("providers", |s| {
        let read = provider(s);
        if let Some(provider) = &read {
            if names.contains(&provider.name) {
                s.note("name", format!("another provider is called `{}`", provider.name));
            }
            names.push(provider.name.clone());
        }
        read
    })
}

fn provider(s: &mut Section<'_>) -> Option<IdentityProviderConfig> {
    const KEYS: SecretKeys = SecretKeys {
        inline: "client_secret",
        file: "client_secret_file",
        env: Some("client_secret_env"),
    };
    let name = s.required("name", parsed(path_name));
    let written = s.required("kind", parsed(known_kind));
    let kind = match written {
        Some("github") => Some(github(s)),
        // Without a kind the rest is still read, so that its mistakes are told too.
        _ => oidc(s),
    };
    let scopes = match &kind {
        Some(IdentityProviderKind::Github { .. }) => &["read:user", "user:email", "read:org"][..],
        _ => &["profile", "email"],
    };
    let client_id = s.required("client_id", filled);
    let client_secret = secret::read(s, KEYS);
    let provider = IdentityProviderConfig {
        display_name: s.get("display_name", filled).or_else(|| name.clone())?,
        name: name?,
        kind: kind?,
        client_id: client_id?,
        client_secret,
        scopes: s.or("scopes", scopes.iter().map(|&s| s.to_owned()).collect(), |node| {
            list(node, scope)
        }),
        allowed_domains: s.or("allowed_domains", Vec::new(), |node| list(node, domain)),
        allowed_groups: s.or("allowed_groups", Vec::new(), |node| list(node, filled)),
        sign_up: s.or("sign_up", true, boolean),
        default_role: s.or("default_role", Role::Member, parsed(str::parse::<Role>)),
        ca_file: s.path("ca_file"),
        roles: s.or("roles", BTreeMap::new(), |node| map(node, role)),
        groups: s.or("groups", BTreeMap::new(), |node| map(node, group)),
    };
    check(s, &provider);
    written.map(|_| provider)
}

fn oidc(s: &mut Section<'_>) -> Option<IdentityProviderKind> {
    let issuer = s.required("issuer", parsed(address));
    let groups_claim = s.or("groups_claim", "groups".to_owned(), parsed(claim));
    Some(IdentityProviderKind::Oidc {
        roles_claim: s.or("roles_claim", groups_claim.clone(), parsed(claim)),
        groups_claim,
        require_pkce: s.or("require_pkce", false, boolean),
        follow_token: s.or("follow_token", true, boolean),
        issuer: issuer?,
    })
}

fn github(s: &mut Section<'_>) -> IdentityProviderKind {
    let trimmed = |text: &str| address(text).map(|text| text.trim_end_matches('/').to_owned());
    let base_url = s.or("base_url", GITHUB.to_owned(), parsed(trimmed));
    let api_url = if base_url == GITHUB {
        "https://api.github.com".to_owned()
    } else {
        format!("{base_url}/api/v3")
    };
    IdentityProviderKind::Github {
        api_url: s.or("api_url", api_url, parsed(trimmed)),
        base_url,
        organizations: s.or("organizations", Vec::new(), |node| list(node, filled)),
    }
}

fn check(s: &Section<'_>, provider: &IdentityProviderConfig) {
    if provider.default_role == Role::Owner {
        s.note(
            "default_role",
            "must not be owner; to make owners, name what the provider says of them below `roles`",
        );
    }
    let listed = !provider.allowed_domains.is_empty() || !provider.allowed_groups.is_empty();
    match &provider.kind {
        IdentityProviderKind::Github { organizations, .. } => {
            if provider.client_secret.is_none() && !s.failed("client_secret") {
                s.note(
                    "client_secret",
                    "missing; write client_secret_file, client_secret_env or client_secret",
                );
            }
            if provider.sign_up && organizations.is_empty() {
                s.note(
                    "organizations",
                    "missing: everybody at GitHub could sign up; name organizations, or write sign_up = false",
                );
            }
        }
        IdentityProviderKind::Oidc { issuer, .. } => {
            if provider.sign_up && !listed && OPEN.contains(&issuer.trim_end_matches('/')) {
                s.note(
                    "allowed_domains",
                    format!(
                        "missing: everybody at {issuer} could sign up; name domains or groups, or write sign_up = false"
                    ),
                );
            }
        }
    }
}

fn known_kind(text: &str) -> Result<&'static str, String> {
    let found = ["oidc", "github"].into_iter().find(|kind| *kind == text);
    found.ok_or_else(|| format!("unknown kind `{text}`; use oidc or github"))
}

/// A name that stands in addresses.
pub(super) fn path_name(text: &str) -> Result<String, String> {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.is_empty() || text.len() > 32 || !text.bytes().all(ok) {
        return Err(format!("`{text}` is no name; use 1 to 32 of a-z 0-9 -"));
    }
    Ok(text.to_owned())
}

pub(super) fn filled(node: &Node) -> Result<String, String> {
    let text = text(node)?;
    if text.is_empty() || text.len() > 256 || text.trim() != text || text.chars().any(char::is_control) {
        return Err("must have 1 to 256 characters, none of them a space at an end".to_owned());
    }
    Ok(text)
}

pub(super) fn scope(node: &Node) -> Result<String, String> {
    let text = filled(node)?;
    if text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
        Ok(text)
    } else {
        Err(format!(
            "`{text}` is no scope; write each one by itself, such as [\"profile\", \"email\"]"
        ))
    }
}

fn domain(node: &Node) -> Result<String, String> {
    let text = filled(node)?.to_ascii_lowercase();
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if text.bytes().all(ok) && text.contains('.') && !text.starts_with('.') && !text.ends_with('.') {
        Ok(text)
    } else {
        Err(format!("`{text}` is no domain; write it such as example.com"))
    }
}

/// Names of members with dots between. `\.` is a dot within a name.
fn claim(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 256 || text.chars().any(char::is_control) {
        return Err("must name a claim, such as groups or realm_access.roles".to_owned());
    }
    Ok(text.to_owned())
}

fn group(text: &str) -> Result<String, String> {
    if valid_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is no group; use 1 to 64 of a-z 0-9 . _ - and begin with a letter or digit"
        ))
    }
}

fn role(text: &str) -> Result<String, String> {
    if valid_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{text}` is no role; use owner, template-admin, member, auditor, or one that you made"
        ))
    }
}

fn map<T>(node: &Node, value: impl Fn(&str) -> Result<T, String>) -> Result<BTreeMap<String, T>, String> {
    let Value::Table(table) = &node.value else {
        return Err(format!("expected a table, found {}", node.value.kind()));
    };
    let read = table.iter().map(|(key, node)| {
        let value = text(node).and_then(|text| value(&text));
        value
            .map(|value| (key.clone(), value))
            .map_err(|error| format!("`{key}`: {error}"))
    });
    read.collect()
}

/// An https address; plain http where the traffic stays on this machine.
pub(super) fn address(text: &str) -> Result<String, String> {
    address_with(text, &Hosts::default())
}

/// The same; `hosts` are names that may be this machine's as well.
pub(super) fn address_with(text: &str, hosts: &Hosts) -> Result<String, String> {
    let example = "write it as https://HOST or https://HOST/PATH";
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("`{text}` is no address ({error}); {example}"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| format!("`{text}` names no host; {example}"))?;
    if authority.as_str().contains('@') || uri.query().is_some() || text.contains('#') {
        return Err(format!("`{text}` has a user, a query or a fragment; {example}"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(text.to_owned()),
        Some("http") if is_loopback(authority.host()) => Ok(text.to_owned()),
        Some("http") if hosts.is_loopback(authority.host(), authority.port_u16().unwrap_or(80)) => Ok(text.to_owned()),
        _ => Err(format!(
            "`{text}` is not https: whoever is in between could sign in as anybody; {example}"
        )),
    }
}

/// Whether a host of an address is this machine itself.
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
