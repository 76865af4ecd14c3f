DROP INDEX skill_recommendation_id;
DROP TABLE skill_embedding;
