-- Vectors of texts (queries, descriptions, names of skills), once per distinct text and model.
-- text_id is made of the text like query_id. An embedding is its numbers as float32 in network order,
-- as PostgreSQL sends them: a list of them takes 20 times as long to write.
CREATE TABLE skill_embedding (
    text_id UUID NOT NULL,
    model TEXT NOT NULL,
    embedding BLOB NOT NULL
);
