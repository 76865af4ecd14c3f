DROP INDEX skill_call_id;
ALTER TABLE skill_call DROP CONSTRAINT skill_call_pkey;
