//! What becomes of sessions that began at an identity provider: the provider is asked again, and says itself when they are over.

use std::time::Duration;

use bailey_core::identity::{ProviderSession, SignInMethod};
use bailey_core::{IdentityId, Secret, SessionId};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{App, AppError};
use crate::audit::{Change, Resource, Trail, Who};
use crate::providers::{ProviderError, Renewed, Tokens};
use crate::way::Way;

/// How often it is looked for sessions whose provider is to be asked.
const LOOK: Duration = Duration::from_secs(15);
/// How often what is over is forgotten, counted in looks.
const PRUNE: u32 = 40;
/// The most sessions of one look.
const MOST: u32 = 200;
/// Providers asked at the same time.
const ASKED: usize = 8;
/// How long before its end what a provider gave is renewed, in seconds.
const AHEAD: i64 = 60;
/// The longest that signing out waits for a provider's document.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is kept of a provider's tokens, encrypted.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl App {
    /// Keeps what a provider gave for a session.
    pub(super) async fn provider_session_begin(
        &self,
        session: SessionId,
        identity: IdentityId,
        tokens: &Tokens,
    ) -> Result<(), AppError> {
        let record = ProviderSession {
            session,
            identity,
            sid: tokens.sid.clone(),
            sealed: self.seal_tokens(session, tokens)?,
            renew_at: self.renew_at(tokens),
        };
        Ok(self.store().provider_session_insert(&record).await?)
    }

    fn seal_tokens(&self, session: SessionId, tokens: &Tokens) -> Result<Vec<u8>, AppError> {
        let text = |secret: &Option<Secret<String>>| secret.as_ref().map(|secret| secret.expose().clone());
        let kept = Kept {
            refresh: text(&tokens.refresh),
            id_token: text(&tokens.id_token),
        };
        // Texts and nothing else: they always have a JSON form.
        let kept = serde_json::to_vec(&kept).unwrap_or_default();
        let vault = self.identity().providers.tokens();
        Ok(vault.seal(session.uuid().as_bytes(), &kept)?)
    }

    fn open_tokens(&self, record: &ProviderSession) -> Result<Kept, AppError> {
        let vault = self.identity().providers.tokens();
        let text = vault.open(record.session.uuid().as_bytes(), &record.sealed)?;
        Ok(serde_json::from_slice(&text).unwrap_or_default())
    }

    fn renew_at(&self, tokens: &Tokens) -> Option<bailey_core::Timestamp> {
        let seconds = tokens.seconds.filter(|seconds| *seconds > 0)?;
        tokens.refresh.as_ref()?;
        Some(self.now().plus_seconds(seconds.saturating_sub(AHEAD).max(seconds / 2)))
    }

    /// Asks providers again, until `stop`.
    pub(crate) async fn watch_provider_sessions(self, stop: CancellationToken) {
        if self.identity().providers.all().is_empty() {
            return;
        }
        let mut looks: u32 = 0;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
            looks = looks.wrapping_add(1);
            let mut done = self.renew_provider_sessions().await;
            if looks.is_multiple_of(PRUNE) && done.is_ok() {
                done = self
                    .store()
                    .provider_sessions_prune(self.now())
                    .await
                    .map_err(AppError::from);
            }
            if let Err(error) = done {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "sessions of identity providers cannot be looked after"
                );
            }
        }
    }

    /// Asks the providers of sessions that are due. Those that they do not stand by any more end; where one does not answer, the
    /// session goes on and it is asked again.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn renew_provider_sessions(&self) -> Result<(), AppError> {
        let due = self.store().provider_sessions_due(self.now(), MOST).await?;
        futures_util::stream::iter(due)
            .for_each_concurrent(ASKED, |(record, provider, subject)| {
                let app = self.clone();
                async move {
                    if let Err(error) = app.renew_provider_session(&record, &provider, &subject).await {
                        tracing::warn!(session.id = %record.session, provider, error = &error as &dyn std::error::Error, "a session cannot be renewed at its identity provider");
                    }
                }
            })
            .await;
        Ok(())
    }

    async fn renew_provider_session(
        &self,
        record: &ProviderSession,
        provider: &str,
        subject: &str,
    ) -> Result<(), AppError> {
        let (id, now) = (record.session, self.now());
        let kept = self.open_tokens(record)?;
        let known = self.identity().providers.get(provider);
        let (Ok(known), Some(refresh)) = (known, kept.refresh.map(Secret::new)) else {
            // There is nobody to ask, or nothing to ask with.
            return Ok(self.store().provider_session_renew(id, &record.sealed, None).await?);
        };
        match known.renew(&refresh, subject, now).await {
            Ok(Renewed::Tokens(mut tokens)) => {
                tokens.id_token = tokens.id_token.or_else(|| kept.id_token.map(Secret::new));
                let sealed = self.seal_tokens(id, &tokens)?;
                let renew_at = self.renew_at(&tokens);
                Ok(self.store().provider_session_renew(id, &sealed, renew_at).await?)
            }
            Ok(Renewed::Ended(reason)) => {
                let change = Change::new("sessions.end", Resource::new("session", id));
                let change = change.after(&json!({ "provider": provider, "reason": reason }));
                self.audit().system("sign-in", change).await?;
                self.store().session_end(id, now).await?;
                tracing::info!(session.id = %id, provider, reason, "a session ends with the identity provider's");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(session.id = %id, provider, %error, "an identity provider is asked again later");
                let again = Some(now.plus_seconds(AHEAD));
                Ok(self.store().provider_session_renew(id, &record.sealed, again).await?)
            }
        }
    }

    /// Ends the sessions that a provider's logout token names.
    pub(crate) async fn provider_logout(&self, provider: &str, token: &str, trail: &Trail) -> Result<(), AppError> {
        let now = self.now();
        let known = self
            .identity()
            .providers
            .get(provider)
            .map_err(|_| AppError::NotFound)?;
        let said = match known.logout_token(token, now).await {
            Ok(said) => said,
            Err(error @ ProviderError::Unavailable(_)) => return Err(AppError::Provider(error.to_string())),
            Err(error) => {
                tracing::warn!(provider, %error, "a logout token is refused");
                return Err(AppError::LogoutToken);
            }
        };
        if !self.store().spend_once(&said.spent, said.ends).await? {
            tracing::warn!(provider, "a logout token is refused: it was used before");
            return Err(AppError::LogoutToken);
        }
        let change = Change::new("sessions.end_by_provider", Resource::new("identity_provider", provider));
        let change = change.after(&json!({ "subject": said.subject, "provider_session": said.sid }));
        trail.record(Who::system("back-channel logout"), change).await?;
        let (store, issuer) = (self.store(), known.issuer());
        let ended = match (&said.sid, &said.subject) {
            (Some(session), _) => store.provider_sessions_end_sid(issuer, session, now).await?,
            (None, Some(subject)) => store.provider_sessions_end_subject(issuer, subject, now).await?,
            (None, None) => 0,
        };
        tracing::info!(provider, ended, "an identity provider ended sessions");
        Ok(())
    }

    /// Where a browser is sent to sign out at the provider that its session began at.
    pub(super) async fn sign_out_elsewhere(&self, session: SessionId, way: &Way) -> Option<String> {
        let record = self.store().session_get(session).await.ok()??;
        let SignInMethod::Provider(name) = record.method else {
            return None;
        };
        let provider = self.identity().providers.get(&name).ok()?;
        let kept = self.store().provider_session_get(session).await.ok()??;
        let kept = self.open_tokens(&kept).ok()?;
        let id_token = kept.id_token.map(Secret::new);
        let back = format!("{}/sign-in", way.base);
        let url = provider.end_session_url(id_token.as_ref(), &back, self.now());
        tokio::time::timeout(PATIENCE, url).await.ok()?
    }
}
