-- name: insert_git_metrics
INSERT INTO session_git_metrics (
    metrics_id, session_id, recorded_at, commit_velocity, branch_count, merge_success_rate,
    conventional_compliance, workflow_efficiency
) VALUES (
    $metrics_id, $session_id, $recorded_at, $commit_velocity, $branch_count, $merge_success_rate,
    $conventional_compliance, $workflow_efficiency
)
ON CONFLICT DO NOTHING;

-- name: git_metrics_of_session
-- The newest.
SELECT
    recorded_at, commit_velocity, branch_count, merge_success_rate, conventional_compliance,
    workflow_efficiency
FROM session_git_metrics
WHERE session_id = $session_id
ORDER BY recorded_at DESC, metrics_id DESC
LIMIT 1;

-- name: git_metrics_of_sessions
-- Means over sessions, of the newest of each session in this part of the record.
WITH newest AS (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY session_id ORDER BY recorded_at DESC, metrics_id DESC
        ) AS place
    FROM session_git_metrics
    WHERE
        (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
        AND (CAST($since AS TIMESTAMPTZ) IS NULL OR recorded_at >= $since)
        AND (CAST($until AS TIMESTAMPTZ) IS NULL OR recorded_at < $until)
        AND (
            CAST($project AS TEXT) IS NULL
            OR session_id IN (SELECT session_id FROM skill_invocation WHERE project = $project)
        )
)

SELECT
    count(*) AS sessions,
    avg(commit_velocity) AS commit_velocity,
    avg(CAST(branch_count AS DOUBLE PRECISION)) AS branch_count,
    avg(merge_success_rate) AS merge_success_rate,
    avg(conventional_compliance) AS conventional_compliance,
    avg(workflow_efficiency) AS workflow_efficiency
FROM newest
WHERE place = 1;
