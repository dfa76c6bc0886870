//! Typed ids: a UUIDv7 inside, a prefixed text form outside (`key_01890a5d…`), so that no id is taken for another kind.
//!
//! The text form is the prefix, an underscore and the 32 hexadecimal digits of the UUID in lower case.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

/// The text was not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_<32 hexadecimal digits>")]
pub struct IdError {
    /// The prefix that was expected.
    pub prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What the text form begins with.
            pub const PREFIX: &'static str = $prefix;

            /// An id from its UUID. New ids come from `bailey_runtime::ids`.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError { prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or(error)?;
                if hex.len() != 32 || hex.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(error);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| error)
            }
        }

        // Text where people read it (JSON), the sixteen bytes where machines do (the journal).
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.as_bytes().serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(Uuid::from_bytes(bytes)))
                }
            }
        }
    )*};
}

ids! {
    /// A person.
    PersonId = "usr";
    /// A group of people.
    GroupId = "grp";
    /// The organization.
    OrgId = "org";
    /// A virtual key for the model door.
    KeyId = "key";
    /// An API token.
    TokenId = "tok";
    /// A person's session in one browser.
    SessionId = "ses";
    /// A one-time link that makes or claims a person.
    InvitationId = "inv";
    /// A role that somebody made.
    RoleId = "rol";
    /// A grant of a role.
    GrantId = "grt";
    /// Somebody at an identity provider.
    IdentityId = "idn";
    /// A budget.
    BudgetId = "bud";
    /// A workspace.
    WorkspaceId = "ws";
    /// A template.
    TemplateId = "tpl";
    /// One immutable version of a template.
    TemplateVersionId = "tpv";
    /// One build of a workspace: a start, stop, restart, update or delete.
    BuildId = "bld";
    /// One request at a door, with all its attempts.
    RequestId = "req";
    /// One attempt of a request on one route.
    AttemptId = "att";
    /// A running server, known by its data directory.
    ReplicaId = "rep";
    /// Whoever writes one chain of the audit log.
    AuditWriterId = "aud";
    /// A run of an AI agent.
    ChatId = "ch";
    /// A message of a person to a chat.
    MessageId = "msg";
    /// A tool call of a chat; also its idempotency key.
    CallId = "tc";
    /// A worker that carries chats on, for as long as its process lives.
    WorkerId = "wrk";
    /// A connection to a forge.
    ConnectionId = "con";
    /// One run of a ticket.
    RunId = "run";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_kind_does_not_parse() {
        let id = KeyId::from_uuid(Uuid::from_u128(7));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<PersonId>().is_err());
        assert!("key_0".parse::<KeyId>().is_err());
        assert!(id.to_string().to_uppercase().parse::<KeyId>().is_err());
    }
}
