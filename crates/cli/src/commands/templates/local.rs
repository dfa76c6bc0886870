//! What needs no server: `bailey templates init`, `validate`.

use std::path::{Path, PathBuf};

use bailey_core::template::names;
use bailey_workspaces::template::{DirectoryError, Fault, Package, Sealed, starters};
use clap::Args;
use serde_json::{Value, json};

use super::Directory;
use crate::failure::Failure;
use crate::output::{self, Output};
use crate::table::counted;

#[derive(Debug, Args)]
pub(super) struct Init {
    #[command(flatten)]
    directory: Directory,
    /// The template to begin with: agent, agent-governed, agent-open, shell, web-ide
    #[arg(long, value_name = "STARTER", default_value = "shell")]
    from: String,
}

#[derive(Debug, Args)]
pub(super) struct Validate {
    #[command(flatten)]
    directory: Directory,
}

/// Writes a starter.
pub(super) fn init(arguments: &Init, output: Output) -> Result<(), Failure> {
    let directory = &arguments.directory.directory;
    let starters = starters();
    let names: Vec<&str> = starters.iter().map(|starter| starter.name).collect();
    let starter = starters.iter().find(|starter| starter.name == arguments.from);
    let starter = starter.ok_or_else(|| {
        Failure::new(format!("there is no starter `{}`", arguments.from))
            .hint(format!("use one of {}", names.join(", ")))
    })?;
    write(&starter.package, directory)?;
    let files: Vec<&String> = starter.package.files().keys().collect();
    match output {
        Output::Json => output::json(&json!({ "directory": directory, "from": starter.name, "files": files })),
        Output::Table => {
            let shown = directory.display();
            output::note(&format!(
                "{} in {shown}; change them, then `bailey templates push {shown}`",
                counted(files.len(), "file")
            ));
            Ok(())
        }
    }
}

/// Says all that is wrong with a directory.
pub(super) fn validate(arguments: &Validate, output: Output) -> Result<(), Failure> {
    let directory = &arguments.directory.directory;
    let result = seal(directory);
    if output == Output::Json {
        let faults = result.as_ref().err().map(Vec::as_slice).unwrap_or_default();
        let digest = result.as_ref().ok().map(|(_, sealed)| sealed.digest.as_str());
        let faults: Vec<Value> = faults.iter().map(as_json).collect();
        output::json(&json!({ "valid": result.is_ok(), "digest": digest, "faults": faults }))?;
    }
    let (package, _) = result.map_err(|faults| refused(directory, &faults))?;
    if output == Output::Table {
        let files = counted(package.files().len(), "file");
        output::data(&format!("{} is a valid template: {files}", directory.display()))?;
    }
    Ok(())
}

/// Reads and checks a directory.
pub(super) fn seal(directory: &Path) -> Result<(Package, Sealed), Vec<Fault>> {
    let package = Package::read(directory).map_err(|error| {
        let (path, why) = match error {
            DirectoryError::Io { path, source } => (path, source.to_string()),
            DirectoryError::Entry { path, why } => (path, why),
        };
        let file = path.strip_prefix(directory).unwrap_or(&path).display().to_string();
        vec![Fault::whole(&file, why)]
    })?;
    let sealed = package.seal()?;
    Ok((package, sealed))
}

/// All faults of a directory, each with a path that can be opened from here.
pub(super) fn refused(directory: &Path, faults: &[Fault]) -> Failure {
    let head = format!(
        "{} is no valid template: {}",
        directory.display(),
        counted(faults.len(), "fault")
    );
    let lines = faults.iter().map(|fault| {
        let file = directory.join(&fault.file).display().to_string();
        let file = file.trim_end_matches('/').to_owned();
        let fault = Fault { file, ..fault.clone() };
        format!("\n  {fault}")
    });
    Failure::new(std::iter::once(head).chain(lines).collect::<String>())
}

fn as_json(fault: &Fault) -> Value {
    let place = |number: usize| (fault.line > 0).then_some(number);
    json!({
        "file": fault.file,
        "line": place(fault.line),
        "column": place(fault.column),
        "path": fault.path,
        "message": fault.message,
    })
}

/// Writes a template's files into a directory, which must be empty or not there yet.
pub(super) fn write(package: &Package, directory: &Path) -> Result<(), Failure> {
    package.write(directory).map_err(|error| {
        let occupied = matches!(error, DirectoryError::Entry { .. });
        let failure = Failure::from(error);
        if occupied {
            failure.hint("name a directory that is not there yet, or an empty one")
        } else {
            failure
        }
    })
}

/// The name of a template that is pushed: the one that was given, or its directory's.
pub(super) fn name(given: Option<String>, directory: &Path) -> Result<String, Failure> {
    let name = match given {
        Some(name) => name,
        None => {
            // `.` has a name, too.
            let real = std::fs::canonicalize(directory).unwrap_or_else(|_| PathBuf::from(directory));
            let name = real.file_name().map(|name| name.to_string_lossy().into_owned());
            name.unwrap_or_default()
        }
    };
    names::label(&name).map_err(|why| Failure::new(why).hint("give the template a name with --name"))?;
    Ok(name)
}
