-- name: insert_invocations
COPY skill_invocation (
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    selection_rank, error_type, workflow_path, workflow_phase, workflow_step_id, project,
    user_hash, source, rating, recommendation_id, alternatives_considered, follow_up_actions,
    query_id
) FROM STDIN (FORMAT BINARY);

-- name: insert_calls
-- $rows: a JSON array of objects, what is missing in one being null.
INSERT INTO skill_call (
    session_id, invocation_id, arguments, called_as, called_by, agent_id, model, input_tokens,
    output_tokens, end_inferred
)
SELECT
    session_id, invocation_id, arguments, called_as, called_by, agent_id, model, input_tokens,
    output_tokens, end_inferred
FROM json_to_recordset(CAST($rows AS JSON)) AS new (
    session_id TEXT,
    invocation_id UUID,
    arguments TEXT,
    called_as TEXT,
    called_by TEXT,
    agent_id TEXT,
    model TEXT,
    input_tokens BIGINT,
    output_tokens BIGINT,
    end_inferred BOOLEAN
);

-- name: end_invocations
-- $rows: a JSON array of objects, what is missing in one being null.
UPDATE skill_invocation
SET
    ended_at = ended.ended_at,
    outcome = ended.outcome,
    duration_seconds = ended.duration_seconds,
    error_type = ended.error_type,
    rating = ended.rating
FROM json_to_recordset(CAST($rows AS JSON)) AS ended (
    invocation_id UUID,
    ended_at TIMESTAMPTZ,
    outcome TEXT,
    duration_seconds DOUBLE PRECISION,
    error_type TEXT,
    rating INTEGER
)
WHERE skill_invocation.invocation_id = ended.invocation_id;

-- name: set_follow_up_actions
-- $rows: a JSON array of objects.
UPDATE skill_invocation
SET follow_up_actions = ended.follow_up_actions
FROM json_to_recordset(CAST($rows AS JSON)) AS ended (
    invocation_id UUID,
    follow_up_actions TEXT[]
)
WHERE skill_invocation.invocation_id = ended.invocation_id;
