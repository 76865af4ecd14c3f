DROP VIEW skill_dependencies;
DROP VIEW skill_user_interactions;
DROP VIEW skill_community_baselines;
DROP VIEW skill_time_series;
DROP VIEW skill_metrics_cache;
