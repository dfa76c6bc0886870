//! New ids and random bytes.

use bailey_core::{
    AttemptId, AuditWriterId, BudgetId, BuildId, CallId, ChatId, ConnectionId, GrantId, GroupId, IdentityId,
    InvitationId, KeyId, MessageId, OrgId, PersonId, ReplicaId, RequestId, RoleId, RunId, SessionId, TemplateId,
    TemplateVersionId, Timestamp, TokenId, WorkerId, WorkspaceId,
};
use uuid::Uuid;

/// The operating system has no random bytes to give.
#[derive(Debug, thiserror::Error)]
#[error("the operating system's random source failed: {0}")]
pub struct RandomError(getrandom::Error);

/// `N` random bytes from the operating system.
pub fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}

/// A UUIDv7 of the instant `now`: ids sort by time. The random part is not a secret.
pub fn uuid(now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.micros() / 1_000).unwrap_or(0);
    let mut random = [0; 10];
    // An id needs to be unique, not unpredictable: without random bytes the process-wide counter still keeps ids apart.
    if getrandom::fill(&mut random).is_err() {
        let count = FALLBACK.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        random[2..].copy_from_slice(&count.to_be_bytes());
    }
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

static FALLBACK: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// A kind of id that can be made anew.
pub trait NewId {
    /// A new id of the instant `now`.
    fn new_at(now: Timestamp) -> Self;
}

macro_rules! new_ids {
    ($($name:ident),*) => {$(
        impl NewId for $name {
            fn new_at(now: Timestamp) -> Self {
                Self::from_uuid(uuid(now))
            }
        }
    )*};
}

new_ids!(
    AttemptId,
    AuditWriterId,
    BudgetId,
    BuildId,
    CallId,
    ChatId,
    ConnectionId,
    GrantId,
    GroupId,
    IdentityId,
    InvitationId,
    KeyId,
    MessageId,
    OrgId,
    PersonId,
    ReplicaId,
    RequestId,
    RoleId,
    RunId,
    SessionId,
    TemplateId,
    TemplateVersionId,
    TokenId,
    WorkerId,
    WorkspaceId
);
