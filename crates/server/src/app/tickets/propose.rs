//! What an agent has pushed becomes a merge request, once for each end of its turn.

use bailey_core::Money;
use bailey_core::chat::Chat;
use bailey_forges::branch::BranchName;
use bailey_forges::comment::{Phase, Provenance};
use bailey_forges::forge::{MergeRequestWanted, ProjectKey};
use bailey_forges::model::{Branch, MergeRequest, MergeRequestState, ProjectRef, Ticket};
use bailey_runtime::failpoint;
use bailey_store::TicketRun;
use serde_json::json;

use super::facts::Work;
use super::work::{project, ticket};
use super::{ACTOR, Trouble};
use crate::app::{App, AppError};
use crate::audit::Change;

/// What came of it.
pub(super) enum Proposed {
    /// A merge request is open.
    Open(u64),
    /// It was merged.
    Merged(u64),
    /// There is nothing to propose, or it cannot be; the ticket says why.
    Nothing,
}

impl App {
    /// Makes a merge request of what the agent has pushed, or brings the one that is there up to date.
    pub(super) async fn propose(&self, run: &TicketRun, chat: &Chat) -> Result<Proposed, Trouble> {
        let Some(work) = self.work_of_run(run).await? else {
            return Ok(Proposed::Nothing);
        };
        let at = project(&run.new.key);
        let known = work.forge.merge_request(&at, &run.new.branch).await?;
        let branch = work.forge.branch(&at, &run.new.branch).await?;
        let note = match (&known, &branch) {
            (Some(made), _) if made.state == MergeRequestState::Merged => return Ok(Proposed::Merged(made.number)),
            // Somebody does not want it. What the agent pushes after that is another matter.
            (Some(made), branch) if is_declined(made, branch.as_ref()) => {
                format!("merge request {} was closed", made.number)
            }
            (_, None) => "the agent has ended its turn and pushed nothing; its chat says why".to_owned(),
            _ => match self.propose_to(&work, run, chat, (&at, known.as_ref())).await {
                Ok(made) => {
                    let page = Some((made.number, made.url));
                    self.show_with(run, chat, Phase::Proposed, None, page).await?;
                    return Ok(Proposed::Open(made.number));
                }
                // It would be the same again, until the agent goes on.
                Err(Trouble::Forge(error)) if !error.may_pass() => format!("the merge request cannot be made: {error}"),
                Err(error) => return Err(error),
            },
        };
        self.show(run, chat, Phase::Working { note: Some(note) }, None).await?;
        Ok(Proposed::Nothing)
    }

    async fn propose_to(
        &self,
        work: &Work,
        run: &TicketRun,
        chat: &Chat,
        (at, known): (&ProjectRef, Option<&MergeRequest>),
    ) -> Result<MergeRequest, Trouble> {
        let (Some((number, counted)), Some(found)) = (
            BranchName::read(&work.prefix, &run.new.branch),
            work.forge.ticket(at, run.new.key.ticket).await?,
        ) else {
            return Err(AppError::Forge("the ticket is not there any more".to_owned()).into());
        };
        let base = work.forge.project(ProjectKey::Id(at.id)).await?;
        let target = base.and_then(|project| project.default_branch);
        let target = target.ok_or_else(|| AppError::Forge("the project has no default branch".to_owned()))?;
        let provenance = self.provenance(run, chat, &found).await?;
        let wanted = MergeRequestWanted {
            source_branch: BranchName::of_ticket(&work.prefix, number, counted),
            target_branch: target,
            title: provenance.title(),
            body: provenance.render(),
            draft: false,
            assignee: Some(run.new.assignee),
        };
        if known.is_none_or(|made| made.state != MergeRequestState::Open) {
            let change = Change::new("tickets.propose", ticket(&run.new.key))
                .after(&json!({ "run": run.new.id, "chat": chat.id, "branch": run.new.branch }));
            self.audit().system(ACTOR, change).await.map_err(AppError::from)?;
        }
        let made = work.forge.merge_request_ensure(at, &wanted).await?;
        failpoint::hit("ticket.proposed");
        Ok(made.into_inner())
    }

    async fn provenance(&self, run: &TicketRun, chat: &Chat, found: &Ticket) -> Result<Provenance, Trouble> {
        let open = !run.new.confidential && !found.confidential;
        let said = if open {
            self.chats().last_words(chat.id).await?
        } else {
            None
        };
        let secrets = self.secrets_of(chat.owner).await?;
        Ok(Provenance {
            ticket: run.new.key.ticket,
            title: open.then(|| found.title.clone()),
            closes: true,
            person: run.new.assignee_name.clone(),
            models: vec![chat.engine.model.clone()],
            cost: chat.run.cost,
            policies: self.policies(run, chat).await?,
            causal_id: run.new.id.to_string(),
            summary: said.map(|said| secrets.mask(&said)),
        })
    }

    /// What held while the agent worked: the template and what it says, and the chat's own limits.
    async fn policies(&self, run: &TicketRun, chat: &Chat) -> Result<Vec<String>, Trouble> {
        let mut policies = Vec::new();
        if let Some(workspace) = self.store().workspace_get(run.new.workspace).await? {
            let names = self.store().template_version_names(&[workspace.version]).await?;
            policies.extend(
                names
                    .iter()
                    .map(|of| format!("template {} version {}", of.template, of.number)),
            );
            policies.push(format!("enforcement {}", workspace.resolved.enforcement.as_str()));
            policies.push(match workspace.resolved.egress.len() {
                0 => "no egress".to_owned(),
                1 => "egress by 1 rule".to_owned(),
                rules => format!("egress by {rules} rules"),
            });
        }
        let limits = &chat.run.limits;
        policies.extend(limits.cost.map(|cost: Money| format!("at most {cost} USD")));
        policies.extend(limits.steps.map(|steps| format!("at most {steps} steps")));
        Ok(policies)
    }
}

/// Whether a merge request was closed unmerged, and nothing was pushed since.
fn is_declined(made: &MergeRequest, branch: Option<&Branch>) -> bool {
    let moved = branch.is_some_and(|branch| made.tip.as_ref().is_none_or(|tip| *tip != branch.commit));
    made.state == MergeRequestState::Closed && !moved
}
