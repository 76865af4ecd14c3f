"""What `export_metrics` wrote: one invocation a line, so that it is never in memory as a whole."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from session_buddy_skills.errors import InputError
from session_buddy_skills.importers.json_text import FaultError, parse
from session_buddy_skills.importers.records import differing, require_file, total_bytes
from session_buddy_skills.imports import BadRecord, ImportedInvocation, Kind, Options, Source
from session_buddy_skills.requests import checked

_SUMMARY = b'{"summary": '
_SKILLS = b'"skills": '
_INVOCATIONS = b'"invocations": ['
_END = b"],"
_LAST = b'"last_updated": '


class OwnExports:
    """Reads them."""

    kind: Kind = "export"

    def discover(self, _home: Path, _here: Path) -> list[Path]:
        """None by itself: they are copies of what is in a database."""
        return []

    def size_bytes(self, path: Path) -> int:
        """The file's own size."""
        return total_bytes([path])

    def open(self, path: Path, _options: Options) -> Iterator[OwnExport]:
        """The one file."""
        yield OwnExport(path)


class OwnExport(Source):
    """One export."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size_bytes = total_bytes([path])
        self.digest = ""
        self.noted = Counter()
        self._summary: dict[str, Any] = {}
        self._counted: Counter[str] = Counter()
        self._skills: set[str] = set()

    def records(self) -> Iterator[ImportedInvocation | BadRecord]:
        """Its invocations, as they were stored."""
        require_file(self.path)
        self._counted.clear()
        digest = hashlib.sha256()
        byte = 0
        place = "summary"
        try:
            with self.path.open("rb") as file:
                for text in file:
                    digest.update(text)
                    place, record = self._line(place, text.rstrip(b"\n"), byte)
                    byte += len(text)
                    if record is not None:
                        yield record
            if place != "end":
                raise FaultError(byte, "the export ends in the middle")
        except FaultError as fault:
            raise InputError(f"{self.path}, {fault}") from fault
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}.") from error
        self.digest = digest.hexdigest()

    def differences(self) -> list[str]:
        """How its summary differs from its records."""
        counted = {"total_invocations": self._counted["total"], "total_skills": len(self._skills)}
        return differing("summary", self._summary, counted)

    def _line(
        self, place: str, text: bytes, byte: int
    ) -> tuple[str, ImportedInvocation | BadRecord | None]:
        """What a line says, and what the next one is."""
        if place == "summary" and text.startswith(_SUMMARY):
            self._summary = _value(text[len(_SUMMARY) :].rstrip(b","), byte + len(_SUMMARY))
            return "skills", None
        if place == "skills" and text.startswith(_SKILLS):
            return "invocations", None
        if place == "invocations" and text == _INVOCATIONS:
            return "record", None
        if place == "record" and text == _END:
            return "last", None
        if place == "last" and text.startswith(_LAST) and text.endswith(b"}"):
            return "end", None
        if place != "record":
            raise FaultError(byte, "it is no export of session-buddy-skills")
        return "record", self._record(_value(text.removesuffix(b","), byte), byte)

    def _record(self, record: dict[str, Any], byte: int) -> ImportedInvocation | BadRecord:
        self._counted["total"] += 1
        self._skills.add(str(record.get("skill_name")))
        fields = {name: value for name, value in record.items() if name != "completed"}
        fields["user_hash"] = fields.pop("user", None)
        try:
            return checked(ImportedInvocation, **fields)
        except InputError as error:
            return BadRecord(f"byte {byte}", str(error).rstrip("."))


def _value(text: bytes, byte: int) -> dict[str, Any]:
    try:
        found = parse(text)
    except FaultError as fault:
        raise fault.after(byte) from None
    if not isinstance(found, dict):
        raise FaultError(byte, f"it must be an object, not {json.dumps(found)[:80]}")
    return found
