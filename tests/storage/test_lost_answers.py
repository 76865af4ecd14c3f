"""A commit whose answer is lost: what was written counts once, whether it was stored or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import pytest

from session_buddy_skills.errors import ConnectionLostError, StorageError
from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.databases import execute
from tests.invocations import all_invocations, invocations
from tests.postgresql import PostgreSQL
from tests.proxy import Proxy, proxy_to

START = checked(TrackRequest, session_id="s", skill_name="k", user_query="q")
END = checked(CompleteRequest, session_id="s", skill_name="k", completed=True)


@pytest.fixture
def engine() -> str:
    return "postgresql"


@dataclass
class Line:
    """A service, and the network between it and its database."""

    service: Service
    proxy: Proxy


OpenLine = Callable[[], AbstractAsyncContextManager[Line]]


@pytest.fixture(params=[True, False], ids=["stored", "not-stored"])
def open_line(
    request: pytest.FixtureRequest, settings: Settings, postgresql: PostgreSQL
) -> OpenLine:
    @asynccontextmanager
    async def line() -> AsyncIterator[Line]:
        async with proxy_to(postgresql.port) as proxy:
            proxy.deliver = request.param
            direct = settings.database or ""
            through = direct.replace(f":{postgresql.port}/", f":{proxy.port}/")
            there = Settings.load(
                data_dir=settings.data_dir, database=through, connect_timeout=1, statement_timeout=1
            )
            async with open_service(there, recommending=False) as service:
                yield Line(service, proxy)

    return line


async def test_a_start_without_an_id_is_stored_once(open_line: OpenLine) -> None:
    async with open_line() as line:
        line.proxy.cut_at = b"COMMIT"
        receipt = await line.service.track_invocation(START)
        assert line.proxy.cuts == 1
        assert receipt.changed
        [row] = await all_invocations(line.service)
        assert row.invocation_id == receipt.invocation_id


async def test_an_end_by_name_ends_one(open_line: OpenLine) -> None:
    async with open_line() as line:
        older = await line.service.track_invocation(START)
        newer = await line.service.track_invocation(START)
        line.proxy.cut_at = b"COMMIT"
        receipt = await line.service.complete_invocation(END)
        assert line.proxy.cuts == 1
        assert (receipt.invocation_id, receipt.changed) == (newer.invocation_id, True)
        outcomes = {row.invocation_id: row.outcome for row in await all_invocations(line.service)}
        assert outcomes == {older.invocation_id: "pending", newer.invocation_id: "completed"}


async def test_a_batch_is_stored_once(open_line: OpenLine) -> None:
    async with open_line() as line:
        line.proxy.cut_at = b"COMMIT"
        batch = checked(BatchRequest, invocations=invocations(300))
        receipt = await line.service.record_invocations(batch)
        assert line.proxy.cuts == 1
        assert receipt.recorded == 300
        assert len(await all_invocations(line.service)) == 300


@pytest.mark.parametrize("cut_at", [b"COPY", b"BEGIN", b"INSERT"])
async def test_what_breaks_before_the_commit_is_written_again(
    open_line: OpenLine, cut_at: bytes
) -> None:
    async with open_line() as line:
        line.proxy.cut_at = cut_at
        batch = checked(BatchRequest, invocations=[START.model_dump(exclude_none=True)] * 300)
        assert (await line.service.record_invocations(batch)).recorded == 300
        assert line.proxy.cuts == 1
        assert len(await all_invocations(line.service)) == 300


async def test_a_read_is_asked_again(open_line: OpenLine) -> None:
    async with open_line() as line:
        await line.service.track_invocation(START)
        line.proxy.cut_at = b"session_skills"
        assert (await line.service.session_summary("s")).total_invocations == 1
        assert line.proxy.cuts == 1


async def test_who_cannot_be_told_what_is_stored_is_told_so(open_line: OpenLine) -> None:
    async with open_line() as line:
        line.proxy.cut_at = b"COMMIT"
        line.proxy.refuse_afterwards = True
        with pytest.raises(ConnectionLostError) as told:
            await line.service.track_invocation(START)
        assert "may be stored or not: send it again with the same invocation_id" in str(told.value)
        line.proxy.refuse_afterwards = False
        await line.service.track_invocation(START)
        assert len(await all_invocations(line.service)) == 1 + line.proxy.deliver


async def test_an_end_by_name_that_was_not_stored_ends_what_is_left(
    open_line: OpenLine, settings: Settings
) -> None:
    async with open_line() as line, open_service(settings) as other:
        keys = {(await line.service.track_invocation(START)).invocation_id for _ in range(3)}
        line.proxy.before_next = lambda: other.complete_invocation(END)
        line.proxy.cut_at = b"COMMIT"
        receipt = await line.service.complete_invocation(END)
        assert receipt.changed
        rows = await all_invocations(line.service)
    # The other server and this one have ended one each, whichever came first.
    assert sum(row.completed for row in rows) == 2
    assert receipt.invocation_id in {row.invocation_id for row in rows if row.completed}
    assert {row.invocation_id for row in rows} == keys


async def test_a_commit_that_is_still_under_way_ends_one_all_the_same(
    open_line: OpenLine, settings: Settings
) -> None:
    execute(
        settings,
        """
        CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
        CREATE CONSTRAINT TRIGGER linger AFTER UPDATE ON skill_invocation
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION linger();
        """,
    )
    async with open_line() as line, open_service(settings) as other:
        older = await line.service.track_invocation(START)
        line.proxy.before_next = lambda: other.track_invocation(START)
        line.proxy.cut_at = b"COMMIT"
        receipt = await line.service.complete_invocation(END)
        assert (receipt.invocation_id, receipt.changed) == (older.invocation_id, True)
        await asyncio.sleep(1.5)
        rows = await all_invocations(line.service)
    assert [row.invocation_id for row in rows if row.completed] == [older.invocation_id]


async def test_what_was_refused_the_first_time_and_stored_the_second_is_answered_so(
    open_line: OpenLine, settings: Settings
) -> None:
    async with open_line() as line, open_service(settings) as other:
        line.proxy.before_next = lambda: other.track_invocation(START)
        line.proxy.cut_at = b"COMMIT"
        receipt = await line.service.complete_invocation(END)
        assert receipt.outcome == "completed"
        [row] = await all_invocations(line.service)
    assert row.completed


async def test_two_breaks_in_a_row_are_told(open_line: OpenLine) -> None:
    async with open_line() as line:

        async def cut_again() -> None:
            line.proxy.cut_at = b"COMMIT"

        line.proxy.before_next = cut_again
        line.proxy.cut_at = b"BEGIN"
        with pytest.raises(ConnectionLostError, match="may be stored or not"):
            await line.service.track_invocation(START)
        assert line.proxy.cuts == 2
        assert len(await all_invocations(line.service)) == line.proxy.deliver


@pytest.mark.slow
@pytest.mark.parametrize("open_line", [True], indirect=True, ids=["once"])
async def test_a_network_that_freezes_and_heals(open_line: OpenLine) -> None:
    async with open_line() as line:
        await line.service.track_invocation(START)
        line.proxy.frozen = True
        for _ in range(3):
            since = time.monotonic()
            with pytest.raises(StorageError, match=r"no answer"):
                await line.service.track_invocation(START)
            assert time.monotonic() - since < 15
        line.proxy.frozen = False
        since = time.monotonic()
        while True:
            try:
                await line.service.track_invocation(START)
                break
            except StorageError:
                assert time.monotonic() - since < 15
        assert (await line.service.health_check()).status == "ok"
