//! The demonstration's forge: started here, and asked over its own pages and API.

use std::time::Duration;

use bailey_demo_forge::{DemoConfig, DemoForge};
use bailey_runtime::http::{Client, ClientOptions, client};
use http::header::{CONTENT_TYPE, ORIGIN};
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};

use super::place::{FORGE_HOST, Place};
use super::session::{Answer, exchange};
use super::{LABEL, PROJECT};
use crate::client::segment;
use crate::failure::{Explain, Failure};

/// What Bailey asks people for leave for.
const SCOPES: [&str; 2] = ["read_user", "write_repository"];
/// How long tokens are good that the demonstration itself uses.
const LIFE: Duration = Duration::from_hours(12);

/// A forge that runs.
pub(super) struct Forge {
    running: DemoForge,
    client: Client,
    url: String,
    /// Mia's, to look and to label with; Ria's, to write tickets with.
    tokens: [String; 2],
}

impl Forge {
    /// Starts the forge of a place. A new one gets to know Bailey.
    pub(super) async fn start(place: &mut Place) -> Result<Self, Failure> {
        let mut config = DemoConfig::new(place.path("forge"));
        config.listen.set_port(place.kept.forge_port);
        config.names = vec![FORGE_HOST.to_owned()];
        let forge = DemoForge::start(config)
            .await
            .doing(|| "the demonstration's forge cannot be started".to_owned())
            .hint(|| "it needs git, version 2.38 or newer, on the path".to_owned())?;
        if !place.kept.set_up {
            let back = format!("{}/auth/external/{}/callback", place.url(), super::NAME);
            let known = forge.oauth_client_create("Bailey", &[&back], &SCOPES)?;
            (place.kept.client_id, place.kept.client_secret) = (known.id, known.secret);
            place.kept.forge_token = forge.token_create("bailey", "Bailey", &["api"], None)?;
            place.save()?;
        }
        let token = |user| forge.token_create(user, "demonstration", &["api"], Some(LIFE));
        Ok(Self {
            tokens: [token("mia")?, token("ria")?],
            client: client(&ClientOptions::default())?,
            url: place.forge_url(),
            running: forge,
        })
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }

    /// Where browsers find it.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Puts the label on a ticket, as Mia.
    pub(super) fn label(&self, ticket: u64) -> Result<(), Failure> {
        let number = i64::try_from(ticket)?;
        Ok(self.running.ticket_label("mia", PROJECT, number, &[LABEL], &[])?)
    }

    /// A ticket that no agent has had: the seed's, or a new one that says the same.
    pub(super) async fn ticket(&self) -> Result<u64, Failure> {
        let mut tickets = self.api(Method::GET, "issues?state=all&sort=asc", None).await?;
        let tickets = tickets.as_array_mut().map(std::mem::take).unwrap_or_default();
        let fresh = |ticket: &&Value| {
            let labels = ticket["labels"].as_array();
            ticket["state"] == "opened" && labels.is_some_and(|labels| !labels.iter().any(|label| label == LABEL))
        };
        let found = match tickets.iter().find(fresh) {
            Some(ticket) => ticket["iid"].as_u64(),
            None => {
                let first = tickets.iter().find(|ticket| ticket["iid"] == 1);
                let first = first.ok_or_else(|| Failure::new("ticket 1 is gone").hint(AGAIN))?;
                let wanted = json!({
                    "title": first["title"], "description": first["description"],
                    "assignee_ids": first["assignees"].as_array().map(|people| {
                        people.iter().map(|person| person["id"].clone()).collect::<Vec<_>>()
                    }),
                });
                self.api(Method::POST, "issues", Some(&wanted)).await?["iid"].as_u64()
            }
        };
        found.ok_or_else(|| Failure::new("the forge has no ticket").hint(AGAIN))
    }

    /// The merge request of a branch: its number, its page and when it was made.
    pub(super) async fn merge_request(&self, branch: &str) -> Result<Option<Value>, Failure> {
        let path = format!("merge_requests?source_branch={}", segment(branch));
        let found = self.api(Method::GET, &path, None).await?;
        Ok(found.as_array().and_then(|found| found.first()).cloned())
    }

    async fn api(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let [mia, ria] = &self.tokens;
        let token = if method == Method::GET { mia } else { ria };
        let url = format!("{}/api/v4/projects/{}/{path}", self.url, segment(PROJECT));
        let request = Request::builder()
            .method(method)
            .uri(&url)
            .header("private-token", token)
            .header(CONTENT_TYPE, "application/json");
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let (answer, _) = exchange(&self.client, request.body(Full::from(body))?).await?;
        if !answer.status.is_success() {
            return Err(Failure::new(format!("the forge answered {} at {path}", answer.status)));
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// Says at the forge's own page, as `user`, that Bailey may act for them: `asked` is where Bailey sent the browser. Answers with where
    /// the forge sends it back to.
    pub(super) async fn allow(&self, asked: &str, user: &str) -> Result<String, Failure> {
        let (page, query) = asked
            .split_once('?')
            .ok_or_else(|| Failure::new("Bailey asks the forge for nothing"))?;
        let shown = self.send(Request::get(asked).body(Full::default())?).await?;
        if !shown.status.is_success() {
            return Err(Failure::new(format!("the forge answered {} at {page}", shown.status)));
        }
        let form = format!("{query}&user={user}&decision=allow");
        let request = Request::post(page)
            .header(ORIGIN, &self.url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.send(request.body(Full::from(form))?).await?;
        answer
            .location
            .ok_or_else(|| Failure::new(format!("the forge does not lead back: it answered {}", answer.status)))
    }

    async fn send(&self, request: Request<Full<bytes::Bytes>>) -> Result<Answer, Failure> {
        Ok(exchange(&self.client, request).await?.0)
    }
}

/// What can be done about a forge that is not as it was.
const AGAIN: &str = "`bailey demo reset` puts everything back";
