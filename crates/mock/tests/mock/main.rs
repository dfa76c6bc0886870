//! The mock from outside, on real sockets.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod protocols;
#[cfg(test)]
mod support;
