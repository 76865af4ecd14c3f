from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import duckdb
import numpy as np
import pytest

from session_buddy_skills.errors import NotADatabaseError, StorageError, StorageFullError
from session_buddy_skills.models import Invocation, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.duckdb import DuckDBDatabase
from session_buddy_skills.storage.migrations import Migration, known_migrations, migrate, roll_back
from session_buddy_skills.storage.writing import insert_rows
from tests.disk import small_disk


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[DuckDBDatabase]:
    opened = await DuckDBDatabase.open(tmp_path / "skills.duckdb")
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", mebibytes=8) as folder:
        yield folder


async def insert_query(database: DuckDBDatabase, text: str) -> None:
    async with database.writing() as connection:
        await connection.execute(
            "insert_query", {"query_id": os.urandom(16).hex(), "query_text": text}
        )


async def count_queries(database: DuckDBDatabase) -> int:
    with duckdb.connect(str(database.path)) as connection:
        [[n]] = connection.execute("SELECT count(*) FROM skill_query").fetchall()
    return int(n)


async def test_memory_of_what_was_read_is_let_go_of(database: DuckDBDatabase) -> None:
    def used() -> int:
        query = "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
        [[total]] = database._main.execute(query).fetchall()
        return int(total)

    vectors = np.random.default_rng(0).normal(size=(10_000, 384)).astype(np.float32)
    async with database.writing() as connection:
        await connection.insert_embeddings([uuid4() for _ in vectors], "m", vectors)
    await database.release_memory()
    async with database.reading() as connection:
        rows = await connection.fetch("embeddings_of_model", {"model": "m"})
        assert used() > 10e6
        # Nobody who reads is cut off.
        await database.release_memory()
        assert await connection.fetch("embeddings_of_model", {"model": "m"}) == rows
    await database.release_memory()
    assert used() < 1e6


@pytest.mark.parametrize(
    "statement",
    [
        "COPY skill_query TO '/tmp/leak.csv'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "ATTACH '/tmp/other.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ],
)
async def test_sql_cannot_reach_outside(database: DuckDBDatabase, statement: str) -> None:
    with pytest.raises(StorageError):
        async with database.writing() as connection:
            await connection.script(statement)


@pytest.mark.parametrize("content", [b"", b"not a database, only text\n" * 400, b"\0" * 20_000])
async def test_a_file_of_another_kind_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(NotADatabaseError) as refused:
        await DuckDBDatabase.open(path)
    assert str(refused.value) == (
        f"{path} is not a DuckDB database; it was left as it is. Choose another file."
    )
    assert path.read_bytes() == content


async def test_a_full_disk_is_said_and_survived(full_disk: Path) -> None:
    settings = Settings.load(data_dir=full_disk, embedder="none")
    answered = 0
    async with open_service(settings) as service:
        big = {"session_id": "s", "skill_name": "k"}
        with pytest.raises(StorageFullError) as full:
            for n in range(2_000):
                text = f"{n} {os.urandom(5_000).hex()}"
                await service.track_invocation(checked(TrackRequest, **big, user_query=text))
                answered += 1
        assert str(full.value) == (
            f"the disk that holds {settings.database_path} is full; "
            "nothing of this write was stored."
        )
        assert answered > 100
        assert (await service.session_summary("s")).total_invocations == answered
    async with open_service(settings) as service:
        assert (await service.session_summary("s")).total_invocations == answered


@pytest.mark.slow
async def test_no_copy_is_made_without_the_log(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", mebibytes=40) as folder:
        database = await DuckDBDatabase.open(folder / "skills.duckdb")
        await migrate(database)
        for n in range(600):
            await insert_query(database, f"{n} {os.urandom(9_000).hex()}")
        ballast = folder / "ballast"
        with suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4_096)
        with pytest.raises(StorageError, match=r"cannot be copied: its log skills\.duckdb\.wal"):
            await database.backup("full")
        ballast.unlink()
        copy = Path(await database.backup("room"))
        await database.close()
        assert await count_queries(database) == 600
        database.path.unlink()
        copy.rename(database.path)
        assert await count_queries(database) == 600


@pytest.mark.slow
@pytest.mark.parametrize("mebibytes", [21, 34])
async def test_a_disk_that_fills_while_the_log_is_moved_loses_and_invents_nothing(
    tmp_path: Path, mebibytes: int
) -> None:
    with small_disk(tmp_path / "small", mebibytes=mebibytes) as folder:
        settings = Settings.load(data_dir=folder, embedder="none")
        (folder / "ballast").write_bytes(b"x" * 2**20)
        answered = refused = 0
        async with open_service(settings) as service:
            start = checked(TrackRequest, session_id="s", skill_name="k")
            while refused < 20:
                text = os.urandom(9_000).hex()
                try:
                    await service.track_invocation(start.model_copy(update={"user_query": text}))
                    answered += 1
                except StorageFullError:
                    refused += 1
            assert (await service.session_summary("s")).total_invocations == answered
            (folder / "ballast").unlink()
            await service.track_invocation(start)
            assert (await service.session_summary("s")).total_invocations == answered + 1
        async with open_service(settings) as service:
            assert (await service.session_summary("s")).total_invocations == answered + 1


async def test_of_a_small_transaction_that_fails_nothing_stays(database: DuckDBDatabase) -> None:
    start = Invocation(
        invocation_id=uuid4(),
        session_id="s",
        skill_name="k",
        invoked_at=datetime.now(UTC),
        user_query="fix the tests",
        rating=9,
    )
    with pytest.raises(StorageError, match="rating"):
        async with database.writing() as connection:
            await insert_rows(connection, [start])
    [counts] = await database.fetch("count_invocations")
    assert counts["total_invocations"] == 0
    async with database.writing() as connection:
        await insert_rows(connection, [replace(start, rating=5, user_query="fix it")])
    [counts] = await database.fetch("count_invocations")
    assert counts["total_invocations"] == 1
    await database.close()
    assert await count_queries(database) == 1


class ShortLog:
    """A database whose log is moved when it has a thousand bytes, and its updates."""

    def __init__(self, database: DuckDBDatabase) -> None:
        self.database = database

    @property
    def log_bytes(self) -> int:
        return Path(f"{self.database.path}.wal").stat().st_size

    async def update(self) -> None:
        async with self.database.writing() as connection:
            await connection.execute("take_turn", {"kind": "imports", "now": datetime.now(UTC)})

    async def update_until(self, log_bytes: int) -> None:
        while self.log_bytes < log_bytes:
            await self.update()


@pytest.fixture
async def short_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ShortLog]:
    monkeypatch.setattr("session_buddy_skills.storage.duckdb.CHECKPOINT_BYTES", 1_000)
    monkeypatch.setattr("session_buddy_skills.storage.duckdb.LONGEST_LOG_BYTES", 5_000)
    database = await DuckDBDatabase.open(tmp_path / "skills.duckdb")
    await migrate(database)
    yield ShortLog(database)
    await database.close()


async def test_a_log_that_cannot_be_moved_beside_a_reader_is_moved_after_it(
    short_log: ShortLog, caplog: pytest.LogCaptureFixture
) -> None:
    await short_log.update()
    async with short_log.database.reading() as reader:
        await reader.fetch("count_invocations")
        await short_log.update_until(log_bytes=4_000)
    await short_log.update()
    assert short_log.log_bytes < 1_000
    assert caplog.text == ""


async def test_a_long_log_waits_for_readers(short_log: ShortLog) -> None:
    await short_log.update()
    async with short_log.database.reading() as reader:
        await reader.fetch("count_invocations")
        await short_log.update_until(log_bytes=5_000)
        waits = asyncio.create_task(short_log.update())
        await asyncio.sleep(0.1)
        assert not waits.done()
        assert await reader.fetch("count_invocations")
    await waits
    assert short_log.log_bytes < 1_000


async def test_writing_goes_on_when_a_full_disk_has_room_again(full_disk: Path) -> None:
    settings = Settings.load(data_dir=full_disk, embedder="none")
    ballast = full_disk / "ballast"
    async with open_service(settings) as service:
        start = checked(TrackRequest, session_id="s", skill_name="k", user_query="q" * 5_000)
        await service.track_invocation(start)
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(b"x" * 4_096)
        failures = 0
        for n in range(20):
            try:
                text = f"{n} {os.urandom(9_000).hex()}"
                await service.track_invocation(start.model_copy(update={"user_query": text}))
            except StorageFullError:
                failures += 1
        assert failures > 0
        ballast.unlink()
        await service.track_invocation(start)
        assert (await service.session_summary("s")).total_invocations == 22 - failures


async def test_a_file_that_holds_something_is_copied_before_its_schema_changes(
    database: DuckDBDatabase,
) -> None:
    extra = Migration(99, "extra", "CREATE TABLE extra (x INTEGER);", "DROP TABLE extra;")
    await insert_query(database, "kept")
    status, backup = await migrate(database, [*known_migrations("duckdb"), extra])
    assert status.version == 99
    _, second = await roll_back(database, 0, [*known_migrations("duckdb"), extra])
    await database.close()
    for copy, has_extra in ((backup, False), (second, True)):
        assert copy is not None
        with duckdb.connect(copy) as connection:
            tables = {name for (name,) in connection.execute("SHOW TABLES").fetchall()}
            texts = connection.execute("SELECT query_text FROM skill_query").fetchall()
        assert texts == [("kept",)]
        assert ("extra" in tables) is has_extra
