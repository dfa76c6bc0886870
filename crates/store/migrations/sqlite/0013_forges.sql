-- Connections to forges. `settings` is what people set, as JSON; `sealed` are the token and the webhook's secrets, encrypted.
-- `signs` says that the forge signs its deliveries, so that nothing else is taken from it.
CREATE TABLE connections (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    base_url   TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    sealed     BLOB    NOT NULL,
    signs      INTEGER NOT NULL,
    enabled    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by BLOB    REFERENCES people (id)
) STRICT;
CREATE UNIQUE INDEX connections_name ON connections (name);
CREATE INDEX connections_created_by ON connections (created_by);

-- How far the poll of a connection's project has come. `since`: the connection is for it from then on.
CREATE TABLE connection_polls (
    connection BLOB    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    path       TEXT    NOT NULL,
    polled_to  INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (connection, path)
) STRICT, WITHOUT ROWID;

-- What forges told, or a poll found. `event` is emptied once it is worked on.
CREATE TABLE deliveries (
    connection  BLOB    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    delivery    TEXT    NOT NULL,
    what        TEXT    NOT NULL,
    event       TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    tries       INTEGER NOT NULL,
    due_at      INTEGER,
    reason      TEXT,
    received_at INTEGER NOT NULL,
    finished_at INTEGER,
    PRIMARY KEY (connection, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (connection, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL;

-- Runs of tickets. One is live until it has ended; what asked for it starts one run and never another. `workspace` and `chat` are
-- named before they are made. `merge_request` is the one that was proposed last, `seen` how its chat stood when the ticket
-- was last brought up to date.
CREATE TABLE ticket_runs (
    id             BLOB    NOT NULL PRIMARY KEY,
    connection     BLOB    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    project        INTEGER NOT NULL,
    path           TEXT    NOT NULL,
    ticket         INTEGER NOT NULL,
    arrival        TEXT    NOT NULL,
    number         INTEGER NOT NULL,
    label          TEXT    NOT NULL,
    person         BLOB    NOT NULL REFERENCES people (id),
    assignee       INTEGER NOT NULL,
    assignee_name  TEXT    NOT NULL,
    agent          INTEGER NOT NULL,
    model          TEXT,
    confidential   INTEGER NOT NULL,
    branch         TEXT    NOT NULL,
    workspace      BLOB    NOT NULL,
    workspace_name TEXT    NOT NULL,
    chat           BLOB,
    state          TEXT    NOT NULL,
    cause          TEXT,
    merge_request  INTEGER,
    seen           TEXT,
    tries          INTEGER NOT NULL,
    due_at         INTEGER,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    finished_at    INTEGER
) STRICT;
CREATE UNIQUE INDEX ticket_runs_arrival ON ticket_runs (connection, project, ticket, arrival);
CREATE UNIQUE INDEX ticket_runs_live ON ticket_runs (connection, project, ticket) WHERE finished_at IS NULL;
CREATE INDEX ticket_runs_due ON ticket_runs (connection, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ticket_runs_person ON ticket_runs (person);

-- What people wrote on a ticket while its run was under way; `passed` says that its chat has it.
CREATE TABLE ticket_messages (
    run     BLOB    NOT NULL REFERENCES ticket_runs (id) ON DELETE CASCADE,
    comment INTEGER NOT NULL,
    author  TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    passed  INTEGER NOT NULL,
    PRIMARY KEY (run, comment)
) STRICT, WITHOUT ROWID;

-- The one status comment of a ticket: what it is to say, what it says, and its id at the forge. `no_op` is why nothing was
-- done the last time.
CREATE TABLE ticket_status (
    connection BLOB    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    project    INTEGER NOT NULL,
    ticket     INTEGER NOT NULL,
    path       TEXT    NOT NULL,
    comment    INTEGER,
    wanted     TEXT    NOT NULL,
    shown      TEXT    NOT NULL,
    no_op      TEXT,
    tries      INTEGER NOT NULL,
    due_at     INTEGER,
    PRIMARY KEY (connection, project, ticket)
) STRICT, WITHOUT ROWID;
CREATE INDEX ticket_status_due ON ticket_status (connection, due_at) WHERE due_at IS NOT NULL;
