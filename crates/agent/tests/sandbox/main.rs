//! The sandbox on the real kernel. Needs root; what an ordinary user may do is tried in a process of another user.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of what clippy takes for one"
)]

mod attempts;
mod basics;
mod escapes;
mod layers;
mod limits;
mod network;
mod ordinary;
mod patience;
mod resources;
mod support;
