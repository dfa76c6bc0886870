//! Why nothing is done.

use serde::{Deserialize, Serialize};

/// Why an event comes to nothing. The text says what to do where something can be done; names in it are a stranger's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum NoOp {
    /// The change asks for nothing: a title, a description, a milestone.
    #[error("nothing that starts a run has changed")]
    NothingAsked,
    /// No label of the ticket is Bailey's.
    #[error("no label of the ticket asks for a run")]
    NoMatchingLabel,
    /// A label looks like Bailey's and is not written like one.
    #[error("{why}")]
    LabelRefused {
        /// What is wrong with it.
        why: String,
    },
    /// The label was taken off again before the event was worked on.
    #[error("the label was taken off again")]
    LabelGone,
    /// Labels that name different models arrived together.
    #[error("labels for different models arrived together; leave the one that is meant")]
    ConflictingLabels,
    /// Bailey did it itself.
    #[error("Bailey did this itself")]
    Own,
    /// A program did it.
    #[error("{name} is a program; a person has to put the label on")]
    Bot {
        /// The program's user name.
        name: String,
    },
    /// The sender may not write to the project.
    #[error("{name} may not push to this project; somebody who may (GitLab: Developer and up) has to put the label on")]
    SenderMayNot {
        /// The sender's user name.
        name: String,
        /// Whether they are a member at all.
        member: bool,
    },
    /// The commenter may not write to the project.
    #[error("{name} may not push to this project, so what they write is not passed on")]
    CommenterMayNot {
        /// The commenter's user name.
        name: String,
    },
    /// The comment is for some people alone, and what the agent makes of it would be for all.
    #[error("internal comments are not passed on to the agent of a ticket that everybody sees")]
    CommentInternal,
    /// The assignee's git does not get into the forge.
    #[error(
        "{name} has not linked their account of this forge at Bailey, so that an agent could not push for them; they link it in their profile"
    )]
    AccountNotLinked {
        /// The assignee's user name.
        name: String,
    },
    /// Nobody is assigned.
    #[error("nobody is assigned; assign the ticket to the person whose workspace it is to be")]
    NoAssignee,
    /// No assignee is a person at Bailey.
    #[error("no assignee ({}) is known to Bailey; they sign in to Bailey once and link their account of this forge in their profile", names.join(", "))]
    AssigneeUnknown {
        /// The first five user names.
        names: Vec<String>,
    },
    /// The assignee is suspended.
    #[error("{name} is suspended at Bailey; assign the ticket to somebody else, or ask an administrator")]
    AssigneeSuspended {
        /// The user name.
        name: String,
    },
    /// The ticket has a run.
    #[error("a run of this ticket is under way; its status comment says where")]
    AlreadyRunning,
    /// The run that the label asked for has ended.
    #[error("the run that `{label}` asked for has ended; take the label off and put it on again for another")]
    AlreadyHandled {
        /// The label.
        label: String,
    },
    /// A budget is used up.
    #[error("a budget that {name} would be charged to is used up; ask an administrator, or wait for its next period")]
    Budget {
        /// The assignee's user name.
        name: String,
    },
    /// The assignee may not make workspaces.
    #[error("{name} may not make workspaces at Bailey; ask an administrator for a role that may")]
    NoPermission {
        /// The assignee's user name.
        name: String,
    },
    /// No template is named.
    #[error("no template is named for this repository; an administrator names one in the forge's connection")]
    TemplateUnnamed,
    /// The template is not there.
    #[error(
        "the template {template} does not exist, or the assignee may not use it; an administrator puts that right in the forge's connection"
    )]
    TemplateMissing {
        /// Its name.
        template: String,
    },
    /// The label's model cannot be used.
    #[error("{why}")]
    Model {
        /// Why.
        why: String,
    },
    /// The label names no model, and neither does anything else.
    #[error("there is no default model that the assignee may use; name one in the label, after a colon")]
    NoDefaultModel,
    /// The ticket is closed.
    #[error("the ticket is closed")]
    TicketClosed,
    /// The ticket cannot be read.
    #[error("the ticket was deleted or moved, or Bailey may not read it")]
    TicketGone,
    /// There is no run for the comment or merge request.
    #[error("no run of this ticket is under way")]
    NoRun,
    /// The run has no agent to tell.
    #[error("the run of this ticket has no AI agent that a comment could reach")]
    NoChat,
    /// An older comment was edited.
    #[error("a comment that was edited is not passed on; write a new one")]
    CommentEdited,
    /// There is nothing in the comment.
    #[error("the comment is empty")]
    CommentEmpty,
    /// The merge request brings in another branch.
    #[error("the merge request brings in a branch that is not of a run")]
    OtherBranch,
}

impl NoOp {
    /// Its stable name, for the audit log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NothingAsked => "nothing_asked",
            Self::NoMatchingLabel => "no_matching_label",
            Self::LabelRefused { .. } => "label_refused",
            Self::LabelGone => "label_gone",
            Self::ConflictingLabels => "conflicting_labels",
            Self::Own => "own",
            Self::Bot { .. } => "bot",
            Self::SenderMayNot { .. } => "sender_may_not",
            Self::CommenterMayNot { .. } => "commenter_may_not",
            Self::CommentInternal => "comment_internal",
            Self::AccountNotLinked { .. } => "account_not_linked",
            Self::NoAssignee => "no_assignee",
            Self::AssigneeUnknown { .. } => "assignee_unknown",
            Self::AssigneeSuspended { .. } => "assignee_suspended",
            Self::AlreadyRunning => "already_running",
            Self::AlreadyHandled { .. } => "already_handled",
            Self::Budget { .. } => "budget",
            Self::NoPermission { .. } => "no_permission",
            Self::TemplateUnnamed => "template_unnamed",
            Self::TemplateMissing { .. } => "template_missing",
            Self::Model { .. } => "model",
            Self::NoDefaultModel => "no_default_model",
            Self::TicketClosed => "ticket_closed",
            Self::TicketGone => "ticket_gone",
            Self::NoRun => "no_run",
            Self::NoChat => "no_chat",
            Self::CommentEdited => "comment_edited",
            Self::CommentEmpty => "comment_empty",
            Self::OtherBranch => "other_branch",
        }
    }

    /// Whether somebody asked for something and did not get it.
    pub const fn is_refusal(&self) -> bool {
        self.is_told()
            || matches!(
                self,
                Self::SenderMayNot { .. } | Self::CommenterMayNot { .. } | Self::CommentInternal | Self::Bot { .. }
            )
    }

    /// Whether it is said in the ticket too, once: where a person asked for something and can do something about it. The
    /// audit log has every one.
    ///
    /// Strangers to the project get no answer, or a public tracker could be made to talk.
    pub const fn is_told(&self) -> bool {
        match self {
            Self::LabelRefused { .. }
            | Self::ConflictingLabels
            | Self::NoAssignee
            | Self::AccountNotLinked { .. }
            | Self::AssigneeUnknown { .. }
            | Self::AssigneeSuspended { .. }
            | Self::Budget { .. }
            | Self::NoPermission { .. }
            | Self::TemplateUnnamed
            | Self::TemplateMissing { .. }
            | Self::Model { .. }
            | Self::NoDefaultModel => true,
            Self::SenderMayNot { member, .. } => *member,
            Self::NothingAsked
            | Self::NoMatchingLabel
            | Self::LabelGone
            | Self::CommenterMayNot { .. }
            | Self::Own
            | Self::Bot { .. }
            // The status comment says that a run is under way, and how the last one ended.
            | Self::AlreadyRunning
            | Self::AlreadyHandled { .. }
            | Self::TicketClosed
            | Self::TicketGone
            | Self::NoRun
            | Self::NoChat
            | Self::CommentEdited
            | Self::CommentInternal
            | Self::CommentEmpty
            | Self::OtherBranch => false,
        }
    }
}
