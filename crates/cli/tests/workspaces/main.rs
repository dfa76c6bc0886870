//! Workspaces as real processes: the server, the agent, and what the kernel holds of them. Needs what sandboxes need; says
//! so where that is not to be had, and fails for it in CI.

#[cfg(test)]
mod chats;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod files;
#[cfg(test)]
mod git;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod life;
#[cfg(test)]
mod offboarding;
#[cfg(test)]
mod relay;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod terminals;
#[cfg(test)]
mod world;
