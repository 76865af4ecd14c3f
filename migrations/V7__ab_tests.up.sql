-- Strategies that are tried side by side, who is in which group, and how their runs went.

-- Whoever writes one of these kinds changes its row first, so that of two servers one waits or begins
-- anew: what one of them has read is not changed meanwhile by the other.
CREATE TABLE skill_turns (
    kind TEXT NOT NULL,
    taken_at TIMESTAMPTZ NOT NULL
);

INSERT INTO skill_turns VALUES
('ab_tests', TIMESTAMPTZ '2000-01-01 00:00:00+00'),
('clusters', TIMESTAMPTZ '2000-01-01 00:00:00+00'),
('taxonomy', TIMESTAMPTZ '2000-01-01 00:00:00+00');

CREATE TABLE ab_test_configs (
    test_name TEXT NOT NULL PRIMARY KEY,
    control_strategy TEXT NOT NULL,
    treatment_strategy TEXT NOT NULL,
    sample_size BIGINT NOT NULL,
    description TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    stopped_at TIMESTAMPTZ
);

CREATE TABLE ab_test_assignments (
    test_name TEXT NOT NULL,
    user_hash TEXT NOT NULL,
    test_group TEXT NOT NULL CHECK (test_group IN ('control', 'treatment')),
    assigned_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (test_name, user_hash)
);

CREATE TABLE ab_test_outcomes (
    outcome_id UUID NOT NULL PRIMARY KEY,
    test_name TEXT NOT NULL,
    user_hash TEXT NOT NULL,
    test_group TEXT NOT NULL CHECK (test_group IN ('control', 'treatment')),
    outcome TEXT NOT NULL CHECK (outcome IN ('completed', 'failed', 'abandoned', 'unknown')),
    duration_seconds DOUBLE PRECISION,
    recorded_at TIMESTAMPTZ NOT NULL
);
