//! Suspending people and letting them back. What a suspension ends, and the report of it.

mod delete;
mod watch;

use std::time::Duration;

use bailey_api::Code;
use bailey_api::offboarding::{self as wire, EndedWorkspace, UserSuspend};
use bailey_core::authz::AnyRole;
use bailey_core::people::{Person, PersonStatus};
use bailey_core::{PersonId, WorkspaceId};
use bailey_runtime::failpoint;
use bailey_store::{Opened, Suspended, Suspension};

use super::checks::Checks;
use super::names::Names;
use super::roles::may_give;
use super::users::resource;
use super::{App, AppError, Caller, view};
use crate::audit::Change;

/// How long whoever suspends somebody waits for the report to be whole.
const PATIENCE: Duration = Duration::from_millis(4500);
/// How often a report that somebody else writes is looked at.
const LOOK: Duration = Duration::from_millis(50);

impl App {
    /// Suspends a person: ends all that says who they are and all that they have open, and begins to stop their workspaces.
    /// Again is as good as once: the report is that of the suspension that is there.
    pub async fn user_suspend(
        &self,
        caller: &Caller,
        text: &str,
        ask: UserSuspend,
    ) -> Result<wire::Suspension, AppError> {
        let mut checks = Checks::default();
        if let Some(reason) = &ask.reason {
            checks.text("/reason", reason);
        }
        checks.done()?;
        let person = self.person_within(caller, text).await?;
        let suspension = self.suspend(caller, &person, ask.reason).await?;
        self.suspension_view(suspension).await
    }

    /// What the last suspension of a person ended.
    pub async fn user_suspension(&self, caller: &Caller, text: &str) -> Result<wire::Suspension, AppError> {
        let person = self.person_within(caller, text).await?;
        let suspension = self.store().suspension_last(person.id).await?;
        self.suspension_view(suspension.ok_or(AppError::NotFound)?).await
    }

    /// Lets a suspended person back in. What was ended stays ended.
    pub async fn user_reactivate(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<bailey_api::users::UserDetail, AppError> {
        let person = self.person_within(caller, text).await?;
        self.reactivate(caller, &person).await?;
        self.user_get(caller, &person.id.to_string()).await
    }

    /// Suspends a person, and waits until what they had open has ended.
    pub(super) async fn suspend(
        &self,
        caller: &Caller,
        person: &Person,
        reason: Option<String>,
    ) -> Result<Suspension, AppError> {
        if person.id == caller.person() {
            return Err(AppError::Conflict {
                code: Code::OwnAccount,
                detail: "nobody suspends or deletes themselves; another owner can".to_owned(),
            });
        }
        self.over_them(caller, person).await?;
        let mut change = Change::new("users.suspend", resource(person)).before(&view::user(person.clone()));
        if let Some(reason) = &reason {
            change = change.after(&serde_json::json!({ "status": "suspended", "reason": reason }));
        }
        caller.record(change).await?;
        let accounts;
        let begun = {
            let _owners = self.owners().lock().await;
            let now = self.store().person_get(person.id).await?.ok_or(AppError::NotFound)?;
            if now.status == PersonStatus::Deleted {
                return Err(deleted(&now));
            }
            accounts = self.external_accounts_of(now.id).await?;
            let ask = Suspended {
                person: now.id,
                at: self.now(),
                by: Some(caller.person()),
                reason,
                idle_seconds: self.identity().idle_seconds(),
                opened: self.opened(now.id),
            };
            self.store().person_suspend(&ask).await?
        };
        failpoint::hit("suspend.begun");
        if let Some(suspension) = &begun {
            self.external_revoke(accounts);
            let (app, suspension) = (self.clone(), suspension.clone());
            // It is done to its end, whether or not whoever asked waits for it.
            self.gate().tasks().spawn(async move { app.end_all(&suspension).await });
        }
        self.reported(person.id).await
    }

    /// The report, once it is whole, or as it is when that takes too long.
    async fn reported(&self, person: PersonId) -> Result<Suspension, AppError> {
        let began = tokio::time::Instant::now();
        loop {
            let found = self.store().suspension_last(person).await?;
            match found {
                Some(found) if found.finished_at.is_some() || began.elapsed() >= PATIENCE => return Ok(found),
                Some(_) => tokio::time::sleep(LOOK).await,
                // Suspended before there were reports.
                None => return Err(AppError::NotFound),
            }
        }
    }

    /// What a person has open at this server, and what is open into their workspaces.
    fn opened(&self, person: PersonId) -> Opened {
        Opened {
            streams: self.gate().served_of(person),
            ..self.streams().of(person)
        }
    }

    pub(super) async fn reactivate(&self, caller: &Caller, person: &Person) -> Result<(), AppError> {
        self.over_them(caller, person).await?;
        if person.status == PersonStatus::Deleted {
            return Err(deleted(person));
        }
        caller
            .record(Change::new("users.reactivate", resource(person)).before(&view::user(person.clone())))
            .await?;
        self.store().person_reactivate(person.id, self.now()).await?;
        Ok(self.gate().forget_all().await?)
    }

    /// Nobody decides about people who may do more than they themselves.
    async fn over_them(&self, caller: &Caller, person: &Person) -> Result<(), AppError> {
        may_give(caller, &AnyRole::BuiltIn(person.role), None, "")?;
        let holder = self.store().holder(person.id).await?;
        for held in holder.into_iter().flat_map(|holder| holder.grants) {
            may_give(caller, &held.role, held.group.map(|(group, _)| group), "")?;
        }
        Ok(())
    }

    async fn suspension_view(&self, suspension: Suspension) -> Result<wire::Suspension, AppError> {
        let mut names = Names::default();
        let by = match suspension.by {
            Some(by) => Some(names.person(self, by).await?),
            None => None,
        };
        let opened = suspension.opened;
        Ok(wire::Suspension {
            person: names.person(self, suspension.person).await?,
            at: suspension.at.into(),
            by,
            reason: suspension.reason,
            sessions: suspension.sessions,
            tokens: suspension.tokens,
            keys: suspension.keys,
            invitations: suspension.invitations,
            streams: opened.streams,
            terminals: opened.terminals,
            exec: opened.commands,
            files: opened.files,
            apps: opened.apps,
            logs: opened.logs,
            workspaces: self.ended_workspaces(&suspension.workspaces).await?,
            finished: suspension.finished_at.is_some(),
            lifted_at: suspension.lifted_at.map(Into::into),
        })
    }

    /// Workspaces by id, as they are now.
    async fn ended_workspaces(&self, ids: &[WorkspaceId]) -> Result<Vec<EndedWorkspace>, AppError> {
        let mut workspaces = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(workspace) = self.store().workspace_get(*id).await? {
                workspaces.push(EndedWorkspace {
                    id: *id,
                    state: workspace.status(),
                    name: workspace.name,
                });
            }
        }
        Ok(workspaces)
    }
}

pub(super) fn deleted(person: &Person) -> AppError {
    AppError::Conflict {
        code: Code::PersonDeleted,
        detail: format!("`{}` is deleted, for good", person.name),
    }
}
