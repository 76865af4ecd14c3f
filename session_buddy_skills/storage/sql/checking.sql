-- name: duplicate_ids
SELECT invocation_id, count(*) AS n
FROM skill_invocation
GROUP BY invocation_id
HAVING count(*) > 1
ORDER BY invocation_id
LIMIT 10;

-- name: duplicate_calls
SELECT invocation_id, count(*) AS n
FROM skill_call
GROUP BY invocation_id
HAVING count(*) > 1
ORDER BY invocation_id
LIMIT 10;

-- name: missing_queries
SELECT i.invocation_id
FROM skill_invocation AS i
LEFT JOIN skill_query AS q ON q.query_id = i.query_id
WHERE i.query_id IS NOT NULL AND q.query_id IS NULL
ORDER BY i.invocation_id
LIMIT 10;

-- name: pending_with_an_end
SELECT invocation_id
FROM skill_invocation
WHERE outcome = 'pending'
    AND (ended_at IS NOT NULL OR duration_seconds IS NOT NULL OR error_type IS NOT NULL)
ORDER BY invocation_id
LIMIT 10;

-- name: calls_of_nothing
SELECT invocation_id
FROM skill_call
LEFT JOIN skill_invocation USING (session_id, invocation_id)
WHERE skill_invocation.skill_name IS NULL
ORDER BY invocation_id
LIMIT 10;
