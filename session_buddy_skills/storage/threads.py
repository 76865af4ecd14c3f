"""Blocking work in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class Threads:
    """Some threads for blocking work, which is waited for to its end even when cancelled.

    A caller that went on without it would leave a connection to two threads at once.
    """

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(count, thread_name_prefix="storage")

    async def run(self, work: Callable[[], T], interrupt: Callable[[], None] | None = None) -> T:
        """Run the work and answer with its result.

        On a cancellation `interrupt` is called, to end the work soon; the cancellation is raised
        when it has ended.
        """
        running = self._executor.submit(work)
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            if interrupt is not None:
                interrupt()
            await _ended(running)
            raise

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False)


async def _ended(running: Future[Any]) -> None:
    with anyio.CancelScope(shield=True):
        while not running.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([asyncio.wrap_future(running)])
