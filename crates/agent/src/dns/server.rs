//! Answers what arrives on the sockets that DNS is turned to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::message::{MAX_QUERY, answer, parse};
use super::names::Names;
use crate::tasks::Tasks;

/// How long a TCP connection may rest.
const IDLE: Duration = Duration::from_secs(10);
/// How many TCP connections are served at a time.
const CONNECTIONS: usize = 16;

/// Serves until the agent stops.
pub(crate) fn serve(tasks: &Tasks, names: &Arc<Names>, udp: UdpSocket, tcp: TcpListener) {
    let over_udp = Arc::clone(names);
    tasks.spawn(async move {
        let mut buffer = [0; MAX_QUERY + 1];
        loop {
            // Errors of a datagram socket concern one datagram each (an ICMP that came back).
            let Ok((length, from)) = udp.recv_from(&mut buffer).await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            if let Some(reply) = reply(&over_udp, buffer.get(..length).unwrap_or_default()) {
                let _ = udp.send_to(&reply, from).await;
            }
        }
    });
    let (names, tasks, places) = (Arc::clone(names), tasks.clone(), Arc::new(Semaphore::new(CONNECTIONS)));
    tasks.clone().spawn(async move {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let Ok((stream, _)) = tcp.accept().await else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let names = Arc::clone(&names);
            tasks.spawn(async move {
                let _ = connection(&names, stream).await;
                drop(place);
            });
        }
    });
}

fn reply(names: &Names, query: &[u8]) -> Option<Vec<u8>> {
    let question = parse(query)?;
    Some(answer(&question, names.reply(&question)))
}

async fn connection(names: &Names, mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; MAX_QUERY];
    loop {
        let length = timeout(IDLE, stream.read_u16()).await??;
        let query = buffer
            .get_mut(..usize::from(length))
            .ok_or(io::ErrorKind::InvalidData)?;
        timeout(IDLE, stream.read_exact(query)).await??;
        let reply = reply(names, query).ok_or(io::ErrorKind::InvalidData)?;
        let length = u16::try_from(reply.len()).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.extend_from_slice(&reply);
        timeout(IDLE, stream.write_all(&bytes)).await??;
    }
}
