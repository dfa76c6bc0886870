-- A template. `active` is the number of the version that new workspaces get, `previous` that of the one before it;
-- `applied` is the digest that the folder of templates was last seen with.
CREATE TABLE templates (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    active     INTEGER,
    previous   INTEGER,
    applied    TEXT,
    created_at INTEGER NOT NULL,
    created_by BLOB    REFERENCES people (id),
    deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX templates_name ON templates (name) WHERE deleted_at IS NULL;
CREATE INDEX templates_created_by ON templates (created_by);

-- Never changed once it is there. `digest` is the SHA-256 of the canonical archive, which is kept with gzip around it.
CREATE TABLE template_versions (
    id         BLOB    NOT NULL PRIMARY KEY,
    template   BLOB    NOT NULL REFERENCES templates (id),
    number     INTEGER NOT NULL,
    digest     TEXT    NOT NULL,
    manifest   TEXT    NOT NULL,
    archive    BLOB    NOT NULL,
    message    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    created_by BLOB    REFERENCES people (id)
) STRICT;
CREATE UNIQUE INDEX template_versions_number ON template_versions (template, number);
CREATE UNIQUE INDEX template_versions_digest ON template_versions (template, digest);
CREATE INDEX template_versions_created_by ON template_versions (created_by);
