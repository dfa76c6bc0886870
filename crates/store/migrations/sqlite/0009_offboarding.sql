-- What a suspension ended. The numbers of what was open are those of what has really ended; `finished_at` is when all of it
-- had, and `lifted_at` when the person was made active again. `workspaces` are the ids of those that began to stop.
CREATE TABLE suspensions (
    person      BLOB    NOT NULL REFERENCES people (id),
    at          INTEGER NOT NULL,
    by_person   BLOB    REFERENCES people (id),
    reason      TEXT,
    sessions    INTEGER NOT NULL,
    tokens      INTEGER NOT NULL,
    keys        INTEGER NOT NULL,
    invitations INTEGER NOT NULL,
    streams     INTEGER NOT NULL,
    terminals   INTEGER NOT NULL,
    commands    INTEGER NOT NULL,
    files       INTEGER NOT NULL,
    apps        INTEGER NOT NULL,
    logs        INTEGER NOT NULL,
    workspaces  TEXT    NOT NULL,
    finished_at INTEGER,
    lifted_at   INTEGER,
    PRIMARY KEY (person, at)
) STRICT, WITHOUT ROWID;
CREATE INDEX suspensions_by_person ON suspensions (by_person);
CREATE INDEX suspensions_unfinished ON suspensions (finished_at) WHERE finished_at IS NULL;

-- What became of a person's workspaces when the person was deleted. Their record in `people` stays, so that the ledger can
-- name them, and nobody else gets their name.
CREATE TABLE deletions (
    person     BLOB    NOT NULL PRIMARY KEY REFERENCES people (id),
    at         INTEGER NOT NULL,
    by_person  BLOB    REFERENCES people (id),
    handed_to  BLOB    REFERENCES people (id),
    workspaces TEXT    NOT NULL,
    homes      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deletions_by_person ON deletions (by_person);
CREATE INDEX deletions_handed_to ON deletions (handed_to);

-- Counts what takes somebody's access away. Every server looks at it all the time.
CREATE TABLE access_changes (
    id      INTEGER NOT NULL PRIMARY KEY,
    changes INTEGER NOT NULL
) STRICT;
INSERT INTO access_changes (id, changes) VALUES (1, 0);

-- The API token that a request came with, where it was no key.
ALTER TABLE requests ADD COLUMN token BLOB;
