"""Work beside what a server answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

CANCEL_SECONDS = 0.5
"""How long a cancelled task has to end, before it is cancelled again."""


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do the work for as long as the block runs."""
    # No task group: FastMCP ends a lifespan in another task than it began it in.
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        await stop([task])
        with suppress(asyncio.CancelledError):
            await task


async def stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, again and again until they have ended."""
    running = set(tasks)
    while running:
        # A driver may take a cancellation for a lost connection, and have it asked again.
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_SECONDS)
