ALTER TABLE skill_invocation ADD COLUMN arguments TEXT;
ALTER TABLE skill_invocation ADD COLUMN called_as TEXT;
ALTER TABLE skill_invocation ADD COLUMN called_by TEXT;
ALTER TABLE skill_invocation ADD COLUMN agent_id TEXT;
ALTER TABLE skill_invocation ADD COLUMN model TEXT;
ALTER TABLE skill_invocation ADD COLUMN input_tokens BIGINT;
ALTER TABLE skill_invocation ADD COLUMN output_tokens BIGINT;
ALTER TABLE skill_invocation ADD COLUMN end_inferred BOOLEAN;

UPDATE skill_invocation
SET
    arguments = call.arguments,
    called_as = call.called_as,
    called_by = call.called_by,
    agent_id = call.agent_id,
    model = call.model,
    input_tokens = call.input_tokens,
    output_tokens = call.output_tokens,
    end_inferred = call.end_inferred
FROM skill_call AS call
WHERE
    call.session_id = skill_invocation.session_id
    AND call.invocation_id = skill_invocation.invocation_id;

DROP TABLE skill_call;
