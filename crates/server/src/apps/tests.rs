//! A browser's side over TCP, and an app's side behind a link in memory.

mod attacks;
mod rig;
mod ways;
