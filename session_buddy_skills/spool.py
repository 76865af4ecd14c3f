"""What could not be delivered, as files of JSON lines in a folder, until a server takes it in.

A file is written whole and then named, so whoever reads it sees all of it; names begin with the
time, so that the oldest comes first. Each line is an invocation with an id of its own: two that
take in one file do no harm.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from session_buddy_skills.limits import CLOCK_SKEW_DAYS

Record = dict[str, Any]
"""The arguments of one invocation of `record_invocations`."""

REJECTED = "rejected"
"""The file of lines that nobody could read or store, each with its reason."""
UNFINISHED_SECONDS = 60
"""A file that has no name yet after so long is left over from a crash, and is taken in as it is."""


class Spooled(NamedTuple):
    """What one file has."""

    records: list[Record]
    unreadable: list[tuple[bytes, str]]
    """Lines, each with the reason."""


def put(folder: Path, records: Iterable[Record]) -> Path:
    """Keep records; they are on disk when this answers.

    Raises:
        OSError: the folder cannot be written; nothing is kept.
    """
    text = "".join(f"{json.dumps(one, separators=(',', ':'))}\n" for one in records)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    unnamed, named = folder / f"{name}.part", folder / f"{name}.jsonl"
    try:
        descriptor = os.open(unnamed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        unnamed.rename(named)
        _sync(folder)
    except OSError:
        with suppress(OSError):
            unnamed.unlink()
        raise
    return named


def _sync(folder: Path) -> None:
    """Have the names in it on disk as well, where folders can be opened."""
    with suppress(PermissionError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def waiting(folder: Path) -> list[Path]:
    """The files that are to be taken in, oldest first.

    Raises:
        OSError: the folder cannot be read; one that is not there has none.
    """
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                left = entry.name.endswith(".part") and _age(entry) > UNFINISHED_SECONDS
                if entry.name.endswith(".jsonl") or left:
                    found.append(Path(entry.path))
    except FileNotFoundError:
        return []
    return sorted(found)


def _age(entry: os.DirEntry[str]) -> float:
    with suppress(FileNotFoundError):
        return time.time() - entry.stat().st_mtime
    return 0.0


def read(path: Path) -> Spooled:
    """The invocations that the file has; nothing if another has taken it in.

    Raises:
        OSError: it cannot be read.
    """
    found, unreadable = objects(path)
    records = []
    for record in found:
        if record.get("invocation_id"):
            records.append(_without_future_time(record))
        else:
            line = json.dumps(record).encode()
            unreadable.append((line, "not an invocation with an invocation_id"))
    return Spooled(records, unreadable)


def objects(path: Path) -> Spooled:
    """The JSON objects that the file has, likewise.

    Raises:
        OSError: it cannot be read.
    """
    found = Spooled([], [])
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return found
    for line in content.splitlines():
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            found.unreadable.append((line, f"not JSON: {error}"))
            continue
        if isinstance(record, dict):
            found.records.append(record)
        else:
            found.unreadable.append((line, "not a JSON object"))
    return found


def _without_future_time(record: Record) -> Record:
    """The record; if the clock was set back since, without its time.

    Whoever stores it states one. Stated here, an invocation whose start and end are in two files
    would have started twice.
    """
    latest = datetime.now(UTC) + timedelta(days=CLOCK_SKEW_DAYS)
    try:
        ahead = datetime.fromisoformat(record["invoked_at"]) > latest
    except (KeyError, TypeError, ValueError):
        return record  # what is wrong with it is said when it is checked
    return {name: record[name] for name in record if name != "invoked_at"} if ahead else record


def move(path: Path, folder: Path) -> None:
    """Put a file of one spool into another.

    Raises:
        OSError: it is not there, or the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.rename(folder / path.name)


def reject(folder: Path, lines: Sequence[tuple[bytes, str]]) -> None:
    """Set lines aside for good, each with its reason.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = "".join(
        f"{json.dumps({'reason': reason, 'line': line.decode(errors='replace')})}\n"
        for line, reason in lines
    )
    descriptor = os.open(folder / REJECTED, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path) -> None:
    """Forget a file that was taken in.

    Raises:
        OSError: it cannot be removed.
    """
    path.unlink(missing_ok=True)
