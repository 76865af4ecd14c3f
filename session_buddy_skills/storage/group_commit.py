"""Group commit: what arrives while one transaction is being written shares the next.

A lone write waits for nobody; under load the cost of reaching the disk is divided by all that wait.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from session_buddy_skills.errors import InputError, OverloadedError, StorageError

W = TypeVar("W")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(slots=True)
class Committed(Generic[R]):
    """What became of each write of a group, and when it was on disk (`time.perf_counter()`)."""

    results: Sequence[R | InputError]
    on_disk_at: float


Commit = Callable[[Sequence[W]], Awaitable[Committed[R]]]
"""Writes in, in one transaction."""


@dataclass(slots=True)
class _Waiting(Generic[W, R]):
    write: W
    size: int
    answer: asyncio.Future[R]
    since: float = field(default_factory=time.perf_counter)


class GroupCommit(Generic[W, R]):
    """Collects writes and answers each once the transaction that carries it is on disk."""

    def __init__(self, commit: Commit[W, R], *, rows_per_commit: int, max_waiting: int) -> None:
        self._commit = commit
        self._rows_per_commit = rows_per_commit
        self._max_waiting = max_waiting
        self._waiting: deque[_Waiting[W, R]] = deque()
        self._writing: asyncio.Future[Any] | None = None
        self._rows_waiting = 0
        self._turns = 0
        self._closed = False
        self.writes = 0
        self.transactions = 0
        self.seconds_waited = 0.0

    @property
    def waiting(self) -> int:
        """Writes that are not answered yet and not being written."""
        return len(self._waiting)

    async def submit(self, write: W, size: int = 1) -> R:
        """Wait until the write is on disk, and answer what became of it.

        A caller that gives up waiting does not take its write back.

        Raises:
            InputError: the write was refused and nothing of it is stored.
            StorageError: the transaction failed and nothing of it is stored.
        """
        if self._closed:
            raise StorageError("the database is being closed; send this again later.")
        if self._waiting and self._rows_waiting + size > self._max_waiting:
            raise OverloadedError(
                f"{self._rows_waiting} invocations wait for the disk already; "
                "send this again later."
            )
        waiting = _Waiting[W, R](write, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._rows_waiting += size
        self._start()
        return await waiting.answer

    async def between(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work while no transaction is under way; writes wait meanwhile."""
        self._turns += 1
        try:
            while self._writing is not None:
                await asyncio.wait([self._writing])
        finally:
            self._turns -= 1
            self._start()  # who gave up has held up those that wait
        self._writing = turn = asyncio.get_running_loop().create_future()
        try:
            return await work()
        finally:
            self._writing = None
            turn.set_result(None)
            self._start()

    async def close(self) -> None:
        """Write what is waiting, and take nothing more."""
        self._closed = True
        while self._waiting or self._writing is not None:
            if self._writing is None:
                await asyncio.sleep(0)
            else:
                await asyncio.wait([self._writing])

    def _start(self) -> None:
        # Not at once: those that are about to run in this turn of the loop share the transaction.
        if self._waiting and self._writing is None:
            asyncio.get_running_loop().call_soon(self._write_next)

    def _write_next(self) -> None:
        # Who waits for a turn between two transactions comes before the next of them.
        if self._writing is not None or not self._waiting or self._turns:
            return
        group = self._next_group()
        self._writing = asyncio.ensure_future(self._commit([waiting.write for waiting in group]))
        self._writing.add_done_callback(lambda commit: self._finish(group, commit))

    def _next_group(self) -> list[_Waiting[W, R]]:
        group: list[_Waiting[W, R]] = []
        rows = 0
        while self._waiting and (
            not group or rows + self._waiting[0].size <= self._rows_per_commit
        ):
            group.append(self._waiting.popleft())
            rows += group[-1].size
        self._rows_waiting -= rows
        return group

    def _finish(self, group: list[_Waiting[W, R]], commit: asyncio.Future[Committed[R]]) -> None:
        if commit.cancelled():
            interrupted = StorageError("the write was interrupted; send it again.")
            self._answer(group, [interrupted] * len(group))
        elif error := commit.exception():
            self._answer(group, [error] * len(group))
        else:
            committed = commit.result()
            self._count(group, committed.on_disk_at)
            self._answer(group, committed.results)
        self._writing = None
        self._start()

    def _answer(self, group: list[_Waiting[W, R]], results: Sequence[R | BaseException]) -> None:
        for waiting, result in zip(group, results, strict=True):
            if waiting.answer.done():  # its caller gave up
                continue
            if isinstance(result, BaseException):
                waiting.answer.set_exception(result)
            else:
                waiting.answer.set_result(result)

    def _count(self, group: list[_Waiting[W, R]], on_disk_at: float) -> None:
        self.transactions += 1
        self.writes += len(group)
        self.seconds_waited += sum(on_disk_at - waiting.since for waiting in group)
