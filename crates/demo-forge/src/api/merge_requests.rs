//! Merge requests.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Call, number, open_of};
use crate::error::ApiError;
use crate::git::{Change, Merged};
use crate::merge::{MergeChange, MergeWanted, closes};
use crate::model::{MergeRequest, MergeState, Project, Role};
use crate::present::Present;
use crate::push::branches_changed;
use crate::server::Shared;

/// Commits of one merge request that are told.
const MOST_COMMITS: usize = 100;

pub(super) async fn route(call: &Call<'_>, method: &Method, project: &Project, rest: &[&str]) -> Answer {
    match (method, rest) {
        (&Method::GET, []) => list(call, project),
        (&Method::POST, []) => create(call, project).await,
        (&Method::GET, [iid]) => {
            let request = found(call, project, iid)?;
            Ok(call.show(StatusCode::OK, |present| present.merge_request(project, &request)))
        }
        (&Method::PUT, [iid]) => update(call, project, iid),
        (&Method::PUT, [iid, "merge"]) => merge(call, project, iid).await,
        (&Method::GET, [iid, "changes"]) => {
            let request = found(call, project, iid)?;
            let changes = changes(call.shared, &request).await?;
            let changes: Vec<Value> = changes.iter().map(Present::change).collect();
            Ok(call.show(StatusCode::OK, |present| {
                let mut shown = present.merge_request(project, &request);
                if let Some(fields) = shown.as_object_mut() {
                    fields.insert("changes_count".to_owned(), json!(changes.len().to_string()));
                    fields.insert("changes".to_owned(), Value::Array(changes));
                    fields.insert("overflow".to_owned(), json!(false));
                }
                shown
            }))
        }
        (&Method::GET, [iid, "diffs"]) => {
            let request = found(call, project, iid)?;
            let changes = changes(call.shared, &request).await?;
            call.page(changes.iter().map(Present::change).collect())
        }
        (&Method::GET, [iid, "commits"]) => {
            let request = found(call, project, iid)?;
            let commits = commits(call.shared, &request).await?;
            let shown = call.shared.store.read(|state| {
                let present = call.present(state);
                commits.iter().map(|commit| present.commit(project, commit)).collect()
            });
            call.page(shown)
        }
        (&Method::GET, [iid, "closes_issues"]) => {
            let request = found(call, project, iid)?;
            let issues = call.shared.store.read(|state| {
                let issues = closes(&request.description)
                    .into_iter()
                    .filter_map(|iid| state.issue(project.id, iid));
                let seen = issues.filter(|issue| state.sees_issue(project, issue, call.user()));
                seen.map(|issue| call.present(state).issue(project, issue)).collect()
            });
            call.page(issues)
        }
        _ => Err(ApiError::NoRoute),
    }
}

/// A merge request that the caller may see: whoever may read the code.
pub(super) fn found(call: &Call<'_>, project: &Project, iid: &str) -> Result<MergeRequest, ApiError> {
    let iid = number(iid)?;
    call.shared.store.read(|state| {
        let seen = state
            .merge_request(project.id, iid)
            .filter(|_| state.reads_code(project, call.user()));
        seen.cloned().ok_or(ApiError::NotFound("Merge Request"))
    })
}

fn list(call: &Call<'_>, project: &Project) -> Answer {
    let params = call.params;
    let wanted = match params.text("state").as_deref() {
        None | Some("all") => None,
        Some("opened") => Some(MergeState::Opened),
        Some("closed") => Some(MergeState::Closed),
        Some("merged") => Some(MergeState::Merged),
        Some(_) => return Err(ApiError::Invalid("state")),
    };
    let ascending = params.text("sort").as_deref() == Some("asc");
    let (source, target) = (params.text("source_branch"), params.text("target_branch"));
    let found = call.shared.store.read(|state| {
        if !state.reads_code(project, call.user()) {
            return Vec::new();
        }
        let fits = |request: &&MergeRequest| {
            request.project == project.id
                && wanted.is_none_or(|state| request.state == state)
                && source.as_ref().is_none_or(|name| &request.source_branch == name)
                && target.as_ref().is_none_or(|name| &request.target_branch == name)
        };
        let mut requests: Vec<&MergeRequest> = state.merge_requests.iter().filter(fits).collect();
        requests.sort_by_key(|request| request.iid);
        if !ascending {
            requests.reverse();
        }
        requests
            .into_iter()
            .map(|request| call.present(state).merge_request(project, request))
            .collect()
    });
    call.page(found)
}

/// The changes that the parameters ask for.
fn wanted(call: &Call<'_>) -> Result<MergeChange, ApiError> {
    let params = call.params;
    let open = match params.text("state_event") {
        Some(event) => Some(open_of(&event).ok_or(ApiError::Invalid("state_event"))?),
        None => None,
    };
    let assignees = match params.ids("assignee_ids")? {
        Some(ids) => Some(ids),
        None => params.int("assignee_id")?.map(|id| vec![id]),
    };
    Ok(MergeChange {
        title: params.text("title"),
        description: params.text("description"),
        open,
        labels: params.list("labels"),
        assignees,
        remove_source_branch: params.flag("remove_source_branch")?,
    })
}

async fn create(call: &Call<'_>, project: &Project) -> Answer {
    let actor = call.at_least(project, Role::Developer)?;
    let (source, target) = (
        call.params.needed("source_branch")?,
        call.params.needed("target_branch")?,
    );
    call.params.needed("title")?;
    let change = wanted(call)?;
    let lock = call.shared.pushing(project.id);
    let _held = lock.lock().await;
    let repository = call.shared.store.repository(project.id);
    let Some(tip) = call.shared.git.branch(&repository, &source).await? else {
        return Err(ApiError::Unprocessable("Source branch does not exist".to_owned()));
    };
    if call.shared.git.branch(&repository, &target).await?.is_none() {
        return Err(ApiError::Unprocessable("Target branch does not exist".to_owned()));
    }
    if source == target {
        return Err(ApiError::Unprocessable(
            "You can't use same project/branch for source and target".to_owned(),
        ));
    }
    let wanted = MergeWanted {
        source_branch: source,
        target_branch: target,
        sha: tip.commit,
        change,
    };
    let request = call.change(|state| call.act(project, actor).merge_request_create(state, wanted))?;
    Ok(call.show(StatusCode::CREATED, |present| present.merge_request(project, &request)))
}

fn update(call: &Call<'_>, project: &Project, iid: &str) -> Answer {
    let actor = call.actor()?;
    let seen = found(call, project, iid)?;
    if project.archived {
        return Err(ApiError::Forbidden);
    }
    let wanted = wanted(call)?;
    let request = call.change(|state| {
        let before = state
            .merge_request(project.id, seen.iid)
            .cloned()
            .ok_or(ApiError::NotFound("Merge Request"))?;
        call.act(project, actor).merge_request_update(state, &before, wanted)
    })?;
    Ok(call.show(StatusCode::OK, |present| present.merge_request(project, &request)))
}

async fn merge(call: &Call<'_>, project: &Project, iid: &str) -> Answer {
    let request = found(call, project, iid)?;
    let protected = request.target_branch == project.default_branch;
    let actor = call.at_least(project, if protected { Role::Maintainer } else { Role::Developer })?;
    let lock = call.shared.pushing(project.id);
    let _held = lock.lock().await;
    let request = found(call, project, &request.iid.to_string())?;
    if request.state != MergeState::Opened || request.draft() {
        return Err(ApiError::Method);
    }
    if call.params.text("sha").is_some_and(|sha| sha != request.sha) {
        return Err(ApiError::Conflict(
            "SHA does not match HEAD of source branch".to_owned(),
        ));
    }
    let shared = call.shared;
    let repository = shared.store.repository(project.id);
    let before = shared.git.branches(&repository).await?;
    let base = base(shared, &request).await?;
    let author = shared
        .store
        .read(|state| state.user(actor).map(|user| (user.name.clone(), user.email.clone())));
    let (name, email) = author.ok_or(ApiError::Unauthorized)?;
    let message = format!(
        "Merge branch '{}' into '{}'\n\n{}\n\nSee merge request {}!{}\n",
        request.source_branch, request.target_branch, request.title, project.path, request.iid
    );
    let merged = shared
        .git
        .merge(
            &repository,
            &request.target_branch,
            &request.sha,
            &message,
            (&name, &email),
        )
        .await?;
    let commit = match merged {
        Merged::At(commit) => commit,
        Merged::Conflict => return Err(ApiError::Unprocessable("Branch cannot be merged".to_owned())),
        Merged::Moved => return Err(ApiError::Conflict("The branch moved meanwhile".to_owned())),
    };
    if request.remove_source_branch && request.source_branch != project.default_branch {
        // One that has moved meanwhile stays.
        shared
            .git
            .branch_delete(&repository, &request.source_branch, &request.sha)
            .await?;
    }
    call.change(|state| {
        let events = call
            .act(project, actor)
            .merge_request_merged(state, request.id, Some(commit), base);
        Ok(((), events))
    })?;
    branches_changed(shared, project, actor, &before).await?;
    let request = found(call, project, &request.iid.to_string())?;
    Ok(call.show(StatusCode::OK, |present| present.merge_request(project, &request)))
}

/// Where a merge request's branches parted.
async fn base(shared: &Shared, request: &MergeRequest) -> Result<Option<String>, ApiError> {
    if let Some(base) = &request.merged_base {
        return Ok(Some(base.clone()));
    }
    let repository = shared.store.repository(request.project);
    let Some(target) = shared.git.branch(&repository, &request.target_branch).await? else {
        return Ok(None);
    };
    Ok(shared.git.merge_base(&repository, &target.commit, &request.sha).await?)
}

/// What a merge request changes.
pub(crate) async fn changes(shared: &Shared, request: &MergeRequest) -> Result<Vec<Change>, ApiError> {
    let Some(base) = base(shared, request).await? else {
        return Ok(Vec::new());
    };
    Ok(shared
        .git
        .changes(&shared.store.repository(request.project), &base, &request.sha)
        .await?)
}

/// The commits of a merge request, newest first.
pub(crate) async fn commits(shared: &Shared, request: &MergeRequest) -> Result<Vec<crate::git::Commit>, ApiError> {
    let Some(base) = base(shared, request).await? else {
        return Ok(Vec::new());
    };
    let repository = shared.store.repository(request.project);
    Ok(shared
        .git
        .commits(&repository, &[&request.sha, &base], 0, MOST_COMMITS)
        .await?)
}
