//! The planner: from what is wanted and what is there to what is to be done, in order.
//!
//! It is pure. Whoever carries it out does one action after the other; when something fails or the process was killed,
//! they look again and ask again. Every action can be done twice, so it does not matter which was the last to be done.

use super::Transition;
use crate::{BuildId, Timestamp};

/// What a build is to lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goal {
    /// The build. An agent that was started for another one is not the one it is about.
    pub build: BuildId,
    /// What it does.
    pub transition: Transition,
    /// Whether the home directory outlives the workspace.
    pub keep_home: bool,
    /// When the build must be over.
    pub deadline: Timestamp,
}

/// An agent that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenAgent {
    /// The build it was started for; `None` = it cannot be told.
    pub build: Option<BuildId>,
    /// Everything that a start waits for is there.
    pub ready: bool,
}

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The workspace's directory and its home.
    pub home: bool,
    /// The workspace has a key that is good.
    pub key: bool,
    /// The agent.
    pub agent: Option<SeenAgent>,
    /// Why the build cannot succeed any more.
    pub failure: Option<String>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Make the workspace's directory and its home.
    EnsureHome,
    /// Revoke every key of the workspace; what uses them ends.
    RevokeKeys,
    /// Start the agent.
    StartAgent,
    /// Wait until everything that a start waits for is there.
    AwaitReady,
    /// End the agent and all that runs inside.
    StopAgent,
    /// Remove the workspace's directory and its home.
    RemoveHome,
    /// The build has succeeded.
    Finish,
    /// The build has failed.
    Fail(String),
}

/// What is to be done so that `seen` becomes what `goal` wants. The last action is always the build's end.
pub fn plan(goal: &Goal, seen: &Observed, now: Timestamp) -> Vec<Action> {
    match goal.transition {
        Transition::Start | Transition::Restart | Transition::Update => up(goal, seen, now),
        Transition::Stop => down(seen, [Action::Finish]),
        Transition::Delete => {
            let mut actions = down(seen, []);
            if seen.home && !goal.keep_home {
                actions.push(Action::RemoveHome);
            }
            actions.push(Action::Finish);
            actions
        }
    }
}

fn up(goal: &Goal, seen: &Observed, now: Timestamp) -> Vec<Action> {
    let ours = seen.agent.as_ref().filter(|agent| agent.build == Some(goal.build));
    let ready = ours.is_some_and(|agent| agent.ready);
    if let Some(cause) = &seen.failure {
        return down(seen, [Action::Fail(cause.clone())]);
    }
    if now >= goal.deadline && !ready {
        return down(seen, [Action::Fail("it took too long".to_owned())]);
    }
    match ours {
        Some(_) if ready => vec![Action::Finish],
        Some(_) => vec![Action::AwaitReady, Action::Finish],
        None => {
            // What was left by another build goes first: two agents would share one home.
            let mut actions = down(seen, []);
            if !seen.home {
                actions.push(Action::EnsureHome);
            }
            actions.extend([Action::StartAgent, Action::AwaitReady, Action::Finish]);
            actions
        }
    }
}

/// Leaves nothing running and no key, then `end`.
fn down<const N: usize>(seen: &Observed, end: [Action; N]) -> Vec<Action> {
    let mut actions = Vec::with_capacity(N + 5);
    if seen.agent.is_some() {
        actions.push(Action::StopAgent);
    }
    if seen.key {
        actions.push(Action::RevokeKeys);
    }
    actions.extend(end);
    actions
}
