//! Connections that have changed their protocol: bytes both ways, until one side or the visit ends.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bailey_core::WorkspaceId;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Note;

/// Bytes in memory of one direction.
const BUFFER: usize = 32 * 1024;
/// How often activity is noted.
const NOTED: Duration = Duration::from_secs(5);

/// Notes that somebody does something in a workspace.
pub(crate) struct Noting {
    note: Note,
    workspace: WorkspaceId,
    last: Option<Instant>,
}

impl Noting {
    pub(crate) const fn new(note: Note, workspace: WorkspaceId) -> Self {
        Self {
            note,
            workspace,
            last: None,
        }
    }

    /// Notes it, unless that was done a moment ago.
    pub(crate) fn note(&mut self) {
        if self.last.is_none_or(|last| last.elapsed() >= NOTED) {
            self.last = Some(Instant::now());
            (self.note)(self.workspace);
        }
    }
}

/// The browser's side: what comes from there is activity.
struct Browser<T> {
    inner: T,
    noting: Noting,
}

impl<T: AsyncRead + Unpin> AsyncRead for Browser<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.noting.note();
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Browser<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Carries bytes between a browser and an app.
pub(crate) async fn tunnel(client: OnUpgrade, app: OnUpgrade, noting: Noting, over: impl Future<Output = ()>) {
    let carried = async {
        let (client, app) = tokio::try_join!(client, app).map_err(std::io::Error::other)?;
        let mut client = Browser {
            inner: TokioIo::new(client),
            noting,
        };
        let mut app = TokioIo::new(app);
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut app, BUFFER, BUFFER).await
    };
    let carried = tokio::select! {
        carried = carried => carried,
        () = over => return,
    };
    if let Err(error) = carried {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "a connection to an app ended early"
        );
    }
}
