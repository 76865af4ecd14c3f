-- Vectors of texts (queries, descriptions, names of skills), once per distinct text and model.
-- text_id is made of the text like query_id. Models differ in size, so the column has none.
CREATE TABLE skill_embedding (
    text_id UUID NOT NULL,
    model TEXT NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (model, text_id)
);
CREATE INDEX skill_recommendation_id ON skill_recommendation (recommendation_id);
