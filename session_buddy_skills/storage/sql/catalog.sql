-- name: described_skills
-- All that was ever described, whether it is still there or not.
SELECT skill_name, location, source, description, allowed_tools, modality, removed_at
FROM skill;

-- name: insert_skills
-- Lists of equal length; the tools of one skill have chr(31) between them.
INSERT INTO skill (
    skill_name, location, source, description, allowed_tools, modality, registered_at, changed_at
)
SELECT
    skill_name,
    location,
    source,
    description,
    CASE WHEN tools = '' THEN CAST(ARRAY[] AS TEXT[]) ELSE string_to_array(tools, chr(31)) END,
    modality,
    CAST($now AS TIMESTAMPTZ),
    CAST($now AS TIMESTAMPTZ)
FROM (
    SELECT
        unnest(CAST($skill_names AS TEXT[])) AS skill_name,
        unnest(CAST($locations AS TEXT[])) AS location,
        unnest(CAST($sources AS TEXT[])) AS source,
        unnest(CAST($descriptions AS TEXT[])) AS description,
        unnest(CAST($tools AS TEXT[])) AS tools,
        unnest(CAST($modalities AS TEXT[])) AS modality
) AS new
ORDER BY skill_name, location;

-- name: update_skill
UPDATE skill
SET
    source = $source,
    description = $description,
    allowed_tools = $allowed_tools,
    modality = $modality,
    changed_at = $now,
    removed_at = $removed_at
WHERE skill_name = $skill_name AND location = $location;

-- name: skill_catalog
SELECT skill_name AS name, location, source, description, allowed_tools, modality
FROM skill_catalog
WHERE CAST($source AS TEXT) IS NULL OR source = $source
ORDER BY skill_name COLLATE "C", location COLLATE "C";
