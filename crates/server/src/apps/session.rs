//! Sessions of apps: sealed cookies, each good for one app of one workspace. They say who somebody is; what that person may
//! do is looked up anew.

use bailey_core::{PersonId, Secret, SessionId, Timestamp, TokenId, WorkspaceId};
use bailey_gate::authorize::Actor;
use bailey_runtime::ids::{self, RandomError};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::codes::Grant;

/// The cookie's name. The prefix keeps sibling hosts from setting it.
pub(crate) const COOKIE_NAME: &str = "__Host-bailey-app";
/// The longest that a session lasts, in seconds.
pub(crate) const LIFETIME: i64 = 8 * 60 * 60;

const VERSION: u8 = 2;
/// Version, workspace, person, token, session, end, app, salt.
const BODY: usize = 1 + 16 + 16 + 16 + 16 + 8 + 16 + 16;
const TAG: usize = 32;

/// What a good cookie says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Who.
    pub(crate) person: PersonId,
    /// The API token that it was opened with.
    pub(crate) token: Option<TokenId>,
    /// The session of Bailey itself that it was opened with.
    pub(crate) parent: Option<SessionId>,
    /// The workspace that it is good for.
    pub(crate) workspace: WorkspaceId,
    /// When it ends.
    pub(crate) expires_at: Timestamp,
    app: [u8; 16],
}

impl Session {
    /// That of somebody who presents an API token or Bailey's own session at each request; it ends when that does.
    pub(crate) fn of_actor(actor: &Actor, workspace: WorkspaceId, app: &str) -> Self {
        Self {
            person: actor.person.id,
            token: actor.token,
            parent: actor.session,
            workspace,
            expires_at: Timestamp::from_micros(i64::MAX),
            app: short(app),
        }
    }

    /// Whether it is good for this app.
    pub(crate) fn is_for(&self, workspace: WorkspaceId, app: &str) -> bool {
        self.workspace == workspace && self.app == short(app)
    }
}

/// Makes and reads cookies.
pub(crate) struct Seal(Secret<[u8; 32]>);

impl Seal {
    pub(crate) const fn new(key: Secret<[u8; 32]>) -> Self {
        Self(key)
    }

    /// A new session, and the cookie's value.
    pub(crate) fn issue(&self, grant: &Grant, now: Timestamp) -> Result<(Session, String), RandomError> {
        let session = Session {
            person: grant.person,
            token: grant.token,
            parent: grant.session,
            workspace: grant.workspace,
            expires_at: now.plus_seconds(LIFETIME),
            app: short(&grant.app),
        };
        let mut bytes = Vec::with_capacity(BODY + TAG);
        bytes.push(VERSION);
        bytes.extend_from_slice(session.workspace.uuid().as_bytes());
        bytes.extend_from_slice(session.person.uuid().as_bytes());
        let token = session.token.map_or(Uuid::nil(), TokenId::uuid);
        bytes.extend_from_slice(token.as_bytes());
        let own = session.parent.map_or(Uuid::nil(), SessionId::uuid);
        bytes.extend_from_slice(own.as_bytes());
        bytes.extend_from_slice(&session.expires_at.micros().to_be_bytes());
        bytes.extend_from_slice(&session.app);
        bytes.extend_from_slice(&ids::random::<16>()?);
        let tag = self.mac(&bytes).finalize().into_bytes();
        bytes.extend_from_slice(&tag);
        Ok((session, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The session of a cookie's value, if this server made it and it has not ended.
    pub(crate) fn open(&self, value: &str, now: Timestamp) -> Option<Session> {
        if value.len() > 2 * (BODY + TAG) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (body, tag) = bytes.split_at_checked(BODY)?;
        self.mac(body).verify_slice(tag).ok()?;
        let (version, rest) = body.split_first()?;
        let (workspace, rest) = rest.split_first_chunk::<16>()?;
        let (person, rest) = rest.split_first_chunk::<16>()?;
        let (token, rest) = rest.split_first_chunk::<16>()?;
        let (own, rest) = rest.split_first_chunk::<16>()?;
        let (end, rest) = rest.split_first_chunk::<8>()?;
        let (app, _) = rest.split_first_chunk::<16>()?;
        let (token, own) = (Uuid::from_bytes(*token), Uuid::from_bytes(*own));
        let session = Session {
            person: PersonId::from_uuid(Uuid::from_bytes(*person)),
            token: (!token.is_nil()).then(|| TokenId::from_uuid(token)),
            parent: (!own.is_nil()).then(|| SessionId::from_uuid(own)),
            workspace: WorkspaceId::from_uuid(Uuid::from_bytes(*workspace)),
            expires_at: Timestamp::from_micros(i64::from_be_bytes(*end)),
            app: *app,
        };
        (*version == VERSION && now < session.expires_at).then_some(session)
    }

    /// The session that a request carries. Two cookies of the name are none: one of them is not ours.
    pub(crate) fn of(&self, headers: &HeaderMap, now: Timestamp) -> Option<Session> {
        self.open(crate::identity::only(headers, COOKIE_NAME)?, now)
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        // HMAC fills a key up to the hash's block with zeros.
        let mut block = [0; 64];
        if let Some(key) = block.first_chunk_mut::<32>() {
            *key = *self.0.expose();
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(body);
        mac
    }
}

fn short(app: &str) -> [u8; 16] {
    let digest: [u8; 32] = Sha256::digest(app).into();
    let mut short = [0; 16];
    short.copy_from_slice(digest.split_at(16).0);
    short
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);

    fn grant() -> Grant {
        Grant {
            person: PersonId::from_uuid(Uuid::from_u128(1)),
            token: Some(TokenId::from_uuid(Uuid::from_u128(2))),
            session: Some(SessionId::from_uuid(Uuid::from_u128(5))),
            workspace: WorkspaceId::from_uuid(Uuid::from_u128(3)),
            app: "ide".to_owned(),
        }
    }

    fn cookies(lines: &[String]) -> HeaderMap {
        let values = lines.iter().map(|line| (COOKIE, line.parse().unwrap()));
        values.collect()
    }

    #[test]
    fn a_session_is_good_for_its_app_and_time_and_nothing_changed() {
        let seal = Seal::new(Secret::new([7; 32]));
        let (session, value) = seal.issue(&grant(), NOW).unwrap();
        assert_eq!(seal.open(&value, NOW), Some(session.clone()));
        assert!(session.is_for(grant().workspace, "ide") && !session.is_for(grant().workspace, "web"));
        assert!(!session.is_for(WorkspaceId::from_uuid(Uuid::from_u128(4)), "ide"));
        assert_eq!(seal.open(&value, NOW.plus_seconds(LIFETIME)), None);
        assert!(seal.open(&value, NOW.plus_seconds(LIFETIME - 1)).is_some());
        assert_eq!(Seal::new(Secret::new([8; 32])).open(&value, NOW), None);
        let bytes = URL_SAFE_NO_PAD.decode(&value).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(seal.open(&URL_SAFE_NO_PAD.encode(changed), NOW), None, "byte {at}");
            assert_eq!(
                seal.open(&URL_SAFE_NO_PAD.encode(&bytes[..at]), NOW),
                None,
                "{at} bytes"
            );
        }
    }

    #[test]
    fn two_cookies_of_the_name_are_none() {
        let seal = Seal::new(Secret::new([7; 32]));
        let (_, value) = seal.issue(&grant(), NOW).unwrap();
        let ours = format!("{COOKIE_NAME}={value}");
        assert!(seal.of(&cookies(&[format!("a=b; {ours}")]), NOW).is_some());
        for lines in [
            vec![format!("{ours}; {ours}")],
            vec![ours.clone(), format!("{COOKIE_NAME}=evil")],
            vec![format!("__host-bailey-app={value}")],
            vec![format!("x{ours}")],
        ] {
            assert_eq!(seal.of(&cookies(&lines), NOW), None, "{lines:?}");
        }
    }
}
