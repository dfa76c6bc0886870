-- Roles that people made: `permissions` is a JSON list of actions with their reach.
CREATE TABLE roles (
    id          UUID    NOT NULL PRIMARY KEY,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    permissions TEXT    NOT NULL,
    created_at  BIGINT NOT NULL,
    created_by  UUID    REFERENCES people (id)
);
CREATE UNIQUE INDEX roles_name ON roles (name);
CREATE INDEX roles_created_by ON roles (created_by);

-- Roles that a person or a group has besides. `role` is the name of a built-in role or of one in `roles`; `provider` is the
-- identity provider that gives and takes it, empty where people do.
CREATE TABLE grants (
    id         UUID    NOT NULL PRIMARY KEY,
    role       TEXT    NOT NULL,
    person     UUID    REFERENCES people (id) ON DELETE CASCADE,
    group_id   UUID    REFERENCES groups (id) ON DELETE CASCADE,
    provider   TEXT    NOT NULL,
    created_at BIGINT NOT NULL,
    created_by UUID    REFERENCES people (id)
);
CREATE UNIQUE INDEX grants_person ON grants (person, role, provider);
CREATE UNIQUE INDEX grants_group ON grants (group_id, role, provider);
CREATE INDEX grants_role ON grants (role);
CREATE INDEX grants_created_by ON grants (created_by);

-- What being in a group says of its members: a JSON list of models, and a JSON quota. NULL says nothing.
ALTER TABLE groups ADD COLUMN models TEXT;
ALTER TABLE groups ADD COLUMN quota TEXT;

-- A restricted template is there for those who are named, and for those who see all templates.
ALTER TABLE templates ADD COLUMN restricted BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE template_groups (
    template UUID NOT NULL REFERENCES templates (id),
    group_id UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (template, group_id)
);
CREATE INDEX template_groups_group ON template_groups (group_id);

CREATE TABLE template_people (
    template UUID NOT NULL REFERENCES templates (id),
    person   UUID NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    PRIMARY KEY (template, person)
);
CREATE INDEX template_people_person ON template_people (person);
