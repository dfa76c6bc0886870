//! The loop against a scripted model and a workspace in memory.

pub(crate) mod crash;
mod crashes;
mod hostile;
mod life;
mod people;
mod requests;
mod script;
mod streams;
mod workers;
mod world;
