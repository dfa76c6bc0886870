//! The API as its clients see it: the real router on a real database, with a clock that stands still.

// An integration test is always built as one; the attribute tells clippy, which allows `unwrap` in tests only.
#[cfg(test)]
mod agents;
#[cfg(test)]
mod apps;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod auth;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod cells;
#[cfg(test)]
mod chats;
mod chats_bounds;
#[cfg(test)]
mod directory;
#[cfg(test)]
mod external;
#[cfg(test)]
mod fleet;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod inside;
#[cfg(test)]
mod invitations;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod offboarding;
#[cfg(test)]
mod oidc;
#[cfg(test)]
mod problems;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod second_factor;
#[cfg(test)]
mod sign_in;
#[cfg(test)]
mod table;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod tickets;
#[cfg(test)]
mod tickets_agent;
mod tickets_guards;
#[cfg(test)]
mod tickets_world;
#[cfg(test)]
mod writes;
