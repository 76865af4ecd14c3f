from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from session_buddy_skills.errors import InputError, SchemaError, StorageError
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.database import Database
from session_buddy_skills.storage.migrations import (
    Migration,
    known_migrations,
    migrate,
    roll_back,
    schema_status,
)
from session_buddy_skills.storage.opening import open_database
from session_buddy_skills.storage.store import InvocationReader
from tests.conftest import ROOT, NewSettings
from tests.databases import execute

EXTRA = Migration(99, "extra", "CREATE TABLE extra (x INTEGER);", "DROP TABLE extra;")
BROKEN = Migration(100, "broken", "CREATE TABLE half (x INTEGER); SELECT nonsense;", "SELECT 1;")


@pytest.fixture
def settings(new_settings: NewSettings) -> Settings:
    """Those of a database without a schema."""
    return new_settings(empty=True)


@pytest.fixture
def known(engine: str) -> tuple[Migration, ...]:
    return known_migrations(engine)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    database = await open_database(settings)
    try:
        yield database
    finally:
        await database.close()


def tables(settings: Settings) -> set[str]:
    rows = execute(
        settings,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    return {str(name) for (name,) in rows}


async def test_every_up_has_a_down_that_leaves_nothing(
    settings: Settings, known: tuple[Migration, ...]
) -> None:
    seen = []
    async with opened(settings) as database:
        status, backup = await migrate(database)
        assert status.version == known[-1].version
        assert backup is None
    for migration in reversed(known):
        before = tables(settings)
        async with opened(settings) as database:
            status, _ = await roll_back(database, migration.version - 1)
            assert migration in status.pending
        seen.append((before, tables(settings)))
    assert tables(settings) == {"skill_migrations"}
    for migration, (with_it, without) in zip(known, reversed(seen), strict=True):
        assert tables(settings) == without
        async with opened(settings) as database:
            await migrate(database, [one for one in known if one.version <= migration.version])
        assert tables(settings) == with_it


async def test_migrating_again_does_nothing(settings: Settings) -> None:
    async with opened(settings) as database:
        await migrate(database)
        assert await migrate(database) == (await schema_status(database), None)


async def test_a_migration_that_fails_leaves_no_half(
    settings: Settings, known: tuple[Migration, ...]
) -> None:
    async with opened(settings) as database:
        await migrate(database)
        with pytest.raises(StorageError, match="nonsense"):
            await migrate(database, [*known, EXTRA, BROKEN])
        assert (await schema_status(database, [*known, EXTRA])).version == 99
    assert "extra" in tables(settings)
    assert "half" not in tables(settings)


async def test_a_newer_database_is_refused(
    settings: Settings, known: tuple[Migration, ...]
) -> None:
    async with opened(settings) as database:
        await migrate(database, [*known, EXTRA])
        with pytest.raises(SchemaError, match=r"has schema version 99; .* install a newer one"):
            await migrate(database)


async def test_an_edited_migration_is_refused(
    settings: Settings, known: tuple[Migration, ...]
) -> None:
    edited = replace(known[0], up=known[0].up + "\n-- a word more")
    async with opened(settings) as database:
        await migrate(database)
        with pytest.raises(SchemaError, match=r"migration 1 \(recording\) was applied .* other"):
            await schema_status(database, [edited, *known[1:]])


def test_what_is_shared_has_one_checksum() -> None:
    by_engine = [known_migrations(engine) for engine in ("duckdb", "postgresql")]
    for known in by_engine:
        assert len({one.version for one in known}) == len(known)
    shared = [{one.version: one.checksum for one in known if is_shared(one)} for known in by_engine]
    assert shared[0] == shared[1]
    assert set(shared[0]) >= {1, 3, 4}


def is_shared(migration: Migration) -> bool:
    name = f"V{migration.version}__{migration.name}.up.sql"
    return (ROOT / "migrations" / name).exists()


async def test_a_database_of_another_program_is_left_alone(settings: Settings) -> None:
    async with opened(settings):
        pass
    execute(settings, "CREATE TABLE theirs AS SELECT 42 AS x")
    async with opened(settings) as database:
        with pytest.raises(SchemaError, match="is a database of another program"):
            await migrate(database)
    assert tables(settings) == {"theirs"}


@pytest.mark.parametrize("to", [-1, 99])
async def test_rolling_back_to_nowhere_is_refused(
    settings: Settings, known: tuple[Migration, ...], to: int
) -> None:
    async with opened(settings) as database:
        await migrate(database)
        newest = known[-1].version
        with pytest.raises(InputError, match=f"to must be between 0 and {newest}, not {to}"):
            await roll_back(database, to)


async def test_what_is_known_of_calls_moves_to_a_table_of_its_own_and_back(
    settings: Settings, known: tuple[Migration, ...]
) -> None:
    told, plain = ("slash", 7, False), (None, None, None)
    async with opened(settings) as database:
        await migrate(database, [one for one in known if one.version < 13])
    execute(
        settings,
        "INSERT INTO skill_invocation (session_id, invocation_id, skill_name, invoked_at, outcome, "
        "alternatives_considered, follow_up_actions, called_by, input_tokens, end_inferred) "
        "SELECT session_id, CAST(invocation_id AS UUID), 'k', "
        "CAST('2026-01-01 00:00:00+00' AS TIMESTAMPTZ), 'pending', ARRAY['a'], ARRAY['b'], "
        "called_by, input_tokens, end_inferred FROM (VALUES "
        "('s', '00000000-0000-7000-8000-000000000001', 'slash', 7, false), "
        "('s', '00000000-0000-7000-8000-000000000002', NULL, NULL, NULL)) "
        "AS new (session_id, invocation_id, called_by, input_tokens, end_inferred)",
    )
    async with opened(settings) as database:
        await migrate(database)
        async with database.reading() as connection:
            [rows] = [some async for some in InvocationReader(connection).invocations()]
    assert [(one.called_by, one.input_tokens, one.end_inferred) for one in rows] == [told, plain]
    assert [one.arguments for one in rows] == [None, None]
    assert execute(settings, "SELECT count(*) FROM skill_call") == [(1,)]
    async with opened(settings) as database:
        await roll_back(database, 12)
    stored = execute(
        settings,
        "SELECT called_by, input_tokens, end_inferred FROM skill_invocation ORDER BY invocation_id",
    )
    assert stored == [told, plain]
