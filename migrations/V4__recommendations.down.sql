ALTER TABLE skill_invocation DROP COLUMN recommendation_id;
DROP TABLE skill_recommendation;
