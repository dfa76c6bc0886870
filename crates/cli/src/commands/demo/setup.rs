//! Bailey is set up as people would: over its API, signed in.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bailey_workspaces::template::Package;
use serde_json::{Value, json};

use super::forge::Forge;
use super::place::{OWNER, PEOPLE, Place};
use super::session::Session;
use super::{NAME, PROJECT};
use crate::failure::{Explain, Failure};

/// What an agent of Dan's may spend in a day, in dollars.
pub(super) const BUDGET: &str = "1";
/// How long a workspace may take to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sets everything up; answers with the owner, signed in.
pub(super) async fn run(place: &mut Place, forge: &Forge) -> Result<Session, Failure> {
    let mia = claim(place).await?;
    for (name, role, _) in PEOPLE.into_iter().filter(|(name, ..)| *name != OWNER) {
        invite(place, &mia, name, role).await?;
    }
    let dan = Session::sign_in(&place.url(), "dan", place.password("dan")).await?;
    link(&dan, forge, "dan").await?;
    let budget = json!({ "subject": { "kind": "person", "id": "dan" }, "limit": BUDGET, "period": "day" });
    mia.post("/budgets", &budget).await?;
    template(place, &mia).await?;
    let connection = json!({
        "name": NAME, "kind": "gitlab", "base_url": place.forge_base(), "projects": [PROJECT],
        "token": place.kept.forge_token, "template": NAME, "default_model": "scripted",
    });
    mia.post("/connections", &connection).await?;
    connect_again(&mia).await?;
    place.kept.set_up = true;
    place.save()?;
    Ok(mia)
}

/// Registers the webhook, which is done already but the first time, and sees to it that nothing is missing.
pub(super) async fn connect_again(mia: &Session) -> Result<(), Failure> {
    for what in ["webhook", "check"] {
        let found = mia.post(&format!("/connections/{NAME}/{what}"), &json!({})).await?;
        if found["ok"] != true {
            return Err(Failure::new(format!(
                "the connection to the forge lacks something: {found}"
            )));
        }
    }
    Ok(())
}

/// Claims the owner by the link that the command line makes on the server's machine.
async fn claim(place: &Place) -> Result<Session, Failure> {
    let made = Command::new(std::env::current_exe()?)
        .args(["admin", "claim-link", "--config"])
        .arg(place.path("bailey.toml"))
        .stdin(Stdio::null())
        .output()
        .doing(|| "cannot make a link that claims the owner".to_owned())?;
    let text = String::from_utf8_lossy(&made.stdout);
    let Some((_, token)) = text.trim().split_once('#') else {
        let why = String::from_utf8_lossy(&made.stderr).trim().to_owned();
        return Err(Failure::new(format!("cannot make a link that claims the owner: {why}")));
    };
    let mia = Session::nobody(&place.url())?;
    let asked = json!({ "token": token, "password": place.password(OWNER), "name": OWNER, "display_name": "Mia" });
    mia.post("/claim", &asked).await?;
    Ok(mia)
}

async fn invite(place: &Place, mia: &Session, name: &str, role: &str) -> Result<(), Failure> {
    let mut shown = name.to_owned();
    if let Some(first) = shown.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let asked = json!({ "name": name, "display_name": shown, "role": role });
    let made = mia.post("/invitations", &asked).await?;
    let token = made["link"].as_str().and_then(|link| link.split_once('#'));
    let (_, token) = token.ok_or_else(|| Failure::new("an invitation has no link"))?;
    let accepted = json!({ "token": token, "password": place.password(name) });
    Session::nobody(&place.url())?
        .post("/invitations/accept", &accepted)
        .await?;
    Ok(())
}

/// Links somebody's account at the forge, by way of the forge's own page.
async fn link(who: &Session, forge: &Forge, user: &str) -> Result<(), Failure> {
    let begun = who
        .post(&format!("/me/external-accounts/{NAME}/link"), &json!({}))
        .await?;
    let asked = begun["url"].as_str().unwrap_or_default();
    let back = forge.allow(asked, user).await?;
    let landed = who.come_back(&back).await?.location.unwrap_or_default();
    let accounts = who.get("/me/external-accounts").await?;
    if accounts[0]["account"]["login"] == user {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the account {user} at the forge was not linked: {landed}"
    )))
}

/// Pushes the template of the demonstration's workspaces.
pub(super) async fn template(place: &Place, mia: &Session) -> Result<(), Failure> {
    let directory = place.path("template");
    let text = include_str!("template.toml").replace("@FORGE_PORT@", &place.kept.forge_port.to_string());
    let write = || {
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("template.toml"), text)
    };
    write().doing(|| format!("cannot write {}", directory.display()))?;
    let package = Package::read(&directory)?;
    let sealed = package.seal().map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::new(format!(
            "the demonstration's template is at fault: {}",
            faults.join("; ")
        ))
    })?;
    mia.upload(&format!("/templates?name={NAME}"), sealed.archive).await?;
    Ok(())
}

/// Stops every workspace that runs, and waits until none does.
pub(super) async fn stop_workspaces(mia: &Session) -> Result<(), Failure> {
    let running = |all: &[Value]| -> Vec<Value> {
        let up = |one: &&Value| !matches!(one["status"].as_str(), Some("stopped" | "failed" | "deleted"));
        all.iter().filter(up).cloned().collect()
    };
    let (began, mut asked) = (Instant::now(), Vec::new());
    loop {
        let left = running(&workspaces(mia).await?);
        let Some(first) = left.first() else {
            return Ok(());
        };
        for one in left.iter().filter(|one| one["status"] == "running") {
            if !asked.contains(&one["id"]) {
                mia.post_nothing(&format!("/workspaces/{}/stop", text(&one["id"])))
                    .await?;
                asked.push(one["id"].clone());
            }
        }
        if began.elapsed() > PATIENCE {
            return Err(Failure::new(format!(
                "the workspace {} does not stop",
                text(&first["name"])
            )));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Every workspace that there is.
pub(super) async fn workspaces(mia: &Session) -> Result<Vec<Value>, Failure> {
    let page = mia.get("/workspaces?limit=1000").await?;
    Ok(page["items"].as_array().cloned().unwrap_or_default())
}

/// The text of a value, or none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
