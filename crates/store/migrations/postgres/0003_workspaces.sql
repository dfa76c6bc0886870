-- A workspace. Its status follows from its last build, whose number is in `build`. `agent_hash` is the SHA-256 of a token
-- that is never stored; `host_slot` is free again when nothing of the workspace is left.
CREATE TABLE workspaces (
    id              UUID NOT NULL PRIMARY KEY,
    owner           UUID NOT NULL REFERENCES people (id),
    name            TEXT NOT NULL,
    template        UUID NOT NULL,
    version         UUID NOT NULL,
    parameters      TEXT NOT NULL,
    resolved        TEXT NOT NULL,
    cpu_milli       BIGINT NOT NULL,
    memory          BIGINT NOT NULL,
    disk            BIGINT NOT NULL,
    agent_public_id TEXT,
    agent_hash      BYTEA,
    host_slot       BIGINT,
    created_at      BIGINT NOT NULL,
    last_active_at  BIGINT NOT NULL,
    started_at      BIGINT,
    auto_stop       BIGINT,
    deleted_at      BIGINT,
    keep_home       BOOLEAN NOT NULL,
    build           BIGINT NOT NULL
);
CREATE UNIQUE INDEX workspaces_owner_name ON workspaces (owner, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX workspaces_agent_public_id ON workspaces (agent_public_id);
CREATE UNIQUE INDEX workspaces_host_slot ON workspaces (host_slot);

-- At most one build of a workspace is queued or running.
CREATE TABLE builds (
    id          UUID NOT NULL PRIMARY KEY,
    workspace   UUID NOT NULL REFERENCES workspaces (id),
    number      BIGINT NOT NULL,
    transition  TEXT NOT NULL,
    state       TEXT NOT NULL,
    version     UUID NOT NULL,
    initiator   UUID REFERENCES people (id),
    reason      TEXT,
    error       TEXT,
    created_at  BIGINT NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT,
    lines       BIGINT NOT NULL,
    agent_lines BIGINT NOT NULL
);
CREATE UNIQUE INDEX builds_workspace_number ON builds (workspace, number);
CREATE UNIQUE INDEX builds_active ON builds (workspace) WHERE state IN ('queued', 'running');
CREATE INDEX builds_unfinished ON builds (state) WHERE state IN ('queued', 'running');
CREATE INDEX builds_initiator ON builds (initiator);

-- `number` counts up from 1 within the build.
CREATE TABLE build_logs (
    build  UUID NOT NULL REFERENCES builds (id),
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    source TEXT NOT NULL,
    text   TEXT NOT NULL,
    PRIMARY KEY (build, number)
);
