-- Times are microseconds since 1970-01-01T00:00:00Z, money is nano-dollars, ids are the 16 bytes of a UUID.

-- The one organization: `singleton` is always 1, so a second row conflicts.
CREATE TABLE organizations (
    id           BLOB    NOT NULL PRIMARY KEY,
    singleton    INTEGER NOT NULL,
    display_name TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX organizations_singleton ON organizations (singleton);

CREATE TABLE groups (
    id           BLOB    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX groups_name ON groups (name);

CREATE TABLE people (
    id            BLOB    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    display_name  TEXT    NOT NULL,
    email         TEXT,
    role          TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    charged_group BLOB    REFERENCES groups (id) ON DELETE SET NULL,
    created_at    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX people_name ON people (name);
CREATE INDEX people_charged_group ON people (charged_group);

CREATE TABLE group_members (
    group_id BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    person   BLOB NOT NULL REFERENCES people (id),
    PRIMARY KEY (group_id, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_person ON group_members (person);

-- `hash` is the SHA-256 of a token that is never stored.
CREATE TABLE api_tokens (
    id         BLOB    NOT NULL PRIMARY KEY,
    public_id  TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    person     BLOB    NOT NULL REFERENCES people (id),
    scopes     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
CREATE UNIQUE INDEX api_tokens_public_id ON api_tokens (public_id);
CREATE INDEX api_tokens_person ON api_tokens (person);

CREATE TABLE virtual_keys (
    id             BLOB    NOT NULL PRIMARY KEY,
    public_id      TEXT    NOT NULL,
    hash           BLOB    NOT NULL,
    name           TEXT    NOT NULL,
    scope          TEXT    NOT NULL,
    person         BLOB    NOT NULL REFERENCES people (id),
    group_id       BLOB    REFERENCES groups (id) ON DELETE SET NULL,
    workspace      BLOB,
    models         TEXT    NOT NULL,
    rpm            INTEGER,
    tpm            INTEGER,
    concurrent     INTEGER,
    expires_at     INTEGER,
    metadata       TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    created_by     BLOB    NOT NULL REFERENCES people (id),
    revoked_at     INTEGER,
    rotated_at     INTEGER
) STRICT;
CREATE UNIQUE INDEX virtual_keys_public_id ON virtual_keys (public_id);
CREATE INDEX virtual_keys_person ON virtual_keys (person);
CREATE INDEX virtual_keys_group_id ON virtual_keys (group_id);
CREATE INDEX virtual_keys_workspace ON virtual_keys (workspace);
CREATE INDEX virtual_keys_created_by ON virtual_keys (created_by);

-- `subject` is the id of a key, person, group or organization, as `subject_kind` says.
CREATE TABLE budgets (
    id           BLOB    NOT NULL PRIMARY KEY,
    subject_kind TEXT    NOT NULL,
    subject      BLOB    NOT NULL,
    period       TEXT    NOT NULL,
    limit_nanos  INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX budgets_subject_period ON budgets (subject, subject_kind, period);

-- The store's side of a budget: `posted + overrun + leased <= limit_nanos` whenever money is leased.
CREATE TABLE budget_windows (
    budget       BLOB    NOT NULL REFERENCES budgets (id) ON DELETE CASCADE,
    window_start INTEGER NOT NULL,
    posted       INTEGER NOT NULL,
    overrun      INTEGER NOT NULL,
    leased       INTEGER NOT NULL,
    PRIMARY KEY (budget, window_start)
) STRICT, WITHOUT ROWID;

-- Servers. The position is how far a replica's journal has been taken over.
CREATE TABLE replicas (
    id              BLOB    NOT NULL PRIMARY KEY,
    claimed_at      INTEGER NOT NULL,
    heartbeat_at    INTEGER NOT NULL,
    lease_until     INTEGER NOT NULL,
    journal_segment INTEGER,
    journal_offset  INTEGER,
    lost_at         INTEGER
) STRICT;

-- What each replica has in hand. `leased` adds up to the window's; `forfeited` is what was taken from a lost replica and
-- is in the window's `posted` until its journal is found.
CREATE TABLE budget_leases (
    budget       BLOB    NOT NULL,
    window_start INTEGER NOT NULL,
    replica      BLOB    NOT NULL REFERENCES replicas (id),
    leased       INTEGER NOT NULL,
    forfeited    INTEGER NOT NULL,
    PRIMARY KEY (budget, window_start, replica),
    FOREIGN KEY (budget, window_start) REFERENCES budget_windows (budget, window_start) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX budget_leases_replica ON budget_leases (replica);

-- Attempts that were sent and are not settled.
CREATE TABLE open_attempts (
    attempt BLOB NOT NULL PRIMARY KEY,
    replica BLOB NOT NULL REFERENCES replicas (id),
    intent  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX open_attempts_replica ON open_attempts (replica);

-- The ledger. Rows outlive what they point to, so there are no foreign keys.
CREATE TABLE requests (
    id                  BLOB    NOT NULL PRIMARY KEY,
    started_at          INTEGER NOT NULL,
    key_id              BLOB,
    person              BLOB,
    group_id            BLOB,
    workspace           BLOB,
    protocol            TEXT    NOT NULL,
    model               TEXT    NOT NULL,
    stream              INTEGER NOT NULL,
    session             TEXT,
    latency_us          INTEGER NOT NULL,
    ttft_us             INTEGER,
    status              INTEGER NOT NULL,
    outcome             TEXT    NOT NULL,
    code                TEXT,
    provider            TEXT,
    provider_model      TEXT,
    attempts            INTEGER NOT NULL,
    input               INTEGER NOT NULL,
    cache_read          INTEGER NOT NULL,
    cache_write_5m      INTEGER NOT NULL,
    cache_write_1h      INTEGER NOT NULL,
    output              INTEGER NOT NULL,
    reasoning           INTEGER NOT NULL,
    cost                INTEGER NOT NULL,
    overrun             INTEGER NOT NULL,
    flag                TEXT,
    price_version       TEXT,
    provider_request_id TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_started_at ON requests (started_at, id);
CREATE INDEX requests_key_id ON requests (key_id, started_at, id);
CREATE INDEX requests_person ON requests (person, started_at, id);

CREATE TABLE attempts (
    id             BLOB    NOT NULL PRIMARY KEY,
    request        BLOB    NOT NULL,
    number         INTEGER NOT NULL,
    provider       TEXT    NOT NULL,
    provider_model TEXT    NOT NULL,
    started_at     INTEGER NOT NULL,
    latency_us     INTEGER NOT NULL,
    status         INTEGER,
    outcome        TEXT    NOT NULL,
    code           TEXT,
    input          INTEGER NOT NULL,
    cache_read     INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output         INTEGER NOT NULL,
    reasoning      INTEGER NOT NULL,
    cost           INTEGER NOT NULL,
    overrun        INTEGER NOT NULL,
    flag           TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_request ON attempts (request, number);

-- Sums of the ledger per day (its first instant, UTC). What a request has not got is the zero id or the empty text, for a
-- primary key takes no NULL.
CREATE TABLE spend_daily (
    day            INTEGER NOT NULL,
    key_id         BLOB    NOT NULL,
    person         BLOB    NOT NULL,
    group_id       BLOB    NOT NULL,
    workspace      BLOB    NOT NULL,
    model          TEXT    NOT NULL,
    provider       TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    requests       INTEGER NOT NULL,
    input          INTEGER NOT NULL,
    cache_read     INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output         INTEGER NOT NULL,
    reasoning      INTEGER NOT NULL,
    cost           INTEGER NOT NULL,
    overrun        INTEGER NOT NULL,
    PRIMARY KEY (day, key_id, person, group_id, workspace, model, provider, outcome)
) STRICT, WITHOUT ROWID;

CREATE TABLE price_versions (
    version   TEXT    NOT NULL PRIMARY KEY,
    loaded_at INTEGER NOT NULL,
    document  TEXT    NOT NULL
) STRICT;

-- One row that the readiness check writes to.
CREATE TABLE write_checks (
    id     INTEGER NOT NULL PRIMARY KEY,
    writes INTEGER NOT NULL
) STRICT;
INSERT INTO write_checks (id, writes) VALUES (1, 0);
