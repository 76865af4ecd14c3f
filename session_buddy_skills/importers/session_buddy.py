"""session-buddy's skills.db, of any version of its schema.

V2 added vectors (made anew here from the queries), V3 workflow_phase and workflow_step_id, V4 users
with ratings, A/B tests, categories and modalities. What is there is told by the columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from session_buddy_skills.errors import InputError
from session_buddy_skills.importers.json_documents import NO_TOTALS, totals
from session_buddy_skills.importers.records import Reading, differing, found_at, total_bytes
from session_buddy_skills.importers.s0 import json_list
from session_buddy_skills.importers.session_buddy_tables import items_of
from session_buddy_skills.importers.sqlite_files import Row, SqliteSource, sqlite_file
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Item, Kind, Options

_PLACES = (".session-buddy/skills.db",)
_USE = ("session_id", "skill_name", "invoked_at")
_NEEDED = ("id", "completed", *_USE)
Use = tuple[Any, Any, Any]


class SessionBuddyStores:
    """Reads them."""

    kind: Kind = "session-buddy"

    def discover(self, home: Path, here: Path) -> list[Path]:
        """In this folder, and in the user's own."""
        return found_at(_PLACES, home, here)

    def size_bytes(self, path: Path) -> int:
        """The file's own size."""
        return total_bytes([path])

    def open(self, path: Path, options: Options) -> Iterator[SessionBuddyStore]:
        """The one file.

        Raises:
            InputError: it is none of these.
        """
        if path.is_dir():
            raise InputError(f"{path} is a folder, as crackerjack's is: import it as s0.")
        with sqlite_file(path, "skill_invocation", otherwise="s0") as file:
            yield SessionBuddyStore(file, options)


class SessionBuddyStore(SqliteSource):
    """One such file, open."""

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Its invocations by their ids, and then what only its users' interactions tell of."""
        self.noted = Counter({f"files with schema V{self._version()}": 1})
        reading = self.reading("session-buddy")
        interactions = self._interactions()
        for row in self._file.rows("invocations", *_NEEDED):
            waiting = interactions.get(_use(row))
            told = waiting.pop(0) if waiting else {}
            yield self._invocation(reading, row, f"skill_invocation, id {row['id']}", told)
        for row in (row for rows in interactions.values() for row in rows):
            yield self._invocation(reading, row, f"skill_user_interactions, id {row['id']}", row)

    def items(self) -> Iterator[Item | BadRecord]:
        """A/B tests, categories and modalities."""
        return items_of(self._file, self.noted)

    def differences(self) -> list[str]:
        """How its table of totals differs from its records."""
        if "skill_metrics" not in self._file.tables:
            return []
        # It adds up durations of completed runs alone.
        counted = totals(
            row if row["completed"] else row | {"duration_seconds": None}
            for row in self._file.rows("invocations", *_NEEDED)
        )
        found = []
        for row in self._file.rows("totals", "skill_name"):
            name = str(row["skill_name"])
            found += differing(name, row, counted.pop(name, NO_TOTALS))
        return found + [
            f"{name}: there are records of it, and it is not in skill_metrics" for name in counted
        ]

    def _version(self) -> int:
        versions = [1]
        if "skill_migrations" in self._file.tables:
            for row in self._file.rows("migrations", "version"):
                number = str(row["version"]).split("__")[0].lstrip("Vv")
                versions.append(int(number) if number.isdecimal() else 1)
        columns = next(iter(self._file.rows("invocations")), {})
        for column, version in (("embedding", 2), ("workflow_phase", 3)):
            if column in columns:
                versions.append(version)
        return max(versions)

    def _interactions(self) -> dict[Use, list[Row]]:
        found: dict[Use, list[Row]] = {}
        if "skill_user_interactions" in self._file.tables:
            for row in self._file.rows("interactions", "id", "user_id", *_USE):
                found.setdefault(_use(row), []).append(row)
        return found

    def _invocation(
        self, reading: Reading, row: Row, place: str, told: Row
    ) -> ImportedInvocation | BadRecord:
        try:
            record = row | {
                "alternatives_considered": json_list(row, "alternatives_considered"),
                "follow_up_actions": json_list(row, "follow_up_actions"),
            }
        except InputError as error:
            return BadRecord(place, str(error).rstrip("."))
        self.noted["vectors that are made anew"] += row.get("embedding") is not None
        record.pop("rating", None)
        return reading.invocation(
            record, place, user=told.get("user_id"), rating=self._rating(told.get("rating"))
        )

    def _rating(self, rating: Any) -> Any:
        if not isinstance(rating, float | int) or rating == int(rating):
            return rating if rating is None else int(rating)
        self.noted["ratings that were rounded to a whole number"] += 1
        return int(rating + 0.5)


def _use(row: Row) -> Use:
    return row["session_id"], row["skill_name"], row["invoked_at"]
