-- A chat that is a run of a task of its template: the task's name, and what the run was begun from.
ALTER TABLE chats ADD COLUMN task TEXT;
ALTER TABLE chats ADD COLUMN task_origin TEXT;
CREATE INDEX chats_task ON chats (id) WHERE task IS NOT NULL;
