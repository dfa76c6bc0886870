-- Somebody at an identity provider, and who they are here. They are known by issuer and subject, never by an address.
CREATE TABLE identities (
    id           UUID NOT NULL PRIMARY KEY,
    person       UUID NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    provider     TEXT NOT NULL,
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    login        TEXT NOT NULL,
    email        TEXT,
    given_role   TEXT,
    own_role     TEXT,
    linked_at    BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX identities_subject ON identities (issuer, subject);
CREATE INDEX identities_person ON identities (person);

-- What a session has to do with the provider that it began at. `sealed` has the provider's tokens, encrypted with a key that
-- is not in the database.
CREATE TABLE provider_sessions (
    session  UUID NOT NULL PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    identity UUID NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    sid      TEXT,
    sealed   BYTEA NOT NULL,
    renew_at BIGINT
);
CREATE INDEX provider_sessions_identity ON provider_sessions (identity);
CREATE INDEX provider_sessions_renew_at ON provider_sessions (renew_at);

-- Hashes of what is good once, for as long as it could be tried again.
CREATE TABLE spent_secrets (
    hash       BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_secrets_expires_at ON spent_secrets (expires_at);

-- Where a membership comes from: an identity's provider, or (NULL) somebody who decided so here.
ALTER TABLE group_members ADD COLUMN identity UUID REFERENCES identities (id) ON DELETE CASCADE;
CREATE INDEX group_members_identity ON group_members (identity);

-- When whoever uses a session last showed their password again.
ALTER TABLE sessions ADD COLUMN confirmed_at BIGINT;
