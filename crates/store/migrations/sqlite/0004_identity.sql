-- A person's session in one browser. `hash` is the SHA-256 of a secret that is never stored.
CREATE TABLE sessions (
    id           BLOB    NOT NULL PRIMARY KEY,
    public_id    TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    person       BLOB    NOT NULL REFERENCES people (id),
    method       TEXT    NOT NULL,
    address      TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT;
CREATE UNIQUE INDEX sessions_public_id ON sessions (public_id);
CREATE INDEX sessions_person ON sessions (person);

-- Passwords of local accounts, as argon2id hashes in PHC form.
CREATE TABLE local_passwords (
    person     BLOB    NOT NULL PRIMARY KEY REFERENCES people (id),
    hash       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `sealed` is the secret, encrypted with a key that is not in the database. It is asked for once it is confirmed.
CREATE TABLE second_factors (
    person       BLOB    NOT NULL PRIMARY KEY REFERENCES people (id),
    sealed       BLOB    NOT NULL,
    created_at   INTEGER NOT NULL,
    confirmed_at INTEGER,
    last_step    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `hash` is the SHA-256 of a random code that is never stored.
CREATE TABLE recovery_codes (
    person  BLOB    NOT NULL REFERENCES people (id),
    hash    BLOB    NOT NULL,
    used_at INTEGER,
    PRIMARY KEY (person, hash)
) STRICT, WITHOUT ROWID;

-- One-time links: with `claims` for a person that is there, otherwise for a new one. `hash` is the SHA-256 of a secret that
-- is never stored.
CREATE TABLE invitations (
    id           BLOB    NOT NULL PRIMARY KEY,
    public_id    TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    claims       BLOB    REFERENCES people (id),
    name         TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    groups       TEXT    NOT NULL,
    created_by   BLOB    REFERENCES people (id),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    accepted_at  INTEGER,
    revoked_at   INTEGER
) STRICT;
CREATE UNIQUE INDEX invitations_public_id ON invitations (public_id);
CREATE INDEX invitations_claims ON invitations (claims);
CREATE INDEX invitations_created_by ON invitations (created_by);
