//! Signing in with a browser.

use bailey_core::IdentityId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::Time;

/// How one can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInOptions {
    /// Whether anybody has claimed this installation; until then, its one-time link does.
    pub claimed: bool,
    /// Whether a password of Bailey's own will do.
    pub password: bool,
    /// Whether strangers whom an identity provider vouches for become people.
    pub sign_up: bool,
    /// Identity providers.
    pub providers: Vec<SignInProvider>,
}

/// An identity provider that one can sign in through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInProvider {
    /// Its name, as `/auth/{name}/start` takes it.
    pub name: String,
    /// The name to show.
    pub display_name: String,
    /// `oidc` or `github`.
    pub kind: String,
}

/// A name and a password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordSignIn {
    /// The login name.
    pub name: String,
    /// The password.
    pub password: String,
    /// A code of the authenticator, or a recovery code, where a second factor is asked for.
    #[serde(default)]
    pub code: Option<String>,
}

/// Shows one's password again, before something that takes it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// One's password.
    pub password: String,
    /// A code of the authenticator, or a recovery code, where there is a second factor.
    #[serde(default)]
    pub code: Option<String>,
}

/// Begins to sign in at an identity provider.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ProviderStartQuery {
    /// The path that the browser is sent to in the end; `/` if absent.
    #[serde(default, rename = "return")]
    #[param(rename = "return")]
    pub back: Option<String>,
    /// Links the identity to whoever is signed in, instead of signing somebody in.
    #[serde(default)]
    pub link: bool,
}

/// Somebody at an identity provider, and who they are here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// Its id.
    #[schema(value_type = String)]
    pub id: IdentityId,
    /// The provider's name.
    pub provider: String,
    /// The provider's name to show.
    pub display_name: String,
    /// Who they are there.
    pub subject: String,
    /// What they are called there.
    pub login: String,
    /// Their address there, if the provider has confirmed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// When it was linked.
    pub linked_at: Time,
    /// When somebody last signed in with it.
    pub last_used_at: Time,
}

/// Where a browser goes to sign out at the identity provider, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedOut {
    /// The address.
    pub url: String,
}

/// What came of signing in. The session itself is a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    /// Whether a session began.
    pub signed_in: bool,
    /// There is a second factor: send all again, with `code`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second_factor: bool,
}

/// Claims the person that a one-time link is for.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What the link has after `#`.
    pub token: String,
    /// Another login name; the same if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Another name to show; the same if absent.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The password: 12 to 128 characters.
    pub password: String,
}

/// Accepts an invitation.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationAccept {
    /// What the link has after `#`.
    pub token: String,
    /// Another name to show; that of the invitation if absent.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The password: 12 to 128 characters.
    pub password: String,
}

/// Another password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password so far.
    pub current: String,
    /// The password from now on: 12 to 128 characters.
    pub new: String,
}

/// Asks for a second factor.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorBegin {
    /// One's password.
    pub password: String,
}

/// What an authenticator needs to know. It is shown this once, and asked for at sign-in when a code has confirmed it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SecondFactorSecret {
    /// The secret, in base32.
    pub secret: String,
    /// The same as an address that authenticators read from a picture.
    #[schema(example = "otpauth://totp/Bailey:ada?secret=JBSWY3DPEHPK3PXP&issuer=Bailey")]
    pub uri: String,
}

/// Confirms a second factor.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorConfirm {
    /// A code of the authenticator.
    #[schema(example = "123456")]
    pub code: String,
}

/// Codes that each stand in for the authenticator once. They are shown this once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct RecoveryCodes {
    /// The codes.
    pub recovery_codes: Vec<String>,
}

/// Takes the second factor away.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondFactorRemove {
    /// One's password.
    pub password: String,
    /// A code of the authenticator, or a recovery code.
    pub code: String,
}

/// Allows a command line to act for whoever is signed in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginCodeCreate {
    /// SHA-256 of the verifier that the command line keeps to itself, in base64url without padding (RFC 7636, S256).
    #[schema(example = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")]
    pub challenge: String,
    /// The name of the token that it gets, such as that of its machine: 1 to 128 characters.
    pub name: String,
}

/// A code that a command line swaps for a token, once, within two minutes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LoginCode {
    /// The code.
    pub code: String,
}

/// Swaps a code for a token.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginCodeRedeem {
    /// The code.
    pub code: String,
    /// What the code's challenge was made from.
    pub verifier: String,
}
