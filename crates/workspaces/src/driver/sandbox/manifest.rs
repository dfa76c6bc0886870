//! From what a workspace is made of to what its agent is told.

use std::path::{Path, PathBuf};

use bailey_api::agent::{Capabilities, HOME, Handed, HomeStorage, Limit, Manifest, Network, SandboxSpec};

use super::SandboxOptions;
use crate::driver::{DriverError, Instance};

/// The file with a home whose size is limited.
pub(super) const IMAGE: &str = "home.img";
/// The directory of a home whose size is not limited.
pub(super) const DIRECTORY: &str = "home";
/// The smallest home: ext4 has to fit into it.
const SMALLEST_HOME: u64 = 16 << 20;

pub(super) fn manifest(
    options: &SandboxOptions,
    capabilities: &Capabilities,
    instance: &Instance,
    state_dir: PathBuf,
) -> Result<Manifest, DriverError> {
    let resolved = &instance.resolved;
    let limits = resolved.resources.or(&options.defaults);
    let home = home(options, capabilities, limits.disk, &state_dir)?;
    let root = rustix::process::geteuid().is_root();
    let sandbox = SandboxSpec {
        root: instance.root.clone(),
        layers: instance.layers.clone(),
        home,
        host_id: root.then(|| options.first_id.saturating_add(instance.slot)),
        limits,
        allow_missing: options.allow_missing.clone(),
        certificates: options.certificates.clone(),
        network: Network::Isolated,
        files: Vec::new(),
        install: None,
    };
    let mut environment = resolved.environment.clone();
    environment.entry("HOME".to_owned()).or_insert_with(|| HOME.to_owned());
    Ok(Manifest {
        workspace: instance.id,
        name: instance.name.clone(),
        owner: instance.owner.clone(),
        server: instance.server.clone(),
        token: Handed(instance.token.expose().clone()),
        state_dir,
        sandbox,
        environment,
        files: resolved.files.clone(),
        scripts: resolved.scripts.clone(),
        metadata: resolved.metadata.clone(),
        apps: resolved.apps.clone(),
        egress: resolved.egress.clone(),
        browser_only: resolved.browser_only,
        enforcement: resolved.enforcement,
    })
}

/// Where the home is. One that is there stays what it is: what a person has must neither become invisible nor lose its
/// limit without anybody's leave.
fn home(
    options: &SandboxOptions,
    capabilities: &Capabilities,
    limit: Option<u64>,
    state_dir: &Path,
) -> Result<HomeStorage, DriverError> {
    let (image, directory) = (state_dir.join(IMAGE), state_dir.join(DIRECTORY));
    let missing = capabilities.missing.get(&Limit::Disk);
    let held = |path: &Path| {
        path.try_exists().map_err(|error| DriverError::Step {
            step: "look for the home",
            cause: format!("{}: {error}", path.display()),
        })
    };
    match (held(&image)?, held(&directory)?) {
        (true, true) => Err(DriverError::Unable(format!(
            "there are two homes, {} and {}; move the one that is not wanted elsewhere",
            image.display(),
            directory.display()
        ))),
        (true, false) => match missing {
            None => Ok(HomeStorage::Image {
                bytes: limit.map_or(0, |bytes| bytes.max(SMALLEST_HOME)),
                path: image,
            }),
            Some(why) => Err(DriverError::Unable(format!(
                "its home is the image {}, which this machine cannot mount ({why}); mend that, or copy what is in the image \
                 into {} and move the image elsewhere",
                image.display(),
                directory.display()
            ))),
        },
        (false, true) => {
            let allowed = missing.is_some() || options.allow_missing.contains(&Limit::Disk);
            if limit.is_some() && !allowed {
                return Err(DriverError::Unable(format!(
                    "its home {} was made without a limit of its size, which is not allowed; move it elsewhere, start the \
                     workspace and copy the files back, or allow it with workspaces.allow_missing_limits = [\"disk\"]",
                    directory.display()
                )));
            }
            Ok(HomeStorage::Directory(directory))
        }
        (false, false) => Ok(match limit {
            Some(bytes) if missing.is_none() => HomeStorage::Image {
                path: image,
                bytes: bytes.max(SMALLEST_HOME),
            },
            _ => HomeStorage::Directory(directory),
        }),
    }
}
