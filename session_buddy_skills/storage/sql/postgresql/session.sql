-- name: configure_session
-- Times are UTC. Nothing waits without end, and a process that has stopped in mid-transaction does
-- not keep its locks. What is committed is on disk.
SELECT
    set_config('TimeZone', 'UTC', false),
    set_config('statement_timeout', $statement_timeout, false),
    set_config('idle_in_transaction_session_timeout', '60s', false),
    set_config(
        'synchronous_commit',
        replace(current_setting('synchronous_commit'), 'off', 'on'),
        false
    );

-- name: allow_migration
-- Changing a large table takes as long as it takes; waiting for others does not.
SELECT
    set_config('statement_timeout', '0', true),
    set_config('lock_timeout', $lock_timeout, true);

-- name: lock_schema
-- Until the end of the transaction; the number is this program's own.
SELECT pg_advisory_xact_lock(8677, 1);

-- name: current_schema
-- Where tables go, where they were meant to go, and how text is kept.
SELECT
    current_schema() AS name,
    current_setting('search_path') AS search_path,
    current_setting('server_encoding') AS encoding;

-- name: other_servers
-- Each process of ours has a name of its own, which its connections bear.
SELECT DISTINCT application_name AS name
FROM pg_stat_activity
WHERE datname = current_database()
    AND application_name LIKE 'session-buddy-skills %'
    AND application_name <> current_setting('application_name')
ORDER BY application_name;

-- name: database_size
SELECT pg_database_size(current_database()) AS bytes;
