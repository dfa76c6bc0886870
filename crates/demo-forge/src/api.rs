//! The API, as far as GitLab's version 4 is spoken here.

mod awards;
mod hooks;
mod issues;
pub(crate) mod merge_requests;
mod notes;
mod people;
mod projects;
mod repository;

pub(crate) use people::checked_scopes;

use http::{Method, StatusCode};
use serde_json::Value;

use crate::act::Act;
use crate::auth::Caller;
use crate::dispatch::Received;
use crate::error::ApiError;
use crate::events::Event;
use crate::model::{Issue, Project, Role, State};
use crate::params::Params;
use crate::present::Present;
use crate::reply::{Reply, json, set};
use crate::server::Shared;

/// What reads may be done with.
const READ: &[&str] = &["api", "read_api"];
/// What changes may be done with.
const WRITE: &[&str] = &["api"];

/// A request to the API.
pub(crate) struct Call<'a> {
    shared: &'a Shared,
    params: &'a Params,
    caller: Option<Caller>,
    /// The path, for links to other pages of a list.
    path: String,
}

type Answer = Result<Reply, ApiError>;

/// Answers a request to the API.
pub(crate) async fn route(shared: &Shared, received: &Received, caller: Option<Caller>) -> Answer {
    let call = Call {
        shared,
        params: &received.params,
        caller,
        path: path(&received.parts),
    };
    let parts: Vec<&str> = received.parts.iter().skip(2).map(String::as_str).collect();
    if let ["user" | "users" | "personal_access_tokens" | "version", ..] = parts.as_slice() {
        return people::route(&call, &received.method, &parts);
    }
    let scopes = if received.method == Method::GET { READ } else { WRITE };
    match &call.caller {
        Some(caller) => caller.allowed(scopes)?,
        None if received.method != Method::GET => return Err(ApiError::Unauthorized),
        None => {}
    }
    match parts.as_slice() {
        ["projects"] if received.method == Method::GET => projects::list(&call).await,
        ["projects", key, rest @ ..] => {
            let project = call.project(key)?;
            of_project(&call, &received.method, &project, rest).await
        }
        _ => Err(ApiError::NoRoute),
    }
}

async fn of_project(call: &Call<'_>, method: &Method, project: &Project, rest: &[&str]) -> Answer {
    match rest {
        [] | ["members" | "labels", ..] => projects::route(call, method, project, rest).await,
        ["issues", iid, "award_emoji", ..] | ["issues", iid, "notes", _, "award_emoji", ..] => {
            let issue = call.issue(project, iid)?;
            awards::route(call, method, &issue, rest.get(2..).unwrap_or_default())
        }
        ["issues", iid, "notes", rest @ ..] => notes::of_issue(call, method, project, iid, rest),
        ["merge_requests", iid, "notes", rest @ ..] => notes::of_merge_request(call, method, project, iid, rest),
        ["issues", rest @ ..] => issues::route(call, method, project, rest),
        ["merge_requests", rest @ ..] => merge_requests::route(call, method, project, rest).await,
        ["repository" | "statuses", ..] => repository::route(call, method, project, rest).await,
        ["hooks", rest @ ..] => hooks::route(call, method, project, rest).await,
        _ => Err(ApiError::NoRoute),
    }
}

impl<'a> Call<'a> {
    fn user(&self) -> Option<i64> {
        self.caller.as_ref().map(|caller| caller.user)
    }

    fn actor(&self) -> Result<i64, ApiError> {
        self.user().ok_or(ApiError::Unauthorized)
    }

    fn present<'s>(&self, state: &'s State) -> Present<'s>
    where
        'a: 's,
    {
        let base = self.shared.base.as_str();
        Present { state, base }
    }

    /// A project that the caller may see.
    fn project(&self, key: &str) -> Result<Project, ApiError> {
        self.shared.store.read(|state| {
            let found = state.project_by_key(key);
            let seen = found.filter(|project| state.sees_project(project, self.user()));
            match (seen, &self.caller) {
                (Some(project), _) => Ok(project.clone()),
                (None, Some(_)) => Err(ApiError::NotFound("Project")),
                (None, None) => Err(ApiError::Unauthorized),
            }
        })
    }

    /// A ticket that the caller may see.
    fn issue(&self, project: &Project, iid: &str) -> Result<Issue, ApiError> {
        let iid = number(iid)?;
        self.shared.store.read(|state| {
            let found = state.issue(project.id, iid);
            let seen = found.filter(|issue| state.sees_issue(project, issue, self.user()));
            seen.cloned().ok_or(ApiError::NotFound("Issue"))
        })
    }

    /// The caller, if they have at least this role; nothing of an archived project changes.
    fn at_least(&self, project: &Project, role: Role) -> Result<i64, ApiError> {
        let actor = self.actor()?;
        let has = self.shared.store.read(|state| state.role(project, Some(actor)));
        if has >= Some(role) && !project.archived {
            Ok(actor)
        } else {
            Err(ApiError::Forbidden)
        }
    }

    fn act<'p>(&self, project: &'p Project, actor: i64) -> Act<'p>
    where
        'a: 'p,
    {
        Act {
            base: &self.shared.base,
            project,
            actor,
        }
    }

    /// Changes the state, tells of it, and gives what came of it.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<(T, Vec<Event>), ApiError>) -> Result<T, ApiError> {
        let (done, events) = self.shared.store.change(change)?;
        self.shared.tell(&events)?;
        Ok(done)
    }

    /// Shows something as it is now.
    fn show(&self, status: StatusCode, show: impl FnOnce(&Present<'_>) -> Value) -> Reply {
        let value = self.shared.store.read(|state| show(&self.present(state)));
        json(status, &value)
    }

    /// The page of a list that is asked for.
    fn window(&self) -> Result<Window, ApiError> {
        let at_least_one = |name, default: i64| {
            let found = self.params.int(name)?.unwrap_or(default).max(1);
            Ok::<_, ApiError>(usize::try_from(found).unwrap_or(usize::MAX))
        };
        let size = at_least_one("per_page", 20)?.min(100);
        let page = at_least_one("page", 1)?.min(1_000_000);
        Ok(Window { page, size })
    }

    /// One page of a list, with headers that tell of the others.
    fn page(&self, all: Vec<Value>) -> Answer {
        let window = self.window()?;
        let total = all.len();
        let shown: Vec<Value> = all.into_iter().skip(window.skip()).take(window.size).collect();
        Ok(self.window_of(window, total, shown))
    }

    fn window_of(&self, window: Window, total: usize, shown: Vec<Value>) -> Reply {
        let Window { page, size } = window;
        let last = total.div_ceil(size).max(1);
        let next = (page < last).then(|| page + 1);
        let previous = (page > 1).then(|| page - 1);
        let mut reply = json(StatusCode::OK, &Value::Array(shown));
        let told = |page: Option<usize>| page.map_or_else(String::new, |page| page.to_string());
        for (name, value) in [
            ("x-page", page.to_string()),
            ("x-per-page", size.to_string()),
            ("x-total", total.to_string()),
            ("x-total-pages", last.to_string()),
            ("x-next-page", told(next)),
            ("x-prev-page", told(previous)),
        ] {
            set(&mut reply, name, &value);
        }
        let links = [
            ("prev", previous),
            ("next", next),
            ("first", Some(1)),
            ("last", Some(last)),
        ];
        let link = |(relation, page): (&str, Option<usize>)| {
            page.map(|page| format!("<{}>; rel=\"{relation}\"", self.link(page, size)))
        };
        let links: Vec<String> = links.into_iter().filter_map(link).collect();
        set(&mut reply, "link", &links.join(", "));
        reply
    }

    fn link(&self, page: usize, size: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.params.texts() {
            if name != "page" && name != "per_page" && name != "private_token" {
                query.append_pair(name, &value);
            }
        }
        query
            .append_pair("page", &page.to_string())
            .append_pair("per_page", &size.to_string());
        format!("{}{}?{}", self.shared.base, self.path, query.finish())
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
struct Window {
    /// From 1.
    page: usize,
    size: usize,
}

impl Window {
    fn skip(self) -> usize {
        (self.page - 1).saturating_mul(self.size)
    }
}

/// A number in a path; what is none is not there.
fn number(text: &str) -> Result<i64, ApiError> {
    text.parse().map_err(|_| ApiError::NotFound("Resource"))
}

fn path(parts: &[String]) -> String {
    let encode =
        |part: &String| percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string();
    parts
        .iter()
        .fold(String::new(), |path, part| path + "/" + &encode(part))
}

const fn open_of(event: &str) -> Option<bool> {
    match event.as_bytes() {
        b"close" => Some(false),
        b"reopen" => Some(true),
        _ => None,
    }
}
