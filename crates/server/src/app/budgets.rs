//! Budgets of people, groups, the organization and keys.

use bailey_api::budgets::{
    Budget as BudgetView, BudgetCreate, BudgetListQuery, BudgetUpdate, SubjectInput, SubjectKind,
};
use bailey_api::{FieldError, Page};
use bailey_core::BudgetId;
use bailey_core::budget::{Budget, BudgetSubject};
use bailey_core::period::Period;
use bailey_runtime::ids::NewId;
use bailey_store::{BudgetFilter, LedgerReach, ListPage};

use serde_json::json;

use super::caller::sees;
use super::{App, AppError, Caller, cursor, view};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b'b';

impl App {
    /// Makes a budget. What its subject has spent since the running window began counts from the start.
    pub async fn budget_create(&self, caller: &Caller, ask: BudgetCreate) -> Result<BudgetView, AppError> {
        let reach = self.people_within(caller).await?;
        let found = self.find_subject(&ask.subject, &reach, caller).await?;
        let subject = found.ok_or_else(|| AppError::field("/subject/id", "names nothing that you can see"))?;
        if ask.period == Period::Run && !matches!(subject, BudgetSubject::Key(_)) {
            return Err(AppError::field("/period", "only keys have a budget per run"));
        }
        if reach != LedgerReach::All {
            let detail = "only those who may set everyone's budgets make one";
            return Err(AppError::Beyond(vec![FieldError::body("/subject", detail)]));
        }
        // What is spent already is read from the store, so all of it must be there.
        self.gate().flush().await?;
        let now = self.now();
        let budget = Budget {
            id: BudgetId::new_at(now),
            subject,
            period: ask.period,
            limit: ask.limit.0,
            created_at: now,
        };
        let change = Change::new("budgets.create", Resource::new("budget", budget.id)).after(&json!({
            "subject": { "kind": ask.subject.kind, "id": ask.subject.id },
            "period": budget.period.to_string(),
            "limit": budget.limit.to_string(),
        }));
        caller.record(change).await?;
        self.store().budget_insert(&budget, now).await?;
        self.gate().budget_changed(budget.id).await?;
        self.budget_view(&reach, budget.id).await
    }

    /// Budgets within reach and how they stand, newest first.
    pub async fn budgets_list(&self, caller: &Caller, query: BudgetListQuery) -> Result<Page<BudgetView>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), BudgetId::from_uuid)?;
        let mut filter = BudgetFilter::within(reach.clone());
        match (query.kind, query.id) {
            (None, None) => {}
            (None, Some(_)) => {
                let detail = "must be given together with `id`".to_owned();
                return Err(AppError::Query {
                    parameter: "kind",
                    detail,
                });
            }
            (Some(kind), id) => {
                if id.is_none() && kind != SubjectKind::Organization {
                    let detail = "must be given together with `kind`".to_owned();
                    return Err(AppError::Query {
                        parameter: "id",
                        detail,
                    });
                }
                let subject = SubjectInput { kind, id };
                filter.subject = self.find_subject(&subject, &reach, caller).await?;
                if filter.subject.is_none() {
                    return Ok(Page {
                        items: Vec::new(),
                        next_cursor: None,
                    });
                }
            }
        }
        self.gate().flush().await?;
        let (budgets, next) = self.store().budgets_list(&filter, page, self.now()).await?;
        Ok(Page {
            items: budgets.into_iter().map(view::budget).collect(),
            next_cursor: cursor::next(CURSOR, next.map(BudgetId::uuid)),
        })
    }

    /// One budget and how it stands.
    pub async fn budget_get(&self, caller: &Caller, id: BudgetId) -> Result<BudgetView, AppError> {
        let reach = self.people_within(caller).await?;
        self.gate().flush().await?;
        self.budget_view(&reach, id).await
    }

    /// Sets a budget's limit. It holds at once; what is spent stays spent.
    pub async fn budget_update(
        &self,
        caller: &Caller,
        id: BudgetId,
        ask: BudgetUpdate,
    ) -> Result<BudgetView, AppError> {
        let (reach, before) = self.all_budgets(caller, id).await?;
        let change = Change::new("budgets.update", Resource::new("budget", id))
            .before(&before)
            .after(&json!({ "limit": ask.limit.0.to_string() }));
        caller.record(change).await?;
        self.store().budget_update_limit(id, ask.limit.0).await?;
        self.gate().budget_changed(id).await?;
        self.budget_view(&reach, id).await
    }

    /// Deletes a budget. The ledger stays.
    pub async fn budget_delete(&self, caller: &Caller, id: BudgetId) -> Result<(), AppError> {
        let (_, before) = self.all_budgets(caller, id).await?;
        let change = Change::new("budgets.delete", Resource::new("budget", id)).before(&before);
        caller.record(change).await?;
        // Given back first: of a budget that is gone nothing can be.
        self.gate().budget_changed(id).await?;
        self.store().budget_delete(id).await?;
        Ok(self.gate().budget_changed(id).await?)
    }

    /// Makes sure that the caller may set everyone's budgets: whoever may set only their own would write their own
    /// limit.
    async fn all_budgets(&self, caller: &Caller, id: BudgetId) -> Result<(LedgerReach, BudgetView), AppError> {
        let reach = self.people_within(caller).await?;
        let budget = self.budget_view(&reach, id).await?;
        if reach == LedgerReach::All {
            return Ok((reach, budget));
        }
        Err(AppError::Beyond(Vec::new()))
    }

    async fn budget_view(&self, reach: &LedgerReach, id: BudgetId) -> Result<BudgetView, AppError> {
        let filter = BudgetFilter {
            id: Some(id),
            ..BudgetFilter::within(reach.clone())
        };
        let (found, _) = self
            .store()
            .budgets_list(&filter, ListPage::first(1), self.now())
            .await?;
        found.into_iter().next().map(view::budget).ok_or(AppError::NotFound)
    }

    /// Whom a budget limits, if it is somebody within reach.
    async fn find_subject(
        &self,
        subject: &SubjectInput,
        reach: &LedgerReach,
        caller: &Caller,
    ) -> Result<Option<BudgetSubject>, AppError> {
        let id = subject.id.as_deref();
        Ok(match (subject.kind, id) {
            (SubjectKind::Organization, id) => {
                let org = self.store().organization().await?;
                let same = id.is_none_or(|id| id == org.id.to_string());
                (same && *reach == LedgerReach::All).then_some(BudgetSubject::Organization(org.id))
            }
            (_, None) => None,
            (SubjectKind::Person, Some(id)) => self.find_person(id, reach).await?.map(|p| BudgetSubject::Person(p.id)),
            (SubjectKind::Tokens, Some(id)) => self.find_person(id, reach).await?.map(|p| BudgetSubject::Tokens(p.id)),
            (SubjectKind::Group, Some(id)) => self
                .find_group(id, reach, caller)
                .await?
                .map(|g| BudgetSubject::Group(g.id)),
            (SubjectKind::Key, Some(id)) => match id.parse() {
                Ok(id) => {
                    let key = self.store().key_get(id).await?;
                    key.filter(|k| sees(reach, Some(k.person)))
                        .map(|k| BudgetSubject::Key(k.id))
                }
                Err(_) => None,
            },
        })
    }
}
