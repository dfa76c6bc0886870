//! One accepted connection, and the ways in which it can end other than HTTP's.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;

use crate::dispatch;
use crate::scenario::Hold;
use crate::server::Shared;

/// Most headers of a request.
const MAX_HEADERS: usize = 256;
/// Most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 256 << 10;

/// Pause between two looks at a connection that is not read.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How to end a connection whose HTTP was broken off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Close it in order (FIN).
    #[default]
    Close,
    /// Reset it (RST).
    Reset,
    /// Send these bytes instead of a response, and close it.
    Garbage(Bytes),
}

/// Lets a response say how its connection ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control(Arc<Mutex<Ending>>);

impl Control {
    pub(crate) fn end(&self, ending: Ending) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = ending;
    }

    fn take(&self) -> Ending {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves `stream` to its end. What goes wrong with it concerns nobody but the client, so it is not reported.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // A frame must leave when it is written; where the option cannot be set, the connection is dead already.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    if let Some(hold) = shared
        .rules()
        .for_connection()
        .and_then(|applied| applied.rule.stall)
        .map(|stall| stall.hold)
    {
        match hold {
            Hold::For(time) => tokio::time::sleep(time).await,
            Hold::Forever => return until_closed(&stream).await,
        }
    }
    let control = Control::default();
    let service = service_fn(|request| dispatch::handle(Arc::clone(&shared), control.clone(), request));
    let mut connection = http1::Builder::new()
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if Pin::new(&mut connection).await.is_err() {
        let stream = connection.into_parts().io.into_inner();
        // The client may be gone by now, and then there is nothing left to end.
        let _ = finish(stream, control.take()).await;
    }
}

async fn finish(mut stream: TcpStream, ending: Ending) -> io::Result<()> {
    match ending {
        Ending::Close => Ok(()),
        Ending::Reset => stream.set_zero_linger(),
        Ending::Garbage(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
    }
}

/// Waits, without reading, until the client has closed the connection.
async fn until_closed(stream: &TcpStream) {
    while let Ok(ready) = stream.ready(Interest::READABLE).await {
        if ready.is_read_closed() {
            return;
        }
        // Unread bytes keep the stream readable, so looking again at once would spin.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
