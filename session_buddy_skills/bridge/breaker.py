"""A circuit breaker: a server that does not answer is left alone, and then tried once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "half-open"]
FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
TRYING_SECONDS = 10.0
"""After which a call that was let through and of which nothing was heard is given up."""


class Breaker:
    """Opens at a failure; half-open lets one call through, which closes it or opens it for longer.

    Each time it stays open twice as long as the last, up to half a minute, and by chance up to half
    of it more or less, so that many clients do not all come back at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._until = 0.0

    @property
    def state(self) -> State:
        """How it stands."""
        if not self._failures:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    @property
    def seconds_left(self) -> float:
        """How long it stays open; 0 if it is not."""
        return max(0.0, self._until - self._clock()) if self._failures else 0.0

    def allows(self) -> bool:
        """Whether a call may be made now; the caller then says how it went."""
        state = self.state
        if state == "half-open":
            self._until = self._clock() + TRYING_SECONDS  # no other, until this one is heard of
        return state != "open"

    def succeeded(self) -> None:
        """A call was answered."""
        self._failures = 0

    def failed(self) -> None:
        """A call was not answered."""
        lasting = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        self._until = self._clock() + lasting * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
