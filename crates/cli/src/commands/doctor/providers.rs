//! Whether providers can be found, their credentials are kept well, and prices are recent.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bailey_core::Timestamp;
use bailey_llm::PriceTable;
use bailey_runtime::Clock;
use bailey_runtime::config::{Config, Credential, CredentialSource, ProviderConfig, ProviderKind};
use http::Uri;

use super::Check;

const TIMEOUT: Duration = Duration::from_secs(5);
/// Prices older than this many days are doubted.
const OLD_DAYS: i64 = 90;
const DAY: i64 = 86_400;

pub(super) async fn providers(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, provider) in &config.providers {
        checks.push(provider_check(&format!("provider {name}"), provider).await);
    }
    checks
}

async fn provider_check(name: &str, provider: &ProviderConfig) -> Check {
    let Some(url) = &provider.base_url else {
        let real = "answers are scripted; configure a provider for real ones";
        return Check::ok(name, format!("the mock inside the server: {real}"));
    };
    let uri = url.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let secure = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let found = tokio::time::timeout(TIMEOUT, tokio::net::lookup_host((host.as_str(), port))).await;
    match found {
        Err(_) => {
            return Check::fail(
                name,
                format!("looking up {host} takes longer than {TIMEOUT:?}"),
                "check DNS",
            );
        }
        Ok(Err(error)) => {
            return Check::fail(
                name,
                format!("cannot look up {host}: {error}"),
                "check base_url and DNS",
            );
        }
        Ok(Ok(mut addresses)) => {
            let loopback = addresses.all(|address| address.ip().is_loopback());
            if !secure && !loopback && provider.api_key.is_some() {
                let hint = "use https, or make sure that nobody listens on the way";
                return Check::warn(name, format!("the credential goes to {url} unencrypted"), hint);
            }
        }
    }
    if let Some(CredentialSource::File(path)) = provider.api_key.as_ref().map(Credential::source) {
        let readable = std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o004 != 0);
        if readable {
            let detail = format!("everyone on this machine can read {}", path.display());
            return Check::warn(name, detail, format!("chmod o-r {}", path.display()));
        }
    }
    Check::ok(name, format!("{} at {url}", provider.kind.as_str()))
}

pub(super) fn prices(config: &Config) -> Check {
    const NAME: &str = "prices";
    let table = match &config.prices.file {
        None => PriceTable::shipped(),
        Some(path) => {
            let text = match std::fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) => {
                    return Check::fail(
                        NAME,
                        format!("cannot read {}: {error}", path.display()),
                        "see prices.file",
                    );
                }
            };
            match PriceTable::parse(&text) {
                Ok(table) => table.into(),
                Err(errors) => {
                    let hint = format!("`bailey prices check {}` tells all", path.display());
                    return Check::fail(NAME, format!("{} has {} mistakes", path.display(), errors.len()), hint);
                }
            }
        }
    };
    let dates = table
        .iter()
        .filter_map(|(_, _, price)| Timestamp::parse(&format!("{}T00:00:00Z", price.date)));
    let Some(newest) = dates.max() else {
        return Check::warn(
            NAME,
            "no price says when it was read",
            "import a price list with `bailey prices import`",
        );
    };
    let days = (Clock::system().now().seconds() - newest.seconds()).max(0) / DAY;
    let detail = format!("{} prices, the newest {days} days old", table.len());
    let real = config
        .providers
        .values()
        .any(|provider| provider.kind != ProviderKind::Mock);
    if days > OLD_DAYS && real {
        return Check::warn(NAME, detail, "import a price list with `bailey prices import`");
    }
    Check::ok(NAME, detail)
}
