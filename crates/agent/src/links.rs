//! The link to the server: two connections, made again whenever they are lost.

use std::time::Duration;

use bailey_api::agent::{LINK_PATH, LinkClass, Manifest, Purpose, ServerAddress};
use bailey_link::{DialError, Incoming, Opener, PurposeError, Stream};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::clock;
use crate::tasks::Tasks;

/// The first tries come quickly, so that a server that starts anew on this machine is found at once.
const QUICK: Duration = Duration::from_millis(100);
const QUICK_TRIES: u32 = 20;
/// The longest pause towards a server elsewhere.
const LONGEST: Duration = Duration::from_secs(30);
/// And towards one on this machine, which costs nobody anything.
const LONGEST_HERE: Duration = Duration::from_secs(1);
/// A connection that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(5);
/// How long something inside waits for a link that is away.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where streams to the server are opened.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    interactive: watch::Sender<Option<Opener>>,
    bulk: watch::Sender<Option<Opener>>,
}

/// A stream of the server's, and a token of the connection that it came by.
pub(crate) struct Arrived {
    pub(crate) stream: Stream,
    /// Tells whether the connection has ended.
    pub(crate) connection: watch::Receiver<Option<Opener>>,
}

impl Links {
    pub(crate) fn new() -> Self {
        Self {
            interactive: watch::Sender::new(None),
            bulk: watch::Sender::new(None),
        }
    }

    const fn of(&self, class: LinkClass) -> &watch::Sender<Option<Opener>> {
        match class {
            LinkClass::Interactive => &self.interactive,
            LinkClass::Bulk => &self.bulk,
        }
    }

    /// Follows the connection of a class: `None` while there is none.
    pub(crate) fn watch(&self, class: LinkClass) -> watch::Receiver<Option<Opener>> {
        self.of(class).subscribe()
    }

    /// Opens a stream for a purpose. A link that is away is waited for, for a while.
    pub(crate) async fn request(&self, class: LinkClass, purpose: &Purpose) -> Result<Stream, PurposeError> {
        let mut watch = self.watch(class);
        let wait = watch.wait_for(|opener| opener.as_ref().is_some_and(|opener| !opener.is_closed()));
        let opener = match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(opener)) => opener.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        let opener = opener.ok_or(PurposeError::TimedOut)?;
        bailey_link::request(&opener, purpose).await
    }

    /// Keeps the connection of a class until the agent stops. The server's streams go to `arrived`.
    pub(crate) fn keep(&self, tasks: &Tasks, manifest: &Manifest, class: LinkClass, arrived: mpsc::Sender<Arrived>) {
        let keeper = Keeper {
            server: manifest.server.clone(),
            token: manifest.token.0.clone(),
            class,
            opener: self.of(class).clone(),
            tasks: tasks.clone(),
            arrived,
        };
        tasks.spawn(keeper.run());
    }
}

struct Keeper {
    server: ServerAddress,
    token: String,
    class: LinkClass,
    opener: watch::Sender<Option<Opener>>,
    tasks: Tasks,
    arrived: mpsc::Sender<Arrived>,
}

impl Keeper {
    async fn run(self) {
        let mut tries = 0;
        let mut said = String::new();
        loop {
            let start = Instant::now();
            match self.connect().await {
                Ok(()) => {
                    tracing::info!(class = ?self.class, "the link is lost");
                    said.clear();
                    if start.elapsed() >= GOOD {
                        tries = 0;
                    }
                }
                Err(error) => {
                    // Once per cause: this goes on for as long as the server is away.
                    let text = error.to_string();
                    if text != said {
                        tracing::warn!(class = ?self.class, "no link: {text}");
                        said = text;
                    }
                }
            }
            tokio::time::sleep(clock::jitter(pause(tries, &self.server))).await;
            tries = tries.saturating_add(1);
        }
    }

    /// Connects, and stays until the connection has ended.
    async fn connect(&self) -> Result<(), DialError> {
        let base = address(&self.server).await?;
        let class = match self.class {
            LinkClass::Interactive => "interactive",
            LinkClass::Bulk => "bulk",
        };
        let url = format!("{base}{LINK_PATH}?class={class}");
        let connection = bailey_link::dial(&url, &self.token).await?;
        tracing::info!(class, "linked to {base}");
        let opener = connection.opener.clone();
        self.opener.send_replace(Some(connection.opener));
        let (driver, incoming) = (connection.driver, connection.incoming);
        self.tasks.spawn(async move {
            if let Err(error) = driver.await {
                tracing::info!("{error}");
            }
        });
        tokio::select! {
            () = opener.closed() => {}
            () = self.hand_on(incoming) => {}
        }
        self.opener.send_replace(None);
        Ok(())
    }

    async fn hand_on(&self, mut incoming: Incoming) {
        while let Some(stream) = incoming.next().await {
            let connection = self.opener.subscribe();
            if self.arrived.send(Arrived { stream, connection }).await.is_err() {
                return;
            }
        }
    }
}

fn pause(tries: u32, server: &ServerAddress) -> Duration {
    let longest = match server {
        ServerAddress::Url(_) => LONGEST,
        ServerAddress::File(_) => LONGEST_HERE,
    };
    QUICK
        .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(QUICK_TRIES)))
        .min(longest)
}

/// The server's address at this moment, without a slash at its end.
async fn address(server: &ServerAddress) -> Result<String, DialError> {
    match server {
        ServerAddress::Url(url) => Ok(url.trim_end_matches('/').to_owned()),
        ServerAddress::File(path) => {
            let text = tokio::fs::read_to_string(path).await.map_err(DialError::Connect)?;
            let address = text.trim();
            if address.is_empty() || address.len() > 255 || address.contains(['/', ' ', '\n']) {
                return Err(DialError::Address(path.display().to_string()));
            }
            Ok(format!("http://{address}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_short_first_and_grow_to_their_limit() {
        let far = ServerAddress::Url(String::new());
        let here = ServerAddress::File(std::path::PathBuf::new());
        assert_eq!(pause(0, &far), QUICK);
        assert_eq!(pause(QUICK_TRIES, &far), QUICK);
        assert_eq!(pause(QUICK_TRIES + 2, &far), 4 * QUICK);
        assert_eq!(pause(u32::MAX, &far), LONGEST);
        assert_eq!(pause(u32::MAX, &here), LONGEST_HERE);
    }

    #[tokio::test]
    async fn the_address_is_read_anew_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("address");
        let server = ServerAddress::File(file.clone());
        assert!(address(&server).await.is_err());
        for text in ["127.0.0.1:7080\n", "[::1]:81"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(address(&server).await.unwrap(), format!("http://{}", text.trim()));
        }
        std::fs::write(&file, "127.0.0.1:80/evil").unwrap();
        assert!(address(&server).await.is_err());
        let url = ServerAddress::Url("http://a:1/".to_owned());
        assert_eq!(address(&url).await.unwrap(), "http://a:1");
    }
}
