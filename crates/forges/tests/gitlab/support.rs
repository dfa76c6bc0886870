//! The client that the tests use.

use std::time::Duration;

use bailey_core::{Secret, Timestamp};
use bailey_forges::model::ProjectRef;
use bailey_forges::{ApiOptions, BaseUrl, GitLab};
use bailey_runtime::Clock;
use bailey_runtime::http::{ClientOptions, client};

use crate::fake::Fake;

/// The token that the fake knows.
pub(crate) const TOKEN: &str = "glpat-canary-0123456789";

pub(crate) fn project() -> ProjectRef {
    ProjectRef {
        id: 14,
        path: "space/rocket".to_owned(),
    }
}

pub(crate) fn options() -> ApiOptions {
    ApiOptions {
        attempt: Duration::from_secs(5),
        patience: Duration::from_secs(10),
        ..ApiOptions::default()
    }
}

pub(crate) fn gitlab(fake: &Fake) -> GitLab {
    gitlab_with(fake, TOKEN, options())
}

pub(crate) fn gitlab_with(fake: &Fake, token: &str, options: ApiOptions) -> GitLab {
    let base = BaseUrl::parse(&fake.url()).unwrap();
    let client = client(&ClientOptions::default()).unwrap();
    let (clock, _) = Clock::manual(Timestamp::parse("2026-11-26T00:00:00Z").unwrap());
    GitLab::new(client, base, &Secret::new(token.to_owned()), clock, options).unwrap()
}
