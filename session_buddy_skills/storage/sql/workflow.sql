-- name: effectiveness_of_skills
-- Counts per skill and phase that rates are made of; rates and intervals are judged in Python. Sums
-- take less time than filtered counts.
SELECT
    skill_name,
    workflow_phase,
    count(*) AS total_invocations,
    CAST(sum(CAST(outcome = 'completed' AS INTEGER)) AS BIGINT) AS completed_count,
    CAST(sum(CAST(outcome = 'failed' AS INTEGER)) AS BIGINT) AS failed_count,
    CAST(sum(CAST(outcome = 'abandoned' AS INTEGER)) AS BIGINT) AS abandoned_count
FROM skill_invocation
WHERE
    (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
    AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
    AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    AND (CAST($workflow_phase AS TEXT) IS NULL OR workflow_phase = $workflow_phase)
GROUP BY skill_name, workflow_phase;

-- name: details_of_skills
-- What else is told of pairs of a skill and a phase, given as two lists of equal length, with '' for
-- no phase. Apart from the counts, since few of thousands of pairs are shown, and their percentiles
-- alone would take twice the time of the counts.
WITH pairs AS MATERIALIZED (
    SELECT
        unnest(CAST($skill_names AS TEXT[])) AS skill_name,
        unnest(CAST($workflow_phases AS TEXT[])) AS phase
)

SELECT
    pairs.skill_name,
    pairs.phase,
    CAST(sum(CAST(outcome = 'pending' AS INTEGER)) AS BIGINT) AS pending_count,
    count(duration_seconds) AS timed_invocations,
    sum(duration_seconds) AS total_duration_seconds,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_seconds) AS p50_p95_seconds
FROM skill_invocation
INNER JOIN
    pairs
    ON
        skill_invocation.skill_name = pairs.skill_name
        AND coalesce(skill_invocation.workflow_phase, '') = pairs.phase
WHERE
    (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
    AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
    AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
GROUP BY pairs.skill_name, pairs.phase;

-- name: phases
-- All of it per phase, of invocations that have one. What is in none of the counts is unknown.
SELECT
    workflow_phase,
    coalesce(
        (
            SELECT stage FROM workflow_stages
            WHERE workflow_stages.workflow_phase = skill_invocation.workflow_phase
        ),
        'other'
    ) AS stage,
    count(*) AS total_invocations,
    CAST(sum(CAST(outcome = 'completed' AS INTEGER)) AS BIGINT) AS completed_count,
    CAST(sum(CAST(outcome = 'failed' AS INTEGER)) AS BIGINT) AS failed_count,
    CAST(sum(CAST(outcome = 'abandoned' AS INTEGER)) AS BIGINT) AS abandoned_count,
    CAST(sum(CAST(outcome = 'pending' AS INTEGER)) AS BIGINT) AS pending_count,
    count(duration_seconds) AS timed_invocations,
    sum(duration_seconds) AS total_duration_seconds,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY duration_seconds) AS p50_p95_seconds
FROM skill_invocation
WHERE
    workflow_phase IS NOT NULL
    AND (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
    AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
    AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
GROUP BY workflow_phase;

-- name: transitions
-- Steps from each invocation of a session that has a phase to the next one that has; equal times
-- are taken in the order of their ids. Per pair of phases, with the skill most often used on
-- arrival. Phases, skills and sessions are numbered first, since what is sorted and grouped is then
-- small.
WITH phases AS MATERIALIZED (
    SELECT workflow_phase, CAST(row_number() OVER (ORDER BY workflow_phase COLLATE "C") AS INTEGER) AS phase
    FROM skill_invocation
    WHERE workflow_phase IS NOT NULL
    GROUP BY workflow_phase
),

skills AS MATERIALIZED (
    SELECT skill_name, CAST(row_number() OVER (ORDER BY skill_name COLLATE "C") AS INTEGER) AS skill
    FROM skill_invocation
    GROUP BY skill_name
),

sessions AS MATERIALIZED (
    SELECT session_id, CAST(row_number() OVER () AS INTEGER) AS session
    FROM skill_invocation
    GROUP BY session_id
),

steps AS MATERIALIZED (
    SELECT
        lag(phase) OVER in_session AS here,
        phase AS there,
        skill,
        EXTRACT(EPOCH FROM invoked_at - lag(invoked_at) OVER in_session) AS gap_seconds
    FROM skill_invocation
    INNER JOIN phases USING (workflow_phase)
    INNER JOIN skills USING (skill_name)
    INNER JOIN sessions USING (session_id)
    WHERE
        (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
        AND (CAST($project AS TEXT) IS NULL OR project = $project)
        AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
        AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    WINDOW in_session AS (PARTITION BY session ORDER BY invoked_at, invocation_id)
),

arrivals AS (
    SELECT
        here,
        there,
        skill,
        count(*) AS uses,
        row_number() OVER (PARTITION BY here, there ORDER BY count(*) DESC, skill) AS place
    FROM steps
    WHERE here IS NOT NULL
    GROUP BY here, there, skill
),

pairs AS (
    SELECT
        here,
        there,
        count(*) AS invocation_count,
        CAST(avg(gap_seconds) AS DOUBLE PRECISION) AS mean_gap_seconds,
        CAST(
            percentile_cont(0.5) WITHIN GROUP (ORDER BY gap_seconds) AS DOUBLE PRECISION
        ) AS median_gap_seconds
    FROM steps
    WHERE here IS NOT NULL
    GROUP BY here, there
)

SELECT
    from_phases.workflow_phase AS from_phase,
    to_phases.workflow_phase AS to_phase,
    pairs.invocation_count,
    pairs.mean_gap_seconds,
    pairs.median_gap_seconds,
    skills.skill_name AS most_common_skill,
    arrivals.uses AS most_common_skill_count
FROM pairs
INNER JOIN arrivals ON pairs.here = arrivals.here AND pairs.there = arrivals.there
INNER JOIN phases AS from_phases ON pairs.here = from_phases.phase
INNER JOIN phases AS to_phases ON pairs.there = to_phases.phase
INNER JOIN skills ON arrivals.skill = skills.skill
WHERE arrivals.place = 1;
