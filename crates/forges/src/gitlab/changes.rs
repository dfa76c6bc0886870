//! Branches and merge requests.

use serde_json::json;

use super::GitLab;
use super::wire::{WireBranch, WireMergeRequest};
use crate::branch::BranchName;
use crate::comment;
use crate::error::{Cause, ForgeError};
use crate::forge::MergeRequestWanted;
use crate::model::{Branch, Ensured, MergeRequest, MergeRequestState, ProjectRef};

impl GitLab {
    pub(super) async fn read_branch(&self, project: &ProjectRef, name: &str) -> Result<Option<Branch>, ForgeError> {
        let target = Self::of_project(project, &["repository", "branches", name]);
        let found: Option<WireBranch> = self.api.find("read a branch", &target).await?;
        Ok(found.map(Branch::from))
    }

    pub(super) async fn ensure_branch(
        &self,
        project: &ProjectRef,
        name: &BranchName,
        from: &str,
    ) -> Result<Ensured<Branch>, ForgeError> {
        if let Some(branch) = self.read_branch(project, name.as_str()).await? {
            return Ok(Ensured::Found(branch));
        }
        let target = Self::of_project(project, &["repository", "branches"]);
        let body = json!({ "branch": name.as_str(), "ref": from });
        match self.api.post::<WireBranch>("make a branch", &target, &body).await {
            Ok(made) => Ok(Ensured::Created(made.into())),
            // GitLab calls a branch that is there already invalid.
            Err(error) if error.may_be_done() || matches!(error.cause, Cause::Invalid { .. }) => {
                let found = self.read_branch(project, name.as_str()).await?;
                found.map(Ensured::Found).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn read_merge_request(
        &self,
        project: &ProjectRef,
        source_branch: &str,
    ) -> Result<Option<MergeRequest>, ForgeError> {
        let target = Self::of_project(project, &["merge_requests"])
            .with("state", "all")
            .with("scope", "all")
            .with("source_branch", source_branch)
            .with("per_page", "20");
        let found: Vec<WireMergeRequest> = self.api.get("look for the merge request", &target).await?;
        // A fork can have a branch of the same name.
        let ours = found
            .into_iter()
            .filter(|request| request.source_project_id == Some(project.id))
            .map(MergeRequest::from);
        Ok(ours.max_by_key(|request| (request.state == MergeRequestState::Open, request.number)))
    }

    pub(super) async fn ensure_merge_request(
        &self,
        project: &ProjectRef,
        wanted: &MergeRequestWanted,
    ) -> Result<Ensured<MergeRequest>, ForgeError> {
        let source = wanted.source_branch.as_str();
        if let Some(found) = self.read_merge_request(project, source).await?.filter(is_open) {
            return self.merge_request_up_to_date(project, found, wanted).await;
        }
        let mut body = json!({
            "source_branch": source,
            "target_branch": wanted.target_branch,
            "title": title(wanted),
            "description": wanted.body,
            "remove_source_branch": true,
        });
        if let (Some(assignee), Some(fields)) = (wanted.assignee, body.as_object_mut()) {
            fields.insert("assignee_ids".to_owned(), json!([assignee]));
        }
        let target = Self::of_project(project, &["merge_requests"]);
        match self
            .api
            .post::<WireMergeRequest>("make the merge request", &target, &body)
            .await
        {
            Ok(made) => Ok(Ensured::Created(made.into())),
            // Another worker was quicker, or the answer was lost.
            Err(error) if error.may_be_done() => {
                match self.read_merge_request(project, source).await?.filter(is_open) {
                    Some(found) => self.merge_request_up_to_date(project, found, wanted).await,
                    None => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// People may have changed the title and taken the draft's mark away; both are left to them. Of the description, what stands between
    /// Bailey's marks is Bailey's.
    async fn merge_request_up_to_date(
        &self,
        project: &ProjectRef,
        found: MergeRequest,
        wanted: &MergeRequestWanted,
    ) -> Result<Ensured<MergeRequest>, ForgeError> {
        let Some(description) = comment::renewed(&found.body, &wanted.body) else {
            return Ok(Ensured::Found(found));
        };
        let target = Self::of_project(project, &["merge_requests", &found.number.to_string()]);
        let body = json!({ "description": description });
        let changed: WireMergeRequest = self.api.put("change the merge request", &target, &body).await?;
        Ok(Ensured::Updated(changed.into()))
    }
}

fn is_open(request: &MergeRequest) -> bool {
    request.state == MergeRequestState::Open
}

fn title(wanted: &MergeRequestWanted) -> String {
    if wanted.draft {
        format!("Draft: {}", wanted.title)
    } else {
        wanted.title.clone()
    }
}
