//! Puts the label on and follows what comes of it. Times are those that Bailey and the forge wrote down.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bailey_core::Timestamp;
use bailey_runtime::Clock;
use serde_json::Value;

use super::forge::Forge;
use super::session::Session;
use super::setup::text;
use super::story::Story;
use super::{LABEL, NAME, PROJECT};
use crate::failure::Failure;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_mins(1);
/// What the agent tries that its template does not allow.
const ELSEWHERE: &str = "example.com";

/// What came of it.
#[derive(Default)]
pub(super) struct Made {
    pub(super) branch: String,
    pub(super) number: u64,
    pub(super) url: String,
    pub(super) chat: String,
    pub(super) workspace: String,
    /// In dollars.
    pub(super) cost: String,
    pub(super) model_calls: usize,
    pub(super) tool_calls: usize,
    /// Records of the audit log since the label.
    pub(super) records: usize,
    pub(super) refused: usize,
}

struct Watch<'a> {
    mia: &'a Session,
    forge: &'a Forge,
    story: &'a mut Story,
    ticket: u64,
    since: Timestamp,
    made: Made,
    delivered: bool,
    started: bool,
    /// The number of the chat's last event that was seen.
    after: u64,
    /// Tools that were called: the tool and its arguments.
    calls: BTreeMap<String, (String, String)>,
    tested: bool,
}

/// Puts the label on, and waits for the merge request.
pub(super) async fn run(mia: &Session, forge: &Forge, story: &mut Story, ticket: u64) -> Result<Made, Failure> {
    let since = Clock::system().now();
    story.begin(since);
    forge.label(ticket)?;
    story.step(
        "label",
        Clock::system().now(),
        &format!("label {LABEL} put on {PROJECT}#{ticket} by mia"),
    )?;
    let mut watch = Watch {
        mia,
        forge,
        story,
        ticket,
        since,
        made: Made::default(),
        delivered: false,
        started: false,
        after: 0,
        calls: BTreeMap::new(),
        tested: false,
    };
    let (mut steps, mut moved) = (watch.story.steps(), Instant::now());
    while !watch.look().await? {
        if watch.story.steps() > steps {
            (steps, moved) = (watch.story.steps(), Instant::now());
        }
        if moved.elapsed() > PATIENCE {
            let seconds = PATIENCE.as_secs();
            return Err(Failure::new(format!("nothing has happened for {seconds} s"))
                .hint("the chat's page, the ticket's comment and server.log say more"));
        }
        tokio::time::sleep(LOOK).await;
    }
    watch.count().await
}

impl Watch<'_> {
    /// Looks once at everything, in the order in which it happens; says whether there is a merge request, and the agent is done.
    async fn look(&mut self) -> Result<bool, Failure> {
        if !self.delivered {
            self.look_for_delivery().await?;
        }
        let Some(run) = self.run().await? else {
            return Ok(false);
        };
        if matches!(text(&run["state"]), "failed" | "stopped") {
            return Err(Failure::new(format!("the run has ended: {}", text(&run["cause"]))));
        }
        if !self.started {
            self.look_at_workspace().await?;
        }
        if self.made.chat.is_empty() && self.started {
            self.look_for_chat().await?;
        }
        if self.made.chat.is_empty() {
            return Ok(false);
        }
        self.look_at_events().await?;
        self.look_for_merge_request().await
    }

    async fn look_for_delivery(&mut self) -> Result<(), Failure> {
        let page = self.mia.get(&format!("/connections/{NAME}/deliveries")).await?;
        let times = page["items"].as_array().into_iter().flatten();
        let times = times.filter_map(|delivery| time(&delivery["received_at"]));
        if let Some(at) = times.filter(|at| *at >= self.since).min() {
            self.delivered = true;
            self.story
                .step("webhook", at, "the forge's webhook has arrived, its signature is good")?;
        }
        Ok(())
    }

    /// The run that the label started.
    async fn run(&mut self) -> Result<Option<Value>, Failure> {
        let page = self.mia.get(&format!("/connections/{NAME}/runs")).await?;
        let mut runs = page["items"].as_array().into_iter().flatten();
        let ours =
            |run: &&Value| run["ticket"] == self.ticket && time(&run["created_at"]).is_some_and(|at| at >= self.since);
        let Some(run) = runs.find(ours) else {
            return Ok(None);
        };
        if self.made.workspace.is_empty() {
            self.made.workspace = String::from(text(&run["workspace"]));
            self.made.branch = String::from(text(&run["branch"]));
            let at = time(&run["created_at"]).unwrap_or(self.since);
            let said = format!("a workspace starts for {}, who has the ticket", text(&run["assignee"]));
            self.story.step("starting", at, &said)?;
        }
        Ok(Some(run.clone()))
    }

    async fn look_at_workspace(&mut self) -> Result<(), Failure> {
        let all = super::setup::workspaces(self.mia).await?;
        let found = all.iter().find(|one| text(&one["id"]) == self.made.workspace);
        if let Some(at) = found.and_then(|found| time(&found["started_at"])) {
            self.started = true;
            self.story
                .step("running", at, "it runs, without a network of its own")?;
        }
        Ok(())
    }

    async fn look_for_chat(&mut self) -> Result<(), Failure> {
        let page = self
            .mia
            .get(&format!("/chats?workspace={}", self.made.workspace))
            .await?;
        let chat = &page["items"][0];
        if let Some(at) = time(&chat["created_at"]) {
            self.made.chat = String::from(text(&chat["id"]));
            let said = format!("the repository is cloned, with a branch {}", self.made.branch);
            self.story.step("cloned", at, &said)?;
        }
        Ok(())
    }

    async fn look_at_events(&mut self) -> Result<(), Failure> {
        let page = self
            .mia
            .get(&format!("/chats/{}/events?after={}", self.made.chat, self.after))
            .await?;
        for event in page["items"].as_array().into_iter().flatten() {
            self.after = event["number"].as_u64().unwrap_or(self.after);
            let at = time(&event["at"]).unwrap_or(self.since);
            match text(&event["kind"]) {
                "step_started" => self.model_call(at)?,
                "tool_call" => {
                    let call = (text(&event["tool"]).to_owned(), text(&event["arguments"]).to_owned());
                    self.calls.insert(text(&event["call"]).to_owned(), call);
                }
                "tool_result" => self.tool_result(event, at)?,
                "state" if matches!(text(&event["state"]), "failed" | "cancelled" | "paused") => {
                    let why = format!("the agent is {}: {}", text(&event["state"]), event["cause"]);
                    return Err(Failure::new(why));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn model_call(&mut self, at: Timestamp) -> Result<(), Failure> {
        self.made.model_calls += 1;
        match self.made.model_calls {
            1 => self
                .story
                .step("model", at, "the agent asks its model for the first time"),
            _ => Ok(()),
        }
    }

    /// Tells what came of a tool. Where that is not what the story is about, it is over.
    fn tool_result(&mut self, event: &Value, at: Timestamp) -> Result<(), Failure> {
        self.made.tool_calls += 1;
        let (tool, arguments) = self.calls.get(text(&event["call"])).cloned().unwrap_or_default();
        let (good, said) = (event["outcome"] == "ok", text(&event["text"]));
        let tests = tool == "run" && arguments.contains("test.sh");
        match (tool.as_str(), good) {
            ("run", false) if tests && !self.tested => {
                self.tested = true;
                let line = said
                    .lines()
                    .find(|line| line.starts_with("FAILED"))
                    .unwrap_or("it fails");
                self.story
                    .step("test_fails", at, &format!("sh test.sh in the workspace: {line}"))
            }
            ("run", true) if tests && self.tested => self.story.step("test_passes", at, "sh test.sh passes"),
            // The workspace's own answer for a name that no rule allows; nothing was asked of anybody.
            ("run", false) if arguments.contains(ELSEWHERE) && said.contains("resolve host") => {
                self.made.refused += 1;
                let said = format!("refused: git to {ELSEWHERE}; the template allows the forge alone");
                self.story.step("refused", at, &said)
            }
            ("edit", true) => self.story.step("changed", at, "greet.sh is changed"),
            ("git_commit", true) => self.story.step("committed", at, "committed, as Dan"),
            ("git_push", true) => self.story.step("pushed", at, "the branch is pushed, with Dan's token"),
            (_, true) if !tests && !arguments.contains(ELSEWHERE) => Ok(()),
            _ => Err(Failure::new(format!(
                "the tool {tool} {arguments} came to something else: {said}"
            ))),
        }
    }

    async fn look_for_merge_request(&mut self) -> Result<bool, Failure> {
        let chat = self.mia.get(&format!("/chats/{}", self.made.chat)).await?;
        let works = !matches!(text(&chat["state"]), "waiting" | "completed") || chat["steps"] == 0;
        let found = self.forge.merge_request(&self.made.branch).await?;
        if let Some(found) = found.filter(|_| self.made.url.is_empty()) {
            self.made.number = found["iid"].as_u64().unwrap_or_default();
            self.made.url = String::from(text(&found["web_url"]));
            let at = time(&found["created_at"]).unwrap_or(self.since);
            let said = format!("merge request !{}: {}", self.made.number, text(&found["title"]));
            self.story.step("merge_request", at, &said)?;
        }
        self.made.cost = String::from(text(&chat["cost"]["usd"]));
        if !works && self.made.url.is_empty() && self.calls.values().all(|(tool, _)| tool != "git_push") {
            return Err(
                Failure::new("the agent has ended its turn and pushed nothing").hint("the chat's page says why")
            );
        }
        Ok(!self.made.url.is_empty() && !works)
    }

    /// Counts what is on the record.
    async fn count(mut self) -> Result<Made, Failure> {
        let since = bailey_api::Time(self.since);
        let since = serde_json::to_value(since)?;
        let page = self
            .mia
            .get(&format!("/audit?limit=1000&since={}", text(&since)))
            .await?;
        self.made.records = page["items"].as_array().map_or(0, Vec::len);
        Ok(self.made)
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.as_str()?)
}
