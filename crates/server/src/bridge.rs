//! Between a WebSocket and a stream of a link: a binary message is a frame.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bailey_api::frame::MAX_PAYLOAD;
use bailey_link::Stream;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

/// The most bytes of a frame from a viewer: a kind, a number and its payload.
pub(crate) const MAX_FRAME: usize = MAX_PAYLOAD + 32;
/// Bytes that are set aside for reading from one WebSocket, for as long as it is open: most of them rest most of the time, and
/// what is larger is read in parts.
pub(crate) const READ_BUFFER: usize = 16 * 1024;
/// The most bytes of a frame from inside: a screen may be larger than a piece of output.
const MAX_INSIDE: usize = 64 * MAX_PAYLOAD + 32;
/// Somebody who was let in is not any more.
const OVER: u16 = 4401;
/// The other side broke off.
const BROKEN: u16 = 4502;
/// How often a viewer is asked whether it is there. Every WebSocket answers.
const PING: Duration = Duration::from_secs(20);
/// How long a viewer may say nothing at all. One that is gone without a word must not hold a place, or a terminal's size.
const SILENCE: Duration = Duration::from_secs(70);

/// Carries frames both ways until either side or the visit ends. `seen` is told of each frame from the viewer.
pub(crate) async fn carry(socket: WebSocket, stream: Stream, seen: impl FnMut(&[u8]), over: impl Future<Output = ()>) {
    let (reader, writer) = bailey_link::frames(stream, MAX_INSIDE);
    let (mut to_viewer, from_viewer) = socket.split();
    let code = {
        let outward = outward(reader, &mut to_viewer);
        let inward = inward(from_viewer, writer, seen);
        tokio::select! {
            code = outward => code,
            () = inward => None,
            () = over => Some(OVER),
        }
    };
    if let Some(code) = code {
        let close = Message::Close(Some(CloseFrame {
            code,
            reason: "".into(),
        }));
        // A viewer that takes nothing more does not keep this open.
        let _ = timeout(Duration::from_secs(1), to_viewer.send(close)).await;
    }
}

/// Frames from inside. Answers with the code to close with.
async fn outward(mut reader: bailey_link::FrameReader, viewer: &mut SplitSink<WebSocket, Message>) -> Option<u16> {
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let frame = tokio::select! {
            frame = reader.next() => frame,
            _ = pings.tick() => {
                viewer.send(Message::Ping(Bytes::new())).await.ok()?;
                continue;
            }
        };
        match frame {
            Ok(Some(frame)) => viewer.send(Message::Binary(frame)).await.ok()?,
            Ok(None) => return Some(1000),
            Err(error) => {
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "a stream to a workspace broke"
                );
                return Some(BROKEN);
            }
        }
    }
}

/// Frames from the viewer, until it goes away. A command may have ended before its input: what it has printed is on its way
/// out then, so that a failed write ends nothing.
async fn inward(mut viewer: SplitStream<WebSocket>, writer: bailey_link::FrameWriter, mut seen: impl FnMut(&[u8])) {
    let mut writer = Some(writer);
    while let Ok(Some(Ok(message))) = timeout(SILENCE, viewer.next()).await {
        let frame: Bytes = match message {
            Message::Binary(frame) => frame,
            Message::Ping(_) | Message::Pong(_) => continue,
            Message::Text(_) | Message::Close(_) => return,
        };
        seen(&frame);
        if let Some(open) = &mut writer
            && open.send(&frame).await.is_err()
        {
            writer = None;
        }
    }
}
