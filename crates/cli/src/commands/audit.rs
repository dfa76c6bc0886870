//! `bailey audit`

mod offline;

use std::io::Write as _;
use std::path::PathBuf;

use bailey_api::audit::{
    AuditAnchor, AuditAnchorListQuery, AuditEntry, AuditExportQuery, AuditFormat, AuditListQuery, AuditOutcome,
    AuditReport,
};
use bailey_api::{Moment, Page};
use bailey_core::RequestId;
use bailey_core::audit::hex;
use bailey_server::run::audit_key;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::{Env, Shown};
use crate::client::segment;
use crate::failure::{Explain, Failure};
use crate::output::{self, Output, understood};
use crate::settings::{ConfigArgs, ServerArgs};
use crate::table::{Details, NOTHING, Table, or_nothing, plain, time};

const PATH: &str = "/audit";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what was done, newest first
    List(List),
    /// Show an entry with what was there before and after
    Show(Show),
    /// Write the log to standard output, for `verify` or for a spreadsheet
    Export(Export),
    /// Prove the log: that of a server, or offline an export of it
    Verify(Verify),
    /// List the signed anchors
    Anchors(Anchors),
    /// Print the public key that anchors are signed with; on the server's machine
    Key(Key),
}

#[derive(Debug, Args)]
struct Filter {
    /// Only those of this person
    #[arg(long)]
    actor: Option<String>,
    /// Only those of this action, such as `users.update`
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to the thing of this id
    #[arg(long)]
    resource: Option<String>,
    /// Only those with this outcome: `done`, `failed`, `denied`, `unknown` or `pending`
    #[arg(long, value_parser = outcome)]
    outcome: Option<AuditOutcome>,
    /// Only those recorded at or after this: a date, a time, or a duration back from now such as 24h
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only those recorded before this
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Only those with this text
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only those that this request caused
    #[arg(long, value_name = "REQUEST")]
    causal: Option<RequestId>,
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    filter: Filter,
    /// At most this many, the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
struct Show {
    /// The entry's id
    id: String,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Jsonl,
    Csv,
}

#[derive(Debug, Args)]
struct Export {
    #[command(flatten)]
    filter: Filter,
    /// The form; with a filter or as CSV it cannot be verified
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    remote: crate::client::Remote,
}

#[derive(Debug, Args)]
struct Verify {
    /// An export to verify offline; without one the server verifies its own log
    file: Option<PathBuf>,
    /// Anchors that were kept elsewhere, such as `audit-anchors.jsonl`
    #[arg(long, value_name = "FILE", requires = "file")]
    anchors: Vec<PathBuf>,
    /// A public key that is trusted, as `bailey audit key` prints it; without one, whatever key signed the anchors is believed
    #[arg(long, value_name = "KEY", requires = "file")]
    key: Vec<String>,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
struct Anchors {
    /// At most this many, the newest
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Args)]
struct Key {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    match arguments.verb {
        Verb::List(list) => {
            let api = list.shown.api(env)?;
            let answer = api.list(PATH, &list.filter.query(), Some(list.limit)).await?;
            output::show(list.shown.output, answer, table)
        }
        Verb::Show(show) => {
            let api = show.shown.api(env)?;
            let answer = api.get(&format!("{PATH}/{}", segment(&show.id)), &()).await?;
            output::show(show.shown.output, answer, details)
        }
        Verb::Export(export) => {
            let api = export.remote.api(env)?;
            let mut out = std::io::stdout().lock();
            api.pour(&format!("{PATH}/export"), &export.query(), |bytes| {
                Ok(out.write_all(bytes)?)
            })
            .await?;
            Ok(out.flush()?)
        }
        Verb::Verify(verify) => verified(verify, env).await,
        Verb::Anchors(anchors) => {
            let api = anchors.shown.api(env)?;
            let query = AuditAnchorListQuery::default();
            let answer = api
                .list(&format!("{PATH}/anchors"), &query, Some(anchors.limit))
                .await?;
            output::show(anchors.shown.output, answer, anchor_table)
        }
        Verb::Key(key) => {
            let config = key.config.load(&ServerArgs::default(), env)?;
            let key = audit_key(&config).doing(|| "there is no key".to_owned())?;
            output::data(&hex(&key.public()))
        }
    }
}

async fn verified(verify: Verify, env: &Env) -> Result<(), Failure> {
    let answer: Value = match &verify.file {
        Some(file) => {
            if verify.key.is_empty() {
                output::note("no --key: whatever key signed the anchors is believed");
            }
            serde_json::to_value(offline::verify(file, &verify.anchors, &verify.key)?)?
        }
        None => verify.shown.api(env)?.post_nothing(&format!("{PATH}/verify")).await?,
    };
    let report: AuditReport = understood(answer.clone())?;
    match verify.shown.output {
        Output::Json => output::json(&answer)?,
        Output::Table => output::data(&told(&report))?,
    }
    if report.sound {
        Ok(())
    } else {
        Err(Failure::new("the audit log is not as it was written"))
    }
}

/// What was found, in words.
fn told(report: &AuditReport) -> String {
    let fault = match &report.first_fault {
        None => "Every row is as it was written and stands in its place.".to_owned(),
        Some(fault) => {
            let kind = serde_json::to_value(fault.kind).ok();
            let kind = kind.as_ref().and_then(Value::as_str).unwrap_or_default();
            let (seq, writer, detail) = (fault.seq, &fault.writer, &fault.detail);
            format!("The first fault is at row {seq} of {writer}: {kind}. {detail}.")
        }
    };
    let proven = match &report.reached {
        None => "No signed anchor proves any of it.".to_owned(),
        Some(reached) => format!(
            "Proven up to anchor {} of {}: row {} of {}.",
            reached.anchor, reached.at, reached.seq, reached.writer
        ),
    };
    format!("{} rows were read.\n{fault}\n{proven}\n", report.rows)
}

impl Filter {
    fn query(&self) -> AuditListQuery {
        AuditListQuery {
            actor: self.actor.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            outcome: self.outcome,
            since: self.since,
            until: self.until,
            q: self.search.clone(),
            causal: self.causal,
            limit: None,
            cursor: None,
        }
    }
}

impl Export {
    fn query(&self) -> AuditExportQuery {
        let AuditListQuery {
            actor,
            action,
            resource,
            outcome,
            since,
            until,
            q,
            causal,
            ..
        } = self.filter.query();
        AuditExportQuery {
            format: Some(match self.format {
                Format::Jsonl => AuditFormat::Jsonl,
                Format::Csv => AuditFormat::Csv,
            }),
            actor,
            action,
            resource,
            outcome,
            since,
            until,
            q,
            causal,
        }
    }
}

fn outcome(text: &str) -> Result<AuditOutcome, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "use done, failed, denied, unknown or pending".to_owned())
}

fn actor(entry: &AuditEntry) -> String {
    let person = entry.actor.person.as_ref().map(|person| plain(&person.name));
    let other = || entry.actor.name.as_deref().map(plain);
    person.or_else(other).unwrap_or_else(|| NOTHING.to_owned())
}

fn resource(entry: &AuditEntry) -> String {
    let shown = entry.resource.name.as_deref().unwrap_or(&entry.resource.id);
    format!("{} {}", plain(&entry.resource.kind), plain(shown))
}

fn table(page: &Page<AuditEntry>) -> String {
    let mut table = Table::new(["AT", "ACTOR", "ACTION", "RESOURCE", "OUTCOME", "ADDRESS", "ID"]);
    for entry in &page.items {
        table.row([
            time(entry.at),
            actor(entry),
            plain(&entry.action),
            resource(entry),
            entry.outcome.as_str().to_owned(),
            or_nothing(entry.address.as_deref()),
            entry.id.clone(),
        ]);
    }
    table.text("nothing was done")
}

fn details(entry: &AuditEntry) -> String {
    let json = |value: &Value| plain(&value.to_string());
    Details::default()
        .with("id", entry.id.clone())
        .with("at", time(entry.at))
        .with("actor", actor(entry))
        .with("action", plain(&entry.action))
        .with("resource", resource(entry))
        .with("resource id", plain(&entry.resource.id))
        .with("outcome", entry.outcome.as_str())
        .maybe("ended", entry.ended_at.map(time))
        .maybe("code", entry.code.clone())
        .maybe("reason", entry.reason.as_deref().map(plain))
        .maybe("address", entry.address.clone())
        .maybe("session", entry.session.map(|id| id.to_string()))
        .maybe("token", entry.token.map(|id| id.to_string()))
        .maybe("caused by", entry.causal.clone())
        .maybe("before", entry.before.as_ref().map(json))
        .maybe("after", entry.after.as_ref().map(json))
        .with("hash", entry.hash.clone())
        .text()
}

fn anchor_table(page: &Page<AuditAnchor>) -> String {
    let mut table = Table::new(["AT", "NUMBER", "KIND", "CHAINS", "KEY", "SENT", "SIGNER"]);
    for anchor in &page.items {
        let chains: Vec<String> = anchor.heads.iter().map(|head| head.seq.to_string()).collect();
        table.row([
            time(anchor.at),
            anchor.number.to_string(),
            anchor.kind.clone(),
            chains.join(", "),
            anchor.key.chars().take(16).collect(),
            anchor.sent_at.map_or_else(|| NOTHING.to_owned(), time),
            anchor.signer.clone(),
        ]);
    }
    table.text("there are no anchors yet")
}
