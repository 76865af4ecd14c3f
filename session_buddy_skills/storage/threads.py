"""Blocking work in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def in_thread(work: Callable[[], T], interrupt: Callable[[], None] | None = None) -> T:
    """Run blocking work in a thread, and wait for its end even when cancelled.

    A caller that went on without it would leave a connection to two threads at once. On a
    cancellation `interrupt` is called, to end the work soon; the cancellation is raised when it has
    ended.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                cancelled = error
                if interrupt is not None:
                    interrupt()
    if cancelled is not None:
        task.exception()  # looked at, so that asyncio does not report it as forgotten
        raise cancelled
    return task.result()
