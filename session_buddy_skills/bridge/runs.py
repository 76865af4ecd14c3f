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

from session_buddy_skills.limits import QUERY_CHARS
from session_buddy_skills.spool import Record

if TYPE_CHECKING:
    from session_buddy_skills.bridge.recorder import Recorder

Outcome = Literal["completed", "failed", "abandoned", "unknown"]
OUTCOMES = frozenset(get_args(Outcome))
TEXT_OR_NONE = (str, type(None))
_LISTS = frozenset({"alternatives_considered", "follow_up_actions"})
_NUMBERS = frozenset({"selection_rank", "rating", "limit"})
_REQUIRED = frozenset({"skill_name", "session_id", "limit"})
_LARGEST = 2**63
"""Of larger numbers nobody could write, or store, a record."""


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
        fields = {
            "error_type": error_type,
            "follow_up_actions": unchanging(follow_up_actions),
            "rating": rating,
        }
        check_types(fields)
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
        if outcome != "failed":
            fields["error_type"] = None
        self._put(fields | {"outcome": outcome, "duration_seconds": lasted})

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
        told = self._fields | (self._end or {})
        record = {name: value for name, value in told.items() if value not in (None, (), [])}
        for name, value in record.items():
            if isinstance(value, str):
                record[name] = _writable(value)
            elif name in _LISTS:
                record[name] = [_writable(one) for one in value]
        if "user_query" in record:
            record["user_query"] = record["user_query"][:QUERY_CHARS]
        return record | {"invocation_id": str(self._id), "invoked_at": self._stated_at}

    def _put(self, end: dict[str, Any]) -> None:
        if self._end is None:
            self._end = end
            self._recorder.over(self)
            self._recorder.put(self)


def _writable(text: str) -> str:
    """The text without what UTF-8 cannot say, such as bytes of a file's name."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def unchanging(texts: Sequence[str] | None) -> Sequence[str] | None:
    """A copy of a list, which its owner may change before the thread makes a record of it."""
    return tuple(texts) if isinstance(texts, list) else texts


def check_types(fields: dict[str, Any]) -> None:
    """Make sure that what a caller gave is of the kinds that it must be.

    Raises:
        TypeError: the first that is not, and what it must be.
    """
    for name, value in fields.items():
        if value is None:
            if name in _REQUIRED:
                raise TypeError(f"{name} must not be None")
        elif name in _LISTS:
            texts = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
            if not texts:
                raise TypeError(f"{name} must be a list of texts, not {value!r}")
        elif name in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be a whole number, not {value!r}")
            if abs(value) >= _LARGEST:
                raise TypeError(f"{name} must be a whole number of at most 64 bits")
        elif not isinstance(value, str):
            raise TypeError(f"{name} must be text, not {value!r}")
