-- Times are microseconds since 1970-01-01T00:00:00Z, money is nano-dollars, ids are UUIDs.

-- The one organization: `singleton` is always 1, so a second row conflicts.
CREATE TABLE organizations (
    id           UUID    NOT NULL PRIMARY KEY,
    singleton    BIGINT NOT NULL,
    display_name TEXT    NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX organizations_singleton ON organizations (singleton);

CREATE TABLE groups (
    id           UUID    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX groups_name ON groups (name);

CREATE TABLE people (
    id            UUID    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    display_name  TEXT    NOT NULL,
    email         TEXT,
    role          TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    charged_group UUID    REFERENCES groups (id) ON DELETE SET NULL,
    created_at    BIGINT NOT NULL
);
CREATE UNIQUE INDEX people_name ON people (name);
CREATE INDEX people_charged_group ON people (charged_group);

CREATE TABLE group_members (
    group_id UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    person   UUID NOT NULL REFERENCES people (id),
    PRIMARY KEY (group_id, person)
);
CREATE INDEX group_members_person ON group_members (person);

-- `hash` is the SHA-256 of a token that is never stored.
CREATE TABLE api_tokens (
    id         UUID    NOT NULL PRIMARY KEY,
    public_id  TEXT    NOT NULL,
    hash       BYTEA   NOT NULL,
    name       TEXT    NOT NULL,
    person     UUID    NOT NULL REFERENCES people (id),
    scopes     TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE UNIQUE INDEX api_tokens_public_id ON api_tokens (public_id);
CREATE INDEX api_tokens_person ON api_tokens (person);

CREATE TABLE virtual_keys (
    id             UUID    NOT NULL PRIMARY KEY,
    public_id      TEXT    NOT NULL,
    hash           BYTEA   NOT NULL,
    name           TEXT    NOT NULL,
    scope          TEXT    NOT NULL,
    person         UUID    NOT NULL REFERENCES people (id),
    group_id       UUID    REFERENCES groups (id) ON DELETE SET NULL,
    workspace      UUID,
    models         TEXT    NOT NULL,
    rpm            BIGINT,
    tpm            BIGINT,
    concurrent     BIGINT,
    expires_at     BIGINT,
    metadata       TEXT    NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     UUID    NOT NULL REFERENCES people (id),
    revoked_at     BIGINT,
    rotated_at     BIGINT
);
CREATE UNIQUE INDEX virtual_keys_public_id ON virtual_keys (public_id);
CREATE INDEX virtual_keys_person ON virtual_keys (person);
CREATE INDEX virtual_keys_group_id ON virtual_keys (group_id);
CREATE INDEX virtual_keys_workspace ON virtual_keys (workspace);
CREATE INDEX virtual_keys_created_by ON virtual_keys (created_by);

-- `subject` is the id of a key, person, group or organization, as `subject_kind` says.
CREATE TABLE budgets (
    id           UUID    NOT NULL PRIMARY KEY,
    subject_kind TEXT    NOT NULL,
    subject      UUID    NOT NULL,
    period       TEXT    NOT NULL,
    limit_nanos  BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX budgets_subject_period ON budgets (subject, subject_kind, period);

-- The store's side of a budget: `posted + overrun + leased <= limit_nanos` whenever money is leased.
CREATE TABLE budget_windows (
    budget       UUID    NOT NULL REFERENCES budgets (id) ON DELETE CASCADE,
    window_start BIGINT NOT NULL,
    posted       BIGINT NOT NULL,
    overrun      BIGINT NOT NULL,
    leased       BIGINT NOT NULL,
    PRIMARY KEY (budget, window_start)
);

-- Servers. The position is how far a replica's journal has been taken over.
CREATE TABLE replicas (
    id              UUID    NOT NULL PRIMARY KEY,
    claimed_at      BIGINT NOT NULL,
    heartbeat_at    BIGINT NOT NULL,
    lease_until     BIGINT NOT NULL,
    journal_segment BIGINT,
    journal_offset  BIGINT,
    lost_at         BIGINT
);

-- What each replica has in hand. `leased` adds up to the window's; `forfeited` is what was taken from a lost replica and
-- is in the window's `posted` until its journal is found.
CREATE TABLE budget_leases (
    budget       UUID    NOT NULL,
    window_start BIGINT NOT NULL,
    replica      UUID    NOT NULL REFERENCES replicas (id),
    leased       BIGINT NOT NULL,
    forfeited    BIGINT NOT NULL,
    PRIMARY KEY (budget, window_start, replica),
    FOREIGN KEY (budget, window_start) REFERENCES budget_windows (budget, window_start) ON DELETE CASCADE
);
CREATE INDEX budget_leases_replica ON budget_leases (replica);

-- Attempts that were sent and are not settled.
CREATE TABLE open_attempts (
    attempt UUID NOT NULL PRIMARY KEY,
    replica UUID NOT NULL REFERENCES replicas (id),
    intent  TEXT NOT NULL
);
CREATE INDEX open_attempts_replica ON open_attempts (replica);

-- The ledger. Rows outlive what they point to, so there are no foreign keys.
CREATE TABLE requests (
    id                  UUID    NOT NULL PRIMARY KEY,
    started_at          BIGINT NOT NULL,
    key_id              UUID,
    person              UUID,
    group_id            UUID,
    workspace           UUID,
    protocol            TEXT    NOT NULL,
    model               TEXT    NOT NULL,
    stream              BOOLEAN NOT NULL,
    session             TEXT,
    latency_us          BIGINT NOT NULL,
    ttft_us             BIGINT,
    status              BIGINT NOT NULL,
    outcome             TEXT    NOT NULL,
    code                TEXT,
    provider            TEXT,
    provider_model      TEXT,
    attempts            BIGINT NOT NULL,
    input               BIGINT NOT NULL,
    cache_read          BIGINT NOT NULL,
    cache_write_5m      BIGINT NOT NULL,
    cache_write_1h      BIGINT NOT NULL,
    output              BIGINT NOT NULL,
    reasoning           BIGINT NOT NULL,
    cost                BIGINT NOT NULL,
    overrun             BIGINT NOT NULL,
    flag                TEXT,
    price_version       TEXT,
    provider_request_id TEXT
);
CREATE INDEX requests_started_at ON requests (started_at, id);
CREATE INDEX requests_key_id ON requests (key_id, started_at, id);
CREATE INDEX requests_person ON requests (person, started_at, id);

CREATE TABLE attempts (
    id             UUID    NOT NULL PRIMARY KEY,
    request        UUID    NOT NULL,
    number         BIGINT NOT NULL,
    provider       TEXT    NOT NULL,
    provider_model TEXT    NOT NULL,
    started_at     BIGINT NOT NULL,
    latency_us     BIGINT NOT NULL,
    status         BIGINT,
    outcome        TEXT    NOT NULL,
    code           TEXT,
    input          BIGINT NOT NULL,
    cache_read     BIGINT NOT NULL,
    cache_write_5m BIGINT NOT NULL,
    cache_write_1h BIGINT NOT NULL,
    output         BIGINT NOT NULL,
    reasoning      BIGINT NOT NULL,
    cost           BIGINT NOT NULL,
    overrun        BIGINT NOT NULL,
    flag           TEXT
);
CREATE INDEX attempts_request ON attempts (request, number);

-- Sums of the ledger per day (its first instant, UTC). What a request has not got is the zero id or the empty text, for a
-- primary key takes no NULL.
CREATE TABLE spend_daily (
    day            BIGINT NOT NULL,
    key_id         UUID    NOT NULL,
    person         UUID    NOT NULL,
    group_id       UUID    NOT NULL,
    workspace      UUID    NOT NULL,
    model          TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    requests       BIGINT NOT NULL,
    input          BIGINT NOT NULL,
    cache_read     BIGINT NOT NULL,
    cache_write_5m BIGINT NOT NULL,
    cache_write_1h BIGINT NOT NULL,
    output         BIGINT NOT NULL,
    reasoning      BIGINT NOT NULL,
    cost           BIGINT NOT NULL,
    overrun        BIGINT NOT NULL,
    PRIMARY KEY (day, key_id, person, group_id, workspace, model, provider, outcome)
);

CREATE TABLE price_versions (
    version   TEXT    NOT NULL PRIMARY KEY,
    loaded_at BIGINT NOT NULL,
    document  TEXT    NOT NULL
);

-- One row that the readiness check writes to.
CREATE TABLE write_checks (
    id     BIGINT NOT NULL PRIMARY KEY,
    writes BIGINT NOT NULL
);
INSERT INTO write_checks (id, writes) VALUES (1, 0);
