DROP TABLE session_git_metrics;
