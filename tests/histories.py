"""Histories of other programs, made for tests by what they are described to be."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

Record = dict[str, Any]

V1 = (
    "CREATE TABLE skill_invocation (id INTEGER PRIMARY KEY AUTOINCREMENT, skill_name TEXT NOT NULL,"
    " invoked_at TEXT NOT NULL, session_id TEXT NOT NULL, workflow_path TEXT,"
    " completed BOOLEAN NOT NULL DEFAULT 0, duration_seconds REAL, user_query TEXT,"
    " alternatives_considered TEXT, selection_rank INTEGER, follow_up_actions TEXT,"
    " error_type TEXT, created_at TEXT NOT NULL DEFAULT (datetime('now')));"
    "CREATE TABLE skill_metrics (skill_name TEXT PRIMARY KEY, total_invocations INTEGER,"
    " completed_invocations INTEGER, abandoned_invocations INTEGER, total_duration_seconds REAL,"
    " first_invoked TEXT, last_invoked TEXT);"
    "CREATE TABLE skill_migrations (version TEXT PRIMARY KEY, applied_at TEXT NOT NULL);"
    "INSERT INTO skill_migrations VALUES ('V1__initial_schema', datetime('now'));"
)
V2 = (
    "ALTER TABLE skill_invocation ADD COLUMN embedding BLOB;"
    "INSERT INTO skill_migrations VALUES ('V2__add_semantic_search', datetime('now'));"
)
V3 = (
    "ALTER TABLE skill_invocation ADD COLUMN workflow_phase TEXT;"
    "ALTER TABLE skill_invocation ADD COLUMN workflow_step_id TEXT;"
    "INSERT INTO skill_migrations VALUES ('V3__add_workflow_correlation', datetime('now'));"
)
V4 = (
    "CREATE TABLE skill_user_interactions (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT,"
    " session_id TEXT, skill_name TEXT, invoked_at TEXT, completed BOOLEAN, rating REAL,"
    " alternatives_considered TEXT);"
    "CREATE TABLE ab_test_configs (test_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " test_name TEXT UNIQUE, description TEXT, control_strategy TEXT, treatment_strategy TEXT,"
    " start_date TEXT,"
    " end_date TEXT, min_sample_size INTEGER DEFAULT 100, metrics TEXT,"
    " assignment_ratio REAL DEFAULT 0.5, status TEXT DEFAULT 'running',"
    " created_at TEXT DEFAULT (datetime('now')));"
    "CREATE TABLE ab_test_assignments (assignment_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " test_id INTEGER, user_id TEXT, group_name TEXT, assigned_at TEXT);"
    "CREATE TABLE ab_test_outcomes (outcome_id INTEGER PRIMARY KEY AUTOINCREMENT, test_id INTEGER,"
    " user_id TEXT, skill_name TEXT, completed BOOLEAN, duration_seconds REAL, user_rating REAL,"
    " recorded_at TEXT);"
    "CREATE TABLE skill_categories (category_id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " category_name TEXT UNIQUE, parent_category_id INTEGER, description TEXT, domain TEXT);"
    "CREATE TABLE skill_category_mapping (skill_name TEXT, category_id INTEGER,"
    " confidence_score REAL, assigned_at TEXT);"
    "CREATE TABLE skill_modalities (skill_name TEXT PRIMARY KEY, modality_type TEXT,"
    " input_format TEXT, output_format TEXT, requires_human_review BOOLEAN DEFAULT 0);"
    "INSERT INTO skill_migrations VALUES ('V4__phase4_extensions', datetime('now'));"
)
VERSIONS = (V1, V2, V3, V4)
S0 = (
    "CREATE TABLE skill_invocations (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT,"
    " skill_name TEXT, user_query TEXT, workflow_phase TEXT, alternatives_considered TEXT,"
    " selection_rank INTEGER, completed BOOLEAN DEFAULT FALSE, error_type TEXT,"
    " follow_up_actions TEXT, created_at TIMESTAMP, completed_at TIMESTAMP)"
)


def json_file(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def s0_file(folder: Path, rows: list[Record]) -> Path:
    """The folder skills.db with the file in it."""
    folder.mkdir(parents=True)
    _filled(folder / "skills.db", [S0], "skill_invocations", rows)
    return folder


def session_buddy_file(path: Path, version: int, rows: list[Record]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    _filled(path, VERSIONS[:version], "skill_invocation", rows)
    return path


def insert(path: Path, table: str, *rows: Record) -> None:
    connection = _opened(path)
    with connection:
        for row in rows:
            names, marks = ", ".join(row), ", ".join("?" * len(row))
            values = [json.dumps(v) if isinstance(v, list) else v for v in row.values()]
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
    connection.close()


def _filled(path: Path, schema: Any, table: str, rows: list[Record]) -> None:
    connection = _opened(path)
    for script in schema:
        connection.executescript(script)
    connection.close()
    insert(path, table, *rows)


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that does not wait for the disk, which would be half the time of a test."""
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
    return connection
