//! From what a workspace is made of to what its agent is told.

use std::path::PathBuf;

use bailey_api::agent::{Capabilities, HOME, Handed, HomeStorage, Limit, Manifest, Network, SandboxSpec};
use bailey_core::template::Resources;

use super::SandboxOptions;
use crate::driver::Instance;

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
) -> Manifest {
    let resolved = &instance.resolved;
    let limits = limits(&resolved.resources, &options.defaults);
    // Also where no quota was allowed once: what a person has must not become invisible.
    let directory = state_dir.join(DIRECTORY);
    let home = match limits.disk {
        Some(bytes) if !capabilities.missing.contains_key(&Limit::Disk) && !directory.exists() => HomeStorage::Image {
            path: state_dir.join(IMAGE),
            bytes: bytes.max(SMALLEST_HOME),
        },
        _ => HomeStorage::Directory(directory),
    };
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
    Manifest {
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
    }
}

fn limits(wanted: &Resources, defaults: &Resources) -> Resources {
    Resources {
        cpu_milli: wanted.cpu_milli.or(defaults.cpu_milli),
        memory: wanted.memory.or(defaults.memory),
        processes: wanted.processes.or(defaults.processes),
        disk: wanted.disk.or(defaults.disk),
        io_bytes: wanted.io_bytes.or(defaults.io_bytes),
    }
}
