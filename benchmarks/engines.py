"""New databases of either engine for what measures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from session_buddy_skills.settings import Settings
from tests.postgresql import PostgreSQL

ENGINES = {
    "duckdb": ["duckdb"],
    "postgres": ["postgresql"],
    "both": ["duckdb", "postgresql"],
}
"""By what `--engine` calls them."""
NewDatabase = Callable[[], AbstractContextManager[Settings]]
"""Gives the settings of a database that nobody else uses, and removes it in the end."""


@contextmanager
def new_databases(engine: str) -> Iterator[NewDatabase]:
    """Makes databases of one engine; PostgreSQL runs as it is delivered, waiting for the disk."""
    if engine == "duckdb":
        yield _duckdb
        return
    with PostgreSQL() as server:

        @contextmanager
        def postgresql() -> Iterator[Settings]:
            name = server.clone()
            with tempfile.TemporaryDirectory() as folder:
                yield Settings.load(data_dir=Path(folder), database=server.url(name))
            server.drop(name)

        yield postgresql


@contextmanager
def _duckdb() -> Iterator[Settings]:
    with tempfile.TemporaryDirectory() as folder:
        yield Settings.load(data_dir=Path(folder))
