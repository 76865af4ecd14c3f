-- name: insert_ab_test
-- Unless there is one of that name.
INSERT INTO ab_test_configs (
    test_name, control_strategy, treatment_strategy, sample_size, description, created_at
)
VALUES (
    $test_name, $control_strategy, $treatment_strategy, $sample_size, $description, $now
)
ON CONFLICT DO NOTHING;

-- name: ab_test
SELECT * FROM ab_test_configs WHERE test_name = $test_name;

-- name: ab_tests
-- All of them, the newest first.
SELECT * FROM ab_test_configs ORDER BY created_at DESC, test_name COLLATE "C";

-- name: stop_ab_test
-- The first time counts.
UPDATE ab_test_configs SET stopped_at = coalesce(stopped_at, $now) WHERE test_name = $test_name;

-- name: insert_ab_assignment
-- Unless the user has a group already.
INSERT INTO ab_test_assignments (test_name, user_hash, test_group, assigned_at)
VALUES ($test_name, $user_hash, $test_group, $now)
ON CONFLICT DO NOTHING;

-- name: ab_assignment
SELECT * FROM ab_test_assignments WHERE test_name = $test_name AND user_hash = $user_hash;

-- name: insert_ab_outcome
INSERT INTO ab_test_outcomes (
    outcome_id, test_name, user_hash, test_group, outcome, duration_seconds, recorded_at
)
VALUES (
    $outcome_id, $test_name, $user_hash, $test_group, $outcome, $duration_seconds, $now
);

-- name: ab_outcome
SELECT * FROM ab_test_outcomes WHERE outcome_id = $outcome_id;

-- name: ab_assigned_users
-- Users per group.
SELECT test_group, count(*) AS assigned_users
FROM ab_test_assignments
WHERE test_name = $test_name
GROUP BY test_group;

-- name: ab_recorded_runs
-- Runs per group, those after the sample included.
SELECT
    test_group,
    count(*) AS recorded,
    count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided
FROM ab_test_outcomes
WHERE test_name = $test_name
GROUP BY test_group;

-- name: ab_groups
-- Per group, of its first decided runs up to the sample's size, of each user no more than so many:
-- sums over users of their runs n, of those completed k, and of n·n, k·k and n·k; and their mean
-- durations.
WITH own AS (
    SELECT
        test_group,
        user_hash,
        outcome,
        duration_seconds,
        recorded_at,
        outcome_id,
        row_number() OVER (
            PARTITION BY test_group, user_hash ORDER BY recorded_at, outcome_id
        ) AS own_place
    FROM ab_test_outcomes
    WHERE test_name = $test_name AND outcome IN ('completed', 'failed', 'abandoned')
),

decided AS (
    SELECT
        test_group,
        user_hash,
        outcome,
        duration_seconds,
        row_number() OVER (PARTITION BY test_group ORDER BY recorded_at, outcome_id) AS place
    FROM own
    WHERE own_place <= CAST($runs_per_user AS BIGINT)
),

by_user AS (
    SELECT
        test_group,
        user_hash,
        CAST(count(*) AS DOUBLE PRECISION) AS n,
        CAST(count(*) FILTER (WHERE outcome = 'completed') AS DOUBLE PRECISION) AS k,
        avg(duration_seconds) AS mean_seconds
    FROM decided
    WHERE place <= CAST($sample_size AS BIGINT)
    GROUP BY test_group, user_hash
)

SELECT
    test_group,
    count(*) AS users,
    CAST(sum(n) AS BIGINT) AS runs,
    CAST(sum(k) AS BIGINT) AS completed,
    sum(n * n) AS runs_squared,
    sum(k * k) AS completed_squared,
    sum(n * k) AS product,
    count(mean_seconds) AS timed_users,
    avg(mean_seconds) AS mean_seconds,
    var_samp(mean_seconds) AS variance_seconds
FROM by_user
GROUP BY test_group;
