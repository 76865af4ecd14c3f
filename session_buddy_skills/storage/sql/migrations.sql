-- name: create_migrations
CREATE TABLE IF NOT EXISTS skill_migrations (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMPTZ NOT NULL
);

-- name: has_migrations
SELECT count(*) AS n
FROM pg_catalog.pg_tables
WHERE schemaname = current_schema() AND tablename = 'skill_migrations';

-- name: count_tables
SELECT count(*) AS n
FROM pg_catalog.pg_tables
WHERE schemaname = current_schema();

-- name: applied_migrations
SELECT version, name, checksum, applied_at FROM skill_migrations ORDER BY version;

-- name: insert_migration
INSERT INTO skill_migrations (version, name, checksum, applied_at)
VALUES ($version, $name, $checksum, $applied_at);

-- name: delete_migration
DELETE FROM skill_migrations WHERE version = $version;
