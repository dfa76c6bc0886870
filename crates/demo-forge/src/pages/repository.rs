//! Files, branches, commits, and what merge requests change.

use http::StatusCode;

use super::{MOST_ROWS, Page, begin, labels, notes, people, person, project_link};
use crate::api;
use crate::clock;
use crate::error::ApiError;
use crate::git::{Change, Commit};
use crate::html::{self, Html};
use crate::markdown;
use crate::model::{On, Project};
use crate::path::is_commit_id;
use crate::server::Shared;

/// Lines of a diff that are shown.
const MOST_LINES: usize = 5_000;
/// Commits that are shown of a branch.
const MOST_COMMITS: usize = 30;

pub(super) async fn project(shared: &Shared, project: &Project) -> Page {
    let mut body = begin(project);
    body.tag("h1", &project.name).tag("p", &project.description);
    body.open("p")
        .text("Clone it: ")
        .tag("code", &format!("git clone {}/{}.git", shared.base, project.path))
        .close("p");
    let branch = shared
        .git
        .branch(&shared.store.repository(project.id), &project.default_branch)
        .await?;
    match branch {
        Some(branch) => files(shared, project, &branch.commit, &mut body).await?,
        None => drop(body.tag("p", "The repository is empty.")),
    }
    Ok(html::page(StatusCode::OK, &project.path, &body))
}

/// The files of a commit, and its README.
async fn files(shared: &Shared, project: &Project, commit: &str, body: &mut Html) -> Result<(), ApiError> {
    let repository = shared.store.repository(project.id);
    body.tag("h2", "Files").open("ul");
    for name in shared.git.files(&repository, commit, MOST_ROWS).await? {
        body.open("li").tag("code", &name).close("li");
    }
    body.close("ul");
    if let Some(readme) = shared.git.file(&repository, commit, "README.md").await? {
        body.raw("<article>")
            .html(&markdown::render(&String::from_utf8_lossy(&readme)))
            .raw("</article>");
    }
    Ok(())
}

pub(super) async fn branches(shared: &Shared, project: &Project) -> Page {
    let repository = shared.store.repository(project.id);
    let mut body = begin(project);
    body.tag("h1", "Branches").raw("<ul class=\"rows\">");
    for branch in shared.git.branches(&repository).await?.iter().take(MOST_ROWS) {
        let commit = shared.git.commit(&repository, &branch.commit).await?;
        let path: Vec<&str> = ["tree"].into_iter().chain(branch.name.split('/')).collect();
        body.open("li");
        project_link(&mut body, project, &path, &branch.name);
        if let Some(commit) = commit {
            body.text(" ");
            commit_line(&mut body, project, &commit);
        }
        body.close("li");
    }
    body.raw("</ul>");
    Ok(html::page(StatusCode::OK, "Branches", &body))
}

fn commit_line(body: &mut Html, project: &Project, commit: &Commit) {
    project_link(
        body,
        project,
        &["commit", &commit.id],
        commit.id.get(..8).unwrap_or_default(),
    );
    body.text(" ")
        .text(commit.title())
        .text(" ")
        .span("quiet", &commit.author_name);
}

pub(super) async fn tree(shared: &Shared, project: &Project, name: &str) -> Page {
    let repository = shared.store.repository(project.id);
    let branch = shared
        .git
        .branch(&repository, name)
        .await?
        .ok_or(ApiError::NotFound("Branch"))?;
    let mut body = begin(project);
    body.tag("h1", name).tag("h2", "Commits").raw("<ul class=\"rows\">");
    for commit in shared
        .git
        .commits(&repository, &[&branch.commit], 0, MOST_COMMITS)
        .await?
    {
        body.open("li");
        commit_line(&mut body, project, &commit);
        body.close("li");
    }
    body.raw("</ul>");
    files(shared, project, &branch.commit, &mut body).await?;
    Ok(html::page(StatusCode::OK, name, &body))
}

pub(super) async fn commit(shared: &Shared, project: &Project, id: &str) -> Page {
    let repository = shared.store.repository(project.id);
    let found = if is_commit_id(id) {
        shared.git.commit(&repository, id).await?
    } else {
        None
    };
    let commit = found.ok_or(ApiError::NotFound("Commit"))?;
    let mut body = begin(project);
    body.tag("h1", commit.title())
        .raw("<p class=\"quiet\">")
        .text(&commit.author_name)
        .text(" · ")
        .text(&commit.authored_at);
    body.close("p").tag("pre", &commit.message);
    if let Some(parent) = commit.parents.first() {
        diff(&mut body, &shared.git.changes(&repository, parent, &commit.id).await?);
    }
    Ok(html::page(StatusCode::OK, commit.title(), &body))
}

pub(super) async fn merge_request(shared: &Shared, project: &Project, iid: &str) -> Page {
    let iid: i64 = iid.parse().map_err(|_| ApiError::NoRoute)?;
    let found = shared.store.read(|state| state.merge_request(project.id, iid).cloned());
    let request = found.ok_or(ApiError::NotFound("Merge Request"))?;
    let changes = api::merge_requests::changes(shared, &request).await?;
    let commits = api::merge_requests::commits(shared, &request).await?;
    let mut body = begin(project);
    shared.store.read(|state| {
        body.open("h1")
            .text(&request.title)
            .text(" ")
            .span("quiet", &format!("!{iid}"))
            .close("h1")
            .open("p");
        body.span(request.state.as_str(), request.state.as_str());
        labels(&mut body, &request.labels);
        body.text(" ")
            .tag("code", &request.source_branch)
            .text(" into ")
            .tag("code", &request.target_branch)
            .close("p");
        body.raw("<p class=\"quiet\">")
            .text(&person(state, request.author))
            .text(" · ")
            .text(&clock::page(request.created_at));
        if !request.assignees.is_empty() {
            body.text(" · for ").text(&people(state, &request.assignees));
        }
        body.close("p")
            .raw("<article>")
            .html(&markdown::render(&request.description))
            .raw("</article>");
        for status in state
            .statuses
            .iter()
            .filter(|status| status.project == project.id && status.sha == request.sha)
        {
            body.open("p")
                .text(&status.name)
                .text(": ")
                .tag("strong", &status.state)
                .close("p");
        }
        body.tag("h2", "Commits").raw("<ul class=\"rows\">");
        for commit in &commits {
            body.open("li");
            commit_line(&mut body, project, commit);
            body.close("li");
        }
        body.raw("</ul>");
        diff(&mut body, &changes);
        body.tag("h2", "Comments");
        notes(&mut body, state, On::MergeRequest(request.id));
    });
    Ok(html::page(StatusCode::OK, &request.title, &body))
}

fn diff(body: &mut Html, changes: &[Change]) {
    body.tag("h2", "Changes");
    let mut left = MOST_LINES;
    for change in changes {
        body.open("h3").text(&change.new_path);
        let word = match change.kind {
            'A' => " (new)",
            'D' => " (deleted)",
            'R' => " (renamed)",
            _ => "",
        };
        body.text(word).close("h3").raw("<pre class=\"diff\">");
        for line in change.diff.lines().take(left) {
            let class = match line.as_bytes().first() {
                Some(b'+') => "added",
                Some(b'-') => "removed",
                Some(b'@') => "quiet",
                _ => "same",
            };
            body.span(class, line).raw("\n");
        }
        left = left.saturating_sub(change.diff.lines().count());
        body.raw("</pre>");
    }
    if left == 0 {
        body.tag("p", "The rest is not shown here.");
    }
}
