//! `bailey tokens`

use bailey_api::me::Me;
use bailey_api::tokens::{Token, TokenCreate, TokenListQuery, TokenRotate, TokenWithSecret};
use bailey_api::{Lifetime, Page};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output::{self, Output, understood};
use crate::table::{Table, or_nothing, time};

const PATH: &str = "/tokens";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List API tokens
    List {
        /// Only those of this person
        #[arg(long)]
        user: Option<String>,
    },
    /// Make an API token; it is printed this once
    Create(Create),
    /// Make a token in the place of one, which works on for a while
    Rotate(Rotate),
    /// Revoke an API token
    Revoke {
        /// Its id
        token: String,
    },
}

#[derive(Debug, Args)]
struct Create {
    /// A name to recognise it by
    #[arg(long)]
    name: String,
    /// Whose authority it carries [default: yours]
    #[arg(long)]
    user: Option<String>,
    /// What it may be used for, such as keys.read,keys.create [default: all that your token may]
    #[arg(long, value_name = "ACTIONS", value_delimiter = ',')]
    scopes: Option<Vec<String>>,
    /// How long it works, such as 12h or 30d, or never [default: 90d]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Lifetime>,
}

#[derive(Debug, Args)]
struct Rotate {
    /// Its id [default: the token that this command presents]
    token: Option<String>,
    /// How long the new one works [default: 7d]
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<Lifetime>,
    /// How long the old one works on, at most 7d [default: 1d]
    #[arg(long, value_name = "DURATION")]
    overlap: Option<Lifetime>,
    /// Do nothing if the presented token works for longer than this, such as 1d: for a job that runs every day
    #[arg(long, value_name = "DURATION", conflicts_with = "token")]
    if_within: Option<Lifetime>,
    /// Write the new token where the presented one came from: the file of --token-file, or that of `bailey login`
    #[arg(long, conflicts_with = "token")]
    save: bool,
}

/// Puts a token in the place of one.
async fn rotate(rotate: Rotate, shown: &Shown, env: &Env) -> Result<(), Failure> {
    let api = shown.api(env)?;
    let id = match rotate.token {
        Some(id) => id,
        None => {
            let me: Me = understood(api.get("/me", &()).await?)?;
            let id = me.token.ok_or_else(|| Failure::new("no token was presented"))?;
            if let Some(within) = rotate.if_within
                && !ends_within(&api, &id, within).await?
            {
                output::note(&format!("{id} works for longer; nothing is done"));
                return Ok(());
            }
            id
        }
    };
    let body = TokenRotate {
        expires_in: rotate.expires_in,
        overlap: rotate.overlap,
    };
    let answer = api.post(&format!("{PATH}/{}/rotate", segment(&id)), &body).await?;
    let made: TokenWithSecret = understood(answer.clone())?;
    if rotate.save {
        if shown.remote.save(env, &made.token)? {
            output::note(&format!("{} is saved; {id} works on for a while", made.record.id));
            return Ok(());
        }
        output::note("the token came from the environment, where nothing can be saved; here is the new one");
    }
    if shown.output == Output::Json {
        return output::json(&answer);
    }
    output::data(&made.token)
}

/// Whether a token ends within this time. One without an end does not.
async fn ends_within(api: &Api, id: &str, within: Lifetime) -> Result<bool, Failure> {
    let page: Page<Token> = understood(api.list(PATH, &TokenListQuery::default(), None).await?)?;
    let token = page.items.into_iter().find(|token| token.id.to_string() == id);
    let until = token.and_then(|token| token.expires_at);
    let now = bailey_runtime::Clock::system().now();
    Ok(match (until, within.end(now)) {
        (Some(until), Some(limit)) => until.0 <= limit,
        (Some(_), None) => true,
        (None, _) => false,
    })
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let arguments = match arguments.verb {
        Verb::Rotate(given) => return rotate(given, &arguments.shown, env).await,
        verb => Arguments { verb, ..arguments },
    };
    let api = arguments.shown.api(env)?;
    let output = arguments.shown.output;
    match arguments.verb {
        Verb::Rotate(_) => Ok(()),
        Verb::List { user } => {
            let query = TokenListQuery {
                person: user,
                ..TokenListQuery::default()
            };
            output::show(output, api.list(PATH, &query, None).await?, table)
        }
        Verb::Create(create) => {
            let body = TokenCreate {
                name: create.name,
                person: create.user,
                scopes: create.scopes,
                expires_in: create.expires_in,
                expires_at: None,
            };
            let answer = api.post(PATH, &body).await?;
            if output == Output::Json {
                return output::json(&answer);
            }
            let made: TokenWithSecret = understood(answer)?;
            let until = made
                .record
                .expires_at
                .map_or("until it is revoked".to_owned(), |at| format!("until {} UTC", time(at)));
            output::note(&format!("{} works {until}; it is not shown again", made.record.id));
            output::data(&made.token)
        }
        Verb::Revoke { token } => {
            api.delete(&format!("{PATH}/{}", segment(&token))).await?;
            output::note(&format!("{token} is revoked"));
            Ok(())
        }
    }
}

fn table(page: &Page<Token>) -> String {
    let mut table = Table::new(["NAME", "BEGINS WITH", "SCOPES", "EXPIRES (UTC)", "REVOKED (UTC)", "ID"]);
    for token in &page.items {
        table.row([
            token.name.clone(),
            token.prefix.clone(),
            token.scopes.join(" "),
            or_nothing(token.expires_at.map(time)),
            or_nothing(token.revoked_at.map(time)),
            token.id.to_string(),
        ]);
    }
    table.text("no tokens")
}
