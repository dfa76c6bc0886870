//! The files that Bailey puts in place.

use std::io;
use std::sync::Arc;

use bailey_api::agent::{HOME, Manifest};
use bailey_core::template::ManagedFile;

use crate::agent::Agent;
use crate::{files, settings};

/// What the log calls Bailey's own part.
const SOURCE: &str = "agent";

/// Parts the manifest's files, and those of Bailey's own for coding agents, into what the sandbox mounts and what is written
/// below the home directory.
pub(crate) fn prepare(manifest: &mut Manifest) -> Vec<ManagedFile> {
    let mut all = settings::files(manifest);
    // A template's own file comes in the place of ours.
    all.retain(|ours| !manifest.files.iter().any(|theirs| theirs.path == ours.path));
    all.extend(manifest.files.iter().cloned());
    let below_home = |file: &ManagedFile| file.path.strip_prefix(HOME).is_some_and(|below| below.starts_with('/'));
    let (in_home, elsewhere) = all.into_iter().partition(below_home);
    manifest.sandbox.files = elsewhere;
    in_home
}

/// Writes the files below the home directory, as the person inside. Where one cannot be written, the log says so: a full disk,
/// or a file where a directory should be, is for the person to mend, who needs the workspace for it.
///
/// # Errors
/// Where nothing can be run inside.
pub(crate) async fn place(agent: &Arc<Agent>, in_home: &[ManagedFile]) -> io::Result<()> {
    if in_home.is_empty() {
        return Ok(());
    }
    let mut helper = files::Helper::start(agent).await?;
    for file in in_home {
        if let Err(error) = helper.put(file).await {
            let path = &file.path;
            tracing::warn!("cannot write {path}: {error}");
            let text = format!("[cannot write {path}: {error}]");
            agent.control.outbox.log(SOURCE, text);
        }
    }
    Ok(())
}
