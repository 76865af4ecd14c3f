-- name: evidence_tallies
-- How uses ended, by everything that a recommendation may be asked for.
SELECT
    skill_name,
    workflow_phase,
    project,
    user_hash,
    count(*) FILTER (WHERE outcome = 'completed') AS completed,
    count(*) FILTER (WHERE outcome IN ('failed', 'abandoned')) AS failed
FROM skill_invocation
WHERE outcome IN ('completed', 'failed', 'abandoned')
GROUP BY skill_name, workflow_phase, project, user_hash;

-- name: evidence_pairs
-- Requests and the skills that were used for them; the beginning of a text is all that is looked at.
SELECT uses.*, substr(q.query_text, 1, CAST($chars AS INTEGER)) AS text
FROM (
    SELECT
        query_id,
        skill_name,
        count(*) FILTER (WHERE outcome = 'completed') AS completed,
        count(*) FILTER (WHERE outcome IN ('failed', 'abandoned')) AS failed
    FROM skill_invocation
    WHERE query_id IS NOT NULL AND outcome IN ('completed', 'failed', 'abandoned')
    GROUP BY query_id, skill_name
) AS uses
JOIN skill_query AS q ON q.query_id = uses.query_id
ORDER BY uses.query_id, uses.skill_name COLLATE "C";

-- name: evidence_passed_over
-- Skills that were weighed for a request that another skill completed.
SELECT query_id, alternative AS skill_name, count(*) AS times
FROM (
    SELECT query_id, skill_name, unnest(alternatives_considered) AS alternative
    FROM skill_invocation
    WHERE query_id IS NOT NULL AND outcome = 'completed'
) AS shown
WHERE alternative <> skill_name
GROUP BY query_id, alternative
ORDER BY query_id, alternative COLLATE "C";

-- name: evidence_durations
SELECT skill_name, array_agg(duration_seconds) AS durations
FROM skill_invocation
WHERE duration_seconds IS NOT NULL
GROUP BY skill_name;

-- name: evidence_skills
-- Every name ever used or described, with each description that is there. A name whose files are all
-- gone is `gone`.
SELECT
    names.skill_name,
    skill.source,
    skill.location,
    skill.description,
    skill.skill_name IS NULL AND names.described AS gone
FROM (
    SELECT skill_name, max(CASE WHEN described THEN 1 ELSE 0 END) = 1 AS described
    FROM (
        SELECT skill_name, FALSE AS described FROM skill_invocation
        UNION ALL
        SELECT skill_name, TRUE FROM skill
    ) AS every
    GROUP BY skill_name
) AS names
LEFT JOIN skill ON skill.skill_name = names.skill_name AND skill.removed_at IS NULL
ORDER BY names.skill_name COLLATE "C", skill.location COLLATE "C";

-- name: evidence_mark
-- Changes whenever anything that evidence rests on does.
SELECT
    count(*) AS total,
    count(*) FILTER (WHERE outcome = 'pending') AS pending,
    (SELECT count(*) FROM skill) AS skills,
    (SELECT max(changed_at) FROM skill) AS skills_changed_at
FROM skill_invocation;

-- name: queries_of
SELECT i.invocation_id, q.query_text
FROM skill_invocation AS i
JOIN skill_query AS q ON q.query_id = i.query_id
WHERE i.invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: embeddings_of_model
SELECT text_id, embedding
FROM skill_embedding
WHERE model = $model;

-- name: insert_embeddings
-- Two lists of equal length, each text once.
INSERT INTO skill_embedding (text_id, model, embedding)
SELECT text_id, $model, embedding
FROM (
    SELECT
        unnest(CAST($text_ids AS UUID[])) AS text_id,
        unnest(CAST($embeddings AS BLOB[])) AS embedding
) AS new
WHERE NOT EXISTS (
    SELECT 1 FROM skill_embedding AS stored
    WHERE stored.text_id = new.text_id AND stored.model = $model
);

-- name: insert_recommendation
-- Once, also where the answer to the first try was lost.
INSERT INTO skill_recommendation (
    session_id, recommendation_id, recommended_at, query_id, model, mode, skill_names, reason,
    workflow_phase, project, user_hash
)
SELECT
    $session_id, $recommendation_id, $recommended_at, $query_id, $model, $mode, $skill_names,
    $reason, $workflow_phase, $project, $user_hash
WHERE NOT EXISTS (
    SELECT 1 FROM skill_recommendation AS stored
    WHERE stored.recommendation_id = $recommendation_id
);

-- name: recommended_skills
SELECT recommendation_id, skill_names
FROM skill_recommendation
WHERE recommendation_id IN (SELECT unnest(CAST($recommendation_ids AS UUID[])));

-- name: last_steps
SELECT skill_name
FROM skill_invocation
WHERE session_id = $session_id
ORDER BY invoked_at DESC, invocation_id DESC
LIMIT 2;

-- name: next_steps
-- What came right after this skill in the sessions that used it, and how that ended; of it, what came
-- after it and the one before it. What runs, or whose end is not known, is in no count.
WITH steps AS (
    SELECT
        skill_name,
        outcome,
        lag(skill_name) OVER session AS last,
        lag(skill_name, 2) OVER session AS earlier
    FROM skill_invocation
    WHERE session_id IN (SELECT session_id FROM skill_invocation WHERE skill_name = $skill_name)
    WINDOW session AS (PARTITION BY session_id ORDER BY invoked_at, invocation_id)
)
SELECT
    skill_name,
    count(*) AS followed,
    count(*) FILTER (WHERE outcome = 'completed') AS completed,
    count(*) FILTER (WHERE earlier = CAST($before AS TEXT)) AS followed_both,
    count(*) FILTER (
        WHERE earlier = CAST($before AS TEXT) AND outcome = 'completed'
    ) AS completed_both
FROM steps
WHERE last = $skill_name AND outcome IN ('completed', 'failed', 'abandoned')
GROUP BY skill_name
ORDER BY followed DESC, skill_name COLLATE "C";
