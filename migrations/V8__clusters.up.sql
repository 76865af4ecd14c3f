-- Groups of skills that are alike, as they were last made, and which skill is in which.

CREATE TABLE skill_clusters (
    cluster_id UUID NOT NULL PRIMARY KEY,
    cluster_name TEXT NOT NULL,
    terms TEXT[] NOT NULL,
    model TEXT,
    created_at TIMESTAMPTZ NOT NULL,
    changed_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE skill_cluster_membership (
    skill_name TEXT NOT NULL PRIMARY KEY,
    cluster_id UUID NOT NULL,
    closeness DOUBLE PRECISION NOT NULL
);
