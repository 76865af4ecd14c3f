DROP VIEW skill_catalog;
DROP TABLE skill;
