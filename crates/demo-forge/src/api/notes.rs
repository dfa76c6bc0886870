//! Comments on tickets and merge requests.

use http::{Method, StatusCode};
use serde_json::Value;

use super::{Answer, Call, number};
use crate::error::ApiError;
use crate::events::Noted;
use crate::model::{Note, Project, Role, State};
use crate::reply::{json, reply};

pub(super) fn of_issue(call: &Call<'_>, method: &Method, project: &Project, iid: &str, rest: &[&str]) -> Answer {
    let issue = call.issue(project, iid)?;
    route(call, method, project, &Noted::Issue(&issue), rest)
}

pub(super) fn of_merge_request(
    call: &Call<'_>,
    method: &Method,
    project: &Project,
    iid: &str,
    rest: &[&str],
) -> Answer {
    let request = super::merge_requests::found(call, project, iid)?;
    route(call, method, project, &Noted::MergeRequest(&request), rest)
}

fn route(call: &Call<'_>, method: &Method, project: &Project, on: &Noted<'_>, rest: &[&str]) -> Answer {
    let shown = |note: &Note, state: &State| {
        let (name, iid) = match on {
            Noted::Issue(issue) => ("Issue", issue.iid),
            Noted::MergeRequest(request) => ("MergeRequest", request.iid),
        };
        call.present(state).note(note, name, iid, project.id)
    };
    match (method, rest) {
        (&Method::GET, []) => call.page(list(call, project, on, shown)),
        (&Method::POST, []) => {
            let actor = call.actor()?;
            let body = call.params.needed("body")?;
            let flag = call.params.flag("internal")?.or(call.params.flag("confidential")?);
            let internal = flag.unwrap_or(false);
            if project.archived {
                return Err(ApiError::Forbidden);
            }
            let note = call.change(|state| call.act(project, actor).note_create(state, on, body, internal))?;
            let told = call.shared.store.read(|state| shown(&note, state));
            Ok(json(StatusCode::CREATED, &told))
        }
        (&Method::GET, [id]) => {
            let id = number(id)?;
            let told = call.shared.store.read(|state| {
                let mut notes = visible(call, state, project, on);
                notes.find(|note| note.id == id).map(|note| shown(note, state))
            });
            Ok(json(StatusCode::OK, &told.ok_or(ApiError::NotFound("Note"))?))
        }
        (&Method::PUT, [id]) => {
            let (actor, id, body) = (call.actor()?, number(id)?, call.params.needed("body")?);
            let note = call.change(|state| call.act(project, actor).note_update(state, on, id, body))?;
            let told = call.shared.store.read(|state| shown(&note, state));
            Ok(json(StatusCode::OK, &told))
        }
        (&Method::DELETE, [id]) => {
            let (actor, id) = (call.actor()?, number(id)?);
            call.change(|state| {
                let maintains = state.role(project, Some(actor)) >= Some(Role::Maintainer);
                let at = state
                    .notes
                    .iter()
                    .position(|note| note.id == id && note.on == on.key() && !note.system);
                let at = at.ok_or(ApiError::NotFound("Note"))?;
                if !maintains && state.notes.get(at).is_none_or(|note| note.author != actor) {
                    return Err(ApiError::Forbidden);
                }
                state.notes.remove(at);
                Ok(((), Vec::new()))
            })?;
            Ok(reply(StatusCode::NO_CONTENT, "application/json", ""))
        }
        _ => Err(ApiError::NoRoute),
    }
}

/// The comments that the caller may see: internal ones from Reporter on.
fn visible<'s>(call: &Call<'_>, state: &'s State, project: &Project, on: &Noted<'_>) -> impl Iterator<Item = &'s Note> {
    let (on, trusted) = (on.key(), state.role(project, call.user()) >= Some(Role::Reporter));
    state
        .notes
        .iter()
        .filter(move |note| note.on == on && (trusted || !note.internal))
}

fn list(call: &Call<'_>, project: &Project, on: &Noted<'_>, shown: impl Fn(&Note, &State) -> Value) -> Vec<Value> {
    let filter = call.params.text("activity_filter");
    let by_change = call.params.text("order_by").as_deref() == Some("updated_at");
    let ascending = call.params.text("sort").as_deref() == Some("asc");
    call.shared.store.read(|state| {
        let wanted = |note: &&Note| match filter.as_deref() {
            Some("only_comments") => !note.system,
            Some("only_activity") => note.system,
            _ => true,
        };
        let mut notes: Vec<&Note> = visible(call, state, project, on).filter(wanted).collect();
        notes.sort_by_key(|note| (if by_change { note.updated_at } else { note.created_at }, note.id));
        if !ascending {
            notes.reverse();
        }
        notes.into_iter().map(|note| shown(note, state)).collect()
    })
}
