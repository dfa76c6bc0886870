//! One's own password and second factor.

use bailey_api::Code;
use bailey_api::sign_in::{
    PasswordChange, RecoveryCodes, SecondFactorBegin, SecondFactorConfirm, SecondFactorRemove, SecondFactorSecret,
};
use bailey_core::identity::SecondFactor;
use bailey_core::people::Person;
use bailey_core::{PersonId, Secret};
use bailey_gate::authorize::Actor;
use bailey_gate::token::{self, Kind};
use http::HeaderValue;

use super::checks::Checks;
use super::{App, AppError, Caller, users};
use crate::audit::Change;
use crate::identity::{self, CODES, Guess, RECOVERY_CODES, Totp, recovery_code, recovery_hash};
use crate::way::Way;

impl App {
    /// Gives the asker another password, ends their other sessions, and gives this one another secret.
    pub(crate) async fn password_change(
        &self,
        caller: &Caller,
        way: &Way,
        ask: PasswordChange,
    ) -> Result<Option<HeaderValue>, AppError> {
        let actor = &caller.actor;
        let person = &actor.person;
        let mut checks = Checks::default();
        checks.password("/new", &ask.new, &person.name);
        if ask.new == ask.current {
            checks.wrong("/new", "is the password that you have");
        }
        checks.done()?;
        self.own_password(person, way, ask.current, "/current").await?;
        let hash = self.identity().hashing.hash(Secret::new(ask.new)).await?;
        let now = self.now();
        caller
            .record(Change::new("me.password", users::resource(person)))
            .await?;
        self.store().password_set(person.id, &hash, now).await?;
        self.store().sessions_end_of(person.id, actor.session, now).await?;
        self.session_renew(actor).await
    }

    /// Makes a secret for an authenticator. It is asked for when a code has confirmed it.
    pub(crate) async fn second_factor_begin(
        &self,
        caller: &Caller,
        way: &Way,
        ask: SecondFactorBegin,
    ) -> Result<SecondFactorSecret, AppError> {
        let person = &caller.actor.person;
        self.own_password(person, way, ask.password, "/password").await?;
        let totp = Totp::new()?;
        let sealed = self.identity().vault.seal(person.id.uuid().as_bytes(), totp.bytes())?;
        caller
            .record(Change::new("me.second_factor_begin", users::resource(person)))
            .await?;
        if !self.store().second_factor_begin(person.id, &sealed, self.now()).await? {
            return Err(AppError::Conflict {
                code: Code::AlreadyExists,
                detail: "there is a second factor; remove it first".to_owned(),
            });
        }
        Ok(SecondFactorSecret {
            secret: totp.base32(),
            uri: totp.uri(&person.name),
        })
    }

    /// Asks for the second factor from now on, and gives this session another secret.
    pub(crate) async fn second_factor_confirm(
        &self,
        caller: &Caller,
        ask: SecondFactorConfirm,
    ) -> Result<(RecoveryCodes, Option<HeaderValue>), AppError> {
        let actor = &caller.actor;
        let (id, now) = (actor.person.id, self.now());
        let none = || AppError::Conflict {
            code: Code::AlreadyExists,
            detail: "no second factor waits to be confirmed".to_owned(),
        };
        let factor = self.store().second_factor(id).await?;
        let factor = factor.filter(|f| f.confirmed_at.is_none()).ok_or_else(none)?;
        self.count_code(id)?;
        let step = self.totp(id, &factor)?.step_of(&ask.code, now);
        let step = step.ok_or_else(|| wrong_code("/code"))?;
        self.identity().limits.forgive(&Guess::Code(id));
        let mut codes = Vec::with_capacity(RECOVERY_CODES);
        for _ in 0..RECOVERY_CODES {
            codes.push(recovery_code()?.expose().clone());
        }
        let hashes: Vec<[u8; 32]> = codes.iter().map(|code| recovery_hash(code)).collect();
        caller
            .record(Change::new("me.second_factor_confirm", users::resource(&actor.person)))
            .await?;
        if !self.store().second_factor_confirm(id, step, &hashes, now).await? {
            return Err(none());
        }
        let codes = RecoveryCodes { recovery_codes: codes };
        Ok((codes, self.session_renew(actor).await?))
    }

    /// Takes the asker's second factor away.
    pub(crate) async fn second_factor_remove(
        &self,
        caller: &Caller,
        way: &Way,
        ask: SecondFactorRemove,
    ) -> Result<Option<HeaderValue>, AppError> {
        let actor = &caller.actor;
        let person = &actor.person;
        let factor = self.second_factor_of(person.id).await?.ok_or(AppError::NotFound)?;
        self.own_password(person, way, ask.password, "/password").await?;
        if !self.second_factor_passes(person.id, &factor, &ask.code).await? {
            return Err(wrong_code("/code"));
        }
        caller
            .record(Change::new("me.second_factor_remove", users::resource(person)))
            .await?;
        self.store().second_factor_remove(person.id).await?;
        self.session_renew(actor).await
    }

    /// Whether a person is asked for a code when they sign in.
    pub(crate) async fn has_second_factor(&self, person: PersonId) -> Result<bool, AppError> {
        Ok(self.second_factor_of(person).await?.is_some())
    }

    /// The second factor that a person is asked for.
    pub(crate) async fn second_factor_of(&self, person: PersonId) -> Result<Option<SecondFactor>, AppError> {
        let factor = self.store().second_factor(person).await?;
        Ok(factor.filter(|factor| factor.confirmed_at.is_some()))
    }

    /// Whether a code of the authenticator or a recovery code is good. It is good once.
    pub(crate) async fn second_factor_passes(
        &self,
        person: PersonId,
        factor: &SecondFactor,
        code: &str,
    ) -> Result<bool, AppError> {
        let now = self.now();
        if !identity::is_code(code.trim()) {
            // Nobody guesses these, so that they are not limited: they are the way in while the others are.
            return Ok(self
                .store()
                .recovery_code_use(person, &recovery_hash(code), now)
                .await?);
        }
        self.count_code(person)?;
        let Some(step) = self.totp(person, factor)?.step_of(code, now) else {
            return Ok(false);
        };
        let good = self.store().second_factor_use(person, step).await?;
        if good {
            self.identity().limits.forgive(&Guess::Code(person));
        }
        Ok(good)
    }

    fn count_code(&self, person: PersonId) -> Result<(), AppError> {
        let entered = self.identity().limits.enter(Guess::Code(person), CODES, self.now());
        entered.map_err(AppError::SignInLimited)
    }

    fn totp(&self, person: PersonId, factor: &SecondFactor) -> Result<Totp, AppError> {
        let bytes = self.identity().vault.open(person.uuid().as_bytes(), &factor.sealed)?;
        Ok(Totp::from_bytes(bytes))
    }

    /// Makes sure that the asker knows their password.
    pub(super) async fn own_password(
        &self,
        person: &Person,
        way: &Way,
        password: String,
        pointer: &'static str,
    ) -> Result<(), AppError> {
        let guess = self.guess_password(way.address, &person.name, Some(person), Secret::new(password));
        match guess.await {
            Err(AppError::SignInRefused) => Err(AppError::field(pointer, "is not your password")),
            outcome => outcome,
        }
    }

    /// Gives the asker's session another secret; `None` = it was ended meanwhile.
    pub(super) async fn session_renew(&self, actor: &Actor) -> Result<Option<HeaderValue>, AppError> {
        let Some(id) = actor.session else { return Ok(None) };
        let Some(session) = self.store().session_get(id).await? else {
            return Ok(None);
        };
        let minted = token::mint(Kind::Session)?;
        if !self.store().session_rotate(id, &minted.public_id, &minted.hash).await? {
            return Ok(None);
        }
        let left = session.expires_at.seconds().saturating_sub(self.now().seconds());
        Ok(identity::set(minted.text.expose(), left))
    }
}

pub(super) fn wrong_code(pointer: &'static str) -> AppError {
    AppError::field(pointer, "is not right; a code is good once, and for about a minute")
}
