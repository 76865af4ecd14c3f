-- What follows from the invocations, under the names that session-buddy's users know: views, so that
-- nothing is ever stale. The tools answer with intervals beside; these are for SQL.

-- The last hour and the last day.
CREATE VIEW skill_metrics_cache AS
SELECT
    skill_name,
    count(*) FILTER (WHERE invoked_at >= now() - INTERVAL '1 hour') AS invocations_1h,
    count(*) FILTER (
        WHERE outcome = 'completed' AND invoked_at >= now() - INTERVAL '1 hour'
    ) AS completed_1h,
    count(*) FILTER (
        WHERE
            outcome IN ('completed', 'failed', 'abandoned')
            AND invoked_at >= now() - INTERVAL '1 hour'
    ) AS decided_1h,
    count(*) AS invocations_24h,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_24h,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_24h,
    max(invoked_at) AS last_invocation_at
FROM skill_invocation
WHERE invoked_at >= now() - INTERVAL '24 hours' AND invoked_at <= now()
GROUP BY skill_name;

-- Hours in which there was something.
CREATE VIEW skill_time_series AS
SELECT
    date_trunc('hour', invoked_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour_timestamp,
    skill_name,
    count(*) AS invocation_count,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    count(duration_seconds) AS timed_invocations,
    avg(duration_seconds) AS avg_duration_seconds,
    count(DISTINCT session_id) AS unique_sessions
FROM skill_invocation
GROUP BY date_trunc('hour', invoked_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC', skill_name;

CREATE VIEW skill_community_baselines AS
SELECT
    skill_name,
    count(DISTINCT user_hash) AS total_users,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    CAST(count(*) FILTER (WHERE outcome = 'completed') AS DOUBLE PRECISION) / nullif(
        count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')), 0
    ) AS global_completion_rate,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS typical_duration_seconds
FROM skill_invocation
GROUP BY skill_name;

CREATE VIEW skill_user_interactions AS
SELECT
    user_hash,
    skill_name,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    min(invoked_at) AS first_invoked,
    max(invoked_at) AS last_invoked
FROM skill_invocation
WHERE user_hash IS NOT NULL
GROUP BY user_hash, skill_name;

-- Pairs of skills by distinct sessions; lift is 1 where they are independent.
CREATE VIEW skill_dependencies AS
WITH used AS (
    SELECT DISTINCT session_id, skill_name
    FROM skill_invocation
),

skills AS (
    SELECT skill_name, count(*) AS sessions
    FROM used
    GROUP BY skill_name
),

pairs AS (
    SELECT a.skill_name AS skill_a, b.skill_name AS skill_b, count(*) AS co_occurrence_count
    FROM used AS a
    INNER JOIN used AS b ON a.session_id = b.session_id AND a.skill_name < b.skill_name
    GROUP BY a.skill_name, b.skill_name
)

SELECT
    pairs.skill_a,
    pairs.skill_b,
    pairs.co_occurrence_count,
    a.sessions AS sessions_with_a,
    b.sessions AS sessions_with_b,
    total.sessions AS total_sessions,
    CAST(pairs.co_occurrence_count AS DOUBLE PRECISION) * total.sessions
    / (CAST(a.sessions AS DOUBLE PRECISION) * b.sessions) AS lift_score
FROM pairs
INNER JOIN skills AS a ON pairs.skill_a = a.skill_name
INNER JOIN skills AS b ON pairs.skill_b = b.skill_name
CROSS JOIN (SELECT count(DISTINCT session_id) AS sessions FROM used) AS total;
