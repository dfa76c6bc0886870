//! GitLab's client against a small GitLab that is played in this process, over real HTTP on loopback.

// An integration test is always built as one; the attribute tells clippy, which allows `unwrap` in tests only.
#[cfg(test)]
mod changes;
#[cfg(test)]
mod client;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod whole;
