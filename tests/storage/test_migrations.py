from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from session_buddy_skills.errors import InputError, SchemaError, StorageError
from session_buddy_skills.storage.duckdb import DuckDBDatabase
from session_buddy_skills.storage.migrations import (
    Migration,
    known_migrations,
    migrate,
    roll_back,
    schema_status,
)

KNOWN = known_migrations()
EXTRA = Migration(99, "extra", "CREATE TABLE extra (x INTEGER);", "DROP TABLE extra;")
BROKEN = Migration(100, "broken", "CREATE TABLE half (x INTEGER); SELECT nonsense;", "SELECT 1;")


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[DuckDBDatabase]:
    database = await DuckDBDatabase.open(path)
    try:
        yield database
    finally:
        await database.close()


def schema(path: Path) -> list[tuple[str, str]]:
    with duckdb.connect(str(path)) as connection:
        return connection.execute(
            "SELECT table_name, table_type FROM information_schema.tables ORDER BY ALL"
        ).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "skills.duckdb"


async def test_every_up_has_a_down_that_leaves_nothing(path: Path) -> None:
    async with opened(path) as database:
        status, backup = await migrate(database)
        assert status.version == KNOWN[-1].version
        assert backup is None
        for migration in reversed(KNOWN):
            status, backup = await roll_back(database, migration.version - 1)
            assert status.version == migration.version - 1
            assert backup is not None
    assert schema(path) == [("skill_migrations", "BASE TABLE")]
    async with opened(path) as database:
        status, _ = await migrate(database)
        assert status.version == KNOWN[-1].version


async def test_migrating_again_does_nothing(path: Path) -> None:
    async with opened(path) as database:
        await migrate(database)
        assert await migrate(database) == (await schema_status(database), None)
    assert list(path.parent.iterdir()) == [path]


async def test_a_database_that_holds_something_is_copied_first(path: Path) -> None:
    async with opened(path) as database:
        await migrate(database)
        status, backup = await migrate(database, [*KNOWN, EXTRA])
        assert status.version == 99
        assert backup is not None
    assert ("extra", "BASE TABLE") in schema(path)
    assert ("extra", "BASE TABLE") not in schema(Path(backup))
    assert ("skill_invocation", "BASE TABLE") in schema(Path(backup))


async def test_a_migration_that_fails_leaves_no_half(path: Path) -> None:
    async with opened(path) as database:
        await migrate(database)
        with pytest.raises(StorageError, match="nonsense"):
            await migrate(database, [*KNOWN, EXTRA, BROKEN])
        assert (await schema_status(database, [*KNOWN, EXTRA])).version == 99
    assert ("half", "BASE TABLE") not in schema(path)


async def test_a_newer_database_is_refused(path: Path) -> None:
    async with opened(path) as database:
        await migrate(database, [*KNOWN, EXTRA])
        with pytest.raises(SchemaError, match=r"has schema version 99; .* install a newer one"):
            await migrate(database)


async def test_an_edited_migration_is_refused(path: Path) -> None:
    edited = replace(KNOWN[0], up=KNOWN[0].up + "\n-- a word more")
    async with opened(path) as database:
        await migrate(database)
        with pytest.raises(SchemaError, match=r"migration 1 \(recording\) was applied .* other"):
            await schema_status(database, [edited, *KNOWN[1:]])


async def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE theirs AS SELECT 42 AS x")
    before = schema(path)
    async with opened(path) as database:
        with pytest.raises(SchemaError, match="is a database of another program"):
            await migrate(database)
    assert schema(path) == before


@pytest.mark.parametrize("to", [-1, 2, 99])
async def test_rolling_back_to_nowhere_is_refused(path: Path, to: int) -> None:
    async with opened(path) as database:
        await migrate(database)
        with pytest.raises(InputError, match=f"to must be between 0 and 1, not {to}"):
            await roll_back(database, to)
