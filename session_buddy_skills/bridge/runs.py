"""Uses of skills while they run."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from session_buddy_skills.spool import Record

if TYPE_CHECKING:
    from session_buddy_skills.bridge.recorder import Recorder

Outcome = Literal["completed", "failed", "abandoned", "unknown"]


class Run:
    """One use of a skill that has started; ends once."""

    __slots__ = ("__weakref__", "_record", "_recorder", "_since", "ended")

    def __init__(self, recorder: Recorder, record: Record) -> None:
        self._recorder = recorder
        self._record = record
        self._since = time.perf_counter()
        self.ended = False

    @property
    def invocation_id(self) -> UUID:
        """Its id, made here."""
        return UUID(self._record["invocation_id"])

    def end(
        self,
        outcome: Outcome | None = None,
        *,
        completed: bool | None = None,
        error_type: str | None = None,
        follow_up_actions: Sequence[str] | None = None,
        rating: int | None = None,
    ) -> None:
        """Record how it ended; only the first end counts. An error type belongs to a failure."""
        must_be_texts(error_type=error_type)
        must_be_names(follow_up_actions=follow_up_actions)
        must_be_number(rating=rating)
        if outcome is None:
            if completed is None:
                raise TypeError("end() needs an outcome, or completed in its place")
            failed: Outcome = "failed" if error_type else "abandoned"
            outcome = "completed" if completed else failed
        if self.ended:
            return
        self.ended = True
        told = {
            "outcome": outcome,
            "error_type": error_type if outcome == "failed" else None,
            "follow_up_actions": list(follow_up_actions) if follow_up_actions else None,
            "rating": rating,
            "duration_seconds": round(time.perf_counter() - self._since, 6),
        }
        self._put(told)

    def lapse(self) -> None:
        """Its session is over, and nobody said how it ended."""
        if not self.ended:
            self.ended = True
            self._put({"outcome": "unknown"})

    def _put(self, told: dict[str, Any]) -> None:
        end = {name: value for name, value in told.items() if value is not None}
        self._recorder.put(self._record | end)
        self._recorder.open_runs.discard(self)


def must_be_texts(**given: object) -> None:
    """Raise a TypeError that names the first argument that is not text, nor None."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name} must be text, not {value!r}")


def must_be_names(**given: object) -> None:
    """Likewise, not a list of texts."""
    for name, value in given.items():
        if value is None:
            continue
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise TypeError(f"{name} must be a list of texts, not {value!r}")


def must_be_number(**given: object) -> None:
    """Likewise, not a whole number."""
    for name, value in given.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise TypeError(f"{name} must be a whole number, not {value!r}")
