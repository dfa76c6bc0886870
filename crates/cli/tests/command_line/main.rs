//! The binary, run the way people and scripts run it.

#[cfg(test)]
mod login;
#[cfg(test)]
mod offline;
#[cfg(test)]
mod online;
#[cfg(test)]
mod support;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod tls;
