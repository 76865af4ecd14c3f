"""Uses of skills while they run.

Whoever records waits for this code, and between two uses a program does other things, so that none
of it is in the processor's caches: what can be left to the thread that delivers is left to it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import UUID

import uuid_utils

from session_buddy_skills.bridge.fields import END, given
from session_buddy_skills.limits import QUERY_CHARS
from session_buddy_skills.spool import Record

if TYPE_CHECKING:
    from session_buddy_skills.bridge.recorder import Recorder

Outcome = Literal["completed", "failed", "abandoned", "unknown"]
OUTCOMES = frozenset(get_args(Outcome))


class Run:
    """One use of a skill that has started; ends once."""

    __slots__ = ("_end", "_fields", "_id", "_recorder", "_since", "_started_at", "_stated_at")

    def __init__(
        self, recorder: Recorder, fields: dict[str, Any], end: dict[str, Any] | None = None
    ) -> None:
        self._recorder = recorder
        self._fields = fields
        self._id = uuid_utils.uuid7()
        self._started_at = time.time()
        self._stated_at: str | None = None
        self._since = time.perf_counter()
        self._end = end

    @property
    def invocation_id(self) -> UUID:
        """Its id, made here."""
        return UUID(int=self._id.int)

    @property
    def ended(self) -> bool:
        """Whether it was said how it ended."""
        return self._end is not None

    def end(
        self,
        outcome: Outcome | None = None,
        *,
        completed: bool | None = None,
        error_type: str | None = None,
        follow_up_actions: Sequence[str] | None = None,
        rating: int | None = None,
    ) -> None:
        """Record how it ended; only the first end counts. An error type belongs to a failure.

        Raises:
            TypeError: an argument is of a wrong type, no outcome, or nothing says how it ended.
        """
        lasted = time.perf_counter() - self._since
        end: dict[str, Any] = {}
        # Nearly all ends tell none of these, and to look at each costs a third of an end.
        if error_type is not None or follow_up_actions is not None or rating is not None:
            told = {
                "error_type": error_type,
                "follow_up_actions": follow_up_actions,
                "rating": rating,
            }
            end = given(told, END)
        if outcome is None:
            if not isinstance(completed, bool):
                raise TypeError(
                    f"end() needs an outcome, or completed as True or False, not {completed!r}"
                )
            failed: Outcome = "failed" if error_type else "abandoned"
            outcome = "completed" if completed else failed
        elif not isinstance(outcome, str) or outcome not in OUTCOMES:
            raise TypeError(
                f"outcome must be one of {', '.join(get_args(Outcome))}, not {outcome!r}"
            )
        elif completed is not None and completed is not (outcome == "completed"):
            raise TypeError(
                f"completed must be left out, or agree with outcome {outcome!r}, not {completed!r}"
            )
        if outcome != "failed":
            end.pop("error_type", None)
        end["outcome"] = outcome
        end["duration_seconds"] = lasted
        self._put(end)

    def lapse(self) -> None:
        """Its session is over, and nobody said how it ended."""
        self._put({"outcome": "unknown"})

    def record(self) -> Record:
        """All that is known of it now."""
        if self._stated_at is None:
            # A clock that was set back since would have it start in the future. What was said once
            # stays, or its end would contradict its start.
            started_at = min(self._started_at, time.time())
            self._stated_at = datetime.fromtimestamp(started_at, UTC).isoformat()
        record = self._fields | (self._end or {})
        for name, value in record.items():
            if isinstance(value, str):
                record[name] = _writable(value)
            elif isinstance(value, tuple):
                record[name] = [_writable(one) for one in value]
        if "user_query" in record:
            record["user_query"] = record["user_query"][:QUERY_CHARS]
        return record | {"invocation_id": str(self._id), "invoked_at": self._stated_at}

    def _put(self, end: dict[str, Any]) -> None:
        if self._end is None:
            self._end = end
            self._recorder.ended(self)


def _writable(text: str) -> str:
    """The text without what UTF-8 cannot say, such as bytes of a file's name."""
    return text if text.isascii() else text.encode(errors="replace").decode()
