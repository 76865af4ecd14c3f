-- name: effectiveness_of_skills
-- Counts and durations per skill and phase; rates and intervals are judged in Python.
SELECT
    skill_name,
    workflow_phase,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome = 'failed') AS failed_count,
    count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_count,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_count,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown_count,
    count(duration_seconds) AS timed_invocations,
    sum(duration_seconds) AS total_duration_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS p50_duration_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_seconds) AS p95_duration_seconds
FROM skill_invocation
WHERE
    (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
    AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
    AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    AND (CAST($workflow_phase AS TEXT) IS NULL OR workflow_phase = $workflow_phase)
GROUP BY skill_name, workflow_phase
HAVING count(*) >= CAST($min_invocations AS BIGINT);

-- name: phases
-- The same per phase, of invocations that have one.
SELECT
    workflow_phase,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome = 'failed') AS failed_count,
    count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_count,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_count,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown_count,
    count(duration_seconds) AS timed_invocations,
    sum(duration_seconds) AS total_duration_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS p50_duration_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_seconds) AS p95_duration_seconds
FROM skill_invocation
WHERE
    workflow_phase IS NOT NULL
    AND (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
    AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
    AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
GROUP BY workflow_phase;
