DROP FUNCTION nearest_skill_texts(TEXT, INTEGER, REAL[], INTEGER);
DROP FUNCTION index_skill_embeddings(TEXT, TEXT, INTEGER);
DROP INDEX skill_recommendation_id;
DROP TABLE skill_embedding;
