//! What everyone may ask.

pub(super) mod error_page;
pub(super) mod livez;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod readyz;
