"""What the importers of trackers' histories have in common: a record's meaning, and its id."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic_core import PydanticSerializationError, to_json
from uuid_utils.compat import uuid5

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.imports import NAMESPACE, BadRecord, ImportedInvocation, Options
from session_buddy_skills.requests import checked

KEPT = (
    "skill_name",
    "session_id",
    "user_query",
    "alternatives_considered",
    "selection_rank",
    "follow_up_actions",
    "error_type",
    "workflow_path",
    "workflow_phase",
    "workflow_step_id",
    "duration_seconds",
)
"""Fields that mean in a tracker what they mean here."""
_ENDING = ("duration_seconds", "error_type", "follow_up_actions")
_NOTHING: tuple[object, ...] = (None, "", [])


class Ids:
    """Makes ids of records, the same for the same content; equal records of a file are counted.

    So it does not matter where in a file a record stands: a longer copy of a file, or one whose
    oldest records were dropped, gives the same ids, while equal records stay as many as they are.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._seen: Counter[UUID] = Counter()

    def of(self, content: Mapping[str, Any]) -> UUID:
        """The id of a record, of what has a value in it; the names stand in one order always.

        Raises:
            InputError: it has text that is none.
        """
        try:
            text = to_json([self._kind, content]).decode()
        except PydanticSerializationError as error:
            raise InputError(f"it has text that is not valid Unicode: {error}.") from error
        first = uuid5(NAMESPACE, text)
        self._seen[first] += 1
        again = self._seen[first]
        return first if again == 1 else uuid5(NAMESPACE, f"{text}#{again}")


class Reading:
    """Turns the records of one file into invocations."""

    def __init__(self, kind: str, options: Options, default_session: str) -> None:
        self._kind = kind
        self._options = options
        self._session = options.session_id or default_session
        self._ids = Ids(kind)

    def invocation(
        self, record: Mapping[str, Any], place: str, **more: Any
    ) -> ImportedInvocation | BadRecord:
        """A record in the terms of crackerjack and session-buddy; `more` comes beside."""
        fields = {name: value for name in KEPT if (value := record.get(name)) not in _NOTHING}
        try:
            time = _time(record.get("invoked_at"))
            completed = record.get("completed")
            # By how it began, since its end may be told later, in the same place.
            began = {name: value for name, value in fields.items() if name not in _ENDING}
            key = self._ids.of(began | {"invoked_at": time})
            fields |= {name: value for name, value in more.items() if value is not None}
            fields |= outcome_of(completed, fields.get("error_type"))
            fields["invocation_id"] = key
            fields["invoked_at"] = self._options.aware(time)
            fields.setdefault("session_id", self._session)
            fields["source"] = self._kind
            if isinstance(seconds := fields.get("duration_seconds"), int):
                # A whole number of seconds is as good; true is none.
                fields["duration_seconds"] = seconds if seconds is True else float(seconds)
            return checked(ImportedInvocation, **fields)
        except InputError as error:
            return BadRecord(place, str(error).rstrip("."))
        except (OverflowError, ValueError) as error:
            return BadRecord(place, f"invoked_at is no time that can be: {error}")


def _time(value: object) -> datetime:
    """The time as it stands, so that an id does not depend on the zone of naive ones."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise InputError(
            f"invoked_at must be an ISO 8601 time like 2026-01-31T09:30:00, not {shown(value)}."
        )
    return time if time.tzinfo is None else time.astimezone(UTC)


def outcome_of(completed: object, error_type: object) -> dict[str, Any]:
    """The outcome that trackers' booleans stand for; of history, none at all is not known."""
    if completed is None:
        return {"outcome": "failed" if error_type else "unknown"}
    if isinstance(completed, int) and completed in (0, 1):
        return {"completed": bool(completed)}
    return {"completed": completed}


def found_at(places: Iterable[str], home: Path, here: Path) -> list[Path]:
    """The files that there are at these places, in this folder and in the user's own."""
    paths = [folder / place for folder in (here, home) for place in places]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def file_digest(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def require_file(path: Path) -> None:
    """Make sure that reading comes to an end: a pipe may have none.

    Raises:
        InputError: there is something else than a file.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path} cannot be read: it is no file.")


def total_bytes(paths: Iterable[Path]) -> int:
    """The size of files; of those that are gone, none."""
    return sum(path.stat().st_size for path in paths if path.is_file())


def differing(
    name: str, told: Mapping[str, Any], counted: Mapping[str, Any], tolerance: float = 1e-6
) -> list[str]:
    """How totals that are told differ from those that were counted, of what both have."""
    found = []
    for field, value in counted.items():
        said = told.get(field)
        if said is None or said == value:
            continue
        near = isinstance(said, float | int) and isinstance(value, float | int)
        if near and abs(said - value) <= tolerance * max(1.0, abs(value)):
            continue
        found.append(f"{name}: {field} is {shown(said)} in the file, {shown(value)} in its records")
    return found
