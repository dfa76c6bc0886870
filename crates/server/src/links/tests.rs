use bailey_api::agent::TerminalOpen;
use std::pin::Pin;
use std::task::{Context, Poll};

use bailey_link::Connection;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

use super::*;

/// Messages through memory.
pub(crate) struct Memory {
    pub(crate) to: mpsc::UnboundedSender<Bytes>,
    pub(crate) from: mpsc::UnboundedReceiver<Bytes>,
}

#[derive(Debug, thiserror::Error)]
#[error("the other side is gone")]
pub(crate) struct Gone;

impl futures_util::Stream for Memory {
    type Item = Result<Bytes, Gone>;
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.from.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl futures_util::Sink<Bytes> for Memory {
    type Error = Gone;
    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }
    fn start_send(self: Pin<&mut Self>, message: Bytes) -> Result<(), Gone> {
        self.to.send(message).map_err(|_| Gone)
    }
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        Poll::Ready(Ok(()))
    }
}

/// An agent that echoes apps and refuses everything else; answers with the server's side.
fn agent(tasks: &bailey_runtime::Tasks) -> Opener {
    let ((a, b), (c, d)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let mut client = Connection::client(Memory { to: a, from: d });
    let server = Connection::server(Memory { to: c, from: b });
    tasks.spawn(client.driver);
    tasks.spawn(server.driver);
    tasks.spawn(async move {
        // The connection is open for as long as somebody could open streams on it.
        let _opener = client.opener;
        while let Some(stream) = client.incoming.next().await {
            let (purpose, pending) = bailey_link::accept::<Purpose>(stream).await.unwrap();
            if matches!(purpose, Purpose::App { .. }) {
                let mut stream = pending.accept().await.unwrap();
                let mut bytes = [0; 2];
                stream.read_exact(&mut bytes).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
                // A stream that is dropped before the other side's end was read is reset.
                stream.read_to_end(&mut Vec::new()).await.unwrap();
            } else {
                pending.refuse("not here").await;
            }
        }
    });
    server.opener
}

fn run(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(work);
}

const ONE: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(1));
const TWO: WorkspaceId = WorkspaceId::from_uuid(Uuid::from_u128(2));

#[test]
fn a_stream_goes_to_its_workspace_alone() {
    run(async {
        let (tasks, links) = (bailey_runtime::Tasks::new(), Links::default());
        let app = || Purpose::App { name: "x".to_owned() };
        assert!(matches!(links.open(ONE, app()).await, Err(LinkError::NotConnected)));
        let _bulk = links.attach(ONE, LinkClass::Bulk, agent(&tasks));
        let mut stream = links.open(ONE, app()).await.unwrap();
        stream.write_all(b"hi").await.unwrap();
        stream.flush().await.unwrap();
        let mut bytes = [0; 2];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hi");
        assert!(matches!(links.open(TWO, app()).await, Err(LinkError::NotConnected)));
        let terminal = || {
            Purpose::Terminal(TerminalOpen {
                name: "main".to_owned(),
                columns: 80,
                rows: 24,
                after: None,
                epoch: None,
            })
        };
        let none = links.open(ONE, terminal()).await;
        assert!(matches!(none, Err(LinkError::NotConnected)));
        let _interactive = links.attach(ONE, LinkClass::Interactive, agent(&tasks));
        let refused = links.open(ONE, terminal()).await;
        assert!(matches!(refused, Err(LinkError::Refused(why)) if why == "not here"));
    });
}

#[test]
fn a_newer_connection_takes_the_place_and_the_old_ones_end_changes_nothing() {
    run(async {
        let (tasks, links) = (bailey_runtime::Tasks::new(), Links::default());
        let old = links.attach(ONE, LinkClass::Interactive, agent(&tasks));
        let new = links.attach(ONE, LinkClass::Interactive, agent(&tasks));
        assert!(old.end.is_cancelled() && !new.end.is_cancelled());
        drop(old);
        assert!(links.is_connected(ONE));
        links.set_status(ONE, AgentStatus::default());
        assert!(links.status(ONE).is_some());
        drop(new);
        assert!(!links.is_connected(ONE) && links.status(ONE).is_none());
    });
}

#[test]
fn an_end_is_final_until_another_agent_is_expected() {
    run(async {
        let (tasks, links) = (bailey_runtime::Tasks::new(), Links::default());
        let mut phase = links.expect(ONE);
        let place = links.attach(ONE, LinkClass::Interactive, agent(&tasks));
        links.report(ONE, Phase::Over("it broke".to_owned()));
        links.report(ONE, Phase::Ready);
        assert_eq!(*phase.borrow_and_update(), Phase::Over("it broke".to_owned()));
        let again = links.expect(ONE);
        assert!(place.end.is_cancelled(), "the old agent's connection is closed");
        assert_eq!(*again.borrow(), Phase::Awaited);
        assert!(!links.tell(ONE, FromServer::Stop { grace: 1 }));
        let mut control = links.control(ONE);
        assert!(links.tell(ONE, FromServer::LogStored { number: 4 }));
        assert_eq!(control.recv().await, Some(FromServer::LogStored { number: 4 }));
        links.close(ONE);
        assert_eq!(control.recv().await, None);
    });
}
