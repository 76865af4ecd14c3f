-- The extension stays: others may use it.
ALTER TABLE skill_query DROP CONSTRAINT skill_query_pkey;
DROP INDEX skill_invocation_id;
ALTER TABLE skill_invocation DROP CONSTRAINT skill_invocation_pkey;
