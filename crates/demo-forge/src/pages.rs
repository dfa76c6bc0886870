//! Pages to look at what there is, as somebody without a token sees it. They have no script and change nothing.

mod repository;
mod tickets;

use http::{Method, StatusCode};

use crate::clock;
use crate::dispatch::Received;
use crate::error::ApiError;
use crate::html::{self, Html};
use crate::model::{Note, On, Project, State};
use crate::reply::{Reply, reply, set};
use crate::server::Shared;

/// Rows of one list.
const MOST_ROWS: usize = 200;

type Page = Result<Reply, ApiError>;

/// Answers a request for a page.
pub(crate) async fn route(shared: &Shared, received: &Received, parts: &[&str]) -> Page {
    if received.method != Method::GET {
        return Err(ApiError::Method);
    }
    let page = match parts {
        [] => Ok(home(shared)),
        ["-", "style.css"] => {
            let mut style = reply(
                StatusCode::OK,
                "text/css; charset=utf-8",
                include_str!("pages/style.css"),
            );
            set(&mut style, "cache-control", "max-age=300");
            return Ok(style);
        }
        _ => of_project(shared, parts).await,
    };
    match page {
        Err(error @ (ApiError::NotFound(_) | ApiError::NoRoute)) => {
            let mut body = Html::default();
            body.tag("h1", "Not here")
                .tag("p", "There is no such page, or it is not for everyone.");
            Ok(html::page(error.status(), "Not here", &body))
        }
        other => other,
    }
}

/// Splits `group/name/-/what/...` at the dash.
async fn of_project(shared: &Shared, parts: &[&str]) -> Page {
    let (path, rest) = match parts.iter().position(|part| *part == "-") {
        Some(at) => (
            parts.get(..at).unwrap_or_default(),
            parts.get(at + 1..).unwrap_or_default(),
        ),
        None => (parts, Default::default()),
    };
    let path = path.join("/");
    let project = shared.store.read(|state| {
        let found = state
            .projects
            .iter()
            .find(|project| project.path.eq_ignore_ascii_case(&path));
        found.filter(|project| state.sees_project(project, None)).cloned()
    });
    let project = project.ok_or(ApiError::NotFound("Project"))?;
    match rest {
        [] => repository::project(shared, &project).await,
        ["issues"] => Ok(tickets::list(shared, &project)),
        ["issues", iid] => tickets::one(shared, &project, iid),
        ["merge_requests"] => Ok(tickets::merge_requests(shared, &project)),
        ["merge_requests", iid] => repository::merge_request(shared, &project, iid).await,
        ["branches"] => repository::branches(shared, &project).await,
        ["tree", name @ ..] => repository::tree(shared, &project, &name.join("/")).await,
        ["commit", id] => repository::commit(shared, &project, id).await,
        _ => Err(ApiError::NoRoute),
    }
}

fn home(shared: &Shared) -> Reply {
    let mut body = Html::default();
    body.tag("h1", "Projects").open("ul");
    shared.store.read(|state| {
        for project in state
            .projects
            .iter()
            .filter(|project| state.sees_project(project, None))
        {
            body.open("li");
            project_link(&mut body, project, &[], &project.path);
            body.text(" ").span("quiet", &project.description).close("li");
        }
    });
    body.close("ul");
    html::page(StatusCode::OK, "Projects", &body)
}

/// A link to a page of a project.
fn project_link(html: &mut Html, project: &Project, rest: &[&str], text: &str) {
    let mut path: Vec<&str> = project.path.split('/').collect();
    if !rest.is_empty() {
        path.push("-");
        path.extend(rest);
    }
    html.link(&path, text);
}

/// The head of each page of a project.
fn begin(project: &Project) -> Html {
    let mut html = Html::default();
    html.raw("<nav>");
    project_link(&mut html, project, &[], &project.path);
    for (part, name) in [
        ("issues", "Tickets"),
        ("merge_requests", "Merge requests"),
        ("branches", "Branches"),
    ] {
        html.raw(" ");
        project_link(&mut html, project, &[part], name);
    }
    html.raw("</nav>");
    html
}

fn person(state: &State, id: i64) -> String {
    state
        .user(id)
        .map_or_else(|| "somebody".to_owned(), |user| user.name.clone())
}

fn people(state: &State, ids: &[i64]) -> String {
    ids.iter().map(|id| person(state, *id)).collect::<Vec<_>>().join(", ")
}

/// The comments on something, internal ones left out.
fn notes(html: &mut Html, state: &State, on: On) {
    let shown = |note: &&Note| note.on == on && !note.internal;
    for note in state.notes.iter().filter(shown) {
        if note.system {
            html.raw("<p class=\"quiet\">")
                .text(&person(state, note.author))
                .text(" ")
                .text(&note.body);
            html.text(" · ").text(&clock::page(note.created_at)).close("p");
            continue;
        }
        html.raw("<article><p class=\"quiet\">")
            .tag("strong", &person(state, note.author));
        html.text(" · ").text(&clock::page(note.created_at));
        if note.updated_at > note.created_at {
            html.text(", changed ").text(&clock::page(note.updated_at));
        }
        html.close("p")
            .html(&crate::markdown::render(&note.body))
            .raw("</article>");
    }
}

fn labels(html: &mut Html, labels: &[String]) {
    for label in labels {
        html.text(" ").span("label", label);
    }
}
