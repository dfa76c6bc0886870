#![doc = include_str!("../README.md")]

mod connection;
mod dial;
mod ends;
mod frames;
mod pipe;
mod purpose;
mod stream;
mod websocket;

pub use connection::{Connection, Driver, Incoming, LinkError, MAX_STREAMS, Opener};
pub use dial::{DialError, dial};
pub use frames::{FrameReader, FrameWriter, frames};
pub use pipe::{MAX_MESSAGE, Transport};
pub use purpose::{MAX_LINE, Pending, PurposeError, accept, request};
pub use stream::Stream;
pub use websocket::{Messages, websocket_config};
