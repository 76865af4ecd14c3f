-- name: names_in_catalog
SELECT DISTINCT skill_name FROM skill WHERE removed_at IS NULL;

-- name: insert_import
INSERT INTO skill_import (
    run_id, kind, status, timezone, session_id, skip_invalid, started_at
)
VALUES ($run_id, $kind, 'unfinished', $timezone, $session_id, $skip_invalid, $started_at);

-- name: end_import
UPDATE skill_import
SET status = $status, ended_at = $ended_at
WHERE run_id = $run_id;

-- name: count_imports
SELECT count(*) AS imports FROM skill_import;

-- name: insert_import_file
INSERT INTO skill_import_file (run_id, path, digest, size_bytes, imported_at)
SELECT $run_id, $path, $digest, $size_bytes, $imported_at
WHERE NOT EXISTS (SELECT 1 FROM skill_import_file WHERE run_id = $run_id AND path = $path);

-- name: insert_import_records
-- Three lists of equal length; an empty text stands for no `before`.
INSERT INTO skill_import_record (run_id, invocation_id, change, before)
SELECT CAST($run_id AS UUID), new.invocation_id, new.change, nullif(new.before, '')
FROM (
    SELECT
        unnest(CAST($invocation_ids AS UUID[])) AS invocation_id,
        unnest(CAST($changes AS TEXT[])) AS change,
        unnest(CAST($befores AS TEXT[])) AS before
) AS new;

-- name: delete_import_notes
DELETE FROM skill_import_record
WHERE run_id = $run_id AND invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: forget_import_notes
DELETE FROM skill_import_record
WHERE invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: import_records_known
-- Those of these invocations that the run has noted before.
SELECT invocation_id, change
FROM skill_import_record
WHERE run_id = $run_id AND invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: insert_import_item
INSERT INTO skill_import_item (run_id, relation, item_key, change)
VALUES ($run_id, $relation, $item_key, 'added');

-- name: find_import_item
-- What another run has added is this one's as well.
INSERT INTO skill_import_item (run_id, relation, item_key, change)
SELECT CAST($run_id AS UUID), CAST($relation AS TEXT), CAST($item_key AS TEXT), 'unchanged'
WHERE
    EXISTS (
        SELECT 1 FROM skill_import_item
        WHERE relation = CAST($relation AS TEXT) AND item_key = CAST($item_key AS TEXT)
    )
    AND NOT EXISTS (
        SELECT 1 FROM skill_import_item
        WHERE
            run_id = CAST($run_id AS UUID)
            AND relation = CAST($relation AS TEXT)
            AND item_key = CAST($item_key AS TEXT)
    );

-- name: imported_slash_commands
-- Those of these sessions that an import has brought, or found.
SELECT invocation_id, session_id, skill_name, invoked_at
FROM skill_call
JOIN skill_invocation USING (session_id, invocation_id)
WHERE
    called_by = 'slash'
    AND session_id IN (SELECT unnest(CAST($session_ids AS TEXT[])))
    AND invocation_id IN (SELECT invocation_id FROM skill_import_record);

-- name: delete_invocations
DELETE FROM skill_invocation
WHERE invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: delete_calls
DELETE FROM skill_call
WHERE invocation_id IN (SELECT unnest(CAST($invocation_ids AS UUID[])));

-- name: imports
-- Every run, newest first, with what it brought.
SELECT
    run.run_id,
    run.kind,
    run.status,
    run.started_at,
    run.ended_at,
    run.timezone,
    run.session_id,
    run.skip_invalid,
    (SELECT count(*) FROM skill_import_file AS f WHERE f.run_id = run.run_id) AS files,
    count(records.change) FILTER (WHERE records.change = 'added') AS added,
    count(records.change) FILTER (WHERE records.change = 'completed') AS completed,
    count(records.change) FILTER (WHERE records.change = 'unchanged') AS unchanged,
    (
        SELECT count(*) FROM skill_import_item AS i
        WHERE i.run_id = run.run_id AND i.change = 'added'
    ) AS items
FROM skill_import AS run
LEFT JOIN skill_import_record AS records ON records.run_id = run.run_id
WHERE CAST($run_id AS UUID) IS NULL OR run.run_id = $run_id
GROUP BY
    run.run_id, run.kind, run.status, run.started_at, run.ended_at, run.timezone, run.session_id,
    run.skip_invalid
ORDER BY run.started_at DESC, run.run_id;

-- name: import_files
SELECT run_id, path, digest, size_bytes
FROM skill_import_file
WHERE CAST($run_id AS UUID) IS NULL OR run_id = $run_id
ORDER BY path COLLATE "C";

-- name: imported_invocations
-- What a run brought or found, as it is stored now.
SELECT
    i.invocation_id, i.session_id, i.skill_name, i.invoked_at, i.ended_at, i.outcome,
    i.duration_seconds, q.query_text AS user_query, i.alternatives_considered, i.selection_rank,
    i.follow_up_actions, i.error_type, i.workflow_path, i.workflow_phase, i.workflow_step_id,
    i.project, i.user_hash AS user, i.source, i.rating, i.recommendation_id, c.arguments,
    c.called_as, c.called_by, c.agent_id, c.model, c.input_tokens, c.output_tokens, c.end_inferred
FROM skill_invocation AS i
LEFT JOIN skill_query AS q ON q.query_id = i.query_id
LEFT JOIN skill_call AS c
    ON c.session_id = i.session_id AND c.invocation_id = i.invocation_id
WHERE i.invocation_id IN (SELECT invocation_id FROM skill_import_record WHERE run_id = $run_id);

-- name: removable_invocations
-- What only this run has brought, or ended. Runs that found it ended so are later ones.
SELECT own.invocation_id, own.change, own.before, i.query_id
FROM skill_import_record AS own
INNER JOIN skill_invocation AS i ON i.invocation_id = own.invocation_id
WHERE
    own.run_id = $run_id
    AND own.change IN ('added', 'completed')
    AND NOT EXISTS (
        SELECT 1 FROM skill_import_record AS other
        WHERE
            other.invocation_id = own.invocation_id
            AND other.run_id <> own.run_id
            AND (own.change = 'added' OR (other.change = 'unchanged' AND other.run_id > own.run_id))
    );

-- name: hand_over_records
-- What another run has found there too is that run's from now on: the first of them.
UPDATE skill_import_record
SET change = own.change, before = own.before
FROM (
    SELECT mine.invocation_id, mine.change, mine.before, min(CAST(heir.run_id AS TEXT)) AS heir
    FROM skill_import_record AS mine
    INNER JOIN skill_import_record AS heir
        ON heir.invocation_id = mine.invocation_id AND heir.run_id <> mine.run_id
    WHERE
        mine.run_id = $run_id
        AND (
            mine.change = 'added'
            OR (mine.change = 'completed' AND heir.change = 'unchanged' AND heir.run_id > mine.run_id)
        )
    GROUP BY mine.invocation_id, mine.change, mine.before
) AS own
WHERE
    skill_import_record.invocation_id = own.invocation_id
    AND skill_import_record.run_id = CAST(own.heir AS UUID);

-- name: delete_import_records
DELETE FROM skill_import_record WHERE run_id = $run_id;

-- name: import_items
-- Rows of other tables that this run added, and none besides.
SELECT own.relation, own.item_key
FROM skill_import_item AS own
WHERE
    own.run_id = $run_id
    AND own.change = 'added'
    AND NOT EXISTS (
        SELECT 1 FROM skill_import_item AS other
        WHERE
            other.relation = own.relation
            AND other.item_key = own.item_key
            AND other.run_id <> own.run_id
    );

-- name: hand_over_items
-- What another run has found too is that run's from now on: the first of them.
UPDATE skill_import_item
SET change = 'added'
FROM (
    SELECT mine.relation, mine.item_key, min(CAST(heir.run_id AS TEXT)) AS heir
    FROM skill_import_item AS mine
    INNER JOIN skill_import_item AS heir
        ON
            heir.relation = mine.relation
            AND heir.item_key = mine.item_key
            AND heir.run_id <> mine.run_id
    WHERE mine.run_id = $run_id AND mine.change = 'added'
    GROUP BY mine.relation, mine.item_key
) AS own
WHERE
    skill_import_item.relation = own.relation
    AND skill_import_item.item_key = own.item_key
    AND skill_import_item.run_id = CAST(own.heir AS UUID);

-- name: delete_import_items
DELETE FROM skill_import_item WHERE run_id = $run_id;

-- name: unused_queries
-- Those of these queries that nothing refers to any more.
SELECT query.query_id
FROM (SELECT unnest(CAST($query_ids AS UUID[])) AS query_id) AS query
WHERE
    NOT EXISTS (SELECT 1 FROM skill_invocation AS i WHERE i.query_id = query.query_id)
    AND NOT EXISTS (SELECT 1 FROM skill_recommendation AS r WHERE r.query_id = query.query_id);

-- name: delete_queries
DELETE FROM skill_query WHERE query_id IN (SELECT unnest(CAST($query_ids AS UUID[])));

-- name: delete_embeddings
DELETE FROM skill_embedding WHERE text_id IN (SELECT unnest(CAST($query_ids AS UUID[])));

-- name: import_ab_test_configs
INSERT INTO ab_test_configs (
    test_name, control_strategy, treatment_strategy, sample_size, description, created_at, stopped_at
)
SELECT
    $test_name, $control_strategy, $treatment_strategy, CAST($sample_size AS BIGINT),
    CAST($description AS TEXT), CAST($created_at AS TIMESTAMPTZ), CAST($stopped_at AS TIMESTAMPTZ)
WHERE NOT EXISTS (SELECT 1 FROM ab_test_configs WHERE test_name = $test_name)
RETURNING test_name;

-- name: import_ab_test_assignments
-- To the test of the same file, not to one of ours that is called the same.
INSERT INTO ab_test_assignments (test_name, user_hash, test_group, assigned_at)
SELECT $test_name, $user_hash, $test_group, CAST($assigned_at AS TIMESTAMPTZ)
WHERE
    EXISTS (
        SELECT 1 FROM ab_test_configs
        WHERE test_name = $test_name AND created_at = CAST($test_created_at AS TIMESTAMPTZ)
    )
    AND NOT EXISTS (
        SELECT 1 FROM ab_test_assignments WHERE test_name = $test_name AND user_hash = $user_hash
    )
RETURNING test_name;

-- name: import_ab_test_outcomes
INSERT INTO ab_test_outcomes (
    outcome_id, test_name, user_hash, test_group, outcome, duration_seconds, recorded_at
)
SELECT
    CAST($outcome_id AS UUID), $test_name, $user_hash, $test_group, $outcome,
    CAST($duration_seconds AS DOUBLE PRECISION), CAST($recorded_at AS TIMESTAMPTZ)
WHERE
    EXISTS (
        SELECT 1 FROM ab_test_configs
        WHERE test_name = $test_name AND created_at = CAST($test_created_at AS TIMESTAMPTZ)
    )
    AND NOT EXISTS (SELECT 1 FROM ab_test_outcomes WHERE outcome_id = $outcome_id)
RETURNING test_name;

-- name: import_skill_categories
INSERT INTO skill_categories (kind, category_name, description, words)
SELECT $kind, $category_name, CAST($description AS TEXT), CAST(ARRAY[] AS TEXT[])
WHERE
    NOT EXISTS (
        SELECT 1 FROM skill_categories WHERE kind = $kind AND category_name = $category_name
    )
RETURNING kind;

-- name: import_skill_category_mapping
INSERT INTO skill_category_mapping (skill_name, category_name, source)
SELECT $skill_name, $category_name, 'manual'
WHERE
    NOT EXISTS (
        SELECT 1 FROM skill_category_mapping
        WHERE skill_name = $skill_name AND category_name = $category_name
    )
RETURNING skill_name;

-- name: import_skill_modalities
INSERT INTO skill_modalities (skill_name, modality_type, source)
SELECT $skill_name, $modality_type, 'manual'
WHERE NOT EXISTS (SELECT 1 FROM skill_modalities WHERE skill_name = $skill_name)
RETURNING skill_name;

-- name: forget_ab_test_configs
DELETE FROM ab_test_configs WHERE test_name = $test_name;

-- name: forget_ab_test_assignments
DELETE FROM ab_test_assignments WHERE test_name = $test_name AND user_hash = $user_hash;

-- name: forget_ab_test_outcomes
DELETE FROM ab_test_outcomes WHERE CAST(outcome_id AS TEXT) = $outcome_id;

-- name: forget_skill_categories
DELETE FROM skill_categories WHERE kind = $kind AND category_name = $category_name;

-- name: forget_skill_category_mapping
DELETE FROM skill_category_mapping
WHERE skill_name = $skill_name AND category_name = $category_name;

-- name: forget_skill_modalities
DELETE FROM skill_modalities WHERE skill_name = $skill_name;
