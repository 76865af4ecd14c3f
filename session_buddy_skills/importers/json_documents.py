"""skill_metrics.json of crackerjack and session-buddy, and what they export.

Five shapes are about, all with a list `invocations`. With `skills`, the totals of each skill, stand
times of the machine without a zone; exports add `summary`. With `invocations` alone times have a
zone, and there either a duration of 0.01 stands for none, or records have a workflow_phase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.importers.json_text import FaultError, parse
from session_buddy_skills.importers.records import (
    KEPT,
    Reading,
    differing,
    file_digest,
    found_at,
    require_file,
    total_bytes,
)
from session_buddy_skills.imports import (
    LEGACY_SESSION,
    BadRecord,
    ImportedInvocation,
    Kind,
    Options,
    Source,
)

NOT_MEASURED_SECONDS = 0.01
_PLACES = (".crackerjack/skill_metrics.json", ".session-buddy/skill_metrics.json")
_KNOWN = {*KEPT, "invoked_at", "completed", "rating"}
Record = dict[str, Any]


class JsonDocuments:
    """Reads them, each at once."""

    kind: Kind = "json"

    def discover(self, home: Path, here: Path) -> list[Path]:
        """In this folder, and in the user's own."""
        return found_at(_PLACES, home, here)

    def size_bytes(self, path: Path) -> int:
        """The file's own size."""
        return total_bytes([path])

    def open(self, path: Path, options: Options) -> Iterator[Document]:
        """The document.

        Raises:
            InputError: it cannot be read, or is none of these.
        """
        yield Document(path, read_file(path), options)


class Document(Source):
    """One document, in memory."""

    def __init__(self, path: Path, content: bytes, options: Options) -> None:
        self.path = path
        self.size_bytes = len(content)
        self.digest = file_digest(content)
        self.noted = Counter()
        self._options = options
        self._document = _document(path, content)

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Its invocations, in the order of the file."""
        reading = Reading("json", self._options, f"{LEGACY_SESSION}{self.digest[:12]}")
        unmeasured = self._marks_what_is_not_measured()
        self.noted = Counter()
        for number, record in enumerate(self._document["invocations"]):
            place = f"invocations[{number}]"
            if not isinstance(record, dict):
                yield BadRecord(place, f"it must be an object, not {shown(record)}")
                continue
            for name in record.keys() - _KNOWN:
                self.noted[f"records with a field that has no place here: {shown(name)}"] += 1
            if unmeasured and record.get("duration_seconds") == NOT_MEASURED_SECONDS:
                record = record | {"duration_seconds": None}
            yield reading.invocation(record, place, rating=record.get("rating"))

    def differences(self) -> list[str]:
        """How `skills` and `summary` differ from the records."""
        records = [one for one in self._document["invocations"] if isinstance(one, dict)]
        counted = totals(records)
        told = self._document.get("skills")
        found = []
        if isinstance(told, dict):
            for name in sorted(told.keys() | counted.keys()):
                if name not in counted:
                    found.append(f"{name}: it is in skills, and no record is of it")
                elif not isinstance(told.get(name), dict):
                    found.append(f"{name}: there are records of it, and it is not in skills")
                else:
                    found += differing(name, told[name], counted[name])
        summary = self._document.get("summary")
        if isinstance(summary, dict):
            whole = {"total_invocations": len(records), "total_skills": len(counted)}
            found += differing("summary", summary, whole)
        return found

    def _marks_what_is_not_measured(self) -> bool:
        records = [one for one in self._document["invocations"] if isinstance(one, dict)]
        alone = self._document.keys() == {"invocations"}
        return alone and not any("workflow_phase" in one for one in records)


def totals(records: Iterable[Record]) -> dict[str, Record]:
    """What trackers say of each skill, counted from its records."""
    found: dict[str, Record] = {}
    for one in records:
        if isinstance(name := one.get("skill_name"), str):
            _add(found.setdefault(name.strip(), dict(NO_TOTALS)), one)
    return found


NO_TOTALS: Record = {
    "total_invocations": 0,
    "completed_invocations": 0,
    "abandoned_invocations": 0,
    "total_duration_seconds": 0.0,
    "first_invoked": None,
    "last_invoked": None,
}
"""Those of a skill without records."""


def _add(total: Record, one: Record) -> None:
    completed = one.get("completed") in (True, 1)
    total["total_invocations"] += 1
    total["completed_invocations" if completed else "abandoned_invocations"] += 1
    if isinstance(seconds := one.get("duration_seconds"), float | int):
        total["total_duration_seconds"] += seconds
    if isinstance(time := one.get("invoked_at"), str):
        total["first_invoked"] = min(total["first_invoked"] or time, time)
        total["last_invoked"] = max(total["last_invoked"] or time, time)


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read.
    """
    require_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error


def parsed(path: Path, content: bytes) -> Any:
    """The document in a file.

    Raises:
        InputError: it is not JSON that can be kept; the message says from which byte on.
    """
    try:
        return parse(content)
    except FaultError as fault:
        raise InputError(f"{path}, {fault}") from fault


def _document(path: Path, content: bytes) -> Record:
    document = parsed(path, content)
    if not isinstance(document, dict) or not isinstance(document.get("invocations"), list):
        raise InputError(f'{path}, byte 0: it must be an object with a list "invocations".')
    if any(isinstance(one, dict) and "invocation_id" in one for one in document["invocations"]):
        raise InputError(f"{path} is an export of session-buddy-skills: import it as export.")
    return document
