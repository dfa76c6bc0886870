-- The audit log. Every writer has a chain of rows: `hash` is over all columns of a row, `content_hash` and `previous`, which
-- is the `hash` of the row before. Hashes, keys and signatures are hexadecimal text in lower case.
CREATE TABLE audit_writers (
    id        UUID   NOT NULL PRIMARY KEY,
    replica   UUID   NOT NULL,
    kind      TEXT   NOT NULL,
    seq       BIGINT NOT NULL,
    hash      TEXT   NOT NULL,
    opened_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX audit_writers_replica_kind ON audit_writers (replica, kind);

CREATE TABLE audit_rows (
    writer        UUID   NOT NULL,
    seq           BIGINT NOT NULL,
    kind          TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    began_at      BIGINT NOT NULL,
    refers        BIGINT,
    actor_kind    TEXT   NOT NULL,
    actor         UUID,
    action        TEXT   NOT NULL,
    resource_kind TEXT   NOT NULL,
    resource_id   TEXT   NOT NULL,
    session       UUID,
    token         UUID,
    causal        TEXT,
    outcome       TEXT,
    code          TEXT,
    content_hash  TEXT   NOT NULL,
    previous      TEXT   NOT NULL,
    hash          TEXT   NOT NULL,
    PRIMARY KEY (writer, seq)
);
-- An intent has one outcome.
CREATE UNIQUE INDEX audit_rows_refers ON audit_rows (writer, refers) WHERE kind = 'outcome';
CREATE INDEX audit_rows_began_at ON audit_rows (began_at, writer, seq) WHERE kind <> 'outcome';
CREATE INDEX audit_rows_actor ON audit_rows (actor, began_at, writer, seq) WHERE kind <> 'outcome';
CREATE INDEX audit_rows_action ON audit_rows (action, began_at, writer, seq) WHERE kind <> 'outcome';
CREATE INDEX audit_rows_resource ON audit_rows (resource_id, began_at, writer, seq) WHERE kind <> 'outcome';
CREATE INDEX audit_rows_outcome ON audit_rows (outcome, began_at, writer, seq) WHERE outcome IS NOT NULL;
CREATE INDEX audit_rows_causal ON audit_rows (causal) WHERE causal IS NOT NULL;

-- Names, addresses, and what was there before and after, as JSON: apart from the rows, so that it can be erased.
CREATE TABLE audit_contents (
    writer  UUID   NOT NULL,
    seq     BIGINT NOT NULL,
    content TEXT   NOT NULL,
    PRIMARY KEY (writer, seq)
);

-- Intents without an outcome.
CREATE TABLE audit_open (
    writer   UUID   NOT NULL,
    seq      BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    PRIMARY KEY (writer, seq)
);
CREATE INDEX audit_open_began_at ON audit_open (began_at);

-- Signed statements of where the chains end. `sent_at` is when one was posted to the address that the configuration names.
CREATE TABLE audit_anchors (
    signer    UUID   NOT NULL,
    number    BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    kind      TEXT   NOT NULL,
    heads     TEXT   NOT NULL,
    previous  TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    signature TEXT   NOT NULL,
    sent_at   BIGINT,
    PRIMARY KEY (signer, number)
);
CREATE INDEX audit_anchors_at ON audit_anchors (at, signer, number);
