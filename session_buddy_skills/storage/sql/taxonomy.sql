-- name: categories
SELECT * FROM skill_categories ORDER BY kind COLLATE "C", category_name COLLATE "C";

-- name: category_mapping
SELECT * FROM skill_category_mapping ORDER BY category_name COLLATE "C", skill_name COLLATE "C";

-- name: modalities
SELECT * FROM skill_modalities ORDER BY modality_type COLLATE "C", skill_name COLLATE "C";

-- name: stages
SELECT * FROM workflow_stages ORDER BY workflow_phase COLLATE "C";

-- name: set_category
-- The last one counts.
INSERT INTO skill_categories (kind, category_name, description, words)
VALUES ($kind, $category_name, $description, CAST($words AS TEXT[]))
ON CONFLICT (kind, category_name) DO UPDATE
SET description = excluded.description, words = excluded.words;

-- name: remove_category
DELETE FROM skill_categories WHERE kind = $kind AND category_name = $category_name;

-- name: remove_category_mapping
DELETE FROM skill_category_mapping WHERE category_name = $category_name;

-- name: remove_modality
DELETE FROM skill_modalities WHERE modality_type = $category_name;

-- name: map_category
INSERT INTO skill_category_mapping (skill_name, category_name, source)
VALUES ($skill_name, $category_name, $source)
ON CONFLICT (skill_name, category_name) DO UPDATE SET source = excluded.source;

-- name: map_modality
INSERT INTO skill_modalities (skill_name, modality_type, source)
VALUES ($skill_name, $category_name, 'manual')
ON CONFLICT (skill_name) DO UPDATE
SET modality_type = excluded.modality_type, source = excluded.source;

-- name: set_stage
INSERT INTO workflow_stages (workflow_phase, stage)
VALUES ($workflow_phase, $stage)
ON CONFLICT (workflow_phase) DO UPDATE SET stage = excluded.stage;

-- name: forget_category_rules
DELETE FROM skill_category_mapping WHERE source = 'rule';

-- name: forget_modality_rules
DELETE FROM skill_modalities WHERE source <> 'manual';

-- name: fill_categories
-- By rule, given as one list a column; what was set by hand stays.
INSERT INTO skill_category_mapping (skill_name, category_name, source)
SELECT
    unnest(CAST($skill_names AS TEXT[])),
    unnest(CAST($category_names AS TEXT[])),
    'rule'
ON CONFLICT DO NOTHING;

-- name: fill_modalities
INSERT INTO skill_modalities (skill_name, modality_type, source)
SELECT
    unnest(CAST($skill_names AS TEXT[])),
    unnest(CAST($modality_types AS TEXT[])),
    unnest(CAST($sources AS TEXT[]))
ON CONFLICT DO NOTHING;
