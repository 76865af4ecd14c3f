-- name: configure_session
-- Times are UTC. No statement runs without end, and a process that has stopped in mid-transaction
-- does not keep its locks. What is committed is on disk. The lock says that this schema is in use.
SELECT
    set_config('TimeZone', 'UTC', false),
    set_config('statement_timeout', $statement_timeout, false),
    set_config('idle_in_transaction_session_timeout', '60s', false),
    set_config(
        'synchronous_commit',
        replace(current_setting('synchronous_commit'), 'off', 'on'),
        false
    ),
    pg_advisory_lock_shared(8678, hashtext(current_schema()));

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
-- Who else holds the lock that each connection of ours takes on the schema that it uses.
SELECT coalesce(activity.application_name, 'another server') AS name, lock.pid
FROM pg_locks AS lock
LEFT JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
WHERE lock.locktype = 'advisory'
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND lock.classid = 8678
    AND lock.objid = CAST(CAST(hashtext(current_schema()) AS BIGINT) & 4294967295 AS OID)
    AND lock.objsubid = 2
    AND NOT lock.pid = ANY(CAST($own_pids AS INTEGER[]))
ORDER BY lock.pid;

-- name: database_size
SELECT pg_database_size(current_database()) AS bytes;
