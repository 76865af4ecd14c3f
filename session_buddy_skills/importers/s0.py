"""What crackerjack's own tracker left: a folder skills.db with a SQLite file skills.db in it.

Its times are UTC to the second. A row without `completed_at` never ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.importers.records import found_at, total_bytes
from session_buddy_skills.importers.sqlite_files import SqliteSource, sqlite_file
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Kind, Options

_NEEDED = ("id", "skill_name", "completed", "error_type", "created_at", "completed_at")
_PLACES = (".session-buddy/skills.db/skills.db", ".crackerjack/skills.db/skills.db")


class S0Stores:
    """Reads them."""

    kind: Kind = "s0"

    def discover(self, home: Path, here: Path) -> list[Path]:
        """In this folder, and in the user's own."""
        return found_at(_PLACES, home, here)

    def size_bytes(self, path: Path) -> int:
        """The file's own size."""
        return total_bytes([_file(path)])

    def open(self, path: Path, options: Options) -> Iterator[S0Store]:
        """The one file.

        Raises:
            InputError: it is none of these.
        """
        with sqlite_file(_file(path), "skill_invocations", otherwise="session-buddy") as file:
            yield S0Store(file, options)


def _file(path: Path) -> Path:
    """The file in a folder skills.db, or in the folder that has that one."""
    while path.is_dir():
        path /= "skills.db"
    return path


class S0Store(SqliteSource):
    """One such file, open."""

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Its invocations, by their ids."""
        reading = self.reading("s0")
        for row in self._file.rows("s0_invocations", *_NEEDED):
            place = f"skill_invocations, id {row['id']}"
            try:
                record = row | {
                    "invoked_at": utc_text(row["created_at"], "created_at"),
                    "alternatives_considered": json_list(row, "alternatives_considered"),
                    "follow_up_actions": json_list(row, "follow_up_actions"),
                }
                ended = row["completed_at"] and utc_text(row["completed_at"], "completed_at")
            except InputError as error:
                yield BadRecord(place, str(error).rstrip("."))
                continue
            if not ended and not row["completed"] and not row["error_type"]:
                record["completed"] = None
            yield reading.invocation(record, place, ended_at=ended or None)


def utc_text(value: object, name: str) -> str:
    """What SQLite wrote as a time in UTC, in ISO 8601 with its zone.

    Raises:
        InputError: it is no time.
    """
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        time = None
    if time is None:
        raise InputError(f"{name} must be a time like 2026-01-31 09:30:00, not {shown(value)}.")
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()


def json_list(row: dict[str, Any], name: str) -> Any:
    """A column with a JSON array, or with nothing.

    Raises:
        InputError: it is something else.
    """
    value = row.get(name)
    if value in (None, ""):
        return None
    try:
        found = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        found = None
    if found is not None and not isinstance(found, list):
        found = None
    if found is None and value != "null":
        raise InputError(f"{name} must be a JSON array, not {shown(value)}.")
    return found
