-- name: create_migrations
CREATE TABLE IF NOT EXISTS skill_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL
);

-- name: has_migrations
SELECT count(*) AS n
FROM information_schema.tables
WHERE table_schema = current_schema() AND table_name = 'skill_migrations';

-- name: count_tables
SELECT count(*) AS n
FROM information_schema.tables
WHERE table_schema = current_schema() AND table_type = 'BASE TABLE';

-- name: applied_migrations
SELECT version, name, checksum, applied_at FROM skill_migrations ORDER BY version;

-- name: insert_migration
INSERT INTO skill_migrations (version, name, checksum, applied_at)
VALUES ($version, $name, $checksum, $applied_at);

-- name: delete_migration
DELETE FROM skill_migrations WHERE version = $version;
