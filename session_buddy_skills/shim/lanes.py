"""Messages that wait for their turn, so that whoever reads them need not wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from session_buddy_skills.shim.messages import Message


class Lane:
    """Has messages handled in the order in which they come, so many at once."""

    def __init__(self, handle: Callable[[Message], None], at_once: int) -> None:
        self._handle = handle
        self._at_once = at_once
        self._lock = threading.Lock()
        self._waiting: deque[Message] = deque()
        self._threads = 0

    def put(self, message: Message) -> None:
        """Have it handled some time."""
        with self._lock:
            self._waiting.append(message)
            if self._threads == self._at_once:
                return
            self._threads += 1
        try:
            # Python waits for these at its end.
            threading.Thread(target=self._work).start()
        except RuntimeError:  # no more threads
            self._work()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                message = self._waiting.popleft()
            self._handle(message)
