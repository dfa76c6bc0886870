//! `bailey external-auth`

use std::time::Duration;

use bailey_api::external::{ExternalAccount, LinkedAccount};
use clap::{Args, Subcommand};
use tokio::time::{Instant, sleep};

use super::{Env, Shown};
use crate::client::{Api, segment};
use crate::failure::Failure;
use crate::output::{self, understood};
use crate::table::{Table, or_nothing, time};

const PATH: &str = "/me/external-accounts";
/// How often it is looked whether the browser is done.
const LOOK: Duration = Duration::from_secs(2);
/// For how long. What a browser begins is good for as long.
const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the forges there are, and your accounts that are linked
    List,
    /// Link your account at a forge, in a browser where you are signed in
    Link {
        /// The forge, by the name that `list` shows
        provider: String,
        /// Print the address and do not wait until the account is linked
        #[arg(long)]
        no_wait: bool,
    },
    /// Unlink your account at a forge; its tokens are deleted and taken back there
    Unlink {
        /// The forge, by the name that `list` shows
        provider: String,
    },
}

pub(crate) async fn run(arguments: Arguments, env: &Env) -> Result<(), Failure> {
    let api = arguments.shown.api(env)?;
    match arguments.verb {
        Verb::List => output::show(arguments.shown.output, api.get(PATH, &()).await?, |all: &Vec<_>| {
            table(all)
        }),
        Verb::Link { provider, no_wait } => {
            let (_, server) = arguments.shown.remote.anonymous(env)?;
            let before = find(&api, &provider).await?;
            if before.kind.is_none() {
                return Err(Failure::new(format!("`{provider}` is not configured any more"))
                    .hint("`bailey external-auth unlink` takes it away"));
            }
            output::note(&format!(
                "Open this address in a browser where you are signed in, and link {} there:",
                before.display_name
            ));
            output::data(&format!("{}/profile?tab=accounts", server.trim_end_matches('/')))?;
            if no_wait {
                return Ok(());
            }
            let account = linked(&api, &provider, before.account.as_ref()).await?;
            output::note(&format!("{} is linked as {}", before.display_name, account.login));
            Ok(())
        }
        Verb::Unlink { provider } => {
            api.delete(&format!("{PATH}/{}", segment(&provider))).await?;
            output::note(&format!("the account at {provider} is unlinked"));
            Ok(())
        }
    }
}

async fn find(api: &Api, provider: &str) -> Result<ExternalAccount, Failure> {
    let all: Vec<ExternalAccount> = understood(api.get(PATH, &()).await?)?;
    let found = all.into_iter().find(|account| account.provider == provider);
    found.ok_or_else(|| {
        Failure::new(format!("there is no forge `{provider}`"))
            .hint("`bailey external-auth list` shows those there are")
    })
}

/// Waits until another account is linked than before.
async fn linked(api: &Api, provider: &str, before: Option<&LinkedAccount>) -> Result<LinkedAccount, Failure> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(account) = find(api, provider).await?.account
            && before.is_none_or(|before| before.linked_at != account.linked_at)
        {
            return Ok(account);
        }
        sleep(LOOK).await;
    }
    Err(Failure::new("no account was linked within ten minutes"))
}

fn table(accounts: &[ExternalAccount]) -> String {
    let mut table = Table::new(["FORGE", "NAME", "ADDRESS", "ACCOUNT", "STATE", "LAST USED"]);
    for forge in accounts {
        let account = forge.account.as_ref();
        let state = match account {
            None => "not linked",
            Some(account) if account.link_again => "link it again",
            Some(_) => "linked",
        };
        table.row([
            forge.provider.clone(),
            forge.display_name.clone(),
            forge.base_url.clone(),
            or_nothing(account.map(|account| &account.login)),
            state.to_owned(),
            or_nothing(account.and_then(|account| account.last_used_at).map(time)),
        ]);
    }
    table.text("no forge is configured; see [[external_auth]] in docs/external-auth.md")
}
