//! API tokens.

use bailey_api::tokens::{Token, TokenCreate, TokenListQuery, TokenRotate, TokenWithSecret};
use bailey_api::{Code, FieldError, Lifetime, Page};
use bailey_core::authz::{Action, TokenScopes};
use bailey_core::people::{ApiToken, Person, PersonStatus};
use bailey_core::{PersonId, TokenId};
use bailey_gate::authorize::Actor;
use bailey_gate::token;
use bailey_store::StoreError;

use super::caller::sees;
use super::checks::Checks;
use super::roles::named;
use super::{App, AppError, Caller, cursor, view};
use crate::audit::{Change, Resource};

const CURSOR: u8 = b't';
/// How long a token lives if nothing is said: 90 days.
pub(crate) const LIFETIME: i64 = 90 * 86_400;
/// How long a rotated one lives if nothing is said: seven days.
const ROTATED: i64 = 7 * 86_400;
/// How long the one before works on: a day.
const OVERLAP: i64 = 86_400;
const OVERLAP_MOST: i64 = 7 * 86_400;

impl App {
    /// Makes a token, at most as wide as the one that asks for it.
    pub async fn token_create(&self, caller: &Caller, ask: TokenCreate) -> Result<TokenWithSecret, AppError> {
        let now = self.now();
        let mut checks = Checks::default();
        checks.text("/name", &ask.name);
        let expiry = checks.expiry(ask.expires_in, ask.expires_at, now);
        let scopes = match ask.scopes.as_deref() {
            None => None,
            Some([]) => {
                checks.wrong(
                    "/scopes",
                    "must have at least one entry; `*` = all that the person may do",
                );
                None
            }
            Some(names) => TokenScopes::from_names(names)
                .map_err(|e| checks.wrong("/scopes", e.to_string()))
                .ok(),
        };
        checks.done()?;
        let person = self.token_person(caller, ask.person.as_deref()).await?;
        let other = self.another(caller, person.id).await?;
        let scopes = match (scopes, &other) {
            (Some(scopes), _) => scopes,
            (None, None) => caller.actor.scopes.clone(),
            (None, Some(other)) => shared(caller, other),
        };
        within_own(caller, &scopes, other.as_ref())?;
        let expires_at = expiry.unwrap_or_else(|| Some(now.plus_seconds(LIFETIME)));
        let (record, text) = token::api_token(now, ask.name, person.id, scopes, expires_at)?;
        let change = Change::new("tokens.create", resource(&record)).after(&view::token(record.clone()));
        caller.record(change).await?;
        self.store().token_insert(&record).await?;
        Ok(TokenWithSecret {
            token: text.expose().clone(),
            record: view::token(record),
        })
    }

    /// Tokens within reach, newest first.
    pub async fn tokens_list(&self, caller: &Caller, query: TokenListQuery) -> Result<Page<Token>, AppError> {
        let reach = self.people_within(caller).await?;
        let page = cursor::page(CURSOR, query.limit, query.cursor.as_deref(), TokenId::from_uuid)?;
        let mut person = None;
        if let Some(text) = &query.person {
            let Some(found) = self.find_person(text, &reach).await? else {
                return Ok(Page {
                    items: Vec::new(),
                    next_cursor: None,
                });
            };
            person = Some(found.id);
        }
        let (tokens, next) = self.store().tokens_list(person, &reach, page).await?;
        Ok(Page {
            items: tokens.into_iter().map(view::token).collect(),
            next_cursor: cursor::next(CURSOR, next.map(TokenId::uuid)),
        })
    }

    /// Makes a token of the same name, person and scopes in the place of one, which goes on working for a while.
    pub async fn token_rotate(
        &self,
        caller: &Caller,
        id: TokenId,
        ask: TokenRotate,
    ) -> Result<TokenWithSecret, AppError> {
        let now = self.now();
        let mut checks = Checks::default();
        let overlap = match ask.overlap {
            None => OVERLAP,
            Some(Lifetime::Seconds(seconds)) if seconds <= OVERLAP_MOST => seconds,
            Some(_) => {
                checks.wrong("/overlap", "must be at most 7d");
                OVERLAP
            }
        };
        checks.done()?;
        let old = self.token_within(caller, id).await?;
        let other = self.another(caller, old.person).await?;
        within_own(caller, &old.scopes, other.as_ref())?;
        let expires_at = ask.expires_in.unwrap_or(Lifetime::Seconds(ROTATED)).end(now);
        let change = Change::new("tokens.rotate", resource(&old)).before(&view::token(old.clone()));
        let (record, text) = token::api_token(now, old.name, old.person, old.scopes, expires_at)?;
        caller.record(change.after(&view::token(record.clone()))).await?;
        let rotated = self
            .store()
            .token_rotate(id, now.plus_seconds(overlap), &record, now)
            .await;
        rotated.map_err(|error| match error {
            StoreError::Conflict { field: "state", .. } => AppError::Conflict {
                code: Code::Revoked,
                detail: "this token is revoked or expired; make another one".to_owned(),
            },
            error => error.into(),
        })?;
        self.gate().forget_token(id);
        Ok(TokenWithSecret {
            token: text.expose().clone(),
            record: view::token(record),
        })
    }

    /// Revokes a token for good. Again is as good as once.
    pub async fn token_revoke(&self, caller: &Caller, id: TokenId) -> Result<(), AppError> {
        let token = self.token_within(caller, id).await?;
        let change = Change::new("tokens.revoke", resource(&token)).before(&view::token(token.clone()));
        caller.record(change).await?;
        self.store().token_revoke(token.id, self.now()).await?;
        self.gate().end_token(token.id);
        Ok(())
    }

    /// The token of this id, if it is within reach.
    pub(super) async fn token_within(&self, caller: &Caller, id: TokenId) -> Result<ApiToken, AppError> {
        let reach = self.people_within(caller).await?;
        let token = self.store().token_get(id).await?;
        token
            .filter(|token| sees(&reach, Some(token.person)))
            .ok_or(AppError::NotFound)
    }

    /// A person with their authority, if it is not the caller.
    async fn another(&self, caller: &Caller, person: PersonId) -> Result<Option<Actor>, AppError> {
        if person == caller.person() {
            return Ok(None);
        }
        Ok(Some(self.actor_of(person).await?.ok_or(AppError::NotFound)?))
    }

    /// The person whose authority a token is to carry.
    async fn token_person(&self, caller: &Caller, asked: Option<&str>) -> Result<Person, AppError> {
        let Some(text) = asked else {
            return Ok(caller.actor.person.clone());
        };
        let reach = self.people_within(caller).await?;
        let found = self.find_person(text, &reach).await?;
        let person = found.ok_or_else(|| AppError::field("/person", "is nobody that you may make tokens for"))?;
        match person.status {
            PersonStatus::Active => Ok(person),
            PersonStatus::Suspended => Err(AppError::field("/person", "is suspended")),
            PersonStatus::Deleted => Err(AppError::field("/person", "is deleted")),
        }
    }
}

/// A token as the audit log names it.
fn resource(token: &ApiToken) -> Resource {
    Resource::new("token", token.id).named(&token.name)
}

/// Refuses a token that allows what the one that asks for it does not: by its scopes, and for another person by what that
/// person may do and the caller may not do on their things.
fn within_own(caller: &Caller, scopes: &TokenScopes, other: Option<&Actor>) -> Result<(), AppError> {
    let mut beyond = Vec::new();
    if !caller.actor.scopes.includes(scopes) {
        let own = caller.actor.scopes.to_names().join(", ");
        beyond.push(FieldError::body("/scopes", format!("at most {own}")));
    }
    if let Some(other) = other {
        // Whether or not they may do it today: they may some day, and the token would still be there.
        let beyond_own = |action: &Action| scopes.allows(*action) && !caller.actor.may_for(*action, other);
        let won: Vec<_> = Action::ALL.iter().copied().filter(beyond_own).collect();
        if !won.is_empty() {
            let detail = format!("you may not do for them: {}", named(&won));
            beyond.push(FieldError::body("/scopes", detail));
        }
    }
    if beyond.is_empty() {
        Ok(())
    } else {
        Err(AppError::Beyond(beyond))
    }
}

/// What a token for another person may be used for where nothing is said: all of theirs that is the caller's as well.
fn shared(caller: &Caller, other: &Actor) -> TokenScopes {
    let both = |action: &Action| other.may(*action).is_ok() && caller.actor.may_for(*action, other);
    TokenScopes::Only(Action::ALL.iter().copied().filter(both).collect())
}
