//! The closed lists that chats are described with.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name used in text, JSON and the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Reads [`Self::as_str`] back.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}

names! {
    /// How a chat is.
    ChatState {
        /// The agent has nothing to do until somebody writes.
        Waiting = "waiting",
        /// The model is asked, or is to be asked.
        Running = "running",
        /// Tools are run, or are to be run.
        Tool = "tool",
        /// A question or a plan waits for a person.
        RequiresAction = "requires_action",
        /// Held until somebody resumes it; the cause says why.
        Paused = "paused",
        /// Over, as it should be.
        Completed = "completed",
        /// Over without success; the cause says why.
        Failed = "failed",
        /// Over because somebody stopped it.
        Cancelled = "cancelled",
    }

    /// Why a chat is paused or over.
    Cause {
        /// A person interrupted it.
        Interrupted = "interrupted",
        /// It has taken as many steps as it may.
        Steps = "steps",
        /// It has worked for as long as it may.
        Time = "time",
        /// It has spent as much as it may.
        Money = "money",
        /// The agent has done what it was asked for.
        Done = "done",
        /// A person called it done.
        Finished = "finished",
        /// The model can read no more of it.
        ContextFull = "context_full",
        /// A budget of the workspace's key, its person, group or organization is used up.
        Budget = "budget",
        /// The model was refused, and asking again would not help.
        Refused = "refused",
        /// The model did not answer, again and again.
        ModelFailed = "model_failed",
        /// The workspace cannot be used.
        Workspace = "workspace",
        /// Its workers were lost again and again without getting on.
        Crashes = "crashes",
        /// A person stopped it.
        Stopped = "stopped",
        /// Its workspace was deleted.
        WorkspaceDeleted = "workspace_deleted",
        /// Its owner was suspended.
        OwnerSuspended = "owner_suspended",
    }

    /// Whether a chat may change anything yet.
    PlanMode {
        /// There is no plan to accept.
        Off = "off",
        /// Nothing is written until a person accepts a plan.
        Planning = "planning",
        /// A person has accepted a plan.
        Accepted = "accepted",
    }

    /// What a tool call is to the machine.
    CallKind {
        /// Changes nothing.
        Read = "read",
        /// May change something.
        Write = "write",
        /// A question to a person.
        Ask = "ask",
        /// A plan for a person to accept.
        Plan = "plan",
    }

    /// How far a tool call is.
    CallState {
        /// Not begun; questions and plans stay here until they are answered.
        Pending = "pending",
        /// Begun.
        Running = "running",
        /// Over, with its result.
        Done = "done",
        /// It was running when its worker was lost: nobody knows what came of it.
        Unknown = "unknown",
    }

    /// What came of a tool call.
    Outcome {
        /// It did what was asked, or a person answered.
        Ok = "ok",
        /// It failed, and says how.
        Error = "error",
        /// It was not allowed.
        Refused = "refused",
        /// A person rejected it.
        Rejected = "rejected",
        /// It was interrupted, perhaps half done.
        Interrupted = "interrupted",
        /// Nobody knows.
        Unknown = "unknown",
        /// The chat was over before it was done.
        Cancelled = "cancelled",
    }

    /// Why the model ended a step.
    Stop {
        /// It has nothing more to say.
        EndTurn = "end_turn",
        /// It wants tools to be run.
        ToolUse = "tool_use",
        /// It reached the limit of its output.
        MaxTokens = "max_tokens",
        /// It will not go on.
        Refusal = "refusal",
        /// Something else.
        Other = "other",
    }

    /// Where a tool's output comes from.
    Channel {
        /// Standard output.
        Stdout = "stdout",
        /// Standard error.
        Stderr = "stderr",
    }
}

impl ChatState {
    /// Whether a chat stays like this for ever.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether there is something for a worker to do.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Running | Self::Tool)
    }
}

impl CallKind {
    /// Whether a worker runs it; the others wait for a person.
    pub const fn is_run(self) -> bool {
        matches!(self, Self::Read | Self::Write)
    }
}

impl CallState {
    /// Whether it has its result.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Unknown)
    }
}
