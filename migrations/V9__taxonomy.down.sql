DROP TABLE workflow_stages;
DROP TABLE skill_modalities;
DROP TABLE skill_category_mapping;
DROP TABLE skill_categories;
