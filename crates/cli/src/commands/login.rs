//! `bailey login` and `bailey logout`

mod callback;

use bailey_api::me::Me;
use bailey_api::tokens::TokenWithSecret;
use bailey_server::login::{challenge, secret};
use clap::Args;
use serde_json::json;

use super::Env;
use crate::client::{Remote, segment};
use crate::credentials::Credentials;
use crate::failure::{Explain, Failure};
use crate::output::{self, understood};
use callback::Callback;

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The token's name [default: that of this machine]
    #[arg(long)]
    name: Option<String>,
    /// Type the code that the browser shows, where the browser is on another machine
    #[arg(long)]
    code: bool,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    #[command(flatten)]
    remote: Remote,
}

pub(crate) async fn login(arguments: Login, env: &Env) -> Result<(), Failure> {
    let credentials = credentials(env)?;
    let (api, url) = arguments.remote.anonymous(env)?;
    let (verifier, state) = (secret()?, secret()?);
    let name = arguments.name.unwrap_or_else(machine);
    let mut page = format!(
        "{url}/cli?challenge={}&state={}&name={}",
        challenge(verifier.expose()),
        segment(state.expose()),
        segment(&name)
    );
    let code = if arguments.code {
        output::note(&format!(
            "Open this address in a browser, sign in, and type the code that it shows:\n  {page}"
        ));
        typed().await?
    } else {
        let callback = Callback::listen().await?;
        page = format!("{page}&port={}", callback.port());
        output::note(&format!(
            "Open this address in a browser on this machine and sign in:\n  {page}"
        ));
        callback.code(state.expose()).await?
    };
    let body = json!({ "code": code.trim(), "verifier": verifier.expose() });
    let made: TokenWithSecret = understood(api.post("/login-codes/redeem", &body).await?)?;
    credentials.keep(&url, &made.token)?;
    let me: Me = understood(
        arguments
            .remote
            .with_token(env, &url, &made.token)?
            .get("/me", &())
            .await?,
    )?;
    let until = made.record.expires_at.map(crate::table::time).unwrap_or_default();
    output::note(&format!(
        "signed in to {url} as {} until {until} UTC; the token is in {}",
        me.user.name,
        credentials.path().display()
    ));
    Ok(())
}

/// Revokes the token that `bailey login` got, and forgets it.
pub(crate) async fn logout(arguments: Logout, env: &Env) -> Result<(), Failure> {
    let credentials = credentials(env)?;
    let (_, url) = arguments.remote.anonymous(env)?;
    let Some(token) = credentials.token(&url)? else {
        output::note(&format!("there is no token for {url}"));
        return Ok(());
    };
    let api = arguments.remote.with_token(env, &url, token.expose())?;
    // A token that is good no more needs no end.
    let revoked = async {
        let me: Me = understood(api.get("/me", &()).await?)?;
        match me.token {
            Some(id) => api.delete(&format!("/tokens/{}", segment(&id))).await,
            None => Ok(()),
        }
    };
    let revoked = revoked.await;
    credentials.forget(&url)?;
    match revoked {
        Ok(()) => output::note(&format!("signed out of {url}; the token is revoked")),
        Err(failure) => output::note(&format!(
            "signed out of {url}; the token is forgotten, but could not be revoked:\n{}",
            failure.report()
        )),
    }
    Ok(())
}

fn credentials(env: &Env) -> Result<Credentials, Failure> {
    Credentials::of(env).ok_or_else(|| {
        Failure::new("there is no place to keep a token").hint("set HOME or XDG_CONFIG_HOME, or use BAILEY_TOKEN")
    })
}

fn machine() -> String {
    // Linux says it here; elsewhere the name is only a little less telling.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    match name.as_str() {
        "" => "bailey login".to_owned(),
        name => format!("bailey login on {name}"),
    }
}

async fn typed() -> Result<String, Failure> {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let line = read.await?.doing(|| "cannot read the code".to_owned())?;
    if line.trim().is_empty() {
        return Err(Failure::new("no code was typed"));
    }
    Ok(line)
}
