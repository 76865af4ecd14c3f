"""One read for all who ask for the same at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Who asks while it is being read waits, and shares the next time with all who wait.

    What was begun before may not hold what was committed since.
    """

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._read = read
        self._under_way: asyncio.Task[T] | None = None
        self._next: asyncio.Task[T] | None = None

    async def answer(self) -> T:
        """What was read after this was called; raises what reading raises."""
        if self._next is None:
            self._next = asyncio.create_task(self._read_after(self._under_way))
        # Others wait for it as well, so who gives up leaves it.
        return await asyncio.shield(self._next)

    async def _read_after(self, before: asyncio.Task[T] | None) -> T:
        try:
            if before is not None and not before.done():
                await before  # where it fails now, so does this: nobody waits for a deadline twice
        finally:
            self._under_way, self._next = self._next, None
        return await self._read()
