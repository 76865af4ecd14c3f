DROP TABLE skill_cluster_membership;
DROP TABLE skill_clusters;
