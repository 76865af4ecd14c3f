-- What kinds of skills there are, by hand and by rule; and which stage of work each phase belongs to.
-- A skill belongs where its name or description has one of the words; one that ends in * is a beginning.

CREATE TABLE skill_categories (
    kind TEXT NOT NULL CHECK (kind IN ('category', 'modality')),
    category_name TEXT NOT NULL,
    description TEXT,
    words TEXT[] NOT NULL,
    PRIMARY KEY (kind, category_name)
);

CREATE TABLE skill_category_mapping (
    skill_name TEXT NOT NULL,
    category_name TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('manual', 'rule', 'excluded')),
    PRIMARY KEY (skill_name, category_name)
);

CREATE TABLE skill_modalities (
    skill_name TEXT NOT NULL PRIMARY KEY,
    modality_type TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('manual', 'rule', 'stated'))
);

CREATE TABLE workflow_stages (
    workflow_phase TEXT NOT NULL PRIMARY KEY,
    stage TEXT NOT NULL CHECK (
        stage IN ('setup', 'execution', 'verification', 'cleanup', 'deployment', 'other')
    )
);

INSERT INTO skill_categories (kind, category_name, description, words) VALUES
('category', 'testing', 'Runs tests, or writes them.', ARRAY['test*', 'pytest', 'coverage', 'e2e', 'qa']),
('category', 'code quality', 'Reviews, lints, formats or types code.', ARRAY['lint*', 'format code', 'formatter', 'code review', 'review code', 'refactor*', 'type check*', 'static analysis', 'code quality', 'simplif*']),
('category', 'debugging', 'Finds out why something does not work.', ARRAY['debug*', 'root cause', 'stack trace*', 'troubleshoot*', 'diagnos*']),
('category', 'version control', 'Commits, branches, pull requests.', ARRAY['git', 'github', 'commit*', 'branch*', 'pull request*', 'merge', 'changelog']),
('category', 'documentation', 'Writes or keeps documents.', ARRAY['document*', 'docs', 'readme', 'docstring*', 'wiki']),
('category', 'deployment', 'Builds, releases and runs things.', ARRAY['deploy*', 'release*', 'publish*', 'kubernetes', 'docker', 'terraform', 'ci', 'cd', 'pipeline*']),
('category', 'security', 'Looks for weaknesses and secrets.', ARRAY['security', 'vulnerab*', 'secret*', 'audit*', 'threat*']),
('category', 'data', 'Queries, cleans, analyses and shows data.', ARRAY['data', 'database*', 'sql', 'csv', 'spreadsheet*', 'dashboard*', 'chart*', 'analytics']),
('category', 'design', 'How things look and are used.', ARRAY['design*', 'ui', 'ux', 'css', 'frontend', 'mockup*', 'brand*']),
('category', 'research', 'Finds things out and sums them up.', ARRAY['research*', 'summar*', 'search the web', 'web search', 'literature', 'paper*']),
('category', 'planning', 'Plans, breaks down and follows work.', ARRAY['plan*', 'roadmap*', 'task*', 'ticket*', 'spec', 'specification*', 'brainstorm*']),
('category', 'cleaning', 'Tidies up what is not needed.', ARRAY['clean*', 'tidy', 'dead code', 'unused', 'prune']),
('modality', 'code', 'Source code.', ARRAY['code', 'codebase', 'function*', 'class*', 'repository', 'lint*', 'refactor*', 'debug*', 'api', 'python', 'typescript', 'javascript', 'rust']),
('modality', 'testing', 'Test runs and coverage.', ARRAY['test*', 'pytest', 'coverage']),
('modality', 'documentation', 'Documents and prose.', ARRAY['document*', 'docs', 'readme', 'markdown', 'pdf', 'docx', 'article*', 'essay*', 'letter*']),
('modality', 'deployment', 'Builds and running systems.', ARRAY['deploy*', 'release*', 'kubernetes', 'docker', 'server*', 'pipeline*']),
('modality', 'data', 'Tables and databases.', ARRAY['data', 'database*', 'sql', 'csv', 'xlsx', 'spreadsheet*', 'json']),
('modality', 'image', 'Pictures.', ARRAY['image*', 'picture*', 'photo*', 'screenshot*', 'diagram*', 'svg', 'png']),
('modality', 'audio', 'Sound and speech.', ARRAY['audio', 'speech', 'voice', 'music', 'song*', 'podcast*']),
('modality', 'video', 'Moving pictures.', ARRAY['video*', 'movie*', 'youtube', 'animation*']);

INSERT INTO workflow_stages (workflow_phase, stage) VALUES
('config_cleanup', 'setup'),
('configuration', 'setup'),
('cleaning', 'cleanup'),
('documentation_cleanup', 'cleanup'),
('git_cleanup', 'cleanup'),
('doc_updates', 'execution'),
('fast_hooks', 'verification'),
('snob_tests', 'verification'),
('tests', 'verification'),
('comprehensive_hooks', 'verification'),
('coverage_ratchet', 'verification'),
('publishing', 'deployment'),
('commit', 'deployment'),
('setup', 'setup'),
('execution', 'execution'),
('verification', 'verification'),
('cleanup', 'cleanup'),
('deployment', 'deployment');
