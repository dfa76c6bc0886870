-- A run of an AI agent in a workspace, whose owner is its owner. `state` to `since` are the machine's. A worker has it until
-- `lease_until`; `generation` counts up whenever one takes it, and each of its writes names the one it has.
CREATE TABLE chats (
    id          UUID NOT NULL PRIMARY KEY,
    owner       UUID NOT NULL REFERENCES people (id),
    workspace   UUID NOT NULL REFERENCES workspaces (id),
    title       TEXT NOT NULL,
    engine      TEXT NOT NULL,
    prompts     TEXT NOT NULL,
    directory   TEXT,
    system      TEXT,
    state       TEXT NOT NULL,
    cause       TEXT,
    plan        TEXT NOT NULL,
    once        BOOLEAN NOT NULL,
    limits      TEXT NOT NULL,
    steps       BIGINT NOT NULL,
    asking      BOOLEAN NOT NULL,
    losses      BIGINT NOT NULL,
    cost        BIGINT NOT NULL,
    active      BIGINT NOT NULL,
    since       BIGINT,
    last        BIGINT NOT NULL,
    generation  BIGINT NOT NULL,
    worker      UUID,
    lease_until BIGINT,
    created_at  BIGINT NOT NULL,
    changed_at  BIGINT NOT NULL
);
CREATE INDEX chats_owner ON chats (owner);
CREATE INDEX chats_workspace ON chats (workspace);
CREATE INDEX chats_active ON chats (lease_until) WHERE state IN ('running', 'tool');
CREATE INDEX chats_worker ON chats (worker) WHERE worker IS NOT NULL;

-- What people write. `state` is queued, delivered or dropped.
CREATE TABLE chat_messages (
    id         UUID NOT NULL PRIMARY KEY,
    chat       UUID NOT NULL REFERENCES chats (id),
    number     BIGINT NOT NULL,
    by_person  UUID REFERENCES people (id),
    text       TEXT NOT NULL,
    state      TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX chat_messages_number ON chat_messages (chat, number);
CREATE INDEX chat_messages_queued ON chat_messages (chat, number) WHERE state = 'queued';
CREATE INDEX chat_messages_by_person ON chat_messages (by_person);

-- Tool calls. The id is the key by which the workspace knows one that it has seen.
CREATE TABLE chat_calls (
    id          UUID NOT NULL PRIMARY KEY,
    chat        UUID NOT NULL REFERENCES chats (id),
    step        BIGINT NOT NULL,
    position    BIGINT NOT NULL,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    tool        TEXT NOT NULL,
    arguments   TEXT NOT NULL,
    started_at  BIGINT,
    finished_at BIGINT
);
CREATE UNIQUE INDEX chat_calls_position ON chat_calls (chat, step, position);

-- The log of a chat. `number` counts up from 1 within it, without gaps; rows are added and never changed.
CREATE TABLE chat_parts (
    chat   UUID NOT NULL REFERENCES chats (id),
    number BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    body   TEXT NOT NULL,
    PRIMARY KEY (chat, number)
);
