//! `[providers.<name>]`: where models are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bailey_llm::{Bounds, Protocol};
use http::Uri;
use serde::Serialize;

use super::bounds::bounds;
use super::reader::{Section, boolean, duration, list, parsed};
use super::secret::{self, Credential, SecretKeys};
use super::sections::check_name;
use super::unit::as_duration;

/// A provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderConfig {
    /// What speaks there.
    pub kind: ProviderKind,
    /// Its address without a trailing `/` or `/v1`; `None` = the mock inside the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// What Bailey presents there.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Credential>,
    /// The longest time for TCP and TLS together.
    #[serde(serialize_with = "as_duration")]
    pub connect_timeout: Duration,
    /// The longest wait for the first byte of an answer.
    #[serde(serialize_with = "as_duration")]
    pub first_byte_timeout: Duration,
    /// The longest silence within an answer.
    #[serde(serialize_with = "as_duration")]
    pub idle_timeout: Duration,
    /// What happens upstream when a client hangs up.
    pub drain: DrainMode,
    /// Certificates trusted besides the system's, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// What it speaks.
    pub protocols: Vec<Protocol>,
    /// Whether it counts the tokens of a request when asked.
    pub count_tokens: bool,
    /// Bounds of content that is not text; those of `[bounds]` unless overridden.
    #[serde(flatten)]
    pub bounds: Bounds,
    /// A scenario file, or a folder of them, for the mock inside the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenarios: Option<PathBuf>,
}

/// What speaks at a provider's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    /// Anthropic, or what speaks like it.
    Anthropic,
    /// OpenAI.
    Openai,
    /// Any other server of OpenAI's protocols, such as vLLM.
    OpenaiCompatible,
    /// The scripted mock.
    Mock,
}

/// What happens upstream when a client hangs up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DrainMode {
    /// The answer is read to its end, so that its final usage is billed.
    Bill,
    /// The connection is closed at once.
    Cancel,
}

impl ProviderKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Anthropic, Self::Openai, Self::OpenaiCompatible, Self::Mock];

    /// The name used in text.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::Openai => "openai",
            Self::OpenaiCompatible => "openai-compatible",
            Self::Mock => "mock",
        }
    }

    const fn default_url(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Openai => Some("https://api.openai.com"),
            Self::OpenaiCompatible | Self::Mock => None,
        }
    }

    fn protocols(self) -> Vec<Protocol> {
        match self {
            Self::Anthropic => vec![Protocol::Messages],
            Self::Openai => vec![Protocol::Chat, Protocol::Responses],
            Self::OpenaiCompatible => vec![Protocol::Chat],
            Self::Mock => Protocol::ALL.to_vec(),
        }
    }
}

/// The mock inside the server, which is what there is when nothing is configured.
pub(super) fn embedded_mock(bounds: Bounds) -> ProviderConfig {
    ProviderConfig {
        kind: ProviderKind::Mock,
        base_url: None,
        api_key: None,
        connect_timeout: Duration::from_secs(5),
        first_byte_timeout: Duration::from_mins(5),
        idle_timeout: Duration::from_mins(2),
        drain: DrainMode::Bill,
        ca_file: None,
        protocols: ProviderKind::Mock.protocols(),
        count_tokens: true,
        bounds,
        scenarios: None,
    }
}

/// Reads all providers, and the names of those that were left out because of a mistake.
pub(super) fn providers(root: &mut Section<'_>, global: Bounds) -> (BTreeMap<String, ProviderConfig>, Vec<String>) {
    let mut broken = Vec::new();
    let providers = root.named("providers", |name, s| {
        if let Err(message) = check_name(name) {
            s.cx.note("providers", s.origin(), message);
        }
        let provider = provider(s, global);
        if provider.is_none() {
            broken.push(name.to_owned());
        }
        provider
    });
    (providers, broken)
}

fn provider(s: &mut Section<'_>, global: Bounds) -> Option<ProviderConfig> {
    const KEYS: SecretKeys = SecretKeys {
        inline: "api_key",
        file: "api_key_file",
        env: Some("api_key_env"),
    };
    let kind = s.required("kind", parsed(kind));
    let api_key = secret::read(s, KEYS);
    // Without a kind the rest is still read, so that its mistakes are told too.
    let assumed = kind.unwrap_or(ProviderKind::Mock);
    let needs_key = matches!(assumed, ProviderKind::Anthropic | ProviderKind::Openai);
    if needs_key && api_key.is_none() && !s.failed("api_key") {
        s.note("api_key", "missing; write api_key_file, api_key_env or api_key");
    }
    let self_hosted = assumed == ProviderKind::OpenaiCompatible;
    let drain = if self_hosted {
        DrainMode::Cancel
    } else {
        DrainMode::Bill
    };
    let defaults = embedded_mock(global);
    let counts = matches!(assumed, ProviderKind::Anthropic | ProviderKind::Mock);
    let provider = ProviderConfig {
        kind: assumed,
        base_url: base_url(s, assumed),
        api_key,
        connect_timeout: s.or("connect_timeout", defaults.connect_timeout, duration),
        first_byte_timeout: s.or("first_byte_timeout", defaults.first_byte_timeout, duration),
        idle_timeout: s.or("idle_timeout", defaults.idle_timeout, duration),
        drain: s.or("drain", drain, parsed(drain_mode)),
        ca_file: s.path("ca_file"),
        protocols: s.or("protocols", assumed.protocols(), |node| {
            list(node, |node| parsed(protocol)(node))
        }),
        count_tokens: s.or("count_tokens", counts, boolean),
        bounds: bounds(s, global),
        scenarios: s.path("scenarios"),
    };
    check(s, &provider);
    kind.map(|_| provider)
}

fn base_url(s: &mut Section<'_>, kind: ProviderKind) -> Option<String> {
    if kind == ProviderKind::OpenaiCompatible && !s.has("base_url") {
        s.note(
            "base_url",
            "missing; a provider of kind openai-compatible has an address of its own",
        );
    }
    let default = kind.default_url().map(str::to_owned);
    s.get("base_url", parsed(address)).or(default)
}

fn check(s: &Section<'_>, provider: &ProviderConfig) {
    if provider.protocols.is_empty() {
        s.note("protocols", "must name at least one of messages, chat, responses");
    }
    let embedded = provider.kind == ProviderKind::Mock && provider.base_url.is_none();
    if provider.scenarios.is_some() && !embedded {
        s.note(
            "scenarios",
            "only the mock inside the server (kind mock, no base_url) plays scenarios",
        );
    }
}

fn kind(text: &str) -> Result<ProviderKind, String> {
    let names = ProviderKind::ALL.map(ProviderKind::as_str).join(", ");
    let found = ProviderKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    found.ok_or_else(|| format!("unknown kind `{text}`; use one of {names}"))
}

fn drain_mode(text: &str) -> Result<DrainMode, String> {
    match text {
        "bill" => Ok(DrainMode::Bill),
        "cancel" => Ok(DrainMode::Cancel),
        _ => Err(format!("unknown `{text}`; use bill or cancel")),
    }
}

fn protocol(text: &str) -> Result<Protocol, String> {
    let found = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == text);
    found.ok_or_else(|| format!("unknown protocol `{text}`; use messages, chat or responses"))
}

/// An address that requests are sent to; with or without `/v1` at its end, since every SDK writes it differently.
fn address(text: &str) -> Result<String, String> {
    let example = "write it as https://HOST or https://HOST:PORT/PATH";
    let uri: Uri = text
        .parse()
        .map_err(|error| format!("`{text}` is no address ({error}); {example}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("`{text}` is no http or https address; {example}"));
    }
    if uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(format!("no user or password belongs in an address; {example}"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(format!("`{text}` has a query; {example}"));
    }
    let text = text.trim_end_matches('/');
    Ok(text
        .strip_suffix("/v1")
        .unwrap_or(text)
        .trim_end_matches('/')
        .to_owned())
}
