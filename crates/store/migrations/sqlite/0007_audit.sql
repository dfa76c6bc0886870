-- The audit log. Every writer has a chain of rows: `hash` is over all columns of a row, `content_hash` and `previous`, which
-- is the `hash` of the row before. Hashes, keys and signatures are hexadecimal text in lower case.
CREATE TABLE audit_writers (
    id        BLOB   NOT NULL PRIMARY KEY,
    replica   BLOB   NOT NULL,
    kind      TEXT   NOT NULL,
    seq       INTEGER NOT NULL,
    hash      TEXT   NOT NULL,
    opened_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX audit_writers_replica_kind ON audit_writers (replica, kind);

CREATE TABLE audit_rows (
    writer        BLOB   NOT NULL,
    seq           INTEGER NOT NULL,
    kind          TEXT   NOT NULL,
    at            INTEGER NOT NULL,
    began_at      INTEGER NOT NULL,
    refers        INTEGER,
    actor_kind    TEXT   NOT NULL,
    actor         BLOB,
    action        TEXT   NOT NULL,
    resource_kind TEXT   NOT NULL,
    resource_id   TEXT   NOT NULL,
    session       BLOB,
    token         BLOB,
    causal        TEXT,
    outcome       TEXT,
    code          TEXT,
    content_hash  TEXT   NOT NULL,
    previous      TEXT   NOT NULL,
    hash          TEXT   NOT NULL,
    PRIMARY KEY (writer, seq)
) STRICT;
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
    writer  BLOB   NOT NULL,
    seq     INTEGER NOT NULL,
    content TEXT   NOT NULL,
    PRIMARY KEY (writer, seq)
) STRICT;

-- Intents without an outcome.
CREATE TABLE audit_open (
    writer   BLOB   NOT NULL,
    seq      INTEGER NOT NULL,
    began_at INTEGER NOT NULL,
    PRIMARY KEY (writer, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_open_began_at ON audit_open (began_at);

-- Signed statements of where the chains end. `sent_at` is when one was posted to the address that the configuration names.
CREATE TABLE audit_anchors (
    signer    BLOB   NOT NULL,
    number    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    kind      TEXT   NOT NULL,
    heads     TEXT   NOT NULL,
    previous  TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    signature TEXT   NOT NULL,
    sent_at   INTEGER,
    PRIMARY KEY (signer, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_anchors_at ON audit_anchors (at, signer, number);
