//! Whoever asks.

pub(super) mod confirm;
pub(super) mod external_accounts;
pub(super) mod external_link;
pub(super) mod external_unlink;
pub(super) mod factor_begin;
pub(super) mod factor_confirm;
pub(super) mod factor_remove;
pub(super) mod get;
pub(super) mod identities;
pub(super) mod identity_remove;
pub(super) mod password;
pub(super) mod quota;
