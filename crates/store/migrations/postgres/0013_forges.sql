-- Connections to forges. `settings` is what people set, as JSON; `sealed` are the token and the webhook's secrets, encrypted.
-- `signs` says that the forge signs its deliveries, so that nothing else is taken from it.
CREATE TABLE connections (
    id         UUID    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    base_url   TEXT    NOT NULL,
    settings   TEXT    NOT NULL,
    sealed     BYTEA   NOT NULL,
    signs      BOOLEAN NOT NULL,
    enabled    BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    created_by UUID    REFERENCES people (id)
);
CREATE UNIQUE INDEX connections_name ON connections (name);
CREATE INDEX connections_created_by ON connections (created_by);

-- How far the poll of a connection's project has come. `since`: the connection is for it from then on.
CREATE TABLE connection_polls (
    connection UUID   NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    path       TEXT   NOT NULL,
    polled_to  BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    PRIMARY KEY (connection, path)
);

-- What forges told, or a poll found. `event` is emptied once it is worked on.
CREATE TABLE deliveries (
    connection  UUID   NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    delivery    TEXT   NOT NULL,
    what        TEXT   NOT NULL,
    event       TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    tries       BIGINT NOT NULL,
    due_at      BIGINT,
    reason      TEXT,
    received_at BIGINT NOT NULL,
    finished_at BIGINT,
    PRIMARY KEY (connection, delivery)
);
CREATE INDEX deliveries_due ON deliveries (connection, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_finished ON deliveries (finished_at) WHERE finished_at IS NOT NULL;

-- Runs of tickets. One is live until it has ended; what asked for it starts one run and never another. `workspace` and `chat` are
-- named before they are made. `merge_request` is the one that was proposed last, `seen` how its chat stood when the ticket
-- was last brought up to date.
CREATE TABLE ticket_runs (
    id             UUID    NOT NULL PRIMARY KEY,
    connection     UUID    NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    project        BIGINT  NOT NULL,
    path           TEXT    NOT NULL,
    ticket         BIGINT  NOT NULL,
    arrival        TEXT    NOT NULL,
    number         BIGINT  NOT NULL,
    label          TEXT    NOT NULL,
    person         UUID    NOT NULL REFERENCES people (id),
    assignee       BIGINT  NOT NULL,
    assignee_name  TEXT    NOT NULL,
    agent          BOOLEAN NOT NULL,
    model          TEXT,
    confidential   BOOLEAN NOT NULL,
    branch         TEXT    NOT NULL,
    workspace      UUID    NOT NULL,
    workspace_name TEXT    NOT NULL,
    chat           UUID,
    state          TEXT    NOT NULL,
    cause          TEXT,
    merge_request  BIGINT,
    seen           TEXT,
    tries          BIGINT  NOT NULL,
    due_at         BIGINT,
    created_at     BIGINT  NOT NULL,
    updated_at     BIGINT  NOT NULL,
    finished_at    BIGINT
);
CREATE UNIQUE INDEX ticket_runs_arrival ON ticket_runs (connection, project, ticket, arrival);
CREATE UNIQUE INDEX ticket_runs_live ON ticket_runs (connection, project, ticket) WHERE finished_at IS NULL;
CREATE INDEX ticket_runs_due ON ticket_runs (connection, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ticket_runs_person ON ticket_runs (person);

-- What people wrote on a ticket while its run was under way; `passed` says that its chat has it.
CREATE TABLE ticket_messages (
    run     UUID   NOT NULL REFERENCES ticket_runs (id) ON DELETE CASCADE,
    comment BIGINT NOT NULL,
    author  TEXT   NOT NULL,
    body    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    passed  BOOLEAN NOT NULL,
    PRIMARY KEY (run, comment)
);

-- The one status comment of a ticket: what it is to say, what it says, and its id at the forge. `no_op` is why nothing was
-- done the last time.
CREATE TABLE ticket_status (
    connection UUID   NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    project    BIGINT NOT NULL,
    ticket     BIGINT NOT NULL,
    path       TEXT   NOT NULL,
    comment    BIGINT,
    wanted     TEXT   NOT NULL,
    shown      TEXT   NOT NULL,
    no_op      TEXT,
    tries      BIGINT NOT NULL,
    due_at     BIGINT,
    PRIMARY KEY (connection, project, ticket)
);
CREATE INDEX ticket_status_due ON ticket_status (connection, due_at) WHERE due_at IS NOT NULL;
