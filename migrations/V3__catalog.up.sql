-- What skills say of themselves. A name may be described in several places; which description counts
-- is decided where it is used.

CREATE TABLE skill (
    skill_name TEXT NOT NULL,
    location TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('personal', 'project', 'plugin', 'command', 'registered')),
    description TEXT,
    allowed_tools TEXT[] NOT NULL,
    modality TEXT,
    registered_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ,
    PRIMARY KEY (skill_name, location)
);

-- Every skill that is described and still there, and every other that was ever used.
CREATE VIEW skill_catalog AS
SELECT skill_name, location, source, description, allowed_tools, modality
FROM skill
WHERE removed_at IS NULL
UNION ALL
SELECT used.skill_name, '', 'used', NULL, CAST(ARRAY[] AS TEXT[]), NULL
FROM (SELECT DISTINCT skill_name FROM skill_invocation) AS used
WHERE NOT EXISTS (
    SELECT 1 FROM skill WHERE skill.skill_name = used.skill_name AND skill.removed_at IS NULL
);
