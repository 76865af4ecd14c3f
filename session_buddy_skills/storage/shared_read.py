"""One read for all who ask for the same at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 1.0
"""How long a read is waited for before one reads for oneself: it may hang on its connection."""


class SharedRead(Generic[T]):
    """Who asks while it is being read shares the next read with all who wait.

    Not the one under way, which may not hold what was committed since it began.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._turn = asyncio.Lock()
        self._begun = 0
        self._found: tuple[int, T] | None = None
        """What was read last, and which of the reads that was."""

    async def answer(self) -> T:
        """What was read after this was called; raises what reading raises."""
        asked = self._begun
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._turn.acquire()
        except TimeoutError:
            return await self._read()
        try:
            if self._found is not None and self._found[0] > asked:
                return self._found[1]
            self._begun += 1
            found = await self._read()
            self._found = self._begun, found
            return found
        finally:
            self._turn.release()
