//! What is to be built.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use bailey_api::agent::{HomeStorage, Network, SandboxSpec};
use bailey_core::template::{Resources, Template};
use serde::Serialize;

use super::LayerOptions;
use super::files::{HOME, INSIDE, OPT};
use crate::template::package::{File, Package};
use crate::template::parts::{install_files, layer_digest, root_digest};

/// What is to be built for one version of a template.
#[derive(Debug, Clone)]
pub struct LayerJob {
    /// The layer's digest; `None` = there is nothing to install, only a root to unpack.
    pub layer: Option<String>,
    pub(super) script: String,
    pub(super) files: Vec<(String, File)>,
    pub(super) root: Option<(String, Vec<u8>)>,
    environment: BTreeMap<String, String>,
}

/// What `bailey-agent layer` reads.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    script: &'a str,
    name: &'static str,
    state_dir: PathBuf,
    sandbox: SandboxSpec,
    environment: &'a BTreeMap<String, String>,
    timeout: u64,
}

impl LayerJob {
    /// What a template needs built; `None` if nothing. `environment` are the server's variables, of which the script sees
    /// those that the template names.
    pub fn new(template: &Template, package: &Package, environment: &BTreeMap<String, String>) -> Option<Self> {
        let base = &template.base;
        let script = base.install.as_ref().and_then(|source| package.get(&source.file));
        let root = base.archive.as_ref().and_then(|source| package.get(&source.file));
        if script.is_none() && root.is_none() {
            return None;
        }
        let seen = |name: &String| Some((name.clone(), environment.get(name)?.clone()));
        let mut variables: BTreeMap<_, _> = base.install_environment.iter().filter_map(seen).collect();
        variables.insert("TEMPLATE_DIR".to_owned(), INSIDE.to_owned());
        let files = install_files(template, package);
        Some(Self {
            layer: layer_digest(template, package),
            script: script
                .map(|file| String::from_utf8_lossy(&file.content).into_owned())
                .unwrap_or_default(),
            files: files
                .into_iter()
                .map(|(path, file)| (path.clone(), file.clone()))
                .collect(),
            root: root.map(|file| (root_digest(file), file.content.clone())),
            environment: variables,
        })
    }

    /// The root's digest, if it has a root of its own.
    pub fn root_digest(&self) -> Option<&str> {
        self.root.as_ref().map(|(digest, _)| digest.as_str())
    }

    pub(super) fn request(
        &self,
        options: &LayerOptions,
        root: Option<PathBuf>,
        new: &Path,
        owner: Option<u32>,
    ) -> Request<'_> {
        let name = new.file_name().and_then(OsStr::to_str).unwrap_or_default();
        Request {
            script: &self.script,
            name: "layer",
            state_dir: new.join(format!("layer{}", name.trim_start_matches('.'))),
            sandbox: SandboxSpec {
                root,
                layers: Vec::new(),
                home: HomeStorage::Directory(new.join(HOME)),
                host_id: owner,
                limits: Resources::default(),
                allow_missing: Vec::new(),
                certificates: options.certificates.clone(),
                network: Network::Host,
                files: Vec::new(),
                install: Some(new.join(OPT)),
            },
            environment: &self.environment,
            timeout: options.timeout.as_secs(),
        }
    }
}
