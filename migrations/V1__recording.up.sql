-- Invocations, and the queries that led to them.
--
-- Neither table has an index. A scan finds one id among a million in 1 to 2 ms, since DuckDB reads
-- one column alone and skips blocks by their minima and maxima (ids are mostly UUIDv7, ordered by
-- time). An index would more than double the size of a row. That an id is stored once is held by the
-- one writer.

CREATE TABLE skill_invocation (
    session_id TEXT NOT NULL,
    invocation_id UUID NOT NULL,
    skill_name TEXT NOT NULL,
    invoked_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    outcome TEXT NOT NULL CHECK (outcome IN ('pending', 'completed', 'failed', 'abandoned', 'unknown')),
    duration_seconds DOUBLE PRECISION CHECK (duration_seconds >= 0),
    query_id UUID,
    alternatives_considered TEXT[] NOT NULL,
    selection_rank INTEGER CHECK (selection_rank >= 1),
    follow_up_actions TEXT[] NOT NULL,
    error_type TEXT,
    workflow_path TEXT,
    workflow_phase TEXT,
    workflow_step_id TEXT,
    project TEXT,
    user_hash TEXT,
    source TEXT,
    rating INTEGER CHECK (rating BETWEEN 1 AND 5)
);

-- query_id is made of the text alone (see storage/store.py), so that equal texts are stored once.
CREATE TABLE skill_query (
    query_id UUID NOT NULL,
    query_text TEXT NOT NULL
);

-- Counts and plain durations per skill; rates and intervals are judged in Python.
CREATE VIEW skill_metrics AS
SELECT
    skill_name,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_invocations,
    count(*) FILTER (WHERE outcome = 'failed') AS failed_invocations,
    count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_invocations,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_invocations,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown_invocations,
    count(duration_seconds) AS timed_invocations,
    avg(duration_seconds) AS mean_duration_seconds,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS p50_duration_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_seconds) AS p95_duration_seconds,
    avg(CAST(selection_rank AS DOUBLE PRECISION)) AS avg_selection_rank,
    count(*) FILTER (
        WHERE selection_rank = 1 AND outcome IN ('completed', 'failed', 'abandoned')
    ) AS first_ranked_invocations,
    count(*) FILTER (
        WHERE selection_rank = 1 AND outcome = 'completed'
    ) AS first_ranked_completed,
    min(invoked_at) AS first_invoked,
    max(invoked_at) AS last_invoked
FROM skill_invocation
GROUP BY skill_name;

CREATE VIEW session_skills AS
SELECT
    session_id,
    skill_name,
    count(*) AS total_invocations,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_invocations,
    count(*) FILTER (WHERE outcome = 'failed') AS failed_invocations,
    count(*) FILTER (WHERE outcome = 'abandoned') AS abandoned_invocations,
    count(*) FILTER (WHERE outcome = 'pending') AS pending_invocations,
    count(*) FILTER (WHERE outcome = 'unknown') AS unknown_invocations,
    coalesce(sum(duration_seconds), 0.0) AS total_duration_seconds,
    min(invoked_at) AS first_invoked,
    max(invoked_at) AS last_invoked
FROM skill_invocation
GROUP BY session_id, skill_name;
