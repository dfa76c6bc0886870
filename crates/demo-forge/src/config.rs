//! What a demo forge is started with.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::seed::Seed;

/// Configuration of one demo forge.
#[derive(Debug, Clone)]
pub struct DemoConfig {
    /// Address to listen on, of this machine's loopback; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where its state and repositories are: a directory of its own, made where it is not there.
    pub directory: PathBuf,
    /// The address that links lead to, where that is not the one listened on; without a slash at its end.
    pub external_url: Option<String>,
    /// Other names that it answers to, without ports: those by which it is reached from where loopback is another machine's.
    pub names: Vec<String>,
    /// What it has when its directory is new, and after a reset.
    pub seed: Seed,
    /// The program `git`: a path, or a name that is looked for in the system's directories.
    pub git: PathBuf,
    /// How webhooks are delivered.
    pub deliveries: DeliveryOptions,
    /// How long an access token of OAuth is good.
    pub token_life: Duration,
}

impl DemoConfig {
    /// A forge with the demonstration's seed in `directory`, on a free port of 127.0.0.1.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            directory: directory.into(),
            external_url: None,
            names: Vec::new(),
            seed: Seed::demo(),
            git: PathBuf::from("git"),
            deliveries: DeliveryOptions::default(),
            token_life: Duration::from_hours(2),
        }
    }
}

/// How webhooks are delivered.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryOptions {
    /// For one attempt, the answer included.
    pub timeout: Duration,
    /// Attempts at one delivery.
    pub attempts: u32,
    /// The pause before the second attempt; each further one is twice as long.
    pub pause: Duration,
}

impl Default for DeliveryOptions {
    /// Ten seconds, four attempts, and a pause of one second.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempts: 4,
            pause: Duration::from_secs(1),
        }
    }
}

/// What goes wrong with deliveries, on purpose. The default is that nothing does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryFaults {
    /// Each n-th delivery is lost: it is never sent.
    pub lose_every: Option<u32>,
    /// How often each delivery is sent again, under the same id.
    pub duplicates: u32,
    /// How long each delivery waits before it is sent.
    pub delay: Duration,
    /// So many deliveries are held back and then sent in the opposite order, one after another; a second after the first one
    /// came they go even when they are fewer.
    pub reverse: usize,
}
