-- Keys, which on PostgreSQL are what holds that an id is stored once: many servers write there.
--
-- They lead with session_id, so that the table can be distributed by it (Citus); one that did not
-- could not be kept on many nodes. The same id under two sessions is refused by what reads before
-- it writes.

ALTER TABLE skill_invocation ADD PRIMARY KEY (session_id, invocation_id);
CREATE INDEX skill_invocation_id ON skill_invocation (invocation_id);
ALTER TABLE skill_query ADD PRIMARY KEY (query_id);

-- Vectors are searched here with pgvector; a server without it is told so at once.
CREATE EXTENSION IF NOT EXISTS vector;
