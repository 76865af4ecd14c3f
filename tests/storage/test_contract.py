"""What every engine gives to the rest of storage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import anyio
import pytest
from uuid_utils.compat import uuid7

from session_buddy_skills.errors import StorageError
from session_buddy_skills.models import Invocation
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.database import Database
from session_buddy_skills.storage.opening import open_database
from tests.databases import execute

ZERO = UUID(int=0)
SLOW = {
    "duckdb": (
        "SELECT count(*) FROM range(30000) AS a(x), range(30000) AS b(y) WHERE (x * y) % 7 = 1"
    ),
    "postgresql": "SELECT pg_sleep(3)",
}


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with open_service(settings):
        pass
    opened = await open_database(settings)
    yield opened
    await opened.close()


async def insert_query(database: Database, text: str, key: UUID | None = None) -> None:
    async with database.writing() as connection:
        parameters = {"query_id": key or uuid7(), "query_text": text}
        await connection.execute("insert_query", parameters)


async def read_slowly(database: Database) -> None:
    async with database.reading() as connection:
        await connection.script(SLOW[database.engine])
        await connection.fetch("count_invocations")


async def queries(database: Database, settings: Settings) -> list[str]:
    """The texts that are stored; closes the database."""
    await database.close()
    return [str(text) for (text,) in execute(settings, "SELECT query_text FROM skill_query")]


async def test_a_lone_query_needs_no_transaction(database: Database) -> None:
    await insert_query(database, "one", key := uuid7())
    named = {"query_ids": [key]}
    found = [{"query_id": key, "query_text": "one"}]
    for moment in range(30):
        cut_short = asyncio.ensure_future(database.fetch("query_texts", named))
        await asyncio.sleep(moment / 10_000)
        cut_short.cancel()
        await asyncio.wait([cut_short])
        assert cut_short.cancelled() or cut_short.result() == found
    assert await database.fetch("query_texts", named) == found
    with pytest.raises(StorageError):
        await database.fetch("query_texts", {"query_ids": ["no uuid"]})
    async with database.reading() as connection:
        assert await connection.fetch("query_texts", named) == found
    await database.close()
    with pytest.raises(StorageError, match="is closed"):
        await database.fetch("query_texts", named)


async def test_an_error_in_a_transaction_keeps_none_of_it(
    database: Database, settings: Settings
) -> None:
    lost = {"query_id": ZERO, "query_text": "lost"}
    with pytest.raises(StorageError, match="nonsense"):
        async with database.writing() as connection:
            await connection.execute("insert_query", lost)
            await connection.script("SELECT nonsense")
    with pytest.raises(StorageError, match="nonsense"):
        async with database.writing() as connection:
            await connection.script("SELECT nonsense")
            await connection.execute("insert_query", lost)
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as connection:
            await connection.execute("insert_query", lost)
            await connection.fetch("count_invocations")
            raise ZeroDivisionError
    await insert_query(database, "kept")
    assert await queries(database, settings) == ["kept"]


async def test_an_error_of_the_last_statement_is_raised_at_the_end(
    database: Database, settings: Settings
) -> None:
    with pytest.raises(StorageError):
        async with database.writing() as connection:
            await connection.execute("insert_query", {"query_id": "no id", "query_text": "lost"})
    assert await queries(database, settings) == []


async def test_an_error_that_somebody_swallows_is_none_the_less_one(
    database: Database, settings: Settings
) -> None:
    with pytest.raises(StorageError, match=r"has kept nothing|has rolled back"):
        async with database.writing() as connection:
            await connection.execute("insert_query", {"query_id": ZERO, "query_text": "lost"})
            with suppress(StorageError):
                await connection.script("SELECT nonsense")
                await connection.fetch("count_invocations")
    assert await queries(database, settings) == []


async def test_a_reader_sees_one_state_throughout(database: Database) -> None:
    wanted = {"query_ids": [ZERO]}
    async with database.reading() as connection:
        assert (await connection.fetch("count_tables"))[0]["n"] > 0
        assert await connection.fetch("query_texts", wanted) == []
        await insert_query(database, "new", ZERO)
        assert await connection.fetch("query_texts", wanted) == []
    async with database.reading() as connection:
        [row] = await connection.fetch("query_texts", wanted)
    assert row == {"query_id": ZERO, "query_text": "new"}


async def test_rows_come_in_pieces_and_in_order(database: Database) -> None:
    started = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        Invocation(
            UUID(int=n), "s", "k", started + timedelta(hours=n), follow_up_actions=("a", "b")
        )
        for n in range(7)
    ]
    async with database.writing() as connection:
        await connection.insert_invocations(rows, [None] * 7)
    async with database.reading() as connection:
        pieces = [some async for some in connection.stream("all_invocations", size=3)]
        assert (await connection.fetch("count_invocations"))[0]["total_invocations"] == 7
    assert [len(some) for some in pieces] == [3, 3, 1]
    assert [Invocation.from_row(row) for some in pieces for row in some] == rows


async def test_a_cancelled_read_gives_its_connection_back(database: Database) -> None:
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


async def test_a_read_that_is_cancelled_in_mid_query_leaves_nothing_running(
    database: Database,
) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read_slowly(database), 0.05)
        async with database.reading() as one, database.reading() as two:
            assert await one.fetch("count_invocations") == await two.fetch("count_invocations")


async def test_a_write_that_is_cancelled_is_whole_or_not_there(
    database: Database, settings: Settings
) -> None:
    async def insert_two(n: int) -> None:
        async with database.writing() as connection:
            for text in (f"query {n}", f"and {n}"):
                await connection.execute("insert_query", {"query_id": uuid7(), "query_text": text})
                await connection.fetch("count_invocations")

    for n in range(40):
        with suppress(TimeoutError):
            await asyncio.wait_for(insert_two(n), 0.0005 * (n % 10))
    await insert_two(40)
    texts = await queries(database, settings)
    assert {text.split()[1] for text in texts if text.startswith("query")} == {
        text.split()[1] for text in texts if text.startswith("and")
    }
    assert 2 <= len(texts) <= 82


# A generator of psycopg's that is thrown away half-way says that its connection is gone.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_who_is_cancelled_over_and_over_leaves_the_others_alone(database: Database) -> None:
    async def read() -> None:
        async with database.reading() as connection:
            await connection.fetch("count_invocations")
            await connection.fetch("count_tables")

    async def cancel(task: asyncio.Task[None], pause: float) -> None:
        for _ in range(3):
            await asyncio.sleep(pause)
            task.cancel()

    for turn in range(150):
        tasks = [asyncio.create_task(read()) for _ in range(4)]
        pauses = [0.0003 * (turn % 7), 0.0005, 0.001]
        await asyncio.gather(*map(cancel, tasks, pauses))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(one, asyncio.CancelledError | None) for one in results), results
    await insert_query(database, "after all that")


async def test_a_writer_waits_for_the_one_before(database: Database) -> None:
    async with database.writing() as connection:
        await connection.fetch("count_invocations")
        second = asyncio.create_task(insert_query(database, "second"))
        await asyncio.sleep(0.05)
        assert not second.done()
    await second


async def test_close_waits_for_readers_and_refuses_what_comes_after(database: Database) -> None:
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


async def test_the_service_closes_when_its_scope_is_cancelled(settings: Settings) -> None:
    with anyio.move_on_after(0.5):
        async with open_service(settings):
            await anyio.sleep(60)
    async with open_service(settings) as again:
        assert (await again.health_check()).invocations == 0


async def test_closing_may_be_given_up_and_done_again(database: Database) -> None:
    async with database.reading() as connection:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.close(), 0.05)
        assert await connection.fetch("count_invocations")
    await asyncio.wait_for(database.close(), 10)


async def test_two_streams_in_one_transaction(database: Database) -> None:
    async with database.reading() as connection:
        for _ in range(2):
            assert [some async for some in connection.stream("all_invocations", size=3)] == []


async def test_what_is_cancelled_leaves_nothing_in_the_log(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read_slowly(database), 0.05)
    gc.collect()
    assert [one for one in caplog.records if one.name == "asyncio"] == []


async def test_its_size_grows(database: Database) -> None:
    before = await database.size_bytes()
    await insert_query(database, "".join(str(uuid7()) for _ in range(50_000)))
    assert await database.size_bytes() > before
