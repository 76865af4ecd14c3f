-- As those of skill_invocation, with which it is distributed and joined.

ALTER TABLE skill_call ADD PRIMARY KEY (session_id, invocation_id);
CREATE INDEX skill_call_id ON skill_call (invocation_id);
ANALYZE skill_call;
