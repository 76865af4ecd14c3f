from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import duckdb
import pytest

from session_buddy_skills.errors import NotADatabaseError, StorageError, StorageFullError
from session_buddy_skills.models import TrackRequest, checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.duckdb import DuckDBDatabase
from session_buddy_skills.storage.migrations import migrate
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


async def test_an_error_in_a_transaction_keeps_none_of_it(tmp_path: Path) -> None:
    database = await DuckDBDatabase.open(tmp_path / "skills.duckdb")
    await migrate(database)
    with pytest.raises(StorageError, match="nonsense"):
        async with database.writing() as connection:
            await connection.execute("insert_query", {"query_id": "0" * 32, "query_text": "a"})
            await connection.script("SELECT nonsense")
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as connection:
            await connection.execute("insert_query", {"query_id": "0" * 32, "query_text": "a"})
            await connection.fetch("count_invocations")
            raise ZeroDivisionError
    await insert_query(database, "kept")
    await database.close()
    assert await count_queries(database) == 1


async def test_a_reader_sees_one_state_throughout(database: DuckDBDatabase) -> None:
    async with database.reading() as connection:
        assert (await connection.fetch("count_tables"))[0]["n"] > 0
        before = await connection.fetch("query_texts", {"query_ids": ["0" * 32]})
        async with database.writing() as writer:
            await writer.execute("insert_query", {"query_id": "0" * 32, "query_text": "new"})
        assert await connection.fetch("query_texts", {"query_ids": ["0" * 32]}) == before == []
    async with database.reading() as connection:
        [row] = await connection.fetch("query_texts", {"query_ids": ["0" * 32]})
    assert row["query_text"] == "new"


async def test_a_cancelled_read_gives_its_connection_back(database: DuckDBDatabase) -> None:
    async def read() -> None:
        async with database.reading() as connection:
            await connection.fetch("count_invocations")
            await asyncio.sleep(60)

    for _ in range(5):
        tasks = [asyncio.create_task(read()) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    async with database.reading() as connection, database.reading() as other:
        assert await connection.fetch("count_invocations") == await other.fetch("count_invocations")


async def test_a_read_that_is_cancelled_in_mid_query_leaves_no_thread_behind(
    database: DuckDBDatabase,
) -> None:
    slow = "SELECT count(*) FROM range(30000) AS a(x), range(30000) AS b(y) WHERE (x * y) % 7 = 1"

    async def read() -> None:
        async with database.reading() as connection:
            await connection.script(slow)
            await connection.fetch("count_invocations")

    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), 0.05)
        async with database.reading() as one, database.reading() as two:
            assert await one.fetch("count_invocations") == await two.fetch("count_invocations")


async def test_a_write_that_is_cancelled_is_whole_or_not_there(database: DuckDBDatabase) -> None:
    for n in range(20):
        with suppress(TimeoutError):
            await asyncio.wait_for(insert_query(database, f"query {n}"), 0.001 * (n % 5))
    await insert_query(database, "the last")
    await database.close()
    assert 1 <= await count_queries(database) <= 21


async def test_close_waits_for_readers_and_refuses_what_comes_after(
    database: DuckDBDatabase,
) -> None:
    async with database.reading() as connection:
        closing = asyncio.create_task(database.close())
        await asyncio.sleep(0.05)
        assert not closing.done()
        assert await connection.fetch("count_invocations")
    await closing
    await database.close()
    for use in (database.reading, database.writing):
        with pytest.raises(StorageError, match="is closed"):
            async with use():
                pytest.fail("it was used")


async def test_the_service_closes_when_its_scope_is_cancelled(tmp_path: Path) -> None:
    settings = Settings.load(data_dir=tmp_path)
    with anyio.move_on_after(0.2):
        async with open_service(settings):
            await anyio.sleep(60)
    async with open_service(settings) as again:
        assert (await again.health_check()).invocations == 0


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
    settings = Settings.load(data_dir=full_disk)
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
        settings = Settings.load(data_dir=folder)
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


async def test_writing_goes_on_when_a_full_disk_has_room_again(full_disk: Path) -> None:
    settings = Settings.load(data_dir=full_disk)
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
