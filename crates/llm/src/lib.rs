#![doc = include_str!("../README.md")]

pub mod count;
pub mod edit;
pub mod events;
pub mod json;
pub mod meter;
pub mod models;
pub mod price;
mod protocol;
pub mod refusal;
pub mod relay;
pub mod request;
mod sse;
pub mod usage;

pub use edit::{Edits, MaxOutputField};
pub use events::{EventReader, EventTooLong};
pub use meter::{BodyMeter, Metered};
pub use models::ModelInfo;
pub use price::{CostError, ModelPrice, PriceError, PriceTable, Rates};
pub use protocol::{Protocol, Vendor};
pub use refusal::{Refusal, RefusalKind, Rendered};
pub use relay::{StreamErrorEvent, StreamFault, StreamRelay};
pub use request::{Bounds, CacheControl, ParseLimits, RequestError, RequestView, Unbounded};
pub use usage::{ServiceTier, Tally, Usage};
