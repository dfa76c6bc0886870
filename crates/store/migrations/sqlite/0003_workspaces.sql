-- A workspace. Its status follows from its last build, whose number is in `build`. `agent_hash` is the SHA-256 of a token
-- that is never stored; `host_slot` is free again when nothing of the workspace is left.
CREATE TABLE workspaces (
    id              BLOB NOT NULL PRIMARY KEY,
    owner           BLOB NOT NULL REFERENCES people (id),
    name            TEXT NOT NULL,
    template        BLOB NOT NULL,
    version         BLOB NOT NULL,
    parameters      TEXT NOT NULL,
    resolved        TEXT NOT NULL,
    cpu_milli       INTEGER NOT NULL,
    memory          INTEGER NOT NULL,
    disk            INTEGER NOT NULL,
    agent_public_id TEXT,
    agent_hash      BLOB,
    host_slot       INTEGER,
    created_at      INTEGER NOT NULL,
    last_active_at  INTEGER NOT NULL,
    started_at      INTEGER,
    auto_stop       INTEGER,
    deleted_at      INTEGER,
    keep_home       INTEGER NOT NULL,
    build           INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX workspaces_owner_name ON workspaces (owner, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX workspaces_agent_public_id ON workspaces (agent_public_id);
CREATE UNIQUE INDEX workspaces_host_slot ON workspaces (host_slot);

-- At most one build of a workspace is queued or running.
CREATE TABLE builds (
    id          BLOB NOT NULL PRIMARY KEY,
    workspace   BLOB NOT NULL REFERENCES workspaces (id),
    number      INTEGER NOT NULL,
    transition  TEXT NOT NULL,
    state       TEXT NOT NULL,
    version     BLOB NOT NULL,
    initiator   BLOB REFERENCES people (id),
    reason      TEXT,
    error       TEXT,
    created_at  INTEGER NOT NULL,
    started_at  INTEGER,
    finished_at INTEGER,
    lines       INTEGER NOT NULL,
    agent_lines INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX builds_workspace_number ON builds (workspace, number);
CREATE UNIQUE INDEX builds_active ON builds (workspace) WHERE state IN ('queued', 'running');
CREATE INDEX builds_unfinished ON builds (state) WHERE state IN ('queued', 'running');
CREATE INDEX builds_initiator ON builds (initiator);

-- `number` counts up from 1 within the build.
CREATE TABLE build_logs (
    build  BLOB NOT NULL REFERENCES builds (id),
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    source TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (build, number)
) STRICT, WITHOUT ROWID;
