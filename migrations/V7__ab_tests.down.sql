DROP TABLE ab_test_outcomes;
DROP TABLE ab_test_assignments;
DROP TABLE ab_test_configs;
DROP TABLE skill_turns;
