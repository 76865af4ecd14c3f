-- What history tells of a call beside what callers tell, and which import brought what.

ALTER TABLE skill_invocation ADD COLUMN arguments TEXT;
ALTER TABLE skill_invocation ADD COLUMN called_as TEXT;
ALTER TABLE skill_invocation ADD COLUMN called_by TEXT;
ALTER TABLE skill_invocation ADD COLUMN agent_id TEXT;
ALTER TABLE skill_invocation ADD COLUMN model TEXT;
ALTER TABLE skill_invocation ADD COLUMN input_tokens BIGINT;
ALTER TABLE skill_invocation ADD COLUMN output_tokens BIGINT;
ALTER TABLE skill_invocation ADD COLUMN end_inferred BOOLEAN;

CREATE TABLE skill_import (
    run_id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('unfinished', 'finished', 'undone')),
    timezone TEXT,
    session_id TEXT,
    skip_invalid BOOLEAN NOT NULL,
    started_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ
);

CREATE TABLE skill_import_file (
    run_id UUID NOT NULL,
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    imported_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (run_id, path)
);

-- Every invocation that a run brought, or found to be there. `before` is what it completed, as JSON.
CREATE TABLE skill_import_record (
    run_id UUID NOT NULL,
    invocation_id UUID NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('added', 'completed', 'unchanged')),
    before TEXT
);

-- Rows of other tables that a run added, or found that another had added, by their keys as JSON.
CREATE TABLE skill_import_item (
    run_id UUID NOT NULL,
    relation TEXT NOT NULL,
    item_key TEXT NOT NULL,
    change TEXT NOT NULL CHECK (change IN ('added', 'unchanged'))
);

INSERT INTO skill_turns VALUES ('imports', TIMESTAMPTZ '2000-01-01 00:00:00+00');
