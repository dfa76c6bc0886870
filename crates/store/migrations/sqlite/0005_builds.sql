-- The bytes of the texts of a build's log, and after how many seconds without activity a workspace's owner wants it stopped:
-- `auto_stop` is that or what its template allows, whichever is less.
ALTER TABLE builds ADD COLUMN log_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN auto_stop_asked INTEGER;
