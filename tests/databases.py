"""Databases of either engine for tests, and a way into them that is not the one under test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from session_buddy_skills.locations import PREFIX
from session_buddy_skills.settings import Settings
from tests.postgresql import PostgreSQL

TEMPLATE = "skills_template"


@contextmanager
def postgresql_with_template() -> Iterator[PostgreSQL]:
    """A PostgreSQL that has a database with our schema, for others to be cloned from.

    It does not wait for the disk, which only a crash of the whole machine would tell.
    """
    with PostgreSQL(fsync="off") as server:
        server.execute(f"CREATE DATABASE {TEMPLATE}")
        migrate(server.url(TEMPLATE))
        yield server


def migrated_file(folder: Path) -> Path:
    """Make a DuckDB file with our schema in this folder."""
    path = folder / "skills.duckdb"
    migrate(str(path))
    return path


def migrate(database: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "session_buddy_skills", "db", "migrate"],
        env={"PATH": os.environ["PATH"], f"{PREFIX}DATABASE": database},
        cwd=Path(__file__).parents[1],
        check=True,
        capture_output=True,
    )


def execute(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement, by the driver alone, and answer with its rows."""
    if settings.engine == "duckdb":
        with duckdb.connect(str(settings.database_path)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return connection.execute(statement).fetchall()
    with psycopg.connect(settings.database or "", autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []
