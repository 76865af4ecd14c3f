"""A thread that works in the background, and how it is told that there is work."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from contextlib import suppress


class Worker:
    """One thread; telling it takes no lock, so a handler of signals may do it at any moment."""

    def __init__(self, work: Callable[[Worker], None]) -> None:
        self.ending = False
        """Whether this is its last work."""
        self.awake = False
        """Whether it was told of work that it has not begun."""
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.thread = threading.Thread(
            target=work, args=(self,), name="session-buddy-skills bridge", daemon=True
        )

    def wake(self) -> None:
        """Tell it that there is work."""
        self.awake = True
        self._told.put(None)

    def wait(self, seconds: float | None) -> bool:
        """Until it is woken, or so long; whether it was woken."""
        with suppress(queue.Empty):
            self._told.get(timeout=seconds)
            return True
        return False
