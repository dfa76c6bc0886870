//! Tickets, and the list of merge requests.

use http::StatusCode;

use super::{MOST_ROWS, Page, begin, labels, notes, people, person, project_link};
use crate::clock;
use crate::error::ApiError;
use crate::html;
use crate::markdown;
use crate::model::{MergeRequest, On, Project};
use crate::reply::Reply;
use crate::server::Shared;

pub(super) fn list(shared: &Shared, project: &Project) -> Reply {
    let mut body = begin(project);
    body.tag("h1", "Tickets").raw("<ul class=\"rows\">");
    shared.store.read(|state| {
        let seen = state
            .issues
            .iter()
            .rev()
            .filter(|issue| issue.project == project.id && state.sees_issue(project, issue, None));
        for issue in seen.take(MOST_ROWS) {
            body.open("li")
                .span(
                    if issue.open { "open" } else { "closed" },
                    if issue.open { "open" } else { "closed" },
                )
                .text(" ");
            project_link(
                &mut body,
                project,
                &["issues", &issue.iid.to_string()],
                &format!("#{} {}", issue.iid, issue.title),
            );
            labels(&mut body, &issue.labels);
            body.text(" ")
                .span("quiet", &people(state, &issue.assignees))
                .close("li");
        }
    });
    body.raw("</ul>");
    html::page(StatusCode::OK, "Tickets", &body)
}

pub(super) fn one(shared: &Shared, project: &Project, iid: &str) -> Page {
    let iid: i64 = iid.parse().map_err(|_| ApiError::NoRoute)?;
    shared.store.read(|state| {
        let found = state
            .issue(project.id, iid)
            .filter(|issue| state.sees_issue(project, issue, None));
        let issue = found.ok_or(ApiError::NotFound("Issue"))?;
        let mut body = begin(project);
        body.open("h1")
            .text(&issue.title)
            .text(" ")
            .span("quiet", &format!("#{iid}"))
            .close("h1")
            .open("p");
        body.span(
            if issue.open { "open" } else { "closed" },
            if issue.open { "open" } else { "closed" },
        );
        labels(&mut body, &issue.labels);
        body.close("p")
            .raw("<p class=\"quiet\">")
            .text(&person(state, issue.author))
            .text(" · ")
            .text(&clock::page(issue.created_at));
        if !issue.assignees.is_empty() {
            body.text(" · for ").text(&people(state, &issue.assignees));
        }
        body.close("p")
            .raw("<article>")
            .html(&markdown::render(&issue.description))
            .raw("</article>");
        let closing = |request: &&MergeRequest| {
            request.project == project.id && crate::merge::closes(&request.description).contains(&iid)
        };
        if state.reads_code(project, None) {
            for request in state.merge_requests.iter().filter(closing) {
                body.open("p").text("Merge request ");
                let text = format!("!{} {}", request.iid, request.title);
                project_link(&mut body, project, &["merge_requests", &request.iid.to_string()], &text);
                body.text(" ")
                    .span(request.state.as_str(), request.state.as_str())
                    .close("p");
            }
        }
        notes(&mut body, state, On::Issue(issue.id));
        Ok(html::page(StatusCode::OK, &issue.title, &body))
    })
}

pub(super) fn merge_requests(shared: &Shared, project: &Project) -> Reply {
    let mut body = begin(project);
    body.tag("h1", "Merge requests").raw("<ul class=\"rows\">");
    shared.store.read(|state| {
        let requests = state
            .merge_requests
            .iter()
            .rev()
            .filter(|request| request.project == project.id);
        for request in requests.take(MOST_ROWS) {
            body.open("li")
                .span(request.state.as_str(), request.state.as_str())
                .text(" ");
            let text = format!("!{} {}", request.iid, request.title);
            project_link(&mut body, project, &["merge_requests", &request.iid.to_string()], &text);
            body.text(" ")
                .tag("code", &request.source_branch)
                .text(" ")
                .span("quiet", &person(state, request.author))
                .close("li");
        }
    });
    body.raw("</ul>");
    html::page(StatusCode::OK, "Merge requests", &body)
}
