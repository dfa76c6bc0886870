//! Making workspaces.

use bailey_api::workspaces::{self as wire, WorkspaceCreate};
use bailey_core::template::{Facts, ParameterValues};
use bailey_core::workspace::{Asked, Build, BuildState, Quota, Transition, valid_name};
use bailey_core::{BuildId, PersonId, WorkspaceId};
use bailey_runtime::ids::{self, NewId};
use bailey_store::{Begun, NewWorkspace};

use serde_json::json;

use super::beyond;
use super::choice::Chosen;
use crate::app::{App, AppError, Caller};
use crate::audit::{Change, Resource};

impl App {
    /// Makes a workspace and begins to start it. The answer comes while the build runs.
    pub async fn workspace_create(&self, caller: &Caller, ask: WorkspaceCreate) -> Result<wire::Workspace, AppError> {
        let id = WorkspaceId::new_at(self.now());
        self.workspace_create_as(caller, id, ask).await
    }

    /// The same with an id that the caller has made up before, so that it can be found again.
    pub(in crate::app) async fn workspace_create_as(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        ask: WorkspaceCreate,
    ) -> Result<wire::Workspace, AppError> {
        let name = match ask.name {
            Some(name) => name,
            None => made_up()?,
        };
        valid_name(&name).map_err(|error| AppError::field("/name", error.to_string()))?;
        let template = self.find_template(&ask.template).await?;
        let template = match template {
            Some(template) if self.template_open_to(&caller.actor, template.id).await? => template,
            _ => return Err(AppError::field("/template", "is no template that you can use")),
        };
        let quota = self.fleet().settings().quota.quota();
        self.has_room(caller.person(), &quota).await?;
        let chosen = self.choose(&template, ask.version).await?;
        let mut given = preset(&chosen, ask.preset.as_deref())?;
        given.extend(ask.parameters);
        let now = self.now();
        let facts = Facts {
            name: name.clone(),
            owner: caller.actor.person.name.clone(),
            id,
        };
        let (parameters, resolved) = self.resolve(&chosen, &given, None, &facts).await?;
        let new = NewWorkspace {
            id,
            owner: caller.person(),
            name,
            template: template.id,
            version: chosen.version.id,
            parameters,
            auto_stop: resolved.auto_stop,
            resolved,
            created_at: now,
        };
        let build = Build {
            id: BuildId::new_at(now),
            workspace: id,
            number: 1,
            transition: Transition::Start,
            state: BuildState::Queued,
            version: chosen.version.id,
            initiator: Some(caller.person()),
            reason: None,
            error: None,
            created_at: now,
            started_at: None,
            finished_at: None,
        };
        let record = Change::new("workspaces.create", Resource::new("workspace", id).named(&new.name)).after(&json!({
            "owner": new.owner,
            "template": template.name,
            "version": chosen.version.number,
            "parameters": new.parameters,
        }));
        caller.record(record).await?;
        match self.store().workspace_create(&new, &build, &quota).await? {
            Begun::Yes(workspace) => {
                self.fleet().carry_out(build);
                self.workspace_view(workspace).await
            }
            Begun::Beyond(exceeded) => Err(beyond(&exceeded)),
        }
    }
}

impl App {
    /// Refuses whoever has no room for even the smallest workspace, before anything is read for it. What counts is asked
    /// again when it is made.
    async fn has_room(&self, person: PersonId, quota: &Quota) -> Result<(), AppError> {
        let quota = self.store().person_bounds(person, quota).await?.quota();
        let usage = self.store().workspaces_usage(person).await?;
        let asked = Asked {
            new: true,
            ..Asked::default()
        };
        let exceeded = quota.exceeded(&usage, &asked);
        if exceeded.is_empty() {
            return Ok(());
        }
        Err(beyond(&exceeded))
    }
}

fn preset(chosen: &Chosen, name: Option<&str>) -> Result<ParameterValues, AppError> {
    let Some(name) = name else {
        return Ok(ParameterValues::new());
    };
    let presets = &chosen.template.presets;
    let found = presets.iter().find(|preset| preset.name == name);
    found.map(|preset| preset.parameters.clone()).ok_or_else(|| {
        let names: Vec<_> = presets.iter().map(|preset| preset.name.as_str()).collect();
        AppError::field("/preset", format!("is not one of the template's: {}", names.join(", ")))
    })
}

/// A name that nobody has to think of.
fn made_up() -> Result<String, AppError> {
    const FIRST: [&str; 16] = [
        "amber", "bright", "calm", "dusty", "early", "fair", "gentle", "happy", "ivory", "jolly", "keen", "lively",
        "mellow", "quiet", "rapid", "silver",
    ];
    const SECOND: [&str; 16] = [
        "badger", "crane", "dolphin", "egret", "falcon", "gecko", "heron", "ibis", "jackal", "koala", "lynx", "marten",
        "otter", "puffin", "raven", "stoat",
    ];
    let random = ids::random::<4>()?;
    let pick = |list: [&'static str; 16], byte: u8| list.get(usize::from(byte & 15)).copied().unwrap_or_default();
    let number = u16::from_be_bytes([random[2], random[3]]) % 1000;
    Ok(format!(
        "{}-{}-{number}",
        pick(FIRST, random[0]),
        pick(SECOND, random[1])
    ))
}
