//! GitLab: its REST API, version 4.

mod changes;
mod hooks;
mod people;
mod tickets;
mod wire;

use bailey_core::{Secret, Timestamp};
use bailey_runtime::Clock;
use bailey_runtime::http::Client;

use crate::api::{Api, ApiOptions, TokenError};
use crate::base::{BaseUrl, Target};
use crate::branch::BranchName;
use crate::forge::{
    Answer, Changed, Check, Forge, Hook, HookWanted, LabelsWanted, MergeRequestWanted, ProjectKey, StatusWanted,
};
use crate::model::{
    Access, Account, Branch, Comment, Ensured, ForgeKind, LabelEvent, MergeRequest, Project, ProjectRef, Ticket,
};

/// What all addresses of the API begin with.
const ROOT: &str = "/api/v4";
/// The most of a list that one page has.
const PAGE: usize = 100;

/// A GitLab, as the user of a token: a personal, project or group access token with the scope `api`, or OAuth's.
#[derive(Clone)]
pub struct GitLab {
    api: Api,
}

impl GitLab {
    /// The GitLab at `base`. The token goes there and nowhere else.
    ///
    /// # Errors
    /// Where the token cannot be one.
    pub fn new(
        client: Client,
        base: BaseUrl,
        token: &Secret<String>,
        clock: Clock,
        options: ApiOptions,
    ) -> Result<Self, TokenError> {
        let api = Api::new(client, base, token, clock, options)?;
        Ok(Self { api })
    }

    fn target(parts: &[&str]) -> Target {
        Target::new(ROOT, parts)
    }

    /// An address below a project's; it is named by its id, which stays when it moves.
    fn of_project(project: &ProjectRef, parts: &[&str]) -> Target {
        let id = project.id.to_string();
        let all: Vec<&str> = ["projects", &id].into_iter().chain(parts.iter().copied()).collect();
        Self::target(&all)
    }
}

impl std::fmt::Debug for GitLab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitLab")
            .field("base", self.api.base())
            .finish_non_exhaustive()
    }
}

impl Forge for GitLab {
    fn kind(&self) -> ForgeKind {
        ForgeKind::GitLab
    }

    fn myself(&self) -> Answer<'_, Account> {
        Box::pin(self.read_myself())
    }

    fn account(&self, id: i64) -> Answer<'_, Option<Account>> {
        Box::pin(self.read_account(id))
    }

    fn access<'a>(&'a self, project: &'a ProjectRef, user: i64) -> Answer<'a, Access> {
        Box::pin(self.read_access(project, user))
    }

    fn project<'a>(&'a self, project: ProjectKey<'a>) -> Answer<'a, Option<Project>> {
        Box::pin(async move {
            Ok(self
                .read_project(project)
                .await?
                .map(|found| found.into_model(self.api.base())))
        })
    }

    fn ticket<'a>(&'a self, project: &'a ProjectRef, number: u64) -> Answer<'a, Option<Ticket>> {
        Box::pin(self.read_ticket(project, number))
    }

    fn tickets_since<'a>(&'a self, project: &'a ProjectRef, since: Timestamp) -> Answer<'a, Changed> {
        Box::pin(self.read_tickets_since(project, since))
    }

    fn label_history<'a>(&'a self, project: &'a ProjectRef, number: u64) -> Answer<'a, Vec<LabelEvent>> {
        Box::pin(self.read_label_history(project, number))
    }

    fn labels_change<'a>(
        &'a self,
        project: &'a ProjectRef,
        number: u64,
        change: LabelsWanted<'a>,
    ) -> Answer<'a, Ticket> {
        Box::pin(self.change_labels(project, number, change))
    }

    fn comments<'a>(&'a self, project: &'a ProjectRef, number: u64, most: u8) -> Answer<'a, Vec<Comment>> {
        Box::pin(self.read_comments(project, number, most))
    }

    fn comment_create<'a>(&'a self, project: &'a ProjectRef, number: u64, body: &'a str) -> Answer<'a, Comment> {
        Box::pin(self.create_comment(project, number, body))
    }

    fn comment_update<'a>(
        &'a self,
        project: &'a ProjectRef,
        number: u64,
        id: i64,
        body: &'a str,
    ) -> Answer<'a, Comment> {
        Box::pin(self.update_comment(project, number, id, body))
    }

    fn status_comment<'a>(
        &'a self,
        project: &'a ProjectRef,
        number: u64,
        status: StatusWanted<'a>,
    ) -> Answer<'a, Ensured<Comment>> {
        Box::pin(self.ensure_status(project, number, status))
    }

    fn branch<'a>(&'a self, project: &'a ProjectRef, name: &'a str) -> Answer<'a, Option<Branch>> {
        Box::pin(self.read_branch(project, name))
    }

    fn branch_ensure<'a>(
        &'a self,
        project: &'a ProjectRef,
        name: &'a BranchName,
        from: &'a str,
    ) -> Answer<'a, Ensured<Branch>> {
        Box::pin(self.ensure_branch(project, name, from))
    }

    fn merge_request<'a>(
        &'a self,
        project: &'a ProjectRef,
        source_branch: &'a str,
    ) -> Answer<'a, Option<MergeRequest>> {
        Box::pin(self.read_merge_request(project, source_branch))
    }

    fn merge_request_ensure<'a>(
        &'a self,
        project: &'a ProjectRef,
        wanted: &'a MergeRequestWanted,
    ) -> Answer<'a, Ensured<MergeRequest>> {
        Box::pin(self.ensure_merge_request(project, wanted))
    }

    fn hook_ensure<'a>(&'a self, project: &'a ProjectRef, wanted: &'a HookWanted) -> Answer<'a, Ensured<Hook>> {
        Box::pin(self.ensure_hook(project, wanted))
    }

    fn check<'a>(&'a self, project: ProjectKey<'a>, hook_url: &'a str) -> Answer<'a, Check> {
        Box::pin(self.check_connection(project, hook_url))
    }
}
