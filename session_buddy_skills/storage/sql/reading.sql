-- name: count_pending
-- In two thirds of the time of count_invocations.
SELECT
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_invocations
FROM skill_invocation;

-- name: count_invocations
SELECT
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_invocations,
    count(*) FILTER (WHERE outcome = 'failed') AS failed_invocations,
    count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_invocations,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_invocations,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown_invocations
FROM skill_invocation;

-- name: skills_of_session
SELECT *
FROM session_skills
WHERE session_id = $session_id
ORDER BY total_invocations DESC, skill_name COLLATE "C";

-- name: metrics_of_skills
SELECT *
FROM skill_metrics
WHERE CAST($skill_name AS TEXT) IS NULL OR skill_name = $skill_name
ORDER BY total_invocations DESC, skill_name COLLATE "C";

-- name: breakdown_of_skills
-- How often each path, phase, error and follow-up action occurs with each skill.
WITH chosen AS (
    SELECT skill_name, outcome, workflow_path, workflow_phase, error_type, follow_up_actions
    FROM skill_invocation
    WHERE CAST($skill_name AS TEXT) IS NULL OR skill_name = $skill_name
), kinds AS (
    SELECT skill_name, 'workflow_paths' AS kind, workflow_path AS value, count(*) AS n
    FROM chosen WHERE workflow_path IS NOT NULL GROUP BY skill_name, workflow_path
    UNION ALL
    SELECT skill_name, 'workflow_phases', workflow_phase, count(*)
    FROM chosen WHERE workflow_phase IS NOT NULL GROUP BY skill_name, workflow_phase
    UNION ALL
    SELECT skill_name, 'common_errors', error_type, count(*)
    FROM chosen WHERE error_type IS NOT NULL GROUP BY skill_name, error_type
    UNION ALL
    SELECT skill_name, 'follow_up_actions', action, count(*)
    FROM (SELECT skill_name, unnest(follow_up_actions) AS action FROM chosen) AS actions
    GROUP BY skill_name, action
)
SELECT skill_name, kind, value, n
FROM kinds
ORDER BY skill_name COLLATE "C", kind COLLATE "C", n DESC, value COLLATE "C";

-- name: all_invocations
-- Every invocation with the text of its query, oldest first.
SELECT
    i.invocation_id, i.session_id, i.skill_name, i.invoked_at, i.ended_at, i.outcome,
    i.duration_seconds, q.query_text AS user_query, i.alternatives_considered, i.selection_rank,
    i.follow_up_actions, i.error_type, i.workflow_path, i.workflow_phase, i.workflow_step_id,
    i.project, i.user_hash AS user, i.source, i.rating, i.recommendation_id,
    c.arguments, c.called_as, c.called_by, c.agent_id, c.model, c.input_tokens, c.output_tokens,
    c.end_inferred
FROM skill_invocation AS i
LEFT JOIN skill_query AS q ON q.query_id = i.query_id
LEFT JOIN skill_call AS c
    ON c.session_id = i.session_id AND c.invocation_id = i.invocation_id
ORDER BY i.invoked_at, i.invocation_id;

-- name: recent_sessions
-- Sessions, last active first.
SELECT
    session_id,
    count(*) AS total_invocations,
    count(DISTINCT skill_name) AS total_skills_used,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_count,
    min(invoked_at) AS first_invoked,
    max(invoked_at) AS last_invoked
FROM skill_invocation
WHERE CAST($project AS TEXT) IS NULL OR project = $project
GROUP BY session_id
ORDER BY last_invoked DESC, session_id COLLATE "C"
LIMIT CAST($limit AS BIGINT);

-- name: recent_invocations
-- Newest first. They are found before the rest is, which is of few of them.
WITH recent AS (
    SELECT
        invocation_id, session_id, skill_name, invoked_at, outcome, duration_seconds, error_type,
        workflow_phase, project, source, query_id
    FROM skill_invocation
    WHERE
        (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
        AND (CAST($skill_name AS TEXT) IS NULL OR skill_name = $skill_name)
        AND (CAST($project AS TEXT) IS NULL OR project = $project)
    ORDER BY invoked_at DESC, invocation_id DESC
    LIMIT CAST($limit AS BIGINT)
)
SELECT
    invocation_id, session_id, skill_name, invoked_at, outcome, duration_seconds, error_type,
    end_inferred, called_by, workflow_phase, project, source,
    left(arguments, CAST($chars AS INTEGER)) AS arguments,
    left(query_text, CAST($chars AS INTEGER)) AS user_query
FROM recent
LEFT JOIN skill_query USING (query_id)
LEFT JOIN skill_call USING (session_id, invocation_id)
ORDER BY invoked_at DESC, invocation_id DESC;
