//! Webhooks of a project.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Call, number};
use crate::clock;
use crate::deliver::{Target, signature};
use crate::error::ApiError;
use crate::events::{Event, Events};
use crate::git::changes::NONE;
use crate::model::{Hook, Project, Role};
use crate::params::Params;
use crate::present::{HOOK_EVENTS, Present};
use crate::reply::{json as reply, reply as plain};

/// The longest secret, in bytes.
const LONGEST_SECRET: usize = 512;

pub(super) async fn route(call: &Call<'_>, method: &Method, project: &Project, rest: &[&str]) -> Answer {
    call.at_least(project, Role::Maintainer)?;
    match (method, rest) {
        (&Method::GET, []) => {
            let hooks = call.shared.store.read(|state| {
                let hooks = state.hooks.iter().filter(|hook| hook.project == project.id);
                hooks.map(Present::hook).collect()
            });
            call.page(hooks)
        }
        (&Method::POST, []) => {
            let mut hook = Hook {
                id: 0,
                project: project.id,
                url: call.params.needed("url")?,
                token: String::new(),
                signing_token: None,
                // As GitLab has it: a webhook that says nothing of events gets pushes.
                events: vec!["push_events".to_owned()],
                ssl_verification: true,
                created_at: clock::now(),
            };
            fill(&mut hook, call.params)?;
            let hook = call.change(|state| {
                hook.id = state.new_id();
                state.hooks.push(hook.clone());
                Ok((hook, Vec::new()))
            })?;
            Ok(reply(StatusCode::CREATED, &Present::hook(&hook)))
        }
        (&Method::GET, [id]) => Ok(reply(StatusCode::OK, &Present::hook(&found(call, project, id)?))),
        (&Method::PUT, [id]) => {
            let id = found(call, project, id)?.id;
            let hook = call.change(|state| {
                let hook = state
                    .hooks
                    .iter_mut()
                    .find(|hook| hook.id == id)
                    .ok_or(ApiError::NotFound("Hook"))?;
                fill(hook, call.params)?;
                Ok((hook.clone(), Vec::new()))
            })?;
            Ok(reply(StatusCode::OK, &Present::hook(&hook)))
        }
        (&Method::DELETE, [id]) => {
            let id = found(call, project, id)?.id;
            call.change(|state| {
                state.hooks.retain(|hook| hook.id != id);
                Ok(((), Vec::new()))
            })?;
            Ok(plain(StatusCode::NO_CONTENT, "application/json", ""))
        }
        (&Method::POST, [id, "test", trigger]) => test(call, project, &found(call, project, id)?, trigger).await,
        _ => Err(ApiError::NoRoute),
    }
}

fn found(call: &Call<'_>, project: &Project, id: &str) -> Result<Hook, ApiError> {
    let id = number(id)?;
    let found = |state: &crate::model::State| {
        state
            .hooks
            .iter()
            .find(|hook| hook.id == id && hook.project == project.id)
            .cloned()
    };
    call.shared.store.read(found).ok_or(ApiError::NotFound("Hook"))
}

/// Takes over what the parameters say.
fn fill(hook: &mut Hook, params: &Params) -> Result<(), ApiError> {
    if let Some(url) = params.text("url") {
        if Target::parse(&url).is_none() || url.len() > 2_048 {
            let said =
                "Invalid url given: the demo forge delivers to http:// addresses of this machine's loopback alone";
            return Err(ApiError::Unprocessable(said.to_owned()));
        }
        hook.url = url;
    }
    if let Some(token) = params.text("token") {
        if token.len() > LONGEST_SECRET || !token.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(ApiError::Unprocessable("Token is invalid".to_owned()));
        }
        hook.token = token;
    }
    if let Some(token) = params.text("signing_token") {
        if !token.is_empty() && signature(&token, "", "", &bytes::Bytes::new()).is_none() {
            return Err(ApiError::Unprocessable("Signing token is invalid".to_owned()));
        }
        hook.signing_token = Some(token).filter(|token| !token.is_empty());
    }
    for event in HOOK_EVENTS {
        let Some(on) = params.flag(event)? else { continue };
        hook.events.retain(|known| known != event);
        if on {
            hook.events.push(event.to_owned());
        }
    }
    hook.ssl_verification = params.flag("enable_ssl_verification")?.unwrap_or(hook.ssl_verification);
    Ok(())
}

/// Sends an event made of what there is to one webhook.
async fn test(call: &Call<'_>, project: &Project, hook: &Hook, trigger: &str) -> Answer {
    let actor = call.actor()?;
    let commit = match trigger {
        "push_events" => {
            call.shared
                .git
                .branch(&call.shared.store.repository(project.id), &project.default_branch)
                .await?
        }
        _ => None,
    };
    let event = call.shared.store.read(|state| {
        let events = Events::new(state, &call.shared.base, project, actor);
        made(&events, trigger, commit.as_ref().map(|branch| branch.commit.as_str()))
    })?;
    call.shared
        .deliveries
        .send(&event, std::slice::from_ref(hook), &call.shared.base)?;
    Ok(reply(StatusCode::CREATED, &json!({ "message": "201 Created" })))
}

fn made(events: &Events<'_>, trigger: &str, tip: Option<&str>) -> Result<Event, ApiError> {
    let (state, project) = (events.present.state, events.project);
    let nothing = |what: &str| ApiError::Unprocessable(format!("Ensure the project has {what}."));
    match trigger {
        "push_events" => {
            let tip = tip.ok_or_else(|| nothing("commits"))?;
            Ok(events.push(&project.default_branch, (NONE, tip), &[], 0))
        }
        "issues_events" | "confidential_issues_events" => {
            let confidential = trigger.starts_with("confidential");
            let issue = state
                .issues
                .iter()
                .find(|issue| issue.project == project.id && issue.confidential == confidential);
            Ok(events.issue(
                issue.ok_or_else(|| nothing("issues"))?,
                "open",
                &Value::Object(serde_json::Map::new()),
            ))
        }
        "note_events" => {
            let mut notes = state.notes.iter().filter(|note| !note.system && !note.internal);
            let found = notes.find_map(|note| {
                let issue = state
                    .issues
                    .iter()
                    .find(|issue| issue.project == project.id && note.on == crate::model::On::Issue(issue.id))?;
                (!issue.confidential).then_some((note, issue))
            });
            let (note, issue) = found.ok_or_else(|| nothing("notes"))?;
            Ok(events.note(note, &crate::events::Noted::Issue(issue), "create"))
        }
        "merge_requests_events" => {
            let request = state
                .merge_requests
                .iter()
                .find(|request| request.project == project.id);
            let request = request.ok_or_else(|| nothing("merge requests"))?;
            Ok(events.merge_request(request, "open", &json!({}), None, None))
        }
        _ => Err(ApiError::Invalid("trigger")),
    }
}
