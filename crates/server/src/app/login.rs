//! Tokens for command lines, by way of a browser.

use bailey_api::sign_in::{LoginCode, LoginCodeCreate, LoginCodeRedeem};
use bailey_api::tokens::TokenWithSecret;
use bailey_core::authz::{Action, TokenScopes};
use bailey_core::people::PersonStatus;
use bailey_gate::authorize::Denied;
use bailey_gate::token;

use serde_json::json;

use super::checks::Checks;
use super::{App, AppError, Caller, users, view};
use crate::audit::{Change, Resource, Trail, Who};
use crate::login::{Allowed, is_challenge};

/// How long a command line's token works: 30 days.
const LIFETIME: i64 = 30 * 86_400;

impl App {
    /// Allows a command line to act for the asker: the code is for whoever has what the challenge was made from.
    pub(crate) async fn login_code_create(&self, caller: &Caller, ask: LoginCodeCreate) -> Result<LoginCode, AppError> {
        let actor = &caller.actor;
        let session = actor.session.ok_or(AppError::SessionRequired)?;
        let mut checks = Checks::default();
        checks.text("/name", &ask.name);
        if !is_challenge(&ask.challenge) {
            checks.wrong("/challenge", "must be a SHA-256 in base64url without padding");
        }
        checks.done()?;
        // Nobody gets a token this way who may not make one.
        actor.may(Action::TokenCreate)?;
        let change =
            Change::new("login_codes.create", users::resource(&actor.person)).after(&json!({ "name": ask.name }));
        caller.record(change).await?;
        let code = self.identity().logins.issue(Allowed {
            person: actor.person.id,
            session,
            name: ask.name,
            challenge: ask.challenge,
        })?;
        Ok(LoginCode {
            code: code.expose().clone(),
        })
    }

    /// Swaps a code for a token with all the authority of whoever allowed it.
    pub(crate) async fn login_code_redeem(
        &self,
        trail: &Trail,
        ask: LoginCodeRedeem,
    ) -> Result<TokenWithSecret, AppError> {
        let allowed = self.identity().logins.take(&ask.code, &ask.verifier);
        let allowed = allowed.ok_or(AppError::LinkInvalid)?;
        let now = self.now();
        let session = self.store().session_get(allowed.session).await?;
        if !session.is_some_and(|session| self.identity().is_good(&session, now)) {
            return Err(AppError::LinkInvalid);
        }
        let person = self
            .store()
            .person_get(allowed.person)
            .await?
            .ok_or(AppError::LinkInvalid)?;
        if person.status != PersonStatus::Active {
            return Err(Denied::Suspended.into());
        }
        let expires_at = Some(now.plus_seconds(LIFETIME));
        let (record, text) = token::api_token(now, allowed.name, person.id, TokenScopes::All, expires_at)?;
        let change = Change::new(
            "login_codes.redeem",
            Resource::new("token", record.id).named(&record.name),
        )
        .after(&view::token(record.clone()));
        trail.record(Who::person(person.id, &person.name), change).await?;
        self.store().token_insert(&record).await?;
        Ok(TokenWithSecret {
            token: text.expose().clone(),
            record: view::token(record),
        })
    }
}
