from __future__ import annotations

import asyncio

import pytest

from session_buddy_skills.errors import StorageError
from session_buddy_skills.service import Service
from session_buddy_skills.storage import shared_read
from session_buddy_skills.storage.shared_read import SharedRead
from tests.advising.asking import used


class Record:
    """Answers how often it was read, when it is let, or at once."""

    def __init__(self) -> None:
        self.reads = 0
        self.hangs = True
        self.free = asyncio.Event()
        self.failure: Exception | None = None

    async def read(self) -> int:
        self.reads += 1
        number = self.reads
        if self.hangs:
            await self.free.wait()
        if self.failure:
            raise self.failure
        return number


async def asked(shared: SharedRead[int], times: int = 1) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(shared.answer()) for _ in range(times)]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_who_asks_during_a_read_shares_the_next() -> None:
    record = Record()
    shared = SharedRead(record.read)
    first = await asked(shared)
    rest = await asked(shared, 5)
    assert record.reads == 1
    record.free.set()
    assert list(await asyncio.gather(*first, *rest)) == [1, 2, 2, 2, 2, 2]
    assert await shared.answer() == 3


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    record = Record()
    shared = SharedRead(record.read)
    first = await asked(shared)
    rest = await asked(shared, 3)
    first[0].cancel()
    rest[1].cancel()
    record.free.set()
    assert list(await asyncio.gather(rest[0], rest[2])) == [2, 2]
    assert first[0].cancelled()
    assert rest[1].cancelled()


async def test_a_failure_is_told_to_who_read_and_the_next_tries_again() -> None:
    record = Record()
    record.failure = StorageError("gone")
    shared = SharedRead(record.read)
    waiting = await asked(shared, 3)
    record.free.set()
    for task in waiting:
        with pytest.raises(StorageError, match="gone"):
            await task
    record.failure = None
    assert await shared.answer() == 4


async def test_a_read_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_read, "PATIENCE_SECONDS", 0.01)
    record = Record()
    shared = SharedRead(record.read)
    hanging = await asked(shared)
    record.hangs = False
    assert await shared.answer() == 2
    hanging[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging[0]
    assert await shared.answer() == 3


async def test_health_counts_all_that_was_answered_before_it_was_asked(service: Service) -> None:
    async def look(at_least: int) -> None:
        assert (await service.health_check()).invocations >= at_least

    looking = []
    for count in range(1, 51):
        await used(service, "lint", None)
        looking += [asyncio.create_task(look(count)) for _ in range(3)]
        await asyncio.sleep(0)
    await asyncio.gather(*looking)
    assert (await service.health_check()).invocations == 50
