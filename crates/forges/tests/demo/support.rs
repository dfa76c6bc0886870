//! A demo forge, and clients of its users.

use std::time::Duration;

use bailey_core::{Secret, Timestamp};
use bailey_demo_forge::{DeliveryOptions, DemoConfig, DemoForge};
use bailey_forges::forge::ProjectKey;
use bailey_forges::model::ProjectRef;
use bailey_forges::{ApiOptions, BaseUrl, Forge as _, GitLab};
use bailey_runtime::Clock;
use bailey_runtime::http::{ClientOptions, client};
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) _home: TempDir,
    pub(crate) forge: DemoForge,
}

impl World {
    pub(crate) async fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut config = DemoConfig::new(home.path().join("forge"));
        config.deliveries = DeliveryOptions {
            pause: Duration::from_millis(20),
            ..DeliveryOptions::default()
        };
        let forge = DemoForge::start(config).await.unwrap();
        Self { _home: home, forge }
    }

    /// The client, with a token of a user.
    pub(crate) fn gitlab(&self, user: &str, scopes: &[&str]) -> GitLab {
        let token = self.forge.token_create(user, "test", scopes, None).unwrap();
        self.gitlab_with(token)
    }

    pub(crate) fn gitlab_with(&self, token: String) -> GitLab {
        let base = BaseUrl::parse(&self.forge.url()).unwrap();
        let http = client(&ClientOptions::default()).unwrap();
        let (clock, _) = Clock::manual(Timestamp::parse("2026-11-26T00:00:00Z").unwrap());
        GitLab::new(http, base, &Secret::new(token), clock, ApiOptions::default()).unwrap()
    }

    /// The client of Bailey's own user.
    pub(crate) fn bailey(&self) -> GitLab {
        self.gitlab("bailey", &["api"])
    }

    /// The demonstration's project.
    pub(crate) async fn project(&self) -> ProjectRef {
        let key = ProjectKey::Path("demo/greeter");
        self.bailey().project(key).await.unwrap().unwrap().project
    }
}
