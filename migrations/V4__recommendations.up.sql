-- What was recommended, so that what is chosen can be held against what was shown.

CREATE TABLE skill_recommendation (
    session_id TEXT,
    recommendation_id UUID NOT NULL,
    recommended_at TIMESTAMPTZ NOT NULL,
    query_id UUID,
    model TEXT,
    mode TEXT NOT NULL CHECK (mode IN ('semantic', 'static', 'lexical')),
    skill_names TEXT[] NOT NULL,
    reason TEXT,
    workflow_phase TEXT,
    project TEXT,
    user_hash TEXT
);

-- The recommendation that an invocation followed.
ALTER TABLE skill_invocation ADD COLUMN recommendation_id UUID;
