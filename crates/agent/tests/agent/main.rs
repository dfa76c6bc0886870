//! The agent as a process, with a real sandbox, and with a server played by the test. Needs root.

#[cfg(test)]
mod layer;
#[cfg(test)]
mod life;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod server;
#[cfg(test)]
mod workspace;
