-- name: embeddings_of_model
-- The numbers as float32 in network order.
SELECT text_id, substring(vector_send(embedding) FROM 5) AS embedding
FROM skill_embedding
WHERE model = $model;

-- name: insert_embeddings
-- $embeddings: all numbers, one vector after the other, each of $dimensions.
INSERT INTO skill_embedding (text_id, model, embedding)
SELECT text_id, $model, embedding
FROM (
    SELECT
        text_id,
        CAST(
            (CAST($embeddings AS REAL[]))[(place - 1) * $dimensions + 1 : place * $dimensions]
            AS vector
        ) AS embedding
    FROM unnest(CAST($text_ids AS UUID[])) WITH ORDINALITY AS new (text_id, place)
) AS new
ORDER BY text_id
ON CONFLICT DO NOTHING;

-- name: index_embeddings
SELECT index_skill_embeddings($name, $model, CAST($dimensions AS INTEGER));

-- name: nearest_texts
SELECT text_id
FROM nearest_skill_texts(
    $model, CAST($dimensions AS INTEGER), CAST($vector AS REAL[]), CAST($count AS INTEGER)
);
