//! What the store does, on both databases.

// An integration test is always built as one; the attribute tells clippy, which allows `unwrap` in tests only.
#[cfg(test)]
mod apply;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod authority;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod chats;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod external_accounts;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod identities;
#[cfg(test)]
mod identity;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod offboarding;
#[cfg(test)]
mod random;
#[cfg(test)]
mod records;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod send;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod spend;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod workspaces;
#[cfg(test)]
mod world;
