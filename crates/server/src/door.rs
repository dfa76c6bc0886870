//! From the configuration to the model door: providers, models, prices.

use std::collections::BTreeMap;
use std::sync::Arc;

use bailey_core::Secret;
use bailey_gate::provider::ProviderError;
use bailey_gate::{Provider, ProviderOptions};
use bailey_gateway::health::HealthPolicy;
use bailey_gateway::{Model, Route, RouteProvider, Routes};
use bailey_llm::{MaxOutputField, ModelPrice};
use bailey_mock::{Keep, Mock, MockConfig, MockError, ScenarioError, load_scenarios};
use bailey_runtime::config::{self, Config, DrainMode, PriceConfig, ProviderConfig, ProviderKind, WILDCARD};
use bailey_runtime::http::ClientOptions;
use http::HeaderName;
use http::header::AUTHORIZATION;

/// Where Anthropic wants its credential.
const KEY_HEADER: HeaderName = HeaderName::from_static("x-api-key");

/// The door cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// A provider cannot be used as configured.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The embedded mock cannot start.
    #[error("the mock provider `{name}` cannot start")]
    Mock {
        /// The provider.
        name: String,
        /// Why.
        #[source]
        source: MockError,
    },
    /// A scenario file is wrong.
    #[error("the scenarios of provider `{name}` are wrong: {}", list(errors))]
    Scenarios {
        /// The provider.
        name: String,
        /// Every mistake.
        errors: Vec<ScenarioError>,
    },
}

fn list(errors: &[ScenarioError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What the configuration's providers and models come to.
pub struct Door {
    /// The models.
    pub routes: Routes,
    /// Mock providers that run inside this server.
    pub mocks: Vec<Mock>,
}

/// Makes every provider and model, and starts the embedded mocks.
///
/// # Errors
/// Where a provider, its certificates or its scenarios cannot be used.
pub async fn build(config: &Config) -> Result<Door, DoorError> {
    let mut mocks = Vec::new();
    let mut providers = BTreeMap::new();
    for (name, settings) in &config.providers {
        let base_url = match (&settings.base_url, settings.kind) {
            (Some(url), _) => url.clone(),
            (None, _) => {
                let mock = embedded_mock(name, settings).await?;
                let url = mock.url();
                tracing::info!(
                    provider = name,
                    ledger = format!("{url}/ledger"),
                    "the mock provider runs inside this server"
                );
                mocks.push(mock);
                url
            }
        };
        providers.insert(name.as_str(), Arc::new(provider(name, settings, base_url)?));
    }
    let health = HealthPolicy {
        failures_to_open: config.retries.failures_to_open,
        cool_down: config.retries.cool_down,
        max_cool_down: config.retries.max_cool_down,
    };
    let model = |m: &config::ModelConfig| Model {
        name: m.name.clone(),
        display_name: m.display_name.clone(),
        tier: m.tier,
        max_output: m.max_output,
        routes: m
            .routes
            .iter()
            .filter_map(|r| {
                let provider = Arc::clone(providers.get(r.provider.as_str())?);
                let name = (r.model != WILDCARD).then(|| r.model.clone());
                let price = r.price.as_ref().map(|p| Arc::new(price(p)));
                Some(Route::new(provider, name, price, health))
            })
            .collect(),
    };
    Ok(Door {
        routes: Routes::new(config.models.iter().map(model).collect()),
        mocks,
    })
}

async fn embedded_mock(name: &str, settings: &ProviderConfig) -> Result<Mock, DoorError> {
    let scenarios = match &settings.scenarios {
        Some(path) => load_scenarios(path).map_err(|errors| DoorError::Scenarios {
            name: name.to_owned(),
            errors,
        })?,
        None => Vec::new(),
    };
    let config = MockConfig {
        scenarios,
        keep: Keep::embedded(),
        ..MockConfig::default()
    };
    Mock::start(config).await.map_err(|source| DoorError::Mock {
        name: name.to_owned(),
        source,
    })
}

fn provider(name: &str, settings: &ProviderConfig, base_url: String) -> Result<RouteProvider, DoorError> {
    // Addresses are given with and without the version, as each vendor's own SDK has it.
    let version_prefix = if base_url.trim_end_matches('/').ends_with("/v1") {
        ""
    } else {
        "/v1"
    };
    let secret = settings.api_key.as_ref().map(|key| key.secret().expose());
    let credential = match (secret, settings.kind) {
        (None, _) => Vec::new(),
        (Some(key), ProviderKind::Anthropic) => vec![(KEY_HEADER, Secret::new(key.clone()))],
        (Some(key), _) => vec![(AUTHORIZATION, Secret::new(format!("Bearer {}", key.trim())))],
    };
    let client = ClientOptions {
        connect_timeout: settings.connect_timeout,
        ca_file: settings.ca_file.clone(),
        ..ClientOptions::default()
    };
    let provider = Provider::new(ProviderOptions {
        name: name.to_owned(),
        base_url,
        credential,
        client,
        first_byte_timeout: settings.first_byte_timeout,
        idle_timeout: settings.idle_timeout,
        cancel_on_hangup: settings.drain == DrainMode::Cancel,
    })?;
    Ok(RouteProvider {
        provider: Arc::new(provider),
        kind: settings.kind.as_str().to_owned(),
        protocols: settings.protocols.clone(),
        counts_tokens: settings.count_tokens,
        version_prefix,
        max_output_field: match settings.kind {
            ProviderKind::Openai => MaxOutputField::MaxCompletionTokens,
            _ => MaxOutputField::MaxTokens,
        },
        bounds: settings.bounds,
    })
}

/// A price from the configuration; a class that is not given costs as much as the dearest input-class rate that is.
pub(crate) fn price(price: &PriceConfig) -> ModelPrice {
    ModelPrice::flat(price.rates(), "configuration")
}
