//! Puts everything back. What is removed is listed by name; what else may lie in the directory stays.

use std::fs;
use std::path::Path;

use bailey_demo_forge::{DemoConfig, DemoForge};
use serde_json::json;

use super::super::Env;
use super::place::{OURS, OWNER, Place, remove};
use super::server::Server;
use super::session::Session;
use super::setup::{stop_workspaces, text, workspaces};
use crate::failure::{Explain, Failure};
use crate::output::{self, Output};

pub(super) async fn run(directory: &Path, plan: bool, output: Output, env: &Env) -> Result<(), Failure> {
    let Some(mut place) = Place::existing(directory)? else {
        return output::data(&match output {
            Output::Table => format!(
                "there is no demonstration in {}; nothing is to be put back",
                directory.display()
            ),
            Output::Json => json!({ "directory": directory, "done": [] }).to_string(),
        });
    };
    let lines = planned(&place).await?;
    if !plan {
        if place.kept.set_up {
            delete_workspaces(&place, env).await?;
        }
        // What is left half way is no demonstration that could be opened again.
        place.kept.set_up = false;
        place.save()?;
        for name in OURS {
            remove(&place.path(name))?;
        }
        drop(place);
        // It stays where something else is in it.
        let _ = fs::remove_dir(directory);
    }
    let head = if plan { "this would be done" } else { "done" };
    output::data(&match output {
        Output::Table => format!("{head}:\n  {}", lines.join("\n  ")),
        Output::Json => json!({ "directory": directory, "plan": plan, "done": lines }).to_string(),
    })
}

/// What a reset does, a line each.
async fn planned(place: &Place) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    if let Ok(entries) = fs::read_dir(place.path("bailey").join("workspaces")) {
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        lines.extend(names.iter().map(|id| format!("delete workspace {id} with its home")));
    }
    if place.path("forge").join("forge.json").is_file() {
        let forge = DemoForge::start(DemoConfig::new(place.path("forge"))).await;
        let forge = forge.doing(|| "the demonstration's forge cannot be read".to_owned())?;
        lines.extend(forge.reset_plan().await?);
        forge.stop().await;
    }
    let there = OURS
        .into_iter()
        .map(|name| place.path(name))
        .filter(|path| path.exists());
    lines.extend(there.map(|path| format!("remove {}", path.display())));
    Ok(lines)
}

/// Deletes every workspace in order, with what it has mounted and what runs in it.
async fn delete_workspaces(place: &Place, env: &Env) -> Result<(), Failure> {
    let server = Server::start(place, env).await?;
    let deleted = async {
        let mia = Session::sign_in(&place.url(), OWNER, place.password(OWNER)).await?;
        stop_workspaces(&mia).await?;
        for one in workspaces(&mia).await? {
            mia.delete(&format!("/workspaces/{}", text(&one["id"]))).await?;
        }
        let began = std::time::Instant::now();
        while !workspaces(&mia).await?.is_empty() {
            if began.elapsed().as_secs() > 30 {
                return Err(Failure::new("a workspace cannot be deleted; nothing else was removed"));
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        Ok(())
    };
    let deleted = deleted.await;
    server.stop().await;
    deleted
}
