//! What is about to be done, and who does it.

use bailey_core::audit::{ActorKind, scrub};
use bailey_core::{PersonId, SessionId, TokenId};
use bailey_gate::authorize::Actor;
use serde::Serialize;
use serde_json::{Value, json};

/// The largest `before` or `after` that is kept, in bytes of JSON.
const LARGEST: usize = 64 * 1024;

/// The thing that something is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) name: Option<String>,
}

impl Resource {
    /// A thing of this kind (`person`, `key`, `workspace`) and id.
    pub(crate) fn new(kind: &'static str, id: impl std::fmt::Display) -> Self {
        Self {
            kind,
            id: format!("{id}"),
            name: None,
        }
    }

    /// The same with the name that people know it by.
    #[must_use]
    pub(crate) fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// What is about to be done.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) action: &'static str,
    pub(crate) resource: Resource,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

impl Change {
    /// `action` is named like the operation that does it, such as `users.update`.
    pub(crate) const fn new(action: &'static str, resource: Resource) -> Self {
        Self {
            action,
            resource,
            before: None,
            after: None,
        }
    }

    /// With what is there before. Hand over what the API shows: a [`bailey_core::Secret`] has no such form, and what is called
    /// like a secret or looks like one of Bailey's is replaced.
    #[must_use]
    pub(crate) fn before(mut self, before: &impl Serialize) -> Self {
        self.before = Some(shown(before));
        self
    }

    /// With what will be there after, or what was asked for. As for [`Change::before`].
    #[must_use]
    pub(crate) fn after(mut self, after: &impl Serialize) -> Self {
        self.after = Some(shown(after));
        self
    }
}

fn shown(what: &impl Serialize) -> Value {
    let value = match serde_json::to_value(what) {
        Ok(value) => scrub(value),
        // Only maps with keys that are no texts have no JSON form.
        Err(error) => json!({ "unreadable": error.to_string() }),
    };
    let bytes = value.to_string().len();
    if bytes > LARGEST {
        return json!({ "omitted_bytes": bytes });
    }
    value
}

/// Who does something.
#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) kind: ActorKind,
    pub(crate) person: Option<PersonId>,
    pub(crate) name: Option<String>,
    pub(crate) session: Option<SessionId>,
    pub(crate) token: Option<TokenId>,
}

impl Who {
    /// A person who shows who they are by what they do: by the right password, by a link.
    pub(crate) fn person(id: PersonId, name: &str) -> Self {
        Self {
            kind: ActorKind::Person,
            person: Some(id),
            name: Some(name.to_owned()),
            session: None,
            token: None,
        }
    }

    /// Somebody who did not show who they are.
    pub(crate) const fn anonymous() -> Self {
        Self {
            kind: ActorKind::Anonymous,
            person: None,
            name: None,
            session: None,
            token: None,
        }
    }

    /// A part of the server that acts by itself, such as `auto-stop`.
    pub(crate) fn system(part: &str) -> Self {
        Self {
            kind: ActorKind::System,
            person: None,
            name: Some(part.to_owned()),
            session: None,
            token: None,
        }
    }
}

impl From<&Actor> for Who {
    fn from(actor: &Actor) -> Self {
        Self {
            session: actor.session,
            token: actor.token,
            ..Self::person(actor.person.id, &actor.person.name)
        }
    }
}
