-- name: last_sessions_of_parts
-- The sessions in $parts parts of the same size, in the order of their ids: the last of each.
SELECT max(session_id COLLATE "C") AS session_id
FROM (
    SELECT
        session_id,
        ntile(CAST($parts AS INTEGER)) OVER (ORDER BY session_id COLLATE "C") AS part
    FROM skill_invocation
    GROUP BY session_id
) AS sessions
GROUP BY part
ORDER BY part;

-- name: co_used_skills
-- In how many sessions each pair of skills was used, and which was first; with no skill_b, in how
-- many each skill was; with neither, how many there are. Of the sessions after $after, up to $upto:
-- what is joined at once has to fit into memory. Skills and sessions are numbered first, since what
-- is joined and grouped is then small.
WITH skills AS MATERIALIZED (
    SELECT
        skill_name,
        CAST(row_number() OVER (ORDER BY skill_name COLLATE "C") AS INTEGER) AS skill
    FROM skill_invocation
    GROUP BY skill_name
),

sessions AS MATERIALIZED (
    SELECT
        session_id,
        CAST(row_number() OVER () AS INTEGER) AS session
    FROM skill_invocation
    WHERE
        (CAST($after AS TEXT) IS NULL OR session_id COLLATE "C" > $after)
        AND (CAST($upto AS TEXT) IS NULL OR session_id COLLATE "C" <= $upto)
    GROUP BY session_id
),

used AS MATERIALIZED (
    SELECT session, skill, min(invoked_at) AS first_at
    FROM skill_invocation
    INNER JOIN sessions USING (session_id)
    INNER JOIN skills USING (skill_name)
    WHERE
        (CAST($after AS TEXT) IS NULL OR session_id COLLATE "C" > $after)
        AND (CAST($upto AS TEXT) IS NULL OR session_id COLLATE "C" <= $upto)
        AND (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
        AND (CAST($project AS TEXT) IS NULL OR project = $project)
        AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
        AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    GROUP BY session, skill
),

asked AS MATERIALIZED (
    SELECT used.*
    FROM used
    INNER JOIN skills USING (skill)
    WHERE CAST($skill_name AS TEXT) IS NULL OR skill_name = $skill_name
),

pairs AS (
    SELECT
        a.skill AS skill_a,
        b.skill AS skill_b,
        count(*) AS both_sessions,
        count(*) FILTER (WHERE a.first_at < b.first_at) AS a_first,
        count(*) FILTER (WHERE b.first_at < a.first_at) AS b_first
    FROM asked AS a
    INNER JOIN used AS b ON a.session = b.session
    -- Of all pairs each once; of one skill every other.
    WHERE a.skill < b.skill OR (CAST($skill_name AS TEXT) IS NOT NULL AND a.skill > b.skill)
    GROUP BY a.skill, b.skill
)

SELECT
    skills_a.skill_name AS skill_a,
    skills_b.skill_name AS skill_b,
    pairs.both_sessions AS sessions,
    pairs.a_first,
    pairs.b_first
FROM pairs
INNER JOIN skills AS skills_a ON pairs.skill_a = skills_a.skill
INNER JOIN skills AS skills_b ON pairs.skill_b = skills_b.skill
UNION ALL
SELECT skills.skill_name, NULL, count(*), 0, 0
FROM used
INNER JOIN skills USING (skill)
GROUP BY skills.skill_name
UNION ALL
SELECT NULL, NULL, count(DISTINCT session), 0, 0
FROM used;

-- name: baselines
-- Each skill over all users, and apart from the rest what one user did with it; $user is a keyed hash.
WITH phases AS (
    SELECT
        skill_name,
        workflow_phase,
        row_number() OVER (
            PARTITION BY skill_name ORDER BY count(*) DESC, workflow_phase COLLATE "C"
        ) AS place
    FROM skill_invocation
    WHERE
        workflow_phase IS NOT NULL
        AND (CAST($project AS TEXT) IS NULL OR project = $project)
        AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
        AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    GROUP BY skill_name, workflow_phase
),

skills AS (
    SELECT
        skill_name,
        count(*) AS total_invocations,
        count(DISTINCT user_hash) AS total_users,
        count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
        count(*) FILTER (WHERE outcome IN ('completed', 'failed', 'abandoned')) AS decided_count,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_seconds) AS p50_duration_seconds,
        count(duration_seconds) AS timed_invocations,
        count(*) FILTER (WHERE user_hash = CAST($user AS TEXT)) AS user_invocations,
        count(*) FILTER (
            WHERE outcome = 'completed' AND user_hash = CAST($user AS TEXT)
        ) AS user_completed,
        count(*) FILTER (
            WHERE
                outcome IN ('completed', 'failed', 'abandoned')
                AND user_hash = CAST($user AS TEXT)
        ) AS user_decided
    FROM skill_invocation
    WHERE
        (CAST($project AS TEXT) IS NULL OR project = $project)
        AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
        AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    GROUP BY skill_name
)

SELECT skills.*, phases.workflow_phase
FROM skills
LEFT JOIN phases ON skills.skill_name = phases.skill_name AND phases.place = 1;

-- name: skills_of_users
-- What each user did with each skill.
SELECT
    user_hash,
    skill_name,
    count(*) FILTER (WHERE outcome = 'completed') AS completed_count,
    count(*) AS decided_count
FROM skill_invocation
WHERE
    outcome IN ('completed', 'failed', 'abandoned')
    AND user_hash IS NOT NULL
    AND (CAST($project AS TEXT) IS NULL OR project = $project)
    AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
    AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
GROUP BY user_hash, skill_name;
