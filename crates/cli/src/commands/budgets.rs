//! `bailey budgets`

use bailey_api::budgets::{Budget, BudgetCreate, BudgetListQuery, BudgetUpdate, SubjectInput, SubjectKind};
use bailey_api::{AmountInput, Page};
use bailey_core::Money;
use bailey_core::budget::BudgetSpec;
use clap::{ArgGroup, Args, Subcommand};

use super::{Env, Shown};
use crate::client::segment;
use crate::failure::Failure;
use crate::output;
use crate::table::{Details, NOTHING, Table, dollars, spent, time};

const PATH: &str = "/budgets";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List budgets and how they stand
    List {
        #[command(flatten)]
        subject: Option<Subject>,
    },
    /// Show a budget and how it stands
    Show {
        /// Its id
        budget: String,
    },
    /// Set a budget on a key, a person, a group or the organization
    #[command(group(ArgGroup::new("whom").args(["key", "user", "group", "organization"]).required(true)))]
    Create {
        #[command(flatten)]
        subject: Subject,
        /// The most that may be spent, as AMOUNT/PERIOD such as 100/month; periods are run, day, week, month, total
        #[arg(long, value_name = "AMOUNT/PERIOD")]
        limit: BudgetSpec,
    },
    /// Change a budget's limit; it holds at once, and what is spent stays spent
    Update {
        /// Its id
        budget: String,
        /// The most that may be spent in one period, in dollars
        #[arg(long, value_name = "AMOUNT")]
        limit: Money,
    },
    /// Delete a budget
    Delete {
        /// Its id
        budget: String,
    },
}

/// Whom a budget limits.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct Subject {
    /// A key's id
    #[arg(long)]
    key: Option<String>,
    /// A person's name or id
    #[arg(long)]
    user: Option<String>,
    /// A person's name or id: what they ask for with their own API tokens
    #[arg(long, value_name = "USER")]
    tokens_of: Option<String>,
    /// A group's name or id
    #[arg(long)]
    group: Option<String>,
    /// Everyone
    #[arg(long)]
    organization: bool,
}

impl Subject {
    fn input(self) -> SubjectInput {
        let (kind, id) = match (self.key, self.user, self.tokens_of, self.group) {
            (Some(key), ..) => (SubjectKind::Key, Some(key)),
            (_, Some(user), ..) => (SubjectKind::Person, Some(user)),
            (_, _, Some(user), _) => (SubjectKind::Tokens, Some(user)),
            (.., Some(group)) => (SubjectKind::Group, Some(group)),
            _ => (SubjectKind::Organization, None),
        };
        SubjectInput { kind, id }
    }
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let one = |budget: &str| format!("{PATH}/{}", segment(budget));
    let answer = match arguments.verb {
        Verb::List { subject } => {
            let subject = subject.map(Subject::input);
            let query = BudgetListQuery {
                kind: subject.as_ref().map(|subject| subject.kind),
                id: subject.and_then(|subject| subject.id),
                ..BudgetListQuery::default()
            };
            return output::show(arguments.shown.output, api.list(PATH, &query, None).await?, table);
        }
        Verb::Delete { budget } => {
            api.delete(&one(&budget)).await?;
            output::note(&format!("{budget} is deleted"));
            return Ok(());
        }
        Verb::Show { budget } => api.get(&one(&budget), &()).await?,
        Verb::Create { subject, limit } => {
            let body = BudgetCreate {
                subject: subject.input(),
                limit: AmountInput(limit.limit),
                period: limit.period,
            };
            api.post(PATH, &body).await?
        }
        Verb::Update { budget, limit } => {
            let limit = AmountInput(limit);
            api.patch(&one(&budget), &BudgetUpdate { limit }).await?
        }
    };
    output::show(arguments.shown.output, answer, details)
}

/// When a budget begins anew, in words.
fn resets(budget: &Budget) -> String {
    budget.resets_at.map_or_else(|| NOTHING.to_owned(), time)
}

/// Budgets as a table.
pub(crate) fn rows(budgets: &[Budget]) -> Table {
    let mut table = Table::new(["SUBJECT", "PERIOD", ">LIMIT", ">SPENT", ">LEFT", "RESETS (UTC)", "ID"]);
    for budget in budgets {
        table.row([
            budget.subject.id.clone(),
            budget.period.to_string(),
            dollars(&budget.limit),
            spent(&budget.spent),
            spent(&budget.left),
            resets(budget),
            budget.id.to_string(),
        ]);
    }
    table
}

fn table(page: &Page<Budget>) -> String {
    rows(&page.items).text("no budgets")
}

fn details(budget: &Budget) -> String {
    Details::default()
        .with("id", budget.id.to_string())
        .with("subject", budget.subject.id.clone())
        .with("limit", format!("{} a {}", dollars(&budget.limit), budget.period))
        .with("spent", dollars(&budget.spent))
        .with("overrun", dollars(&budget.overrun))
        .with("in hand", dollars(&budget.leased))
        .with("left", dollars(&budget.left))
        .with("resets (UTC)", resets(budget))
        .with("created", time(budget.created_at))
        .text()
}
