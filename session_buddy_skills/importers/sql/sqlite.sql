-- name: tables
SELECT name FROM sqlite_master WHERE type = 'table';

-- name: s0_invocations
SELECT * FROM skill_invocations ORDER BY id;

-- name: invocations
SELECT * FROM skill_invocation ORDER BY id;

-- name: totals
SELECT * FROM skill_metrics ORDER BY skill_name;

-- name: migrations
SELECT version FROM skill_migrations;

-- name: interactions
SELECT * FROM skill_user_interactions ORDER BY id;

-- name: ab_tests
SELECT * FROM ab_test_configs ORDER BY test_id;

-- name: ab_assignments
SELECT
    ab_test_assignments.*,
    ab_test_configs.test_name,
    ab_test_configs.start_date AS test_start_date,
    ab_test_configs.created_at AS test_created_at
FROM ab_test_assignments
INNER JOIN ab_test_configs ON ab_test_configs.test_id = ab_test_assignments.test_id
ORDER BY assignment_id;

-- name: ab_outcomes
SELECT
    ab_test_outcomes.*,
    ab_test_configs.test_name,
    ab_test_configs.start_date AS test_start_date,
    ab_test_configs.created_at AS test_created_at,
    ab_test_assignments.group_name
FROM ab_test_outcomes
INNER JOIN ab_test_configs ON ab_test_configs.test_id = ab_test_outcomes.test_id
LEFT JOIN ab_test_assignments
    ON
        ab_test_assignments.test_id = ab_test_outcomes.test_id
        AND ab_test_assignments.user_id = ab_test_outcomes.user_id
ORDER BY outcome_id;

-- name: categories
SELECT * FROM skill_categories ORDER BY category_id;

-- name: category_mapping
SELECT skill_category_mapping.*, skill_categories.category_name
FROM skill_category_mapping
INNER JOIN skill_categories ON skill_categories.category_id = skill_category_mapping.category_id
ORDER BY skill_name, category_name;

-- name: modalities
SELECT * FROM skill_modalities ORDER BY skill_name;
