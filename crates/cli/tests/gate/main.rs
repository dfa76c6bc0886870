//! The model gate as a real process, judged by the mock provider's own ledger.

#[cfg(test)]
mod access;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod offboarding;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod world;
