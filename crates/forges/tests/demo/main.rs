//! GitLab's client against the demo forge: real state, real git, real webhooks.

// An integration test is always built as one; the attribute tells clippy, which allows `unwrap` in tests only.
#[cfg(test)]
mod client;
#[cfg(test)]
mod deliveries;
#[cfg(test)]
mod support;
