-- name: stored_by_id
-- The invocations of these ids, without the text of their queries and what is known of calls.
SELECT
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    query_id, alternatives_considered, selection_rank, follow_up_actions, error_type,
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating,
    recommendation_id
FROM skill_invocation
WHERE invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: stored_one
-- What stored_by_id does, for one row in two thirds of the time.
SELECT
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    query_id, alternatives_considered, selection_rank, follow_up_actions, error_type,
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating,
    recommendation_id
FROM skill_invocation
WHERE invocation_id = $invocation_id;

-- name: stored_by_use
-- Of each skill in a session, as two lists of equal length: all that are pending, and the newest.
WITH use AS (
    SELECT DISTINCT session_id, skill_name
    FROM (
        SELECT
            unnest(CAST($session_ids AS TEXT[])) AS session_id,
            unnest(CAST($skill_names AS TEXT[])) AS skill_name
    ) AS pairs
), ranked AS (
    SELECT
        i.*,
        row_number() OVER (
            PARTITION BY i.session_id, i.skill_name
            ORDER BY i.invoked_at DESC, i.invocation_id DESC
        ) AS place
    FROM skill_invocation AS i
    JOIN use ON use.session_id = i.session_id AND use.skill_name = i.skill_name
)
SELECT
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    query_id, alternatives_considered, selection_rank, follow_up_actions, error_type,
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating,
    recommendation_id
FROM ranked
WHERE outcome = 'pending' OR place = 1;

-- name: calls_by_id
SELECT
    invocation_id, arguments, called_as, called_by, agent_id, model, input_tokens, output_tokens,
    end_inferred
FROM skill_call
WHERE invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: query_texts
SELECT query_id, query_text
FROM skill_query
WHERE query_id IN (SELECT unnest(CAST($query_ids AS UUID[])));

-- name: insert_query
-- What insert_queries does, for one row in a third of the time.
INSERT INTO skill_query (query_id, query_text)
SELECT $query_id, $query_text
WHERE NOT EXISTS (SELECT 1 FROM skill_query WHERE query_id = $query_id);

-- name: insert_queries
-- Two lists of equal length. Servers that write the same texts at once do so in the same order.
-- Joined so, DuckDB looks up what is stored among the new also where it does not optimize.
INSERT INTO skill_query (query_id, query_text)
SELECT new.query_id, new.query_text
FROM skill_query AS stored
RIGHT JOIN (
    SELECT
        unnest(CAST($query_ids AS UUID[])) AS query_id,
        unnest(CAST($query_texts AS TEXT[])) AS query_text
) AS new ON stored.query_id = new.query_id
WHERE stored.query_id IS NULL
ORDER BY new.query_id;

-- name: insert_invocation
-- What insert_invocations does, for one row in half the time: a lone caller waits for nothing else.
-- DuckDB takes a row that is selected in a fifth less time than one of VALUES.
INSERT INTO skill_invocation (
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    query_id, alternatives_considered, selection_rank, follow_up_actions, error_type,
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating,
    recommendation_id
)
SELECT
    $invocation_id, $session_id, $skill_name, $invoked_at, $ended_at, $outcome, $duration_seconds,
    $query_id, $alternatives_considered, $selection_rank, $follow_up_actions, $error_type,
    $workflow_path, $workflow_phase, $workflow_step_id, $project, $user_hash, $source, $rating,
    $recommendation_id;

-- name: insert_invocations
-- $rows: a JSON array of objects, what is missing in one being null; $query_ids: a list as long.
INSERT INTO skill_invocation (
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    alternatives_considered, selection_rank, follow_up_actions, error_type, workflow_path,
    workflow_phase, workflow_step_id, project, user_hash, source, rating, recommendation_id,
    query_id
)
SELECT row.*, query_id
FROM (
    SELECT
        unnest(from_json(CAST($rows AS JSON), '[{
        "invocation_id": "UUID",
        "session_id": "VARCHAR",
        "skill_name": "VARCHAR",
        "invoked_at": "TIMESTAMPTZ",
        "ended_at": "TIMESTAMPTZ",
        "outcome": "VARCHAR",
        "duration_seconds": "DOUBLE",
        "alternatives_considered": ["VARCHAR"],
        "selection_rank": "INTEGER",
        "follow_up_actions": ["VARCHAR"],
        "error_type": "VARCHAR",
        "workflow_path": "VARCHAR",
        "workflow_phase": "VARCHAR",
        "workflow_step_id": "VARCHAR",
        "project": "VARCHAR",
        "user": "VARCHAR",
        "source": "VARCHAR",
        "rating": "INTEGER",
        "recommendation_id": "UUID"
    }]')) AS row,
        unnest(CAST($query_ids AS UUID[])) AS query_id
) AS new;

-- name: insert_calls
-- $rows: a JSON array of objects, what is missing in one being null.
INSERT INTO skill_call (
    session_id, invocation_id, arguments, called_as, called_by, agent_id, model, input_tokens,
    output_tokens, end_inferred
)
SELECT row.*
FROM (
    SELECT unnest(from_json(CAST($rows AS JSON), '[{
        "session_id": "VARCHAR",
        "invocation_id": "UUID",
        "arguments": "VARCHAR",
        "called_as": "VARCHAR",
        "called_by": "VARCHAR",
        "agent_id": "VARCHAR",
        "model": "VARCHAR",
        "input_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "end_inferred": "BOOLEAN"
    }]')) AS row
) AS new;

-- name: end_invocation
-- What end_invocations does, for one row in half the time.
UPDATE skill_invocation
SET
    ended_at = $ended_at,
    outcome = $outcome,
    duration_seconds = $duration_seconds,
    error_type = $error_type,
    rating = $rating
WHERE invocation_id = $invocation_id;

-- name: end_invocations
-- $rows: a JSON array of objects, what is missing in one being null.
UPDATE skill_invocation
SET
    ended_at = row.ended_at,
    outcome = row.outcome,
    duration_seconds = row.duration_seconds,
    error_type = row.error_type,
    rating = row.rating
FROM (
    SELECT unnest(from_json(CAST($rows AS JSON), '[{
        "invocation_id": "UUID",
        "ended_at": "TIMESTAMPTZ",
        "outcome": "VARCHAR",
        "duration_seconds": "DOUBLE",
        "error_type": "VARCHAR",
        "rating": "INTEGER"
    }]')) AS row
) AS ended
WHERE skill_invocation.invocation_id = row.invocation_id;

-- name: set_follow_up_actions
-- Apart from the rest of an end, since DuckDB writes a row anew whose list is set: twice the time.
-- $rows: a JSON array of objects.
UPDATE skill_invocation
SET follow_up_actions = row.follow_up_actions
FROM (
    SELECT unnest(from_json(CAST($rows AS JSON), '[{
        "invocation_id": "UUID",
        "follow_up_actions": ["VARCHAR"]
    }]')) AS row
) AS ended
WHERE skill_invocation.invocation_id = row.invocation_id;
