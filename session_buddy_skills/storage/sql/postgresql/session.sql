-- name: configure_session
-- Times are UTC. Nothing waits without end, and a process that has stopped in mid-transaction does
-- not keep its locks.
SELECT
    set_config('TimeZone', 'UTC', false),
    set_config('statement_timeout', $statement_timeout, false),
    set_config('idle_in_transaction_session_timeout', '60s', false);

-- name: allow_migration
-- Changing a large table takes as long as it takes; waiting for others does not.
SELECT
    set_config('statement_timeout', '0', true),
    set_config('lock_timeout', $lock_timeout, true);

-- name: lock_schema
-- Until the end of the transaction; the number is this program's own.
SELECT pg_advisory_xact_lock(8677, 1);

-- name: database_size
SELECT pg_database_size(current_database()) AS bytes;
