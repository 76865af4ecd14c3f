-- name: stored_by_id
-- The invocations of these ids, without the text of their queries.
SELECT
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    query_id, alternatives_considered, selection_rank, follow_up_actions, error_type,
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating
FROM skill_invocation
WHERE invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

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
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating
FROM ranked
WHERE outcome = 'pending' OR place = 1;

-- name: query_texts
SELECT query_id, query_text
FROM skill_query
WHERE query_id IN (SELECT unnest(CAST($query_ids AS UUID[])));

-- name: insert_queries
INSERT INTO skill_query (query_id, query_text)
SELECT unnest(CAST($query_ids AS UUID[])), unnest(CAST($query_texts AS TEXT[]))
ON CONFLICT (query_id) DO NOTHING;

-- name: insert_invocations
-- One list a column, all of equal length.
INSERT INTO skill_invocation (
    invocation_id, session_id, skill_name, invoked_at, ended_at, outcome, duration_seconds,
    query_id, alternatives_considered, selection_rank, follow_up_actions, error_type,
    workflow_path, workflow_phase, workflow_step_id, project, user_hash, source, rating
)
SELECT
    unnest(CAST($invocation_id AS UUID[])),
    unnest(CAST($session_id AS TEXT[])),
    unnest(CAST($skill_name AS TEXT[])),
    unnest(CAST($invoked_at AS TIMESTAMPTZ[])),
    unnest(CAST($ended_at AS TIMESTAMPTZ[])),
    unnest(CAST($outcome AS TEXT[])),
    unnest(CAST($duration_seconds AS DOUBLE PRECISION[])),
    unnest(CAST($query_id AS UUID[])),
    unnest(CAST($alternatives_considered AS TEXT[][])),
    unnest(CAST($selection_rank AS INTEGER[])),
    unnest(CAST($follow_up_actions AS TEXT[][])),
    unnest(CAST($error_type AS TEXT[])),
    unnest(CAST($workflow_path AS TEXT[])),
    unnest(CAST($workflow_phase AS TEXT[])),
    unnest(CAST($workflow_step_id AS TEXT[])),
    unnest(CAST($project AS TEXT[])),
    unnest(CAST($user_hash AS TEXT[])),
    unnest(CAST($source AS TEXT[])),
    unnest(CAST($rating AS INTEGER[]));

-- name: end_invocations
-- One list a column, all of equal length.
UPDATE skill_invocation
SET
    ended_at = e.ended_at,
    outcome = e.outcome,
    duration_seconds = e.duration_seconds,
    follow_up_actions = e.follow_up_actions,
    error_type = e.error_type,
    rating = e.rating
FROM (
    SELECT
        unnest(CAST($invocation_id AS UUID[])) AS invocation_id,
        unnest(CAST($ended_at AS TIMESTAMPTZ[])) AS ended_at,
        unnest(CAST($outcome AS TEXT[])) AS outcome,
        unnest(CAST($duration_seconds AS DOUBLE PRECISION[])) AS duration_seconds,
        unnest(CAST($follow_up_actions AS TEXT[][])) AS follow_up_actions,
        unnest(CAST($error_type AS TEXT[])) AS error_type,
        unnest(CAST($rating AS INTEGER[])) AS rating
) AS e
WHERE skill_invocation.invocation_id = e.invocation_id;
