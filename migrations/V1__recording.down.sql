DROP VIEW session_skills;
DROP VIEW skill_metrics;
DROP TABLE skill_query;
DROP TABLE skill_invocation;
