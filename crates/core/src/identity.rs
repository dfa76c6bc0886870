//! How people show who they are: sessions, invitations and second factors, as records.

use std::fmt;
use std::str::FromStr;

use crate::authz::{Role, UnknownName};
use crate::{GroupId, IdentityId, InvitationId, PersonId, SessionId, Timestamp};

/// How somebody signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignInMethod {
    /// With a password.
    Password,
    /// With the one-time link that claims a person's record.
    Claim,
    /// By accepting an invitation.
    Invitation,
    /// Through the identity provider of this name.
    Provider(String),
}

impl fmt::Display for SignInMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password => f.write_str("password"),
            Self::Claim => f.write_str("claim"),
            Self::Invitation => f.write_str("invitation"),
            Self::Provider(name) => write!(f, "provider:{name}"),
        }
    }
}

impl FromStr for SignInMethod {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text {
            "password" => Ok(Self::Password),
            "claim" => Ok(Self::Claim),
            "invitation" => Ok(Self::Invitation),
            text => match text.strip_prefix("provider:") {
                Some(name) => Ok(Self::Provider(name.to_owned())),
                None => Err(UnknownName {
                    what: "way to sign in",
                    known: "password, claim, invitation, provider:NAME".to_owned(),
                }),
            },
        }
    }
}

/// A person's session in one browser. The secret itself is never kept; `hash` is its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, safe to show.
    pub id: SessionId,
    /// The part of the secret by which the record is found.
    pub public_id: String,
    /// SHA-256 of the whole secret.
    pub hash: [u8; 32],
    /// Whose it is.
    pub person: PersonId,
    /// How it began.
    pub method: SignInMethod,
    /// The network address that it began at.
    pub address: String,
    /// What the browser said it is.
    pub agent: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    pub last_used_at: Timestamp,
    /// When it ends, used or not.
    pub expires_at: Timestamp,
    /// When it was ended before its time.
    pub ended_at: Option<Timestamp>,
}

impl Session {
    /// Whether it is good at `now`, if it may lie unused for `idle_seconds`.
    pub fn is_good(&self, now: Timestamp, idle_seconds: i64) -> bool {
        self.ended_at.is_none() && now < self.expires_at && now < self.last_used_at.plus_seconds(idle_seconds)
    }
}

/// A one-time link: an invitation to become a person, or leave to claim one that is there. The secret itself is never kept;
/// `hash` is its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id, safe to show.
    pub id: InvitationId,
    /// The part of the secret by which the record is found.
    pub public_id: String,
    /// SHA-256 of the whole secret.
    pub hash: [u8; 32],
    /// Whom it claims; `None` = it makes a new person.
    pub claims: Option<PersonId>,
    /// The login name that the person gets.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// The role that the person gets.
    pub role: Role,
    /// The groups that the person joins.
    pub groups: Vec<GroupId>,
    /// Who made it; `None` = the server, or somebody at its machine.
    pub created_by: Option<PersonId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was used.
    pub accepted_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}

impl Invitation {
    /// Whether it can be used at `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.accepted_at.is_none() && self.revoked_at.is_none() && now < self.expires_at
    }
}

/// A person's second factor: a secret that an authenticator has as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// The secret, encrypted.
    pub sealed: Vec<u8>,
    /// When a first code showed that the authenticator has it; `None` = it is not asked for yet.
    pub confirmed_at: Option<Timestamp>,
    /// The time step of the last code that was used: none is good twice.
    pub last_step: u64,
}

/// Somebody at an identity provider, and the person that they are here. It is known by issuer and subject alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, safe to show.
    pub id: IdentityId,
    /// Who they are here.
    pub person: PersonId,
    /// The provider's name in the configuration, when it was last used.
    pub provider: String,
    /// Who vouches for it.
    pub issuer: String,
    /// Who they are there.
    pub subject: String,
    /// What they are called there.
    pub login: String,
    /// Their address there, if the provider has confirmed it.
    pub email: Option<String>,
    /// The role that the provider gave at the last sign-in; `None` = it gave none.
    pub given_role: Option<Role>,
    /// The role that the person goes back to when the provider takes that away.
    pub own_role: Option<Role>,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When somebody last signed in with it.
    pub last_used_at: Timestamp,
}

/// What a session has to do with the identity provider that it began at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSession {
    /// The session.
    pub session: SessionId,
    /// With what it began.
    pub identity: IdentityId,
    /// What the provider calls its own session.
    pub sid: Option<String>,
    /// The provider's tokens, encrypted.
    pub sealed: Vec<u8>,
    /// When the provider is to be asked again; `None` = never.
    pub renew_at: Option<Timestamp>,
}

/// Somebody's account at a forge, with leave to act there for them. It is known by the forge's address and its own id for the
/// account, never by an address of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalAccount {
    /// Whose it is here.
    pub person: PersonId,
    /// The provider's name in the configuration.
    pub provider: String,
    /// Where the forge is: scheme, host, port and path, without a slash at the end.
    pub base_url: String,
    /// The forge's own id of the account.
    pub account_id: String,
    /// What they are called there.
    pub login: String,
    /// The name that the forge shows.
    pub display_name: String,
    /// Their address there, as the forge reports it.
    pub email: Option<String>,
    /// What the forge gave leave for.
    pub scopes: Vec<String>,
    /// The forge's tokens, encrypted.
    pub sealed: Vec<u8>,
    /// When the access token ends; `None` = by itself never.
    pub expires_at: Option<Timestamp>,
    /// When it was linked.
    pub linked_at: Timestamp,
    /// When a token of it was last handed out.
    pub last_used_at: Option<Timestamp>,
    /// When the forge took its tokens no more; `None` = as far as is known it takes them.
    pub refused_at: Option<Timestamp>,
}

/// The order in which one role goes before another where a provider gives several: whatever is more than a member's goes first.
pub const fn rank(role: Role) -> u8 {
    match role {
        Role::Owner => 0,
        Role::TemplateAdmin => 1,
        Role::Auditor => 2,
        Role::Member => 3,
    }
}

/// Which role somebody has after a sign-in, by what the provider gives: that, where it goes before their own. What somebody gave
/// them by hand stays theirs; what the provider gave goes when it does.
pub fn renewed_role(identity: &Identity, current: Role, given: Option<Role>) -> (Role, Identity) {
    // The provider's still, unless somebody has set another one since.
    let own = match identity.given_role {
        Some(before) if before == current => identity.own_role.unwrap_or(current),
        _ => current,
    };
    let given = given.filter(|given| rank(*given) < rank(own));
    let renewed = Identity {
        given_role: given,
        own_role: given.map(|_| own),
        ..identity.clone()
    };
    (given.unwrap_or(own), renewed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_read_as_written() {
        for method in [
            SignInMethod::Password,
            SignInMethod::Claim,
            SignInMethod::Invitation,
            SignInMethod::Provider("acme".into()),
        ] {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        assert!("provider".parse::<SignInMethod>().is_err());
    }

    #[test]
    fn a_session_ends_by_time_by_rest_and_by_hand() {
        let at = Timestamp::from_seconds;
        let mut session = Session {
            id: SessionId::from_uuid(uuid::Uuid::nil()),
            public_id: String::new(),
            hash: [0; 32],
            person: PersonId::from_uuid(uuid::Uuid::nil()),
            method: SignInMethod::Password,
            address: String::new(),
            agent: String::new(),
            created_at: at(0),
            last_used_at: at(90),
            expires_at: at(100),
            ended_at: None,
        };
        assert!(session.is_good(at(99), 10));
        assert!(!session.is_good(at(100), 10_000));
        assert!(session.is_good(at(92), 3) && !session.is_good(at(93), 3));
        session.ended_at = Some(at(91));
        assert!(!session.is_good(at(91), 10));
    }

    #[test]
    fn a_provider_gives_and_takes_roles_and_leaves_ones_own() {
        use Role::{Auditor, Member, Owner, TemplateAdmin};
        let none = Identity {
            id: IdentityId::from_uuid(uuid::Uuid::nil()),
            person: PersonId::from_uuid(uuid::Uuid::nil()),
            provider: "acme".into(),
            issuer: "https://id.example.com".into(),
            subject: "1".into(),
            login: "ada".into(),
            email: None,
            given_role: None,
            own_role: None,
            linked_at: Timestamp::from_seconds(0),
            last_used_at: Timestamp::from_seconds(0),
        };
        let (role, given) = renewed_role(&none, Member, Some(Owner));
        assert_eq!(
            (role, given.given_role, given.own_role),
            (Owner, Some(Owner), Some(Member))
        );
        let (role, given) = renewed_role(&given, Owner, Some(TemplateAdmin));
        assert_eq!((role, given.own_role), (TemplateAdmin, Some(Member)));
        let (role, taken) = renewed_role(&given, TemplateAdmin, None);
        assert_eq!((role, taken.given_role, taken.own_role), (Member, None, None));
        // Set by hand since: the provider takes nothing away.
        assert_eq!(renewed_role(&given, Owner, None).0, Owner);
        assert_eq!(renewed_role(&none, Owner, Some(Member)).0, Owner);
        assert_eq!(renewed_role(&none, Auditor, Some(Member)).0, Auditor);
        assert_eq!(renewed_role(&none, Member, Some(Auditor)).0, Auditor);
    }
}
