//! Judging a connection and making it.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::exception::Exceptions;
use crate::host::{Host, HostError};
use crate::hosts::Hosts;
use crate::rules::Rules;

/// Answers beyond these are no name of an honest host.
const MOST_ANSWERS: usize = 64;
/// Lookups at once. Each holds a thread until the system's resolver gives up, whatever our own patience.
const LOOKUPS: usize = 32;

/// Why there is no connection. Its text is for whoever asked inside, and so names no address that only the server can see.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The host is no host.
    #[error("{0}")]
    Malformed(#[from] HostError),
    /// No rule of the template names it.
    #[error("this workspace's template does not allow {host}:{port}; its [egress] section says what it allows")]
    NoRule {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
    },
    /// It leads to an address that is not public.
    #[error(
        "{host} leads to an address that is not public; an administrator can allow company addresses with egress.allow_private"
    )]
    NotPublic {
        /// The host.
        host: Host,
        /// The first such address.
        address: IpAddr,
    },
    /// The name has no address, or too many.
    #[error("{host} has no address")]
    NoAddress {
        /// The host.
        host: Host,
    },
    /// The name could not be looked up.
    #[error("{host} could not be looked up")]
    Lookup {
        /// The host.
        host: Host,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nothing answers there.
    #[error("{host}:{port} cannot be reached: {source}")]
    Unreachable {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
        /// Why the last address could not be reached.
        source: io::Error,
    },
    /// It took too long.
    #[error("{host}:{port} did not answer in time")]
    TimedOut {
        /// The host.
        host: Host,
        /// The port.
        port: u16,
    },
}

impl Refusal {
    /// A word for metrics, from a closed list.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::NoRule { .. } => "no_rule",
            Self::NotPublic { .. } => "not_public",
            Self::NoAddress { .. } => "no_address",
            Self::Lookup { .. } => "lookup",
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
        }
    }

    /// Whether it was a rule that said no, not the network.
    pub const fn is_denial(&self) -> bool {
        matches!(self, Self::Malformed(_) | Self::NoRule { .. } | Self::NotPublic { .. })
    }
}

/// Looks names up.
pub trait Resolve {
    /// Every address of a name, asked for once.
    fn resolve(&self, name: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The system's own resolver.
#[derive(Debug, Clone)]
pub struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.0).acquire_owned().await.map_err(io::Error::other)?;
        let name = name.to_owned();
        let lookup = tokio::task::spawn_blocking(move || {
            let answers = (name.as_str(), 0).to_socket_addrs()?;
            let addresses: Vec<IpAddr> = answers.map(|answer| answer.ip()).collect();
            // The place is free once the thread is, even where nobody waits for the answer any more.
            drop(place);
            Ok(addresses)
        });
        lookup.await.map_err(io::Error::other)?
    }
}

/// What connections are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// What the template allows.
    pub rules: &'a Rules,
    /// Addresses that are reachable although they are not public.
    pub exceptions: &'a Exceptions,
    /// Names that the deployment resolves itself.
    pub hosts: &'a Hosts,
}

/// Connects to `host` and `port` if the template's rules name them and every address of the name may be reached. A name that the
/// deployment resolves itself at this port leads where it says; any other is looked up once, and what is dialled is an address that
/// was judged. `timeout` is for everything together.
///
/// # Errors
/// Where it is refused or cannot be reached.
pub async fn connect(
    resolver: &impl Resolve,
    policy: Policy<'_>,
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<(TcpStream, SocketAddr), Refusal> {
    let host = Host::parse(host)?;
    if !policy.rules.allows(&host, port) {
        return Err(Refusal::NoRule { host, port });
    }
    let deadline = Instant::now() + timeout;
    if let Some(address) = policy.hosts.address(&host, port) {
        return dial(&[address], host, port, deadline).await;
    }
    let addresses = match tokio::time::timeout_at(deadline, judged(resolver, policy.exceptions, &host)).await {
        Ok(judged) => judged?,
        Err(_) => return Err(Refusal::TimedOut { host, port }),
    };
    dial(&addresses, host, port, deadline).await
}

/// The addresses of a host, each of them judged.
async fn judged(resolver: &impl Resolve, exceptions: &Exceptions, host: &Host) -> Result<Vec<IpAddr>, Refusal> {
    let addresses = match host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => resolver.resolve(name).await.map_err(|source| Refusal::Lookup {
            host: host.clone(),
            source,
        })?,
    };
    if addresses.is_empty() || addresses.len() > MOST_ANSWERS {
        return Err(Refusal::NoAddress { host: host.clone() });
    }
    // One bad answer among good ones is how a name is rebound; none of them is dialled then.
    match addresses.iter().find(|address| !exceptions.reachable(**address)) {
        Some(address) => Err(Refusal::NotPublic {
            host: host.clone(),
            address: *address,
        }),
        None => Ok(addresses),
    }
}

/// Tries the addresses in turn; each gets an equal share of the time that is left.
async fn dial(
    addresses: &[IpAddr],
    host: Host,
    port: u16,
    deadline: Instant,
) -> Result<(TcpStream, SocketAddr), Refusal> {
    let mut last = None;
    for (tried, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        let target = SocketAddr::new(*address, port);
        match tokio::time::timeout(share, TcpStream::connect(target)).await {
            Ok(Ok(stream)) => return Ok((stream, target)),
            Ok(Err(error)) => last = Some(error),
            Err(_) => {}
        }
    }
    Err(match last {
        Some(source) => Refusal::Unreachable { host, port, source },
        None => Refusal::TimedOut { host, port },
    })
}

#[cfg(test)]
mod tests;
