-- name: co_used_skills
-- Pairs of skills of one session: in how many sessions both, each, and any were used, and which was
-- first. Skills and sessions are numbered first, since what is joined and grouped is then small.
WITH used AS MATERIALIZED (
    SELECT session_id, skill_name, min(invoked_at) AS first_at
    FROM skill_invocation
    WHERE
        (CAST($session_id AS TEXT) IS NULL OR session_id = $session_id)
        AND (CAST($project AS TEXT) IS NULL OR project = $project)
        AND (CAST($since AS TIMESTAMPTZ) IS NULL OR invoked_at >= $since)
        AND (CAST($until AS TIMESTAMPTZ) IS NULL OR invoked_at < $until)
    GROUP BY session_id, skill_name
),

skills AS MATERIALIZED (
    SELECT
        skill_name,
        CAST(row_number() OVER (ORDER BY skill_name COLLATE "C") AS INTEGER) AS skill,
        count(*) AS sessions
    FROM used
    GROUP BY skill_name
),

numbered_sessions AS MATERIALIZED (
    SELECT session_id, CAST(row_number() OVER () AS INTEGER) AS session
    FROM used
    GROUP BY session_id
),

numbered AS MATERIALIZED (
    SELECT session, skill, first_at
    FROM used
    INNER JOIN numbered_sessions USING (session_id)
    INNER JOIN skills USING (skill_name)
),

asked AS MATERIALIZED (
    SELECT numbered.*
    FROM numbered
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
    INNER JOIN numbered AS b ON a.session = b.session
    -- Of all pairs each once; of one skill every other.
    WHERE a.skill < b.skill OR (CAST($skill_name AS TEXT) IS NOT NULL AND a.skill > b.skill)
    GROUP BY a.skill, b.skill
)

SELECT
    skills_a.skill_name AS skill_a,
    skills_b.skill_name AS skill_b,
    pairs.both_sessions,
    pairs.a_first,
    pairs.b_first,
    skills_a.sessions AS a_sessions,
    skills_b.sessions AS b_sessions,
    (SELECT count(*) FROM numbered_sessions) AS sessions
FROM pairs
INNER JOIN skills AS skills_a ON pairs.skill_a = skills_a.skill
INNER JOIN skills AS skills_b ON pairs.skill_b = skills_b.skill;
