//! Tickets, and the history of their labels.

use http::{Method, StatusCode};

use super::{Answer, Call, number, open_of};
use crate::act::IssueChange;
use crate::clock;
use crate::error::ApiError;
use crate::model::{Issue, Project};

pub(super) fn route(call: &Call<'_>, method: &Method, project: &Project, rest: &[&str]) -> Answer {
    match (method, rest) {
        (&Method::GET, []) => list(call, project),
        (&Method::POST, []) => create(call, project),
        (&Method::GET, [iid]) => {
            let issue = call.issue(project, iid)?;
            Ok(call.show(StatusCode::OK, |present| present.issue(project, &issue)))
        }
        (&Method::PUT, [iid]) => update(call, project, iid),
        (&Method::GET, [iid, "resource_label_events"]) => {
            let issue = call.issue(project, iid)?;
            let events = call.shared.store.read(|state| {
                let events = state.label_events.iter().filter(|event| event.issue == issue.id);
                events
                    .map(|event| call.present(state).label_event(event, project.id))
                    .collect()
            });
            call.page(events)
        }
        _ => Err(ApiError::NoRoute),
    }
}

/// The changes that the parameters ask for.
fn wanted(call: &Call<'_>) -> Result<IssueChange, ApiError> {
    let params = call.params;
    let assignees = match params.ids("assignee_ids")? {
        Some(ids) => Some(ids),
        None => params
            .int("assignee_id")?
            .map(|id| if id == 0 { vec![] } else { vec![id] }),
    };
    let open = match params.text("state_event") {
        Some(event) => Some(open_of(&event).ok_or(ApiError::Invalid("state_event"))?),
        None => None,
    };
    Ok(IssueChange {
        title: params.text("title"),
        description: params.text("description"),
        open,
        confidential: params.flag("confidential")?,
        labels: params.list("labels"),
        add_labels: params.list("add_labels").unwrap_or_default(),
        remove_labels: params.list("remove_labels").unwrap_or_default(),
        assignees,
    })
}

fn create(call: &Call<'_>, project: &Project) -> Answer {
    let actor = call.actor()?;
    if project.archived {
        return Err(ApiError::Forbidden);
    }
    call.params.needed("title")?;
    let wanted = wanted(call)?;
    let issue = call.change(|state| call.act(project, actor).issue_create(state, wanted))?;
    Ok(call.show(StatusCode::CREATED, |present| present.issue(project, &issue)))
}

fn update(call: &Call<'_>, project: &Project, iid: &str) -> Answer {
    let actor = call.actor()?;
    let seen = call.issue(project, iid)?;
    if project.archived {
        return Err(ApiError::Forbidden);
    }
    let wanted = wanted(call)?;
    let issue = call.change(|state| {
        // As it is now, and not as it was when the caller was let in.
        let before = state
            .issue(project.id, seen.iid)
            .cloned()
            .ok_or(ApiError::NotFound("Issue"))?;
        call.act(project, actor).issue_update(state, &before, wanted)
    })?;
    Ok(call.show(StatusCode::OK, |present| present.issue(project, &issue)))
}

fn list(call: &Call<'_>, project: &Project) -> Answer {
    let params = call.params;
    let time = |name| match params.text(name) {
        Some(text) => clock::parse(&text).map(Some).ok_or(ApiError::Invalid(name)),
        None => Ok(None),
    };
    let (after, before) = (time("updated_after")?, time("updated_before")?);
    let open = match params.text("state").as_deref() {
        None | Some("all") => None,
        Some("opened") => Some(true),
        Some("closed") => Some(false),
        Some(_) => return Err(ApiError::Invalid("state")),
    };
    let labels = params.list("labels").unwrap_or_default();
    let assignee = params.int("assignee_id")?;
    let numbers = params
        .list("iids")
        .map(|iids| iids.iter().filter_map(|iid| number(iid).ok()).collect::<Vec<_>>());
    let by_change = params.text("order_by").as_deref() == Some("updated_at");
    let ascending = params.text("sort").as_deref() == Some("asc");
    let found = call.shared.store.read(|state| {
        let fits = |issue: &&Issue| {
            issue.project == project.id
                && state.sees_issue(project, issue, call.user())
                && open.is_none_or(|open| issue.open == open)
                && after.is_none_or(|after| issue.updated_at >= after)
                && before.is_none_or(|before| issue.updated_at <= before)
                && labels.iter().all(|label| issue.labels.contains(label))
                && assignee.is_none_or(|user| issue.assignees.contains(&user))
                && numbers.as_ref().is_none_or(|numbers| numbers.contains(&issue.iid))
        };
        let mut issues: Vec<&Issue> = state.issues.iter().filter(fits).collect();
        issues.sort_by_key(|issue| (if by_change { issue.updated_at } else { issue.created_at }, issue.id));
        if !ascending {
            issues.reverse();
        }
        issues
            .into_iter()
            .map(|issue| call.present(state).issue(project, issue))
            .collect()
    });
    call.page(found)
}
