//! Counting tokens where a provider cannot.

use crate::request::{Bounds, RequestView};

/// The answer to `POST /v1/messages/count_tokens` by [`RequestView::input_estimate`]. The caller marks it as an estimate
/// in a header: the vendor's shape has no place for it.
pub fn estimated(view: &RequestView<'_>, bounds: &Bounds) -> Vec<u8> {
    format!("{{\"input_tokens\":{}}}", view.input_estimate(bounds)).into_bytes()
}
