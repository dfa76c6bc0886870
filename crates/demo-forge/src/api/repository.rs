//! Branches, commits and what was said of commits.

use http::{Method, StatusCode};
use serde_json::Value;

use super::{Answer, Call};
use crate::clock;
use crate::error::ApiError;
use crate::git::Branch;
use crate::model::{CommitStatus, Project, Role};
use crate::path::{is_branch_name, is_commit_id};
use crate::present::Present;
use crate::push::branches_changed;
use crate::reply::{json, reply};

/// What a commit's status can be.
const STATES: [&str; 6] = ["pending", "running", "success", "failed", "canceled", "skipped"];

pub(super) async fn route(call: &Call<'_>, method: &Method, project: &Project, rest: &[&str]) -> Answer {
    let user = call.user();
    if !call.shared.store.read(|state| state.reads_code(project, user)) {
        return Err(ApiError::Forbidden);
    }
    match (method, rest) {
        (&Method::GET, ["repository", "branches"]) => branches(call, project).await,
        (&Method::POST, ["repository", "branches"]) => branch_create(call, project).await,
        (&Method::GET, ["repository", "branches", name]) => {
            let found = call
                .shared
                .git
                .branch(&call.shared.store.repository(project.id), name)
                .await?;
            let branch = found.ok_or(ApiError::NotFound("Branch"))?;
            Ok(json(StatusCode::OK, &shown(call, project, &branch).await?))
        }
        (&Method::DELETE, ["repository", "branches", name]) => branch_delete(call, project, name).await,
        (&Method::GET, ["repository", "commits"]) => commits(call, project).await,
        (&Method::GET, ["repository", "commits", reference]) => {
            let id = resolve(call, project, reference).await?;
            let found = call
                .shared
                .git
                .commit(&call.shared.store.repository(project.id), &id)
                .await?;
            let commit = found.ok_or(ApiError::NotFound("Commit"))?;
            Ok(call.show(StatusCode::OK, |present| present.commit(project, &commit)))
        }
        (&Method::GET, ["repository", "commits", id, "statuses"]) => statuses(call, project, id),
        (&Method::POST, ["statuses", id]) => status_create(call, project, id).await,
        _ => Err(ApiError::NoRoute),
    }
}

async fn shown(call: &Call<'_>, project: &Project, branch: &Branch) -> Result<Value, ApiError> {
    let commit = call
        .shared
        .git
        .commit(&call.shared.store.repository(project.id), &branch.commit)
        .await?;
    Ok(call
        .shared
        .store
        .read(|state| call.present(state).branch(project, branch, commit.as_ref())))
}

/// The commit that a name means.
async fn resolve(call: &Call<'_>, project: &Project, reference: &str) -> Result<String, ApiError> {
    let found = call
        .shared
        .git
        .resolve(&call.shared.store.repository(project.id), reference)
        .await?;
    found.ok_or(ApiError::NotFound("Commit"))
}

async fn branches(call: &Call<'_>, project: &Project) -> Answer {
    let mut all = call
        .shared
        .git
        .branches(&call.shared.store.repository(project.id))
        .await?;
    if let Some(search) = call.params.text("search") {
        all.retain(|branch| branch.name.contains(&search));
    }
    let window = call.window()?;
    let total = all.len();
    let mut page = Vec::new();
    for branch in all.iter().skip(window.skip()).take(window.size) {
        page.push(shown(call, project, branch).await?);
    }
    Ok(call.window_of(window, total, page))
}

async fn branch_create(call: &Call<'_>, project: &Project) -> Answer {
    let actor = call.at_least(project, Role::Developer)?;
    let (name, from) = (call.params.needed("branch")?, call.params.needed("ref")?);
    if !is_branch_name(&name) || is_commit_id(&name) {
        return Err(ApiError::Bad("Branch name is invalid".to_owned()));
    }
    let repository = call.shared.store.repository(project.id);
    let lock = call.shared.pushing(project.id);
    let _held = lock.lock().await;
    let before = call.shared.git.branches(&repository).await?;
    if before.iter().any(|branch| branch.name == name) {
        return Err(ApiError::Bad("Branch already exists".to_owned()));
    }
    let Some(commit) = call.shared.git.resolve(&repository, &from).await? else {
        return Err(ApiError::Bad(format!("Invalid reference name: {from}")));
    };
    if !call.shared.git.branch_create(&repository, &name, &commit).await? {
        return Err(ApiError::Bad("Failed to create branch".to_owned()));
    }
    branches_changed(call.shared, project, actor, &before).await?;
    let branch = Branch { name, commit };
    Ok(json(StatusCode::CREATED, &shown(call, project, &branch).await?))
}

async fn branch_delete(call: &Call<'_>, project: &Project, name: &str) -> Answer {
    let actor = call.at_least(project, Role::Developer)?;
    if name == project.default_branch {
        return Err(ApiError::Bad("Cannot remove the default branch".to_owned()));
    }
    let repository = call.shared.store.repository(project.id);
    let lock = call.shared.pushing(project.id);
    let _held = lock.lock().await;
    let before = call.shared.git.branches(&repository).await?;
    let found = before
        .iter()
        .find(|branch| branch.name == name)
        .ok_or(ApiError::NotFound("Branch"))?;
    if !call.shared.git.branch_delete(&repository, name, &found.commit).await? {
        return Err(ApiError::Bad("Failed to remove branch".to_owned()));
    }
    branches_changed(call.shared, project, actor, &before).await?;
    Ok(reply(StatusCode::NO_CONTENT, "application/json", ""))
}

async fn commits(call: &Call<'_>, project: &Project) -> Answer {
    let name = call
        .params
        .text("ref_name")
        .unwrap_or_else(|| project.default_branch.clone());
    let id = resolve(call, project, &name).await?;
    let repository = call.shared.store.repository(project.id);
    let window = call.window()?;
    let total = call.shared.git.count(&repository, &[&id]).await?;
    let found = call
        .shared
        .git
        .commits(&repository, &[&id], window.skip(), window.size)
        .await?;
    let page = call.shared.store.read(|state| {
        let present: Present<'_> = call.present(state);
        found.iter().map(|commit| present.commit(project, commit)).collect()
    });
    Ok(call.window_of(window, total, page))
}

fn statuses(call: &Call<'_>, project: &Project, id: &str) -> Answer {
    let all = call.shared.store.read(|state| {
        let of_commit = state
            .statuses
            .iter()
            .filter(|status| status.project == project.id && status.sha == id);
        of_commit.map(|status| call.present(state).status(status)).collect()
    });
    call.page(all)
}

async fn status_create(call: &Call<'_>, project: &Project, id: &str) -> Answer {
    let actor = call.at_least(project, Role::Developer)?;
    let state_wanted = call.params.needed("state")?;
    if !STATES.contains(&state_wanted.as_str()) {
        return Err(ApiError::Invalid("state"));
    }
    let id = resolve(call, project, id).await?;
    let params = call.params;
    let name = params
        .text("name")
        .or_else(|| params.text("context"))
        .unwrap_or_else(|| "default".to_owned());
    let status = call.change(|state| {
        let new_id = state.new_id();
        // One for each name: what was said before is replaced.
        state
            .statuses
            .retain(|known| !(known.project == project.id && known.sha == id && known.name == name));
        let status = CommitStatus {
            id: new_id,
            project: project.id,
            sha: id,
            name,
            state: state_wanted,
            reference: params.text("ref"),
            target_url: params.text("target_url"),
            description: params.text("description"),
            author: actor,
            created_at: clock::now(),
        };
        state.statuses.push(status.clone());
        Ok((status, Vec::new()))
    })?;
    Ok(call.show(StatusCode::CREATED, |present| present.status(&status)))
}
