from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from session_buddy_skills.errors import InputError, OverloadedError, StorageError
from session_buddy_skills.storage.group_commit import Committed, GroupCommit


class Disk:
    """Takes groups, one at a time, when it is let."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.free = asyncio.Event()
        self.failure: Exception | None = None

    async def commit(self, writes: Sequence[int]) -> Committed[int]:
        await self.free.wait()
        if self.failure:
            raise self.failure
        self.groups.append(list(writes))
        results = [InputError("odd") if write % 2 else write for write in writes]
        return Committed(results, time.perf_counter())


def group_commit(disk: Disk, rows: int = 100, waiting: int = 1_000) -> GroupCommit[int, int]:
    return GroupCommit(disk.commit, rows_per_commit=rows, max_waiting=waiting)


async def submitted(writer: GroupCommit[int, int], *writes: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(writer.submit(write)) for write in writes]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_arrives_during_a_commit_shares_the_next() -> None:
    disk = Disk()
    writer = group_commit(disk)
    first = await submitted(writer, 0)
    rest = await submitted(writer, 2, 4, 6)
    assert writer.waiting == 3
    disk.free.set()
    assert await asyncio.gather(*first, *rest) == [0, 2, 4, 6]
    assert disk.groups == [[0], [2, 4, 6]]
    assert (writer.writes, writer.transactions) == (4, 2)


async def test_a_group_is_no_larger_than_its_rows() -> None:
    disk = Disk()
    writer = group_commit(disk, rows=10)
    disk.free.set()
    sizes = {2: 6, 4: 4, 6: 1, 8: 50, 10: 1}
    await asyncio.gather(*(writer.submit(write, size) for write, size in sizes.items()))
    assert disk.groups == [[2, 4], [6], [8], [10]]


async def test_a_refused_write_does_not_hold_up_its_group() -> None:
    disk = Disk()
    writer = group_commit(disk)
    disk.free.set()
    results = await asyncio.gather(*(writer.submit(n) for n in range(4)), return_exceptions=True)
    assert [results[0], results[2]] == [0, 2]
    assert isinstance(results[1], InputError)
    assert isinstance(results[3], InputError)


@pytest.mark.parametrize("failure", [StorageError("full"), ZeroDivisionError("a bug")])
async def test_a_failed_commit_reaches_everyone_in_it_and_nobody_else(failure: Exception) -> None:
    disk = Disk()
    writer = group_commit(disk)
    disk.free.set()
    disk.failure = failure
    results = await asyncio.gather(writer.submit(0), writer.submit(2), return_exceptions=True)
    assert [type(result) for result in results] == [type(failure)] * 2
    disk.failure = None
    assert await writer.submit(4) == 4


async def test_too_many_waiting_writes_are_refused() -> None:
    disk = Disk()
    writer = group_commit(disk, waiting=2)
    tasks = await submitted(writer, 0)
    tasks += await submitted(writer, 2, 4)
    with pytest.raises(OverloadedError, match="2 invocations wait for the disk already"):
        await writer.submit(6)
    disk.free.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4]


async def test_a_caller_that_gives_up_does_not_take_its_write_back() -> None:
    disk = Disk()
    writer = group_commit(disk)
    [gone, stays] = await submitted(writer, 0, 2)
    gone.cancel()
    disk.free.set()
    assert await stays == 2
    assert disk.groups == [[0, 2]]


async def test_close_writes_what_is_waiting_and_takes_nothing_more() -> None:
    disk = Disk()
    writer = group_commit(disk)
    tasks = await submitted(writer, 0)
    tasks += await submitted(writer, 2)
    closing = asyncio.create_task(writer.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageError, match="being closed"):
        await writer.submit(4)
    disk.free.set()
    await closing
    assert [task.result() for task in tasks] == [0, 2]


async def test_who_gives_up_a_turn_holds_up_nobody() -> None:
    disk = Disk()
    writer = group_commit(disk)

    async def submit_and_cancel() -> None:
        await writer.submit(0)
        turn.cancel()  # once no transaction is under way, and before it has seen that

    first = asyncio.create_task(submit_and_cancel())
    await asyncio.sleep(0)
    turn = asyncio.create_task(writer.between(lambda: asyncio.sleep(0)))
    [second] = await submitted(writer, 2)
    disk.free.set()
    await first
    async with asyncio.timeout(5):
        assert await second == 2
        await writer.close()
    assert turn.cancelled()
