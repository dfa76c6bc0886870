//! Deleting people, and what becomes of their workspaces.

use bailey_api::Code;
use bailey_api::offboarding::{self as wire, UserDeleteQuery, WorkspacesGo};
use bailey_core::WorkspaceId;
use bailey_core::authz::Action;
use bailey_core::people::{Person, PersonStatus};
use bailey_core::template::{Facts, Resolved};
use bailey_core::workspace::{Workspace, WorkspaceStatus};
use bailey_store::{Begun, Deletion, LedgerReach, ListPage, PersonDelete, StoreError, WorkspaceFilter};

use super::deleted;
use crate::app::names::Names;
use crate::app::users::resource;
use crate::app::workspaces::beyond;
use crate::app::{App, AppError, Caller, view};
use crate::audit::Change;

impl App {
    /// Deletes a suspended person for good. Their workspaces become another person's or are deleted; their name stays with
    /// what they did. Again is as good as once.
    pub async fn user_delete(
        &self,
        caller: &Caller,
        text: &str,
        query: UserDeleteQuery,
    ) -> Result<wire::Deletion, AppError> {
        let person = self.person_within(caller, text).await?;
        if person.status == PersonStatus::Deleted {
            caller.record(Change::new("users.delete", resource(&person))).await?;
            let there = self.store().deletion(person.id).await?;
            return self.deletion_view(there.ok_or_else(|| deleted(&person))?).await;
        }
        self.over_them(caller, &person).await?;
        if person.status != PersonStatus::Suspended {
            return Err(not_suspended(&person));
        }
        let hand_over = match (query.workspaces, query.to.as_deref()) {
            (Some(WorkspacesGo::HandOver), Some(to)) => Some(self.heir(caller, &person, to).await?),
            (Some(WorkspacesGo::HandOver), None) => return Err(wrong("to", "must say who gets the workspaces")),
            (Some(WorkspacesGo::Delete) | None, Some(_)) => {
                return Err(wrong("to", "goes with workspaces=hand-over alone"));
            }
            (Some(WorkspacesGo::Delete), None) => None,
            (None, None) if self.has_nothing(&person).await? => None,
            (None, None) => {
                let detail =
                    "must say what becomes of their workspaces and kept homes: hand-over, with `to`, or delete";
                return Err(wrong("workspaces", detail));
            }
        };
        let delete = PersonDelete {
            person: person.id,
            at: self.now(),
            by: Some(caller.person()),
            hand_over,
        };
        let asked = serde_json::json!({ "status": "deleted", "workspaces": query.workspaces, "to": query.to });
        let change = Change::new("users.delete", resource(&person)).before(&view::user(person.clone()));
        caller.record(change.after(&asked)).await?;
        let quota = self.fleet().settings().quota.quota();
        let done = self.store().person_delete(&delete, &quota).await;
        let deletion = match done {
            Ok(Begun::Yes(deletion)) => deletion,
            Ok(Begun::Beyond(exceeded)) => return Err(beyond(&exceeded)),
            Err(error) => return Err(stands_against(error, &person)),
        };
        // Keys of workspaces are another person's now.
        self.gate().end_person(person.id, std::time::Duration::ZERO).await;
        self.gate().forget_all().await?;
        self.fleet().person_deleted();
        self.deletion_view(deletion).await
    }

    async fn has_nothing(&self, person: &Person) -> Result<bool, AppError> {
        let filter = WorkspaceFilter {
            owner: Some(person.id),
            ..WorkspaceFilter::within(LedgerReach::All)
        };
        let (homes, _) = self.store().homes_list(&filter, ListPage::first(1)).await?;
        Ok(homes.is_empty() && self.store().workspaces_of(person.id).await?.is_empty())
    }

    /// Who gets a person's workspaces, and what each comes to with them.
    async fn heir(
        &self,
        caller: &Caller,
        person: &Person,
        to: &str,
    ) -> Result<(bailey_core::PersonId, Vec<(WorkspaceId, Resolved)>), AppError> {
        let reach = self.people_within(caller).await?;
        let heir = self.find_person(to, &reach).await?;
        let heir = heir.ok_or_else(|| wrong("to", "is nobody that you can see"))?;
        if heir.id == person.id {
            return Err(wrong("to", "is the person who is to be deleted"));
        }
        if heir.status != PersonStatus::Active {
            return Err(wrong("to", "is suspended or deleted"));
        }
        if heir.role.reach(Action::WorkspaceAccess).is_none() {
            return Err(wrong("to", "has a role that has no workspaces"));
        }
        let workspaces = self.store().workspaces_of(person.id).await?;
        let up: Vec<&str> = workspaces
            .iter()
            .filter(|w| !is_stopped(w))
            .map(|w| w.name.as_str())
            .collect();
        if !up.is_empty() {
            let detail = format!(
                "not stopped yet: {}; workspaces are handed over when they are stopped",
                up.join(", ")
            );
            return Err(not_stopped(detail));
        }
        let mut taken = Vec::new();
        for workspace in &workspaces {
            if self
                .store()
                .workspace_by_name(heir.id, &workspace.name)
                .await?
                .is_some()
            {
                taken.push(workspace.name.as_str());
            }
        }
        if !taken.is_empty() {
            return Err(AppError::Conflict {
                code: Code::NameTaken,
                detail: format!(
                    "`{}` has workspaces of the same name, and each has an address of its own: {}; delete one of each two",
                    heir.name,
                    taken.join(", ")
                ),
            });
        }
        let mut moved = Vec::with_capacity(workspaces.len());
        for workspace in workspaces {
            moved.push((workspace.id, self.resolve_for(&workspace, &heir).await?));
        }
        Ok((heir.id, moved))
    }

    /// What a workspace comes to with another owner: names of owners are part of what a template says.
    async fn resolve_for(&self, workspace: &Workspace, owner: &Person) -> Result<Resolved, AppError> {
        let template = self.store().template_get(workspace.template).await?;
        let template = template.ok_or(AppError::NotFound)?;
        let version = self.store().template_version_get(workspace.version).await?;
        let number = version.map(|version| u64::from(version.number));
        let chosen = self.choose(&template, number).await?;
        let facts = Facts {
            name: workspace.name.clone(),
            owner: owner.name.clone(),
            id: workspace.id,
        };
        let values = &workspace.parameters;
        Ok(self.resolve(&chosen, values, Some(values), &facts).await?.1)
    }

    async fn deletion_view(&self, deletion: Deletion) -> Result<wire::Deletion, AppError> {
        let mut names = Names::default();
        let by = match deletion.by {
            Some(by) => Some(names.person(self, by).await?),
            None => None,
        };
        let handed_to = match deletion.handed_to {
            Some(to) => Some(names.person(self, to).await?),
            None => None,
        };
        Ok(wire::Deletion {
            person: names.person(self, deletion.person).await?,
            at: deletion.at.into(),
            by,
            handed_to,
            workspaces: self.ended_workspaces(&deletion.workspaces).await?,
            homes: deletion.homes,
        })
    }
}

const fn is_stopped(workspace: &Workspace) -> bool {
    matches!(workspace.status(), WorkspaceStatus::Stopped | WorkspaceStatus::Failed)
}

/// What came between looking and doing.
fn stands_against(error: StoreError, person: &Person) -> AppError {
    match error {
        StoreError::Conflict { field: "status", .. } => not_suspended(person),
        StoreError::Conflict { field: "state", .. } => {
            not_stopped("a workspace was begun or changed meanwhile; ask again")
        }
        StoreError::Conflict { field: "owner", .. } => wrong("to", "is suspended or deleted"),
        error => error.into(),
    }
}

fn wrong(parameter: &'static str, detail: &str) -> AppError {
    AppError::Query {
        parameter,
        detail: detail.to_owned(),
    }
}

fn not_suspended(person: &Person) -> AppError {
    AppError::Conflict {
        code: Code::PersonActive,
        detail: format!("`{}` is active; suspend them first", person.name),
    }
}

fn not_stopped(detail: impl Into<String>) -> AppError {
    AppError::Conflict {
        code: Code::WorkspaceNotStopped,
        detail: detail.into(),
    }
}
