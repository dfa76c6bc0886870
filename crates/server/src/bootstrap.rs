//! What a fresh database begins with, and how its owner comes in: by a one-time link, or with a token.

use bailey_api::Lifetime;
use bailey_core::authz::{Role, TokenScopes};
use bailey_core::identity::Invitation;
use bailey_core::people::{Organization, Person, PersonStatus};
use bailey_core::{InvitationId, OrgId, PersonId, Secret, Timestamp};
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::{NewId, RandomError};
use bailey_store::{Store, StoreError};

/// The login name of the owner that a fresh database begins with.
pub const OWNER: &str = "owner";

/// A token or a link cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody has this name.
    #[error("there is nobody with the login name `{0}`")]
    NoSuchUser(String),
    /// What a suspended person presents is refused.
    #[error("`{0}` is suspended")]
    Suspended(String),
    /// There were no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Gives an empty database its organization and an owner without a password. `false` if it had them already.
pub async fn ensure(store: &Store, now: Timestamp) -> Result<bool, StoreError> {
    let owner = Person {
        id: PersonId::new_at(now),
        name: OWNER.to_owned(),
        display_name: "Owner".to_owned(),
        email: None,
        role: Role::Owner,
        status: PersonStatus::Active,
        charged_group: None,
        created_at: now,
    };
    let organization = Organization {
        id: OrgId::new_at(now),
        display_name: "Organization".to_owned(),
        created_at: now,
    };
    store.bootstrap(&owner, &organization).await
}

/// How long a link that claims a person is good, in seconds: a day.
const CLAIM: i64 = 86_400;

/// Makes the secret of a link with which the person of this login name gets a new password, and withdraws the one before.
/// For the command line on the server's own machine: whoever can write to the database needs no other proof.
pub async fn claim_create(store: &Store, now: Timestamp, user: &str) -> Result<Secret<String>, AdminError> {
    let person = active(store, user).await?;
    let minted = token::mint(Kind::Invitation)?;
    let invitation = Invitation {
        id: InvitationId::new_at(now),
        public_id: minted.public_id,
        hash: minted.hash,
        claims: Some(person.id),
        name: person.name,
        display_name: person.display_name,
        role: person.role,
        groups: Vec::new(),
        created_by: None,
        created_at: now,
        expires_at: now.plus_seconds(CLAIM),
        accepted_at: None,
        revoked_at: None,
    };
    store.invitation_insert(&invitation).await?;
    Ok(minted.text)
}

/// The address of the page that takes the secret of [`claim_create`]. Behind `#`, it is never sent to a server by itself.
pub fn claim_link(base: &str, secret: &Secret<String>) -> Secret<String> {
    Secret::new(format!("{base}/claim#{}", secret.expose()))
}

async fn active(store: &Store, user: &str) -> Result<Person, AdminError> {
    let person = store.person_by_name(user).await?;
    let person = person.ok_or_else(|| AdminError::NoSuchUser(user.to_owned()))?;
    if person.status != PersonStatus::Active {
        return Err(AdminError::Suspended(user.to_owned()));
    }
    Ok(person)
}

/// Makes a token with all the authority of the person of this login name. For the command line on the server's own
/// machine: whoever can write to the database needs no other proof.
pub async fn token_create(
    store: &Store,
    now: Timestamp,
    user: &str,
    name: &str,
    lifetime: Lifetime,
) -> Result<Secret<String>, AdminError> {
    let person = active(store, user).await?;
    let expires_at = lifetime.end(now);
    let (record, text) = token::api_token(now, name.to_owned(), person.id, TokenScopes::All, expires_at)?;
    store.token_insert(&record).await?;
    Ok(text)
}
