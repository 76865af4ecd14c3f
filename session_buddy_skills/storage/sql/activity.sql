-- name: hours
-- Invocations by hour, in UTC; by session first, since counting distinct sessions takes longer.
SELECT
    hour_timestamp,
    CAST(sum(invocations) AS BIGINT) AS invocation_count,
    CAST(sum(completed) AS BIGINT) AS completed_count,
    CAST(sum(decided) AS BIGINT) AS decided_count,
    CAST(sum(timed) AS BIGINT) AS timed_invocations,
    sum(seconds) AS total_duration_seconds,
    count(*) AS unique_sessions
FROM (
    SELECT
        date_trunc('hour', invoked_at) AS hour_timestamp,
        session_id,
        count(*) AS invocations,
        count(*) FILTER (WHERE outcome = 'completed') AS completed,
        count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided,
        count(duration_seconds) AS timed,
        sum(duration_seconds) AS seconds
    FROM skill_invocation
    WHERE
        invoked_at >= CAST($since AS TIMESTAMPTZ)
        AND invoked_at < CAST($until AS TIMESTAMPTZ)
        AND (CAST($skill_name AS TEXT) IS NULL OR skill_name = $skill_name)
        AND (CAST($project AS TEXT) IS NULL OR project = $project)
    GROUP BY 1, 2
) AS by_session
GROUP BY hour_timestamp;

-- name: skills_in_window
-- Skills in a window of time, most used first.
SELECT
    skill_name,
    count(*) AS invocation_count,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_count,
    count(duration_seconds) AS timed_invocations,
    sum(duration_seconds) AS total_duration_seconds,
    max(invoked_at) AS last_invocation_at
FROM skill_invocation
WHERE
    invoked_at >= CAST($since AS TIMESTAMPTZ)
    AND invoked_at <= CAST($until AS TIMESTAMPTZ)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
GROUP BY skill_name
ORDER BY invocation_count DESC, skill_name COLLATE "C";

-- name: last_uses
-- Every skill that was used or is in the catalog; never used ones first, then the least lately used.
WITH used AS (
    SELECT skill_name, count(*) AS total_invocations, max(invoked_at) AS last_invoked
    FROM skill_invocation
    GROUP BY skill_name
), described AS (
    SELECT DISTINCT skill_name FROM skill WHERE removed_at IS NULL
)

SELECT
    skill_name,
    coalesce(total_invocations, 0) AS total_invocations,
    last_invoked
FROM used
FULL JOIN described USING (skill_name)
ORDER BY last_invoked ASC NULLS FIRST, skill_name COLLATE "C";
