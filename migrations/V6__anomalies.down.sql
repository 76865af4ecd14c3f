DROP TABLE skill_anomalies_checked;
DROP TABLE skill_anomalies;
