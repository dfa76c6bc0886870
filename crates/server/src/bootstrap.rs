//! What a fresh database begins with, and the owner's first token.

use bailey_api::Lifetime;
use bailey_core::authz::{Role, TokenScopes};
use bailey_core::people::{ApiToken, Organization, Person, PersonStatus};
use bailey_core::{OrgId, PersonId, Secret, Timestamp, TokenId};
use bailey_gate::token::{self, Kind};
use bailey_runtime::ids::{NewId, RandomError};
use bailey_store::{Store, StoreError};

/// The login name of the owner that a fresh database begins with.
pub const OWNER: &str = "owner";

/// A token cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody has this name.
    #[error("there is nobody with the login name `{0}`")]
    NoSuchUser(String),
    /// A suspended person's token would be refused.
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

/// Makes a token with all the authority of the person of this login name. For the command line on the server's own
/// machine: whoever can write to the database needs no other proof.
pub async fn token_create(
    store: &Store,
    now: Timestamp,
    user: &str,
    name: &str,
    lifetime: Lifetime,
) -> Result<Secret<String>, AdminError> {
    let person = store.person_by_name(user).await?;
    let person = person.ok_or_else(|| AdminError::NoSuchUser(user.to_owned()))?;
    if person.status != PersonStatus::Active {
        return Err(AdminError::Suspended(user.to_owned()));
    }
    let minted = token::mint(Kind::ApiToken)?;
    let record = ApiToken {
        id: TokenId::new_at(now),
        public_id: minted.public_id,
        hash: minted.hash,
        name: name.to_owned(),
        person: person.id,
        scopes: TokenScopes::All,
        created_at: now,
        expires_at: lifetime.end(now),
        revoked_at: None,
    };
    store.token_insert(&record).await?;
    Ok(minted.text)
}
