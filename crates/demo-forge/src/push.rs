//! Git over HTTP: who may, and what follows from a push.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::act::Act;
use crate::auth;
use crate::clock;
use crate::error::ApiError;
use crate::events::{Event, Events};
use crate::git::changes::NONE;
use crate::git::http::Cgi;
use crate::git::{Branch, Commit, GitError};
use crate::model::{MergeState, On, Project, Role, Visibility};
use crate::path::GitRequest;
use crate::reply::{Pieces, Reply};
use crate::server::Shared;

/// Commits that the event of a push has.
const TOLD: usize = 20;
/// Pieces of an answer that wait for the client.
const WAITING: usize = 8;

/// What somebody may do with a repository.
struct Allowed {
    project: Project,
    user: Option<(i64, String)>,
    protected: Option<String>,
}

fn allowed(shared: &Shared, path: &str, wanted: GitRequest, headers: &http::HeaderMap) -> Result<Allowed, ApiError> {
    shared.store.read(|state| {
        let caller = auth::of_git(state, headers)?;
        let user = caller.as_ref().map(|caller| caller.user);
        // Nobody learns without a token whether a project is there.
        let hidden = || {
            if user.is_none() {
                ApiError::Unauthorized
            } else {
                ApiError::NotFound("Project")
            }
        };
        let project = state
            .projects
            .iter()
            .find(|project| project.path.eq_ignore_ascii_case(path));
        let project = project
            .filter(|project| state.sees_project(project, user))
            .ok_or_else(hidden)?;
        let refused = || {
            if user.is_none() {
                ApiError::Unauthorized
            } else {
                ApiError::Forbidden
            }
        };
        let role = state.role(project, user);
        if wanted.writes() {
            let caller = caller.as_ref().ok_or(ApiError::Unauthorized)?;
            if role < Some(Role::Developer) || !caller.has(&["api", "write_repository"]) || project.archived {
                return Err(ApiError::Forbidden);
            }
        } else {
            let scoped = caller
                .as_ref()
                .is_none_or(|caller| caller.has(&["api", "read_repository", "write_repository"]));
            if !state.reads_code(project, user) || (!scoped && project.visibility != Visibility::Public) {
                return Err(refused());
            }
        }
        let named = user
            .and_then(|user| state.user(user))
            .map(|user| (user.id, user.username.clone()));
        let protected = (role < Some(Role::Maintainer)).then(|| project.default_branch.clone());
        Ok(Allowed {
            project: project.clone(),
            user: named,
            protected,
        })
    })
}

/// Answers a request for git.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    path: &str,
    wanted: GitRequest,
    request: Request<Incoming>,
) -> Result<Reply, ApiError> {
    let (head, body) = request.into_parts();
    let allowed = allowed(shared, path, wanted, &head.headers)?;
    let (begin, answered) = oneshot::channel();
    let (pieces, received) = mpsc::channel(WAITING);
    let shared_by_work = Arc::clone(shared);
    shared.spawn(async move {
        let cgi = Cgi {
            project: allowed.project.id,
            request: wanted,
            user: allowed
                .user
                .as_ref()
                .filter(|_| wanted.writes())
                .map(|(_, name)| name.as_str()),
            headers: &head.headers,
            protected: allowed.protected.as_deref(),
        };
        if work(&shared_by_work, &allowed, &cgi, body, begin, &pieces)
            .await
            .is_ok()
        {
            // The end is told after what follows from a push, so that whoever has pushed finds it done.
            let _ = pieces.send(Bytes::new()).await;
        }
    });
    let Ok(head) = answered.await else {
        return Err(ApiError::Git(GitError::Failed("no answer of http-backend".to_owned())));
    };
    let mut answer = Response::new(Pieces(received).boxed());
    *answer.status_mut() = head.status;
    *answer.headers_mut() = head.headers;
    answer
        .headers_mut()
        .entry(CONTENT_TYPE)
        .or_insert(http::HeaderValue::from_static("text/plain"));
    Ok(answer)
}

async fn work(
    shared: &Shared,
    allowed: &Allowed,
    cgi: &Cgi<'_>,
    body: Incoming,
    begin: oneshot::Sender<crate::git::http::CgiHead>,
    pieces: &mpsc::Sender<Bytes>,
) -> Result<(), ApiError> {
    let repositories = shared.store.repositories();
    if cgi.request != GitRequest::Push {
        return Ok(shared.git.serve(&repositories, cgi)?.run(body, begin, pieces).await?);
    }
    let lock = shared.pushing(allowed.project.id);
    let _held = lock.lock().await;
    let repository = shared.store.repository(allowed.project.id);
    let before = shared.git.branches(&repository).await?;
    let ran = shared.git.serve(&repositories, cgi)?.run(body, begin, pieces).await;
    // Also where it broke off: what arrived has arrived.
    let user = allowed.user.as_ref().map_or(0, |(id, _)| *id);
    branches_changed(shared, &allowed.project, user, &before).await?;
    Ok(ran?)
}

/// Looks at which branches are other than they were, and does what follows: the caller holds [`Shared::pushing`].
pub(crate) async fn branches_changed(
    shared: &Shared,
    project: &Project,
    actor: i64,
    before: &[Branch],
) -> Result<(), ApiError> {
    let repository = shared.store.repository(project.id);
    let after = shared.git.branches(&repository).await?;
    let tip = |all: &[Branch], name: &str| {
        all.iter()
            .find(|branch| branch.name == name)
            .map(|branch| branch.commit.clone())
    };
    let mut names: Vec<&String> = before.iter().chain(&after).map(|branch| &branch.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let (old, new) = (tip(before, name), tip(&after, name));
        if old != new {
            let pushed = Pushed {
                shared,
                project,
                actor,
                branch: name,
                old: old.as_deref(),
                new: new.as_deref(),
            };
            pushed.follow(before).await?;
        }
    }
    Ok(())
}

/// A branch that has changed.
struct Pushed<'a> {
    shared: &'a Shared,
    project: &'a Project,
    actor: i64,
    branch: &'a str,
    old: Option<&'a str>,
    new: Option<&'a str>,
}

impl Pushed<'_> {
    async fn follow(&self, before: &[Branch]) -> Result<(), ApiError> {
        let git = &self.shared.git;
        let repository = self.shared.store.repository(self.project.id);
        let (mut commits, mut count) = (Vec::new(), 0);
        if let Some(new) = self.new {
            // What is new to the branch, or of a new branch what no other had.
            let mut ids = vec![new];
            match self.old {
                Some(old) => ids.push(old),
                None => ids.extend(before.iter().map(|branch| branch.commit.as_str())),
            }
            commits = git.commits(&repository, &ids, 0, TOLD).await?;
            count = git.count(&repository, &ids).await?;
        }
        let ids = (self.old.unwrap_or(NONE), self.new.unwrap_or(NONE));
        let push = self.shared.store.read(|state| {
            Events::new(state, &self.shared.base, self.project, self.actor).push(self.branch, ids, &commits, count)
        });
        self.shared.tell(&[push])?;
        let Some(new) = self.new else { return Ok(()) };
        let tip = git.commit(&repository, new).await?;
        let brought_in = self.brought_in(new).await?;
        let events = self.shared.store.change(|state| {
            let mut events = Vec::new();
            let concerned = |request: &&crate::model::MergeRequest| {
                request.project == self.project.id && request.state == MergeState::Opened
            };
            let ids: Vec<i64> = state
                .merge_requests
                .iter()
                .filter(concerned)
                .map(|request| request.id)
                .collect();
            for id in ids {
                events.extend(self.update(state, id, new, tip.as_ref(), count));
                if let Some((_, base)) = brought_in.iter().find(|(brought_in, _)| *brought_in == id) {
                    events.extend(self.merged(state, id, base.clone()));
                }
            }
            Ok::<_, ApiError>(events)
        })?;
        self.shared.tell(&events)
    }

    /// Open merge requests into this branch whose commits have all arrived in it, and where the branches had parted.
    async fn brought_in(&self, new: &str) -> Result<Vec<(i64, Option<String>)>, ApiError> {
        let into = self.shared.store.read(|state| {
            let into = state.merge_requests.iter().filter(|request| {
                request.project == self.project.id
                    && request.state == MergeState::Opened
                    && request.target_branch == self.branch
            });
            into.map(|request| (request.id, request.sha.clone()))
                .collect::<Vec<_>>()
        });
        let repository = self.shared.store.repository(self.project.id);
        let mut ids = Vec::new();
        for (id, sha) in into {
            // A branch that has nothing of its own yet was not merged by that.
            let old = self.old.unwrap_or(NONE);
            let base = self.shared.git.merge_base(&repository, &sha, old).await?;
            let is_in = self.shared.git.merge_base(&repository, &sha, new).await?.as_deref() == Some(sha.as_str());
            if is_in && base.as_deref() != Some(sha.as_str()) {
                ids.push((id, base));
            }
        }
        Ok(ids)
    }

    fn update(
        &self,
        state: &mut crate::model::State,
        id: i64,
        new: &str,
        tip: Option<&Commit>,
        count: usize,
    ) -> Option<Event> {
        let request = state
            .merge_request_mut(id)
            .filter(|request| request.source_branch == self.branch)?;
        new.clone_into(&mut request.sha);
        let before = request.updated_at;
        request.updated_at = clock::now();
        let request = request.clone();
        let act = Act {
            base: &self.shared.base,
            project: self.project,
            actor: self.actor,
        };
        let word = if count == 1 { "commit" } else { "commits" };
        act.system_note(state, On::MergeRequest(id), format!("added {count} {word}"));
        let changes =
            json!({ "updated_at": { "previous": clock::hook(before), "current": clock::hook(request.updated_at) } });
        let events = Events::new(state, &self.shared.base, self.project, self.actor);
        Some(events.merge_request(&request, "update", &changes, tip, self.old))
    }

    /// Somebody merged by pushing.
    fn merged(&self, state: &mut crate::model::State, id: i64, base: Option<String>) -> Vec<Event> {
        let act = Act {
            base: &self.shared.base,
            project: self.project,
            actor: self.actor,
        };
        act.merge_request_merged(state, id, None, base)
    }
}
