"""Blocking work in threads."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

NICENESS = 5


class Threads:
    """Some threads for blocking work, which is waited for to its end even when cancelled.

    A caller that went on without it would leave a connection to two threads at once.
    """

    def __init__(self, count: int, *, yielding: bool = False) -> None:
        """`yielding` threads, and those that they start, let others go first."""
        self._executor = ThreadPoolExecutor(
            count, thread_name_prefix="storage", initializer=yield_to_others if yielding else None
        )

    async def run(self, work: Callable[[], T], interrupt: Callable[[], None] | None = None) -> T:
        """Run the work and answer with its result.

        On a cancellation work that has not begun is left, and `interrupt` is called to end soon
        what has; without it the work is done all the same. The cancellation is raised when it has
        ended.
        """
        running = self._executor.submit(work)
        ended = asyncio.wrap_future(running)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            if interrupt is not None and not running.cancel():
                interrupt()
            await _wait(ended)
            raise

    def close(self) -> None:
        """Let the threads end."""
        self._executor.shutdown(wait=False)


def yield_to_others() -> None:
    """Let other threads go before this one, and those that it starts, where cores are few."""
    # Elsewhere niceness is of the whole process.
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # It may be lower already, and then only root could raise it.
        niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, niceness)


async def _wait(ended: asyncio.Future[Any]) -> None:
    with anyio.CancelScope(shield=True):
        while not ended.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([ended])
    if not ended.cancelled():
        ended.exception()  # what an interruption leads to is no news
