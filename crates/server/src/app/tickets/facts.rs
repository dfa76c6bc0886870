//! What is known when an event is worked on: of the forge, and of people at Bailey.

use std::sync::Arc;

use bailey_core::PersonId;
use bailey_core::authz::Action;
use bailey_core::budget::BudgetSubject;
use bailey_core::identity::ExternalAccount;
use bailey_core::key::{KeyScope, ModelAccess};
use bailey_core::people::{Person as Record, PersonStatus};
use bailey_forges::Decision;
use bailey_forges::decide::{Assignee, LiveRun, Person, Template};
use bailey_forges::event::{Event, What, arrival};
use bailey_forges::forge::Forge;
use bailey_forges::label::{self, Prefix, Reading};
use bailey_forges::model::{Access, Actor, LabelEvent, Ticket};
use bailey_store::{BudgetFilter, ConnectionRecord, LedgerReach, ListPage, TicketKey, TicketRun};

use super::Trouble;
use crate::app::{App, AppError, connections::forge_error};

/// Assignees that are looked up.
const ASSIGNEES: usize = 5;
/// Labels whose givers are looked up.
const LABELS: usize = 5;
/// Budgets of one subject: one for each period.
const BUDGETS: u32 = 16;

/// A connection, at work.
pub(super) struct Work {
    pub(super) record: ConnectionRecord,
    pub(super) forge: Arc<dyn Forge>,
    pub(super) prefix: Prefix,
    /// The forge's id of the connection's user.
    pub(super) myself: i64,
}

/// What is known of a ticket.
pub(super) struct Known {
    pub(super) ticket: Option<Ticket>,
    pub(super) live: Option<TicketRun>,
    /// What asked for the runs that it has had.
    pub(super) arrivals: Vec<String>,
    history: Vec<LabelEvent>,
    sender: Access,
    /// Whether the sender is a program by what the forge says of the account: an event tells no more than its name.
    bot: bool,
    labellers: Vec<(i64, Access)>,
    assignees: Vec<Assignee>,
}

impl Known {
    /// What the event comes to.
    pub(super) fn decide(&self, event: &Event, work: &Work) -> Decision {
        let handled: Vec<i64> = self.arrivals.iter().filter_map(|text| text.parse().ok()).collect();
        let live = self.live.as_ref().map(|run| LiveRun {
            label: run.new.label.clone(),
            has_chat: run.new.agent,
            branch: run.new.branch.clone(),
            assignee: run.new.assignee,
        });
        let facts = bailey_forges::Facts {
            prefix: &work.prefix,
            myself: work.myself,
            sender: self.sender,
            ticket: self.ticket.as_ref(),
            history: &self.history,
            labellers: &self.labellers,
            handled: &handled,
            assignees: &self.assignees,
            live: live.as_ref(),
        };
        if self.bot && !event.sender.bot {
            let mut event = event.clone();
            event.sender.bot = true;
            return bailey_forges::decide(&event, &facts);
        }
        bailey_forges::decide(event, &facts)
    }
}

impl App {
    /// Readies a connection for work.
    pub(super) async fn work_of(&self, record: ConnectionRecord) -> Result<Work, Trouble> {
        let forge = self.forges().forge(&record, self.gate().clock())?;
        let prefix = Prefix::parse(&record.settings.prefix).map_err(|error| AppError::Forge(error.to_string()))?;
        let myself = match self.forges().myself(&record) {
            Some(id) => id,
            None => {
                let account = forge.myself().await?;
                self.forges().is_myself(&record, account.actor.id);
                account.actor.id
            }
        };
        Ok(Work {
            record,
            forge,
            prefix,
            myself,
        })
    }

    /// Finds out what an event's decision takes, and no more: each of these is a question to the forge.
    pub(super) async fn known(&self, work: &Work, event: &Event, key: &TicketKey) -> Result<Known, Trouble> {
        let project = &event.project;
        let ticket = work.forge.ticket(project, key.ticket).await?;
        let live = self.store().ticket_run_live(key).await?;
        let arrivals = self.store().ticket_run_arrivals(key).await?;
        let mut known = Known {
            ticket,
            live,
            arrivals,
            history: Vec::new(),
            sender: Access::None,
            bot: false,
            labellers: Vec::new(),
            assignees: Vec::new(),
        };
        let Some(ticket) = known.ticket.as_ref().filter(|ticket| ticket.open) else {
            return Ok(known);
        };
        let own = event.sender.id == work.myself || event.sender.bot;
        match (&event.what, &known.live) {
            (What::Ticket(_), None) if !own && asks(&work.prefix, ticket) => {
                (known.sender, known.bot) = self.sender(work, event).await?;
                known.history = work.forge.label_history(project, key.ticket).await?;
                known.labellers = self.labellers(work, event, ticket, &known).await?;
                for actor in ticket.assignees.iter().take(ASSIGNEES) {
                    known.assignees.push(self.assignee(work, actor).await?);
                }
            }
            (What::Comment(_), Some(run)) if !own && run.new.agent => {
                (known.sender, known.bot) = self.sender(work, event).await?;
            }
            _ => {}
        }
        Ok(known)
    }

    async fn sender(&self, work: &Work, event: &Event) -> Result<(Access, bool), Trouble> {
        let access = work.forge.access(&event.project, event.sender.id).await?;
        let account = work.forge.account(event.sender.id).await?;
        Ok((access, account.is_some_and(|account| account.actor.bot)))
    }

    /// What those may do who put on the labels that ask for something.
    async fn labellers(
        &self,
        work: &Work,
        event: &Event,
        ticket: &Ticket,
        known: &Known,
    ) -> Result<Vec<(i64, Access)>, Trouble> {
        let mut found = vec![(event.sender.id, known.sender)];
        let asks = |label: &&String| matches!(label::read(&work.prefix, label), Reading::Trigger(_));
        for label in ticket.labels.iter().filter(asks).take(LABELS) {
            if let Some(arrived) = arrival(&known.history, label)
                && found.iter().all(|(id, _)| *id != arrived.by.id)
            {
                found.push((arrived.by.id, work.forge.access(&event.project, arrived.by.id).await?));
            }
        }
        Ok(found)
    }

    /// Who an assignee is at Bailey: by an account that they linked, or by the same identity at the same identity provider as the
    /// forge reports it. An address is nobody's proof.
    async fn assignee(&self, work: &Work, actor: &Actor) -> Result<Assignee, Trouble> {
        let linked = self
            .store()
            .external_account_owner(&work.record.base_url, &actor.id.to_string())
            .await?;
        let person = match linked {
            Some(person) => Some(person),
            None => self.same_identity(work, actor).await?,
        };
        let record = match person {
            Some(person) => self.store().person_get(person).await?,
            None => None,
        };
        let record = record.filter(|record| record.status != PersonStatus::Deleted);
        Ok(Assignee {
            actor: actor.clone(),
            person: match record {
                Some(record) => Some(self.person_facts(work, &record).await?),
                None => None,
            },
        })
    }

    async fn same_identity(&self, work: &Work, actor: &Actor) -> Result<Option<PersonId>, Trouble> {
        let providers = &work.record.settings.identity_providers;
        if providers.is_empty() {
            return Ok(None);
        }
        let Some(account) = work.forge.account(actor.id).await? else {
            return Ok(None);
        };
        let mut found = None;
        for identity in account.identities.unwrap_or_default() {
            let Some(name) = providers.get(&identity.provider) else {
                continue;
            };
            let Ok(provider) = self.identity().providers.get(name) else {
                continue;
            };
            let known = self
                .store()
                .identity_by_subject(provider.issuer(), &identity.subject)
                .await?;
            match (known.map(|known| known.person), found) {
                // Two people are nobody.
                (Some(person), Some(other)) if person != other => return Ok(None),
                (Some(person), _) => found = Some(person),
                (None, _) => {}
            }
        }
        Ok(found)
    }

    async fn person_facts(&self, work: &Work, record: &Record) -> Result<Person, Trouble> {
        let actor = self.actor_of(record.id).await?;
        let settings = &work.record.settings;
        let template = match (&settings.template, &actor) {
            (None, _) => Template::Unnamed,
            (Some(name), Some(actor)) => match self.find_template(name).await? {
                Some(template) if self.template_open_to(actor, template.id).await? => Template::Ready,
                _ => Template::Missing(name.clone()),
            },
            (Some(name), None) => Template::Missing(name.clone()),
        };
        let may_start = actor
            .as_ref()
            .is_some_and(|actor| actor.may(Action::WorkspaceCreate).is_ok());
        let models = self.models_of(record.id).await?;
        let for_chats = &self.chats_config().models;
        let allowed = |model: &String| {
            settings.models.as_ref().is_none_or(|allowed| allowed.contains(model))
                && (for_chats.is_empty() || for_chats.contains(model))
        };
        let accounts = self.store().external_accounts_of(record.id).await?;
        let base_url = &work.record.base_url;
        let linked = |account: &ExternalAccount| account.base_url == *base_url && account.refused_at.is_none();
        Ok(Person {
            id: record.id,
            active: record.status == PersonStatus::Active,
            linked: accounts.iter().any(linked),
            may_start,
            template,
            models: models.into_iter().filter(allowed).collect(),
            default_model: settings.default_model.clone(),
            budget_left: self.budget_left(record).await?,
        })
    }

    /// The models that a person's workspaces may ask: of the tiers of workspaces' keys, and those that their groups allow.
    async fn models_of(&self, person: PersonId) -> Result<Vec<String>, AppError> {
        let access = ModelAccess {
            tiers: self.defaults().key(KeyScope::Workspace).tiers,
            names: Vec::new(),
        };
        let mut by_groups: Option<Vec<String>> = None;
        for group in self.store().groups_of(person).await? {
            if let Some(models) = self.store().group_limits(group.id).await?.models {
                by_groups.get_or_insert_default().extend(models);
            }
        }
        let models = self.gateway().models().into_iter().filter(|model| {
            access.allows(&model.name, model.tier)
                && by_groups.as_ref().is_none_or(|allowed| allowed.contains(&model.name))
        });
        Ok(models.map(|model| model.name).collect())
    }

    /// Whether every budget that an agent of theirs would be charged to has money left.
    async fn budget_left(&self, person: &Record) -> Result<bool, AppError> {
        let mut subjects = vec![
            BudgetSubject::Person(person.id),
            BudgetSubject::Organization(self.store().organization().await?.id),
        ];
        subjects.extend(person.charged_group.map(BudgetSubject::Group));
        for subject in subjects {
            let mut filter = BudgetFilter::within(LedgerReach::All);
            filter.subject = Some(subject);
            let page = ListPage::first(BUDGETS);
            let (states, _) = self.store().budgets_list(&filter, page, self.now()).await?;
            let spent = |state: &bailey_store::BudgetState| {
                let gone = state.posted.nanos().saturating_add(state.overrun.nanos());
                gone >= state.budget.limit.nanos()
            };
            if states.iter().any(spent) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a label of the ticket asks for something, or looks as if it did.
pub(super) fn asks(prefix: &Prefix, ticket: &Ticket) -> bool {
    let asks = |label: &String| !matches!(label::read(prefix, label), Reading::Other);
    ticket.labels.iter().any(asks)
}

/// Says for whoever is asked that the forge cannot be.
impl From<Trouble> for AppError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Forge(error) => forge_error(&error),
            Trouble::App(error) => error,
        }
    }
}
