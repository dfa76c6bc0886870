//! What is presented at the model door, and what it comes to: a key, or a person's own API token, which stands in for one.

use std::borrow::Cow;

use bailey_core::TokenId;
use bailey_core::authz::{Action, Holder};
use bailey_core::key::{Key, KeyScope, Metadata};
use bailey_store::{KeyChain, TokenChain};

use super::stand_in;
use crate::authorize::{Actor, Denied};
use crate::gate::TokenLimits;
use crate::token::{self, Kind};

/// Something of a good form that was presented; nothing is known yet of whether it is good.
pub(super) struct Presented<'a> {
    pub(super) kind: Kind,
    pub(super) public_id: &'a str,
    pub(super) hash: [u8; 32],
    /// The public id with its prefix, which keys and tokens do not share.
    pub(super) name: Cow<'a, str>,
}

impl<'a> Presented<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let of = |kind| token::parse(kind, text).map(|parsed| (kind, parsed));
        let (kind, parsed) = of(Kind::Key).or_else(|| of(Kind::ApiToken))?;
        let end = text.find(parsed.public_id)? + parsed.public_id.len();
        Some(Self {
            kind,
            public_id: parsed.public_id,
            hash: parsed.hash,
            name: Cow::Borrowed(text.get(..end)?),
        })
    }

    /// A key that is known to be there and was presented by nobody: its hash is that of nothing.
    pub(super) fn of_key(public_id: &'a str) -> Self {
        Self {
            kind: Kind::Key,
            public_id,
            hash: [0; 32],
            name: Cow::Owned(format!("sk-bly-{public_id}")),
        }
    }
}

/// A key or token with everyone it answers to.
pub(super) struct Chain {
    pub(super) holders: KeyChain,
    pub(super) token: Option<TokenId>,
    pub(super) is_for_models: bool,
}

impl Chain {
    pub(super) const fn key(holders: KeyChain) -> Self {
        Self {
            holders,
            token: None,
            is_for_models: true,
        }
    }

    pub(super) fn token(found: TokenChain, limits: &TokenLimits) -> Self {
        let is_for_models = is_for_models(&found);
        let TokenChain {
            token,
            holder: Holder { person, .. },
            group,
            models,
            org,
            budgets,
        } = found;
        let key = Key {
            id: stand_in(token.id),
            public_id: token.public_id,
            hash: token.hash,
            name: token.name,
            scope: KeyScope::User,
            person: person.id,
            group: None,
            workspace: None,
            models: limits.models.clone(),
            rpm: limits.rpm,
            tpm: limits.tpm,
            concurrent: limits.concurrent,
            expires_at: token.expires_at,
            metadata: Metadata::new(),
            created_at: token.created_at,
            created_by: person.id,
            revoked_at: token.revoked_at,
            rotated_at: None,
        };
        Self {
            holders: KeyChain {
                key,
                person,
                group,
                models,
                org,
                budgets,
            },
            token: Some(token.id),
            is_for_models,
        }
    }
}

/// Whether a token's scopes and its person's role let it ask models.
pub(super) fn is_for_models(found: &TokenChain) -> bool {
    let scopes = found.token.scopes.clone();
    let actor = Actor::of(found.holder.clone(), scopes, Some(found.token.id), None);
    // Whether the person may use Bailey at all is asked each time.
    !matches!(actor.may(Action::ModelUse), Err(Denied::Role(_) | Denied::Token(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_tokens_of_one_public_id_are_two() {
        let (id, secret) = ("0123456789abcdef", "0".repeat(64));
        let (key, token) = (format!("sk-bly-{id}-{secret}"), format!("bly_{id}_{secret}"));
        let (key, token) = (Presented::parse(&key).unwrap(), Presented::parse(&token).unwrap());
        assert_eq!((key.public_id, token.public_id), (id, id));
        assert_eq!(
            (key.name.as_ref(), token.name.as_ref()),
            ("sk-bly-0123456789abcdef", "bly_0123456789abcdef")
        );
        assert_eq!(Presented::of_key(id).name, key.name);
        for other in [
            format!("bls_{id}_{secret}"),
            format!("bla_{id}_{secret}"),
            "bly_".into(),
        ] {
            assert!(Presented::parse(&other).is_none(), "{other}");
        }
    }
}
