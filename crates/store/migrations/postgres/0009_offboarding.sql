-- What a suspension ended. The numbers of what was open are those of what has really ended; `finished_at` is when all of it
-- had, and `lifted_at` when the person was made active again. `workspaces` are the ids of those that began to stop.
CREATE TABLE suspensions (
    person      UUID   NOT NULL REFERENCES people (id),
    at          BIGINT NOT NULL,
    by_person   UUID   REFERENCES people (id),
    reason      TEXT,
    sessions    BIGINT NOT NULL,
    tokens      BIGINT NOT NULL,
    keys        BIGINT NOT NULL,
    invitations BIGINT NOT NULL,
    streams     BIGINT NOT NULL,
    terminals   BIGINT NOT NULL,
    commands    BIGINT NOT NULL,
    files       BIGINT NOT NULL,
    apps        BIGINT NOT NULL,
    logs        BIGINT NOT NULL,
    workspaces  TEXT    NOT NULL,
    finished_at BIGINT,
    lifted_at   BIGINT,
    PRIMARY KEY (person, at)
);
CREATE INDEX suspensions_by_person ON suspensions (by_person);
CREATE INDEX suspensions_unfinished ON suspensions (finished_at) WHERE finished_at IS NULL;

-- What became of a person's workspaces when the person was deleted. Their record in `people` stays, so that the ledger can
-- name them, and nobody else gets their name.
CREATE TABLE deletions (
    person     UUID   NOT NULL PRIMARY KEY REFERENCES people (id),
    at         BIGINT NOT NULL,
    by_person  UUID   REFERENCES people (id),
    handed_to  UUID   REFERENCES people (id),
    workspaces TEXT    NOT NULL,
    homes      BIGINT NOT NULL
);
CREATE INDEX deletions_by_person ON deletions (by_person);
CREATE INDEX deletions_handed_to ON deletions (handed_to);

-- Counts what takes somebody's access away. Every server looks at it all the time.
CREATE TABLE access_changes (
    id      BIGINT NOT NULL PRIMARY KEY,
    changes BIGINT NOT NULL
);
INSERT INTO access_changes (id, changes) VALUES (1, 0);

-- The API token that a request came with, where it was no key.
ALTER TABLE requests ADD COLUMN token UUID;
