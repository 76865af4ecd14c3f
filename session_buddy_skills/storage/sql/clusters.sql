-- name: clusters
-- Those of one model, or of words alone.
SELECT *
FROM skill_clusters
WHERE model = $model OR (model IS NULL AND CAST($model AS TEXT) IS NULL)
ORDER BY cluster_id;

-- name: cluster_members
SELECT * FROM skill_cluster_membership ORDER BY skill_name COLLATE "C";

-- name: delete_clusters
DELETE FROM skill_clusters
WHERE model = $model OR (model IS NULL AND CAST($model AS TEXT) IS NULL);

-- name: delete_cluster_members
DELETE FROM skill_cluster_membership
WHERE cluster_id IN (
    SELECT cluster_id FROM skill_clusters
    WHERE model = $model OR (model IS NULL AND CAST($model AS TEXT) IS NULL)
);

-- name: insert_cluster
INSERT INTO skill_clusters (cluster_id, cluster_name, terms, model, created_at, changed_at)
VALUES (
    $cluster_id, $cluster_name, CAST($terms AS TEXT[]), $model, $created_at, $changed_at
);

-- name: insert_cluster_members
-- All of them, given as one list a column.
INSERT INTO skill_cluster_membership (skill_name, cluster_id, closeness)
SELECT
    unnest(CAST($skill_names AS TEXT[])),
    unnest(CAST($cluster_ids AS UUID[])),
    unnest(CAST($closenesses AS DOUBLE PRECISION[]));
