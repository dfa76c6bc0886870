//! Local accounts: hashes of passwords, and second factors.

use bailey_core::identity::SecondFactor;
use bailey_core::{PersonId, Timestamp};

use crate::conn::Conn;
use crate::sql::{same, statements};
use crate::store::transaction;
use crate::value::Row;
use crate::{Store, StoreError};

statements! {
    PASSWORD = same("SELECT hash FROM local_passwords WHERE person = $1");
    ANY = same("SELECT person FROM local_passwords LIMIT 1");
    SET_PASSWORD = same(
        "INSERT INTO local_passwords (person, hash, changed_at) VALUES ($1, $2, $3) \
         ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at",
    );
    FACTOR = same("SELECT sealed, confirmed_at, last_step FROM second_factors WHERE person = $1");
    BEGIN = same(
        "INSERT INTO second_factors (person, sealed, created_at, last_step) VALUES ($1, $2, $3, 0) \
         ON CONFLICT (person) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at, last_step = 0 \
         WHERE second_factors.confirmed_at IS NULL",
    );
    CONFIRM = same(
        "UPDATE second_factors SET confirmed_at = $2, last_step = $3 WHERE person = $1 AND confirmed_at IS NULL",
    );
    STEP = same(
        "UPDATE second_factors SET last_step = $2 WHERE person = $1 AND last_step < $2 AND confirmed_at IS NOT NULL",
    );
    REMOVE = same("DELETE FROM second_factors WHERE person = $1");
    FORGET_CODES = same("DELETE FROM recovery_codes WHERE person = $1");
    ADD_CODE = same("INSERT INTO recovery_codes (person, hash) VALUES ($1, $2)");
    USE_CODE = same("UPDATE recovery_codes SET used_at = $3 WHERE person = $1 AND hash = $2 AND used_at IS NULL");
    CODES_LEFT = same("SELECT COUNT(*) AS codes FROM recovery_codes WHERE person = $1 AND used_at IS NULL");
}

fn read(row: &Row) -> Result<SecondFactor, StoreError> {
    Ok(SecondFactor {
        sealed: row.get("sealed")?,
        confirmed_at: row.get("confirmed_at")?,
        last_step: row.get("last_step")?,
    })
}

/// Gives a person a password, in place of the one before.
pub(crate) async fn set_password(
    tx: &mut Conn,
    person: PersonId,
    hash: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    tx.execute(SET_PASSWORD.bind(person).bind(hash).bind(now))
        .await
        .map(drop)
}

/// Takes a person's second factor and recovery codes away.
pub(crate) async fn remove_factor(tx: &mut Conn, person: PersonId) -> Result<bool, StoreError> {
    tx.execute(FORGET_CODES.bind(person)).await?;
    Ok(tx.execute(REMOVE.bind(person)).await? > 0)
}

impl Store {
    /// The hash of a person's password; `None` = they have none.
    pub async fn password_hash(&self, person: PersonId) -> Result<Option<String>, StoreError> {
        let row = self.reader().await?.fetch_optional(PASSWORD.bind(person)).await?;
        row.map(|row| row.get("hash")).transpose()
    }

    /// Whether anybody has a password.
    pub async fn any_password(&self) -> Result<bool, StoreError> {
        Ok(self.reader().await?.fetch_optional(ANY.query()).await?.is_some())
    }

    /// Gives a person a password, in place of the one before.
    pub async fn password_set(&self, person: PersonId, hash: &str, now: Timestamp) -> Result<(), StoreError> {
        transaction!(self, async |tx| set_password(tx, person, hash, now).await)
    }

    /// A person's second factor, confirmed or not.
    pub async fn second_factor(&self, person: PersonId) -> Result<Option<SecondFactor>, StoreError> {
        self.reader().await?.read_optional(FACTOR.bind(person), read).await
    }

    /// Keeps an encrypted secret that is not asked for yet. `false`, and nothing changes, if a confirmed one is there.
    pub async fn second_factor_begin(
        &self,
        person: PersonId,
        sealed: &[u8],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx
            .execute(BEGIN.bind(person).bind(sealed).bind(now))
            .await)?;
        Ok(rows > 0)
    }

    /// Asks for the second factor from now on; `step` is that of the code that showed it works, `codes` are the hashes of
    /// new recovery codes. `false` if there is none, or it was confirmed already.
    pub async fn second_factor_confirm(
        &self,
        person: PersonId,
        step: u64,
        codes: &[[u8; 32]],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        transaction!(self, async |tx| {
            if tx.execute(CONFIRM.bind(person).bind(now).bind(step)).await? == 0 {
                return Ok(false);
            }
            tx.execute(FORGET_CODES.bind(person)).await?;
            for code in codes {
                tx.execute(ADD_CODE.bind(person).bind(code)).await?;
            }
            Ok(true)
        })
    }

    /// Uses the code of a time step up. `false` if that one, or a later one, was used before.
    pub async fn second_factor_use(&self, person: PersonId, step: u64) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx.execute(STEP.bind(person).bind(step)).await)?;
        Ok(rows > 0)
    }

    /// Uses a recovery code up. `false` if there is none of this hash, or it was used before.
    pub async fn recovery_code_use(
        &self,
        person: PersonId,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let rows = transaction!(self, async |tx| tx
            .execute(USE_CODE.bind(person).bind(hash).bind(now))
            .await)?;
        Ok(rows > 0)
    }

    /// How many recovery codes a person has left.
    pub async fn recovery_codes_left(&self, person: PersonId) -> Result<u64, StoreError> {
        let row = self.reader().await?.fetch_optional(CODES_LEFT.bind(person)).await?;
        row.map_or(Ok(0), |row| row.get("codes"))
    }

    /// Takes a person's second factor and recovery codes away. `false` if there was none.
    pub async fn second_factor_remove(&self, person: PersonId) -> Result<bool, StoreError> {
        transaction!(self, async |tx| remove_factor(tx, person).await)
    }
}
