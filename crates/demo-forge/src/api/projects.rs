//! Projects, their members and their labels.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Answer, Call, number};
use crate::act::checked_labels;
use crate::clock;
use crate::error::ApiError;
use crate::model::{Label, Member, Project, Role};
use crate::reply::json as reply;

/// The projects that the caller may see.
pub(super) async fn list(call: &Call<'_>) -> Answer {
    let member = call.params.flag("membership")? == Some(true);
    let search = call.params.text("search").map(|text| text.to_lowercase());
    let level = call.params.int("min_access_level")?;
    let found = call.shared.store.read(|state| {
        let fits = |project: &&Project| {
            let role = state.role(project, call.user());
            state.sees_project(project, call.user())
                && (!member || role.is_some())
                && level.is_none_or(|level| role.is_some_and(|role| role.level() >= level))
                && search
                    .as_ref()
                    .is_none_or(|text| project.path.to_lowercase().contains(text))
        };
        state.projects.iter().filter(fits).cloned().collect::<Vec<_>>()
    });
    let mut all = Vec::with_capacity(found.len());
    for project in &found {
        all.push(shown(call, project).await?);
    }
    call.page(all)
}

async fn shown(call: &Call<'_>, project: &Project) -> Result<Value, ApiError> {
    let branches = call
        .shared
        .git
        .branches(&call.shared.store.repository(project.id))
        .await?;
    let shown = |state: &_| call.present(state).project(project, call.user(), branches.is_empty());
    Ok(call.shared.store.read(shown))
}

pub(super) async fn route(call: &Call<'_>, method: &Method, project: &Project, rest: &[&str]) -> Answer {
    match (method, rest) {
        (&Method::GET, []) => Ok(reply(StatusCode::OK, &shown(call, project).await?)),
        (&Method::GET, ["members"] | ["members", "all"]) => {
            let member = |member: &Member| told(call, member);
            let all = project.members.iter().map(member).collect();
            call.page(all)
        }
        (&Method::GET, ["members", id] | ["members", "all", id]) => {
            let id = number(id)?;
            let member = project.members.iter().find(|member| member.user == id);
            let member = member.ok_or(ApiError::NotFound("Member"))?;
            Ok(reply(StatusCode::OK, &told(call, member)))
        }
        (&Method::GET, ["labels"]) => {
            let all = call.shared.store.read(|state| {
                let labels = state.labels.iter().filter(|label| label.project == project.id);
                labels.map(|label| call.present(state).label(label)).collect::<Vec<_>>()
            });
            call.page(all)
        }
        (&Method::POST, ["labels"]) => label_create(call, project),
        _ => Err(ApiError::NoRoute),
    }
}

fn told(call: &Call<'_>, member: &Member) -> Value {
    let mut told = call.shared.store.read(|state| call.present(state).user(member.user));
    if let Some(fields) = told.as_object_mut() {
        fields.insert("access_level".to_owned(), json!(member.role.level()));
        fields.insert("membership_state".to_owned(), json!("active"));
        fields.insert("expires_at".to_owned(), Value::Null);
    }
    told
}

fn label_create(call: &Call<'_>, project: &Project) -> Answer {
    call.at_least(project, Role::Reporter)?;
    let name = checked_labels(vec![call.params.needed("name")?])?.concat();
    let color = call.params.needed("color")?;
    let digits = color
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if digits.is_none() {
        return Err(ApiError::Bad("color must be a valid color code".to_owned()));
    }
    let description = call.params.text("description").unwrap_or_default();
    let label = call.change(|state| {
        if state.label(project.id, &name).is_some() {
            return Err(ApiError::Conflict("Label already exists".to_owned()));
        }
        let label = Label {
            id: state.new_id(),
            project: project.id,
            name,
            color,
            description,
            created_at: clock::now(),
        };
        state.labels.push(label.clone());
        Ok((label, Vec::new()))
    })?;
    Ok(call.show(StatusCode::CREATED, |present| present.label(&label)))
}
