//! `bailey templates pull`

use std::path::PathBuf;

use bailey_api::templates::{TemplateDetail, TemplateVersionDetail};
use bailey_workspaces::template::unpack;
use clap::Args;
use serde_json::json;

use super::{local, path};
use crate::client::Api;
use crate::failure::{Explain, Failure};
use crate::output::{self, Output, understood};
use crate::table::counted;

#[derive(Debug, Args)]
pub(super) struct Pull {
    /// The template's name or id
    template: String,
    /// The directory to write into; it must be empty or not there yet
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The version's number [default: the one in force]
    #[arg(long)]
    version: Option<u64>,
}

pub(super) async fn run(pull: &Pull, api: &Api, output: Output) -> Result<(), Failure> {
    let path = path(&pull.template);
    let number = match pull.version {
        Some(number) => number,
        None => {
            let detail: TemplateDetail = understood(api.get(&path, &()).await?)?;
            detail.template.active.ok_or_else(|| {
                Failure::new(format!("{} has no version in force", pull.template))
                    .hint("name one with --version; `bailey templates versions` lists them")
            })?
        }
    };
    let version: TemplateVersionDetail = understood(api.get(&format!("{path}/versions/{number}"), &()).await?)?;
    let bytes = api.download(&format!("{path}/versions/{number}/archive")).await?;
    let package = unpack(&bytes).doing(|| "the server sent an archive that is refused".to_owned())?;
    if package.digest() != version.version.digest {
        return Err(Failure::new("the server sent another content than the version has"));
    }
    local::write(&package, &pull.directory)?;
    let files: Vec<&String> = package.files().keys().collect();
    match output {
        Output::Json => output::json(&json!({
            "directory": pull.directory,
            "version": number,
            "digest": version.version.digest,
            "files": files,
        })),
        Output::Table => {
            let (files, shown) = (counted(files.len(), "file"), pull.directory.display());
            output::note(&format!("{files} of {} v{number} in {shown}", pull.template));
            Ok(())
        }
    }
}
