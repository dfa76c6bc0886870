//! Connections of the workspace that go to the server: to the gate, and to hosts outside.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bailey_api::agent::{LinkClass, Purpose};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::dns::Names;
use crate::links::Links;
use crate::sandbox::{Listeners, original_destination};
use crate::tasks::Tasks;

/// How many connections are forwarded at a time; the others wait in the listener.
const CONNECTIONS: usize = 200;
/// What is read at a time.
const BLOCK: usize = 16 * 1024;

/// Forwards until the agent stops.
///
/// # Errors
/// Where the listeners cannot be used.
pub(crate) fn serve(tasks: &Tasks, links: &Links, names: Arc<Names>, listeners: Listeners) -> io::Result<()> {
    let udp = tokio::net::UdpSocket::from_std(listeners.dns_udp)?;
    crate::dns::serve(tasks, &names, udp, TcpListener::from_std(listeners.dns_tcp)?);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let gate = TcpListener::from_std(listeners.gate)?;
    accept(tasks, links, &places, gate, |_, _| Some(Purpose::Gate));
    let redirect = TcpListener::from_std(listeners.redirect)?;
    accept(tasks, links, &places, redirect, move |stream, peer| {
        let destination = original_destination(stream).ok()?;
        // A connection to the listener itself has itself as its destination; nothing of ours is on loopback here.
        if destination.ip().is_loopback() {
            return None;
        }
        let Some(host) = names.host(*destination.ip()) else {
            tracing::debug!(%peer, %destination, "no name stands for it");
            return None;
        };
        Some(Purpose::Connect {
            host,
            port: destination.port(),
        })
    });
    Ok(())
}

fn accept(
    tasks: &Tasks,
    links: &Links,
    places: &Arc<Semaphore>,
    listener: TcpListener,
    purpose: impl Fn(&TcpStream, SocketAddr) -> Option<Purpose> + Send + Sync + 'static,
) {
    let (again, links, places) = (tasks.clone(), links.clone(), Arc::clone(places));
    tasks.spawn(async move {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let Ok((stream, peer)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            // Without a purpose the connection is reset where it stands.
            let Some(purpose) = purpose(&stream, peer) else {
                let _ = stream.set_zero_linger();
                continue;
            };
            let links = links.clone();
            again.spawn(async move {
                forward(&links, stream, &purpose).await;
                drop(place);
            });
        }
    });
}

async fn forward(links: &Links, mut inside: TcpStream, purpose: &Purpose) {
    let _ = inside.set_nodelay(true);
    match links.request(LinkClass::Bulk, purpose).await {
        Ok(mut stream) => {
            if copy_bidirectional_with_sizes(&mut inside, &mut stream, BLOCK, BLOCK)
                .await
                .is_err()
            {
                // Told apart from an end, so that half an answer is not taken for a whole one.
                let _ = inside.set_zero_linger();
            }
        }
        Err(error) => {
            tracing::debug!(?purpose, "not forwarded: {error}");
            let _ = inside.set_zero_linger();
        }
    }
}
