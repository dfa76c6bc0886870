//! `bailey admin`

use bailey_api::Lifetime;
use bailey_core::authz::TokenScopes;
use bailey_core::people::{ApiToken, PersonStatus};
use bailey_core::{Timestamp, TokenId};
use bailey_gate::token::{Kind, Minted, mint};
use bailey_runtime::config::Config;
use bailey_runtime::ids::NewId;
use bailey_runtime::{Clock, Tasks};
use bailey_server::bootstrap;
use bailey_server::run::{base_url, command_log};
use bailey_store::{Store, Target};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Env;
use crate::failure::{Explain, Failure};
use crate::output::{self, Output};
use crate::settings::{ConfigArgs, ServerArgs};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    area: Area,
}

#[derive(Debug, Subcommand)]
enum Area {
    /// API tokens, made without a token: whoever can read the data directory may
    #[command(subcommand)]
    Token(Verb),
    /// Print a link with which a person gets a new password; it is good once, for a day
    ClaimLink(ClaimLink),
}

#[derive(Debug, Args)]
struct ClaimLink {
    /// Whom it claims. Their second factor is removed and their sessions end when it is used
    #[arg(long, default_value = "owner")]
    user: String,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make an API token and print it alone; works whether the server runs or not
    Create(Create),
}

#[derive(Debug, Args)]
struct Create {
    /// Whose authority it carries
    #[arg(long, default_value = "owner")]
    user: String,
    /// A name to recognise it by
    #[arg(long, default_value = "command line")]
    name: String,
    /// How long it works, such as 12h or 30d, or never
    #[arg(long, value_name = "DURATION", default_value = "90d")]
    expires_in: Lifetime,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(arguments: &Arguments, env: &Env) -> Result<(), Failure> {
    match &arguments.area {
        Area::Token(Verb::Create(create)) => token_create(create, env).await,
        Area::ClaimLink(link) => claim_link(link, env).await,
    }
}

async fn claim_link(link: &ClaimLink, env: &Env) -> Result<(), Failure> {
    let config = link.config.load(&ServerArgs::default(), env)?;
    let store = open(&config).await?;
    let made = recorded(
        &config,
        &store,
        "admin.claim_link",
        ("person", &link.user, &link.user),
        async |now| {
            bootstrap::claim_create(&store, now, &link.user)
                .await
                .map_err(Failure::from)
        },
    )
    .await;
    store.close().await;
    let made = made.doing(|| "cannot make a link".to_owned())?;
    output::data(bootstrap::claim_link(&base_url(&config), &made).expose())
}

async fn token_create(create: &Create, env: &Env) -> Result<(), Failure> {
    let config = create.config.load(&ServerArgs::default(), env)?;
    let store = open(&config).await?;
    let result = recorded(
        &config,
        &store,
        "admin.token_create",
        ("person", &create.user, &create.name),
        async |now| insert(&store, create, now).await,
    )
    .await;
    store.close().await;
    let (id, minted) = result?;
    match create.output {
        Output::Table => output::data(minted.text.expose()),
        Output::Json => output::json(&json!({ "id": id, "token": minted.text.expose() })),
    }
}

/// Does something that is recorded in the audit log before, and what came of it after.
async fn recorded<T>(
    config: &Config,
    store: &Store,
    action: &'static str,
    thing: (&'static str, &str, &str),
    work: impl AsyncFnOnce(Timestamp) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (clock, tasks) = (Clock::system(), Tasks::new());
    let log = command_log(config, store, &clock, &tasks)
        .await
        .doing(|| "the audit log cannot be written, so nothing is changed".to_owned())?;
    let entry = log.command(action, thing, &json!({ "user": thing.1 })).await?;
    let done = work(clock.now()).await;
    match &done {
        Ok(_) => entry.end(),
        Err(failure) => entry.fail(failure.report()),
    }
    log.close().await;
    done
}

/// Opens the database that the configuration names.
async fn open(config: &Config) -> Result<Store, Failure> {
    let target = match &config.database.url {
        Some(url) => Target::Postgres(url.secret().clone()),
        None => {
            let file = config.sqlite_path();
            if !file.is_file() {
                return Err(Failure::new(format!("there is no database at {}", file.display()))
                    .hint("start the server once, or name its data directory with --data-dir"));
            }
            Target::Sqlite(file)
        }
    };
    Store::open(&target)
        .await
        .doing(|| "cannot open the database".to_owned())
}

async fn insert(store: &Store, create: &Create, now: Timestamp) -> Result<(TokenId, Minted), Failure> {
    let found = store.person_by_name(&create.user).await?;
    let person = found.ok_or_else(|| {
        Failure::new(format!("there is no user `{}`", create.user))
            .hint("the first start of the server makes the user `owner`")
    })?;
    if person.status != PersonStatus::Active {
        return Err(Failure::new(format!("the user `{}` is suspended", person.name)));
    }
    let minted = mint(Kind::ApiToken)?;
    let token = ApiToken {
        id: TokenId::new_at(now),
        public_id: minted.public_id.clone(),
        hash: minted.hash,
        name: create.name.clone(),
        person: person.id,
        scopes: TokenScopes::All,
        created_at: now,
        expires_at: create.expires_in.end(now),
        revoked_at: None,
    };
    store.token_insert(&token).await?;
    Ok((token.id, minted))
}
