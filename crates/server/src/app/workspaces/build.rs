//! Builds that people ask for, and their logs.

use bailey_api::workspaces::{self as wire, BuildLogQuery, WorkspaceDeleteQuery, WorkspaceRebuild};
use bailey_api::{Code, Page, Time};
use bailey_core::template::Facts;
use bailey_core::workspace::{LogLine, Transition, Workspace};
use bailey_core::{BuildId, WorkspaceId};
use bailey_runtime::ids::NewId;
use bailey_store::{Begun, ListPage, NewBuild, StoreError};

use serde_json::json;

use super::{beyond, resource};
use crate::app::names::Names;
use crate::app::{App, AppError, Caller, cursor};
use crate::audit::Change;

const CURSOR: u8 = b'l';
const LINES: u32 = 1000;

impl App {
    /// Begins to start, stop or restart a workspace.
    pub async fn workspace_build(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        transition: Transition,
    ) -> Result<wire::Workspace, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        if transition.goes_up() {
            self.template_still_open(&workspace).await?;
        }
        let new = self.new_build(caller, transition);
        caller
            .record(Change::new(action(transition), resource(&workspace)))
            .await?;
        self.begin(&workspace, new).await
    }

    /// Begins to move a workspace to another version of its template, or to other parameters.
    pub async fn workspace_rebuild(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        ask: WorkspaceRebuild,
    ) -> Result<wire::Workspace, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        if !workspace.state.is_final() {
            return Err(build_active(&workspace));
        }
        self.template_still_open(&workspace).await?;
        let template = self.store().template_get(workspace.template).await?;
        let template = template.ok_or(AppError::NotFound)?;
        let chosen = self.choose(&template, ask.version).await?;
        let owner = self
            .store()
            .person_get(workspace.owner)
            .await?
            .ok_or(AppError::NotFound)?;
        let facts = Facts {
            name: workspace.name.clone(),
            owner: owner.name,
            id,
        };
        let former = Some(&workspace.parameters);
        let (parameters, resolved) = self.resolve(&chosen, &ask.parameters, former, &facts).await?;
        let mut new = self.new_build(caller, Transition::Update);
        let record = Change::new("workspaces.update", resource(&workspace))
            .before(&json!({ "version": workspace.version, "parameters": workspace.parameters }))
            .after(&json!({ "version": chosen.version.id, "parameters": parameters }));
        caller.record(record).await?;
        new.change = Some((chosen.version.id, parameters, resolved));
        self.begin(&workspace, new).await
    }

    /// Begins to delete a workspace.
    pub async fn workspace_delete(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        query: WorkspaceDeleteQuery,
    ) -> Result<wire::Workspace, AppError> {
        let workspace = self.workspace_within(caller, id).await?;
        let mut new = self.new_build(caller, Transition::Delete);
        new.keep_home = query.keep_home.unwrap_or(false);
        let record =
            Change::new("workspaces.delete", resource(&workspace)).after(&json!({ "keep_home": new.keep_home }));
        caller.record(record).await?;
        self.begin(&workspace, new).await
    }

    /// Refuses to bring up what its owner may not use any more. What runs goes on running.
    async fn template_still_open(&self, workspace: &Workspace) -> Result<(), AppError> {
        if self.template_open_to_owner(workspace.owner, workspace.template).await? {
            return Ok(());
        }
        Err(AppError::Conflict {
            code: Code::TemplateWithdrawn,
            detail: format!("the owner of `{}` may not use its template any more", workspace.name),
        })
    }

    /// Begins to start a workspace that an agent of its owner's needs. The error says for people why it is not begun.
    pub(crate) async fn workspace_start_for_chat(&self, workspace: &Workspace) -> Result<(), String> {
        const REASON: &str = "an agent's chat needs it";
        self.template_still_open(workspace)
            .await
            .map_err(|error| error.to_string())?;
        let new = NewBuild {
            initiator: None,
            reason: Some(REASON.to_owned()),
            ..self.build_at(Transition::Start)
        };
        let change = Change::new("workspaces.start", resource(workspace)).after(&json!({ "reason": REASON }));
        let entry = self
            .audit()
            .begin("chats", change)
            .await
            .map_err(|error| error.to_string())?;
        let quota = self.fleet().settings().quota.quota();
        let why = match self.store().build_begin(workspace.id, &new, Some(&quota)).await {
            Ok(Begun::Yes((_, build))) => {
                entry.end();
                self.fleet().carry_out(build);
                return Ok(());
            }
            Ok(Begun::Beyond(exceeded)) => {
                let limits: Vec<String> = exceeded.iter().map(ToString::to_string).collect();
                format!(
                    "it cannot be started: the quota has no room for it ({})",
                    limits.join("; ")
                )
            }
            // Somebody else was faster: it is waited for.
            Err(StoreError::Conflict { field: "build", .. }) => {
                entry.fail("a build is under way already");
                return Ok(());
            }
            Err(error) => format!("it cannot be started: {error}"),
        };
        entry.fail(why.clone());
        Err(why)
    }

    fn new_build(&self, caller: &Caller, transition: Transition) -> NewBuild {
        NewBuild {
            initiator: Some(caller.person()),
            ..self.build_at(transition)
        }
    }

    fn build_at(&self, transition: Transition) -> NewBuild {
        let now = self.now();
        NewBuild {
            id: BuildId::new_at(now),
            transition,
            initiator: None,
            reason: None,
            change: None,
            keep_home: false,
            created_at: now,
        }
    }

    async fn begin(&self, workspace: &Workspace, new: NewBuild) -> Result<wire::Workspace, AppError> {
        let goes_up = new.transition.goes_up();
        let quota = self.fleet().settings().quota.quota();
        let begun = self
            .store()
            .build_begin(workspace.id, &new, goes_up.then_some(&quota))
            .await;
        match begun {
            Ok(Begun::Yes((workspace, build))) => {
                self.fleet().carry_out(build);
                self.workspace_view(workspace).await
            }
            Ok(Begun::Beyond(exceeded)) => Err(beyond(&exceeded)),
            Err(StoreError::Conflict { field: "build", .. }) => Err(build_active(workspace)),
            Err(error) => Err(error.into()),
        }
    }

    /// Builds of a workspace, newest first.
    pub async fn builds_list(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Result<Page<wire::Build>, AppError> {
        self.workspace_within(caller, id).await?;
        let page: ListPage<BuildId> = cursor::page(CURSOR, limit, cursor, BuildId::from_uuid)?;
        let (builds, next) = self.store().builds_list(id, page).await?;
        let mut names = Names::default();
        let initiators = builds.iter().filter_map(|build| build.initiator);
        names.look_up(self, initiators).await?;
        let mut items = Vec::with_capacity(builds.len());
        for build in builds {
            items.push(self.build_view(build, &mut names).await?);
        }
        Ok(Page {
            items,
            next_cursor: cursor::next(CURSOR, next.map(BuildId::uuid)),
        })
    }

    /// One build.
    pub async fn build_get(&self, caller: &Caller, id: WorkspaceId, number: u64) -> Result<wire::Build, AppError> {
        self.workspace_within(caller, id).await?;
        let build = self.store().build_get(id, number).await?.ok_or(AppError::NotFound)?;
        self.build_view(build, &mut Names::default()).await
    }

    /// Lines of a build's log, in order.
    pub async fn build_log(
        &self,
        caller: &Caller,
        id: WorkspaceId,
        number: u64,
        query: &BuildLogQuery,
    ) -> Result<Page<wire::LogLine>, AppError> {
        self.workspace_within(caller, id).await?;
        let build = self.store().build_get(id, number).await?.ok_or(AppError::NotFound)?;
        let most = cursor::limit(query.limit, LINES, LINES)?;
        let lines = self.store().build_log(build.id, query.after.unwrap_or(0), most).await?;
        Ok(Page {
            items: lines.into_iter().map(line_view).collect(),
            next_cursor: None,
        })
    }
}

const fn action(transition: Transition) -> &'static str {
    match transition {
        Transition::Start => "workspaces.start",
        Transition::Stop => "workspaces.stop",
        Transition::Restart => "workspaces.restart",
        Transition::Update => "workspaces.update",
        Transition::Delete => "workspaces.delete",
    }
}

fn build_active(workspace: &Workspace) -> AppError {
    AppError::Conflict {
        code: Code::BuildActive,
        detail: format!("a build of `{}` is under way; wait until it is over", workspace.name),
    }
}

pub(super) fn line_view(line: LogLine) -> wire::LogLine {
    wire::LogLine {
        number: line.number,
        at: Time(line.at),
        source: line.source,
        text: line.text,
    }
}
