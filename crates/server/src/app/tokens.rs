//! API tokens.

use bailey_api::tokens::{Token, TokenCreate, TokenListQuery, TokenRotate, TokenWithSecret};
use bailey_api::{Code, FieldError, Lifetime, Page};
use bailey_core::TokenId;
use bailey_core::authz::{Action, TokenScopes};
use bailey_core::people::{ApiToken, Person, PersonStatus};
use bailey_gate::token;
use bailey_store::StoreError;

use super::caller::sees;
use super::checks::Checks;
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
            None => Some(caller.actor.scopes.clone()),
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
        let scopes = scopes.unwrap_or_else(|| caller.actor.scopes.clone());
        let person = self.token_person(caller, ask.person.as_deref()).await?;
        within_own(caller, &scopes, &person)?;
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
        let reach = self.people_within(caller).await?;
        let old = self.store().token_get(id).await?;
        let old = old.filter(|t| sees(&reach, Some(t.person))).ok_or(AppError::NotFound)?;
        let person = self.store().person_get(old.person).await?.ok_or(AppError::NotFound)?;
        within_own(caller, &old.scopes, &person)?;
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
        Ok(TokenWithSecret {
            token: text.expose().clone(),
            record: view::token(record),
        })
    }

    /// Revokes a token for good. Again is as good as once.
    pub async fn token_revoke(&self, caller: &Caller, id: TokenId) -> Result<(), AppError> {
        let reach = self.people_within(caller).await?;
        let token = self.store().token_get(id).await?;
        let token = token
            .filter(|t| sees(&reach, Some(t.person)))
            .ok_or(AppError::NotFound)?;
        let change = Change::new("tokens.revoke", resource(&token)).before(&view::token(token.clone()));
        caller.record(change).await?;
        self.store().token_revoke(token.id, self.now()).await?;
        Ok(())
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
        }
    }
}

/// A token as the audit log names it.
fn resource(token: &ApiToken) -> Resource {
    Resource::new("token", token.id).named(&token.name)
}

/// A new token allows nothing that the one that asks for it does not: by its scopes, and by its person's role.
fn within_own(caller: &Caller, scopes: &TokenScopes, person: &Person) -> Result<(), AppError> {
    let mut beyond = Vec::new();
    if !caller.actor.scopes.includes(scopes) {
        let own = caller.actor.scopes.to_names().join(", ");
        beyond.push(FieldError::body("/scopes", format!("at most {own}")));
    }
    let role = caller.actor.person.role;
    if Action::ALL.iter().any(|a| person.role.reach(*a) > role.reach(*a)) {
        beyond.push(FieldError::body(
            "/person",
            "has a role that reaches further than yours",
        ));
    }
    if beyond.is_empty() {
        Ok(())
    } else {
        Err(AppError::Beyond(beyond))
    }
}
