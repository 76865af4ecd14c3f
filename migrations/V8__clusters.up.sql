-- Groups of skills that are alike, as they were last made with each model, and which skill is in
-- which.

CREATE TABLE skill_clusters (
    cluster_id UUID NOT NULL PRIMARY KEY,
    cluster_name TEXT NOT NULL,
    terms TEXT[] NOT NULL,
    model TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE skill_cluster_membership (
    cluster_id UUID NOT NULL,
    skill_name TEXT NOT NULL,
    closeness DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (cluster_id, skill_name)
);
