-- name: recent_and_baseline
-- Per skill, in the recent window and in the baseline before it: outcomes and the median duration.
SELECT
    skill_name,
    invoked_at >= CAST($split AS TIMESTAMPTZ) AS recent,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS p50_duration_seconds
FROM skill_invocation
WHERE
    invoked_at >= CAST($since AS TIMESTAMPTZ)
    AND invoked_at < CAST($until AS TIMESTAMPTZ)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
GROUP BY skill_name, invoked_at >= CAST($split AS TIMESTAMPTZ);

-- name: recent_and_baseline_durations
-- Likewise, runs by duration in bins of a tenth on the scale of natural logarithms.
SELECT
    skill_name,
    invoked_at >= CAST($split AS TIMESTAMPTZ) AS recent,
    CAST(floor(10 * ln(greatest(duration_seconds, 0.001))) AS INTEGER) AS bin,
    count(*) AS n
FROM skill_invocation
WHERE
    invoked_at >= CAST($since AS TIMESTAMPTZ)
    AND invoked_at < CAST($until AS TIMESTAMPTZ)
    AND duration_seconds IS NOT NULL
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
GROUP BY 1, 2, 3;

-- name: recent_and_baseline_phases
-- Likewise, runs by phase.
SELECT
    skill_name,
    invoked_at >= CAST($split AS TIMESTAMPTZ) AS recent,
    workflow_phase,
    count(*) AS n
FROM skill_invocation
WHERE
    invoked_at >= CAST($since AS TIMESTAMPTZ)
    AND invoked_at < CAST($until AS TIMESTAMPTZ)
    AND workflow_phase IS NOT NULL
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
GROUP BY 1, 2, 3;

-- name: uses_by_window
-- Uses per skill in windows of equal length, counted back: 0 is the recent one, from its split on.
SELECT
    skill_name,
    CAST(
        -floor(
            EXTRACT(EPOCH FROM invoked_at - CAST($split AS TIMESTAMPTZ))
            / CAST($window_seconds AS DOUBLE PRECISION)
        ) AS INTEGER
    ) AS place,
    count(*) AS n
FROM skill_invocation
WHERE
    invoked_at >= CAST($since AS TIMESTAMPTZ)
    AND invoked_at < CAST($until AS TIMESTAMPTZ)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
GROUP BY 1, 2;

-- name: used_before
-- Skills that were in use before a time.
SELECT DISTINCT skill_name
FROM skill_invocation
WHERE
    invoked_at < CAST($since AS TIMESTAMPTZ)
    AND (CAST($project AS TEXT) IS NULL OR project = $project);

-- name: open_anomalies
-- Episodes of one project, or of all of them together, that are not over, of the same windows.
SELECT *
FROM skill_anomalies
WHERE
    resolved_at IS NULL
    AND (project = $project OR (project IS NULL AND CAST($project AS TEXT) IS NULL))
    AND time_window_hours = $time_window_hours
    AND baseline_hours = $baseline_hours
ORDER BY detected_at, anomaly_id;

-- name: insert_anomaly
INSERT INTO skill_anomalies (
    anomaly_id, skill_name, anomaly_type, project, time_window_hours, baseline_hours,
    baseline_value, observed_value, deviation_score, p_value, detected_at, last_seen_at
)
VALUES (
    $anomaly_id, $skill_name, $anomaly_type, $project, $time_window_hours, $baseline_hours,
    $baseline_value, $observed_value, $deviation_score, $p_value, $now, $now
);

-- name: update_anomaly
-- What was found again.
UPDATE skill_anomalies
SET
    baseline_value = $baseline_value,
    observed_value = $observed_value,
    deviation_score = $deviation_score,
    p_value = $p_value,
    last_seen_at = $now
WHERE anomaly_id = $anomaly_id;

-- name: resolve_anomaly
UPDATE skill_anomalies SET resolved_at = $now WHERE anomaly_id = $anomaly_id;

-- name: anomaly
SELECT * FROM skill_anomalies WHERE anomaly_id = $anomaly_id;

-- name: acknowledge_anomaly
-- The first time counts; the last note is kept.
UPDATE skill_anomalies
SET acknowledged_at = coalesce(acknowledged_at, $now), note = coalesce($note, note)
WHERE anomaly_id = $anomaly_id;

-- name: look_for_anomalies
-- First of all writes, so that of two servers one waits or begins anew.
UPDATE skill_anomalies_checked SET checked_at = $now;

-- name: days_of_skill
-- One skill from day to day, in UTC.
SELECT
    date_trunc('day', invoked_at) AS day,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
    count(duration_seconds) AS timed_invocations,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS p50_duration_seconds
FROM skill_invocation
WHERE
    skill_name = $skill_name
    AND invoked_at >= CAST($since AS TIMESTAMPTZ)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
GROUP BY date_trunc('day', invoked_at)
ORDER BY date_trunc('day', invoked_at);
