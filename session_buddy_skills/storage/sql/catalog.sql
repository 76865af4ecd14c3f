-- name: described_skills
-- All that was ever described, whether it is still there or not.
SELECT skill_name, location, source, description, allowed_tools, modality, removed_at
FROM skill;

-- name: upsert_skill
INSERT INTO skill (
    skill_name, location, source, description, allowed_tools, modality, registered_at, changed_at,
    removed_at
)
VALUES (
    $skill_name, $location, $source, $description, $allowed_tools, $modality, $now, $now, $removed_at
)
ON CONFLICT (skill_name, location) DO UPDATE SET
    source = excluded.source,
    description = excluded.description,
    allowed_tools = excluded.allowed_tools,
    modality = excluded.modality,
    changed_at = excluded.changed_at,
    removed_at = excluded.removed_at;

-- name: skill_catalog
SELECT skill_name AS name, location, source, description, allowed_tools, modality
FROM skill_catalog
WHERE CAST($source AS TEXT) IS NULL OR source = $source
ORDER BY skill_name COLLATE "C", location COLLATE "C";
