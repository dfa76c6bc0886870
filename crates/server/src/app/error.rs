//! Why a use-case did not do what was asked.

use bailey_api::{Code, FieldError};
use bailey_gate::GateError;
use bailey_gate::authorize::Denied;
use bailey_runtime::ids::RandomError;
use bailey_store::StoreError;

use crate::audit::AuditError;
use crate::extract;
use crate::fleet::HomeError;
use crate::identity::{HashError, VaultError};
use crate::reject::Reject;
use crate::streams::StreamError;

/// Why a use-case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No token was sent.
    #[error("sign in, or send an API token as `Authorization: Bearer bly_...`")]
    TokenMissing,
    /// The token is not good.
    #[error("{0}")]
    TokenInvalid(&'static str),
    /// The session is over.
    #[error("this session has ended; sign in again")]
    SessionEnded,
    /// It takes a session in a browser.
    #[error("this concerns how you sign in: do it in a browser where you are signed in")]
    SessionRequired,
    /// Name, password or code are not right. Nobody learns which.
    #[error("the name, the password or the code is not right")]
    SignInRefused,
    /// An identity provider does not answer.
    #[error("{0}")]
    Provider(String),
    /// A forge cannot be asked, or says no.
    #[error("{0}")]
    Forge(String),
    /// A delivery is not signed as the connection's webhook signs.
    #[error("the delivery is not signed as this webhook signs; register the webhook again from Bailey")]
    HookRefused,
    /// A logout token does not hold.
    #[error("the logout token does not hold; the server's log says why")]
    LogoutToken,
    /// It takes a recent sign-in.
    #[error("sign in again, or confirm with your password, and do it within five minutes")]
    ConfirmationRequired,
    /// Too many wrong tries.
    #[error("too many wrong tries; wait {0} s")]
    SignInLimited(u64),
    /// A page of another origin asks.
    #[error("the request comes from a page of another origin")]
    OriginRefused,
    /// The browser would not keep the session.
    #[error("browsers keep a session on https or on the server's own machine alone; open Bailey at its https address")]
    HttpsRequired,
    /// The one-time link is not good.
    #[error("this link is used, withdrawn or too old")]
    LinkInvalid,
    /// The action is not allowed at all.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// More would be granted than the asker has.
    #[error("this is more than you may grant")]
    Beyond(Vec<FieldError>),
    /// Fields of the body are wrong.
    #[error("fields of the request are wrong")]
    Invalid(Vec<FieldError>),
    /// A query parameter is wrong.
    #[error("the query parameter `{parameter}` is wrong")]
    Query {
        /// The parameter.
        parameter: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// Nothing there, or nothing that the asker may see: nobody learns which.
    #[error("there is nothing of that id or name that you can see")]
    NotFound,
    /// What is there stands against it.
    #[error("{detail}")]
    Conflict {
        /// The code.
        code: Code,
        /// What stands against it.
        detail: String,
    },
    /// The quota has no room for it.
    #[error("the quota has no room for it")]
    Quota(Vec<FieldError>),
    /// A template has faults.
    #[error("nothing was stored: the template has {} fault{}", .0.len(), if .0.len() == 1 { "" } else { "s" })]
    Template(Vec<FieldError>),
    /// The process ends.
    #[error("the server is shutting down")]
    Interrupted,
    /// There is no stream into a workspace.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// What is to be done cannot be recorded, and so is not done.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// A kept home cannot be removed.
    #[error(transparent)]
    Home(HomeError),
    /// The gate failed.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// A password cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A secret cannot be encrypted or decrypted.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// There were no random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl AppError {
    /// One wrong field of the body.
    pub(crate) fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::body(pointer, detail)])
    }
}

impl From<HomeError> for AppError {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Store(error) => error.into(),
            error @ HomeError::Driver(_) => Self::Home(error),
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::NotFound,
            StoreError::Conflict { what, field: "name" } => Self::Conflict {
                code: Code::NameTaken,
                detail: format!("another {what} has this name"),
            },
            StoreError::Conflict {
                field: "last_owner", ..
            } => Self::Conflict {
                code: Code::LastOwner,
                detail: "this person is the last active owner; make another one first".to_owned(),
            },
            StoreError::Conflict {
                what: "role",
                field: "grants",
            } => Self::Conflict {
                code: Code::RoleInUse,
                detail: "somebody holds this role; take it away from them first".to_owned(),
            },
            StoreError::Conflict { what: "grant", .. } => Self::Conflict {
                code: Code::AlreadyExists,
                detail: "they have this role already".to_owned(),
            },
            StoreError::Conflict {
                what: "identity",
                field: "subject",
            } => Self::Conflict {
                code: Code::IdentityTaken,
                detail: "this account at the provider is another person's here".to_owned(),
            },
            StoreError::Conflict {
                what: "identity",
                field: "last",
            } => Self::Conflict {
                code: Code::LastWayIn,
                detail: "without it you could not sign in any more; link another identity first".to_owned(),
            },
            StoreError::Conflict { field: "owner", .. } => Self::Conflict {
                code: Code::OwnerSuspended,
                detail: "the workspace's owner is suspended; it can be started once they are active again".to_owned(),
            },
            StoreError::Conflict { .. } => Self::Conflict {
                code: Code::AlreadyExists,
                detail: error.to_string(),
            },
            error => Self::Store(error),
        }
    }
}

/// Seconds after which something that did not answer may be asked again.
const RETRY_AFTER: u64 = 5;

impl From<AppError> for Reject {
    fn from(error: AppError) -> Self {
        let detail = error.to_string();
        match error {
            AppError::TokenMissing => Self::new(Code::TokenMissing, detail),
            AppError::TokenInvalid(_) => Self::new(Code::TokenInvalid, detail),
            AppError::SessionEnded => Self::new(Code::SessionEnded, detail),
            AppError::SessionRequired => Self::new(Code::SessionRequired, detail),
            AppError::SignInRefused => Self::new(Code::SignInRefused, detail),
            AppError::Provider(_) => Self::new(Code::ProviderUnavailable, detail).retry_after(RETRY_AFTER),
            AppError::Forge(_) => Self::new(Code::ForgeUnavailable, detail).retry_after(RETRY_AFTER),
            AppError::HookRefused => Self::new(Code::HookRefused, detail),
            AppError::LogoutToken => Self::new(Code::LogoutTokenInvalid, detail),
            AppError::ConfirmationRequired => Self::new(Code::ConfirmationRequired, detail),
            AppError::SignInLimited(wait) => Self::new(Code::SignInLimited, detail).retry_after(wait),
            AppError::OriginRefused => Self::new(Code::OriginRefused, detail),
            AppError::HttpsRequired => Self::new(Code::HttpsRequired, detail),
            AppError::LinkInvalid => Self::new(Code::LinkInvalid, detail),
            AppError::Denied(Denied::Suspended) => Self::new(Code::PersonSuspended, detail),
            AppError::Denied(_) => Self::new(Code::Forbidden, detail),
            AppError::Beyond(errors) => Self::new(Code::BeyondAuthority, detail).errors(errors),
            AppError::Invalid(errors) => extract::invalid(errors),
            AppError::Query { parameter, detail } => extract::wrong(parameter, detail),
            AppError::NotFound => Self::new(Code::NotFound, detail),
            AppError::Quota(errors) => Self::new(Code::QuotaExceeded, detail).errors(errors),
            AppError::Template(errors) => Self::new(Code::TemplateInvalid, detail).errors(errors),
            AppError::Interrupted => Self::new(Code::Unavailable, detail).retry_after(RETRY_AFTER),
            AppError::Stream(error) => no_stream(&error, detail),
            AppError::Conflict { code, .. } => Self::new(code, detail),
            AppError::Audit(error) => ours(Code::AuditUnavailable, &error, false).retry_after(RETRY_AFTER),
            AppError::Store(error) => ours(Code::Internal, &error, unavailable(&error)),
            AppError::Home(error) => ours(Code::Internal, &error, false),
            AppError::Gate(error) => ours(Code::Unavailable, &error, true),
            AppError::Hash(error) => ours(Code::Internal, &error, matches!(error, HashError::Busy)),
            AppError::Vault(error) => ours(Code::Internal, &error, false),
            AppError::Random(error) => ours(Code::Internal, &error, false),
        }
    }
}

fn no_stream(error: &StreamError, detail: String) -> Reject {
    let code = match error {
        StreamError::BrowserOnly(_) => Code::BrowserOnly,
        StreamError::NotRunning { .. } => Code::WorkspaceNotRunning,
        StreamError::NotConnected(_) => Code::WorkspaceNotConnected,
        StreamError::Refused(_) => Code::WorkspaceRefuses,
        StreamError::TooMany { .. } => Code::TooManyStreams,
        StreamError::File { code, .. } => *code,
        StreamError::Cut => Code::BodyCut,
        StreamError::Upgrade => Code::UpgradeRequired,
    };
    let reject = Reject::new(code, detail);
    match error {
        // Its agent dials again within a second.
        StreamError::NotConnected(_) => reject.retry_after(1),
        _ => reject,
    }
}

const fn unavailable(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable(_) | StoreError::Contended(_) | StoreError::LockLost
    )
}

/// A failure of ours: into the log with its causes, and to the client without them.
fn ours(code: Code, error: &(dyn std::error::Error + 'static), passing: bool) -> Reject {
    tracing::error!(error, "a use-case failed");
    if passing {
        return Reject::new(Code::Unavailable, error.to_string()).retry_after(RETRY_AFTER);
    }
    Reject::new(code, "the server's log says more, under the id of this request")
}
