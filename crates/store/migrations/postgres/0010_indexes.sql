-- What lists are filtered by that the indexes so far led nowhere near: without these, a filter that few rows pass reads them all.
CREATE INDEX workspaces_template ON workspaces (template, id) WHERE deleted_at IS NULL;
CREATE INDEX workspaces_name ON workspaces (name, id) WHERE deleted_at IS NULL;
CREATE INDEX requests_workspace ON requests (workspace, started_at, id) WHERE workspace IS NOT NULL;
CREATE INDEX requests_session ON requests (session, started_at, id) WHERE session IS NOT NULL;
CREATE INDEX requests_failed ON requests (outcome, started_at, id) WHERE outcome <> 'ok';
