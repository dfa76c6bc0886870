//! Headers that answers have whoever gives them.

use http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue};

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// For what is no page: it may do nothing, and be nowhere.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// A year, the names below included.
const HSTS: &str = "max-age=31536000; includeSubDomains";

/// Headers of Bailey's own answers. A page has a wider policy of its own, which stays.
pub(super) fn own(headers: &mut HeaderMap) {
    let fixed = HeaderValue::from_static;
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(X_FRAME_OPTIONS, fixed("DENY"));
    headers.insert(COOP, fixed("same-origin"));
    headers.insert(CORP, fixed("same-origin"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(fixed(POLICY));
    headers.entry(REFERRER_POLICY).or_insert(fixed("no-referrer"));
}

/// That browsers come over https from now on: to be said where they came so, and nowhere else. What an app says of it counts
/// for nothing.
pub(super) fn transport(headers: &mut HeaderMap, https: bool) {
    if https {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
    } else {
        headers.remove(STRICT_TRANSPORT_SECURITY);
    }
}
