-- A person's session in one browser. `hash` is the SHA-256 of a secret that is never stored.
CREATE TABLE sessions (
    id           UUID   NOT NULL PRIMARY KEY,
    public_id    TEXT   NOT NULL,
    hash         BYTEA  NOT NULL,
    person       UUID   NOT NULL REFERENCES people (id),
    method       TEXT   NOT NULL,
    address      TEXT   NOT NULL,
    agent        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    ended_at     BIGINT
);
CREATE UNIQUE INDEX sessions_public_id ON sessions (public_id);
CREATE INDEX sessions_person ON sessions (person);

-- Passwords of local accounts, as argon2id hashes in PHC form.
CREATE TABLE local_passwords (
    person     UUID   NOT NULL PRIMARY KEY REFERENCES people (id),
    hash       TEXT   NOT NULL,
    changed_at BIGINT NOT NULL
);

-- `sealed` is the secret, encrypted with a key that is not in the database. It is asked for once it is confirmed.
CREATE TABLE second_factors (
    person       UUID   NOT NULL PRIMARY KEY REFERENCES people (id),
    sealed       BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step    BIGINT NOT NULL
);

-- `hash` is the SHA-256 of a random code that is never stored.
CREATE TABLE recovery_codes (
    person  UUID   NOT NULL REFERENCES people (id),
    hash    BYTEA  NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (person, hash)
);

-- One-time links: with `claims` for a person that is there, otherwise for a new one. `hash` is the SHA-256 of a secret that
-- is never stored.
CREATE TABLE invitations (
    id           UUID   NOT NULL PRIMARY KEY,
    public_id    TEXT   NOT NULL,
    hash         BYTEA  NOT NULL,
    claims       UUID   REFERENCES people (id),
    name         TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    role         TEXT   NOT NULL,
    groups       TEXT   NOT NULL,
    created_by   UUID   REFERENCES people (id),
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    accepted_at  BIGINT,
    revoked_at   BIGINT
);
CREATE UNIQUE INDEX invitations_public_id ON invitations (public_id);
CREATE INDEX invitations_claims ON invitations (claims);
CREATE INDEX invitations_created_by ON invitations (created_by);
