-- Vectors of texts (queries, descriptions, names of skills), once per distinct text and model.
-- text_id is made of the text like query_id. Models differ in size, so the column has none.
CREATE TABLE skill_embedding (
    text_id UUID NOT NULL,
    model TEXT NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (model, text_id)
);
CREATE INDEX skill_recommendation_id ON skill_recommendation (recommendation_id);

-- An index is of vectors of one size, which has to be written into the statements: hence functions.
CREATE FUNCTION index_skill_embeddings(name TEXT, model TEXT, dimensions INTEGER) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE INDEX IF NOT EXISTS %I ON skill_embedding '
        'USING hnsw ((CAST(embedding AS vector(%s))) vector_ip_ops) WHERE model = %L',
        name, dimensions, model
    );
END
$$;

CREATE FUNCTION nearest_skill_texts(model TEXT, dimensions INTEGER, wanted REAL[], count INTEGER)
RETURNS TABLE (text_id UUID)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM set_config('hnsw.ef_search', CAST(least(1000, count * 3 / 2) AS TEXT), true);
    RETURN QUERY EXECUTE format(
        'SELECT text_id FROM skill_embedding WHERE model = %L '
        'ORDER BY CAST(embedding AS vector(%s)) <#> CAST($1 AS vector(%s)) LIMIT $2',
        model, dimensions, dimensions
    ) USING wanted, count;
END
$$;
