-- How work with git went, as crackerjack measures it: one row each time it tells, by its session.

CREATE TABLE session_git_metrics (
    metrics_id UUID NOT NULL,
    session_id TEXT NOT NULL,
    recorded_at TIMESTAMPTZ NOT NULL,
    commit_velocity DOUBLE PRECISION,
    branch_count BIGINT,
    merge_success_rate DOUBLE PRECISION,
    conventional_compliance DOUBLE PRECISION,
    workflow_efficiency DOUBLE PRECISION,
    PRIMARY KEY (session_id, metrics_id)
);
