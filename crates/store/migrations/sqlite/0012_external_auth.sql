-- Accounts of people at forges, with leave to act there for them. `sealed` has the forge's tokens, encrypted with a key that is
-- not in the database. `refused_at` is when the forge took them no more: only linking again helps.
CREATE TABLE external_accounts (
    person       BLOB    NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    provider     TEXT    NOT NULL,
    base_url     TEXT    NOT NULL,
    account_id   TEXT    NOT NULL,
    login        TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    email        TEXT,
    scopes       TEXT    NOT NULL,
    sealed       BLOB    NOT NULL,
    expires_at   INTEGER,
    linked_at    INTEGER NOT NULL,
    last_used_at INTEGER,
    refused_at   INTEGER,
    PRIMARY KEY (person, provider)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX external_accounts_account ON external_accounts (base_url, account_id);
