//! `bailey tokens`

use bailey_api::tokens::{Token, TokenCreate, TokenListQuery, TokenWithSecret};
use bailey_api::{Lifetime, Page};
use clap::{Args, Subcommand};

use super::{Env, Shown};
use crate::client::segment;
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

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    let output = arguments.shown.output;
    match arguments.verb {
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
