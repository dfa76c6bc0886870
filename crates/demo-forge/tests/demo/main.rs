//! The forge from outside: over HTTP, with git, and with a receiver of webhooks.

// An integration test is always built as one; the attribute tells clippy, which allows `unwrap` in tests only.
#[cfg(test)]
mod api;
#[cfg(test)]
mod git;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod oauth;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod support;
