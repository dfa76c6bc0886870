-- A template. `active` is the number of the version that new workspaces get, `previous` that of the one before it;
-- `applied` is the digest that the folder of templates was last seen with.
CREATE TABLE templates (
    id         UUID    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    active     BIGINT,
    previous   BIGINT,
    applied    TEXT,
    created_at BIGINT NOT NULL,
    created_by UUID    REFERENCES people (id),
    deleted_at BIGINT
);
CREATE UNIQUE INDEX templates_name ON templates (name) WHERE deleted_at IS NULL;
CREATE INDEX templates_created_by ON templates (created_by);

-- Never changed once it is there. `digest` is the SHA-256 of the canonical archive, which is kept with gzip around it.
CREATE TABLE template_versions (
    id         UUID    NOT NULL PRIMARY KEY,
    template   UUID    NOT NULL REFERENCES templates (id),
    number     BIGINT NOT NULL,
    digest     TEXT    NOT NULL,
    manifest   TEXT    NOT NULL,
    archive    BYTEA   NOT NULL,
    message    TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    created_by UUID    REFERENCES people (id)
);
CREATE UNIQUE INDEX template_versions_number ON template_versions (template, number);
CREATE UNIQUE INDEX template_versions_digest ON template_versions (template, digest);
CREATE INDEX template_versions_created_by ON template_versions (created_by);
