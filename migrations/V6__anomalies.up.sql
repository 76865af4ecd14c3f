-- What had changed about skills: one row an episode, from when it was first found until it was back
-- to normal. Of each skill, type, project and pair of windows one is open at most.

CREATE TABLE skill_anomalies (
    anomaly_id UUID NOT NULL,
    skill_name TEXT NOT NULL,
    anomaly_type TEXT NOT NULL CHECK (
        anomaly_type IN (
            'performance_drop', 'performance_spike', 'duration_increase', 'duration_decrease',
            'usage_drop', 'usage_spike', 'pattern_shift'
        )
    ),
    project TEXT,
    time_window_hours DOUBLE PRECISION NOT NULL,
    baseline_hours DOUBLE PRECISION NOT NULL,
    baseline_value DOUBLE PRECISION,
    observed_value DOUBLE PRECISION,
    deviation_score DOUBLE PRECISION NOT NULL,
    p_value DOUBLE PRECISION NOT NULL,
    detected_at TIMESTAMPTZ NOT NULL,
    last_seen_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ,
    acknowledged_at TIMESTAMPTZ,
    note TEXT
);

-- When anomalies were last looked for. Whoever looks changes this one row, so that two servers at once
-- do not both begin an episode.
CREATE TABLE skill_anomalies_checked (
    checked_at TIMESTAMPTZ NOT NULL
);

INSERT INTO skill_anomalies_checked VALUES (TIMESTAMPTZ '2000-01-01 00:00:00+00');
