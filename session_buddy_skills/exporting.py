"""Everything recorded, as one JSON file: `{summary, skills, invocations, last_updated}`.

It says nothing of when it was written, so that the same record always gives the same bytes.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import anyio
from pydantic_core import to_json

from session_buddy_skills.errors import InputError, StorageError, StorageFullError, shown
from session_buddy_skills.models import CALL_FIELDS, Invocation
from session_buddy_skills.reports import skill_reports
from session_buddy_skills.results import Export, SkillMetrics
from session_buddy_skills.storage.store import InvocationReader

NAME_BYTES = 200
"""Longest file name of an export, so that a draft of it can have a longer one."""


def target_file(path: Path, folders: Sequence[Path]) -> Path:
    """Where an export to `path` goes: inside one of `folders`, whatever links lead there.

    Raises:
        InputError: it is outside of them, or not a .json file.
    """
    target = inside(path, folders)
    if len(os.fsencode(target.name)) > NAME_BYTES:
        raise InputError(f"path must end in a shorter file name, not {shown(target.name)}.")
    if target.suffix.lower() != ".json":
        raise InputError(f"path must end in .json, not {shown(path)}.")
    if target.is_dir():
        raise InputError(f"path must be a file, not the folder {shown(path)}.")
    return target


def inside(path: Path, folders: Sequence[Path]) -> Path:
    """The path, taken from the first of the folders, whatever links lead there.

    Raises:
        InputError: it is outside of them.
    """
    target = Path(os.path.realpath(folders[0] / path))
    if not any(target.is_relative_to(folder) for folder in folders):
        allowed = ", ".join(str(folder) for folder in folders)
        raise InputError(f"path must lie inside {allowed}, not {shown(path)}.")
    return target


async def export_to_file(target: Path, reader: InvocationReader) -> Export:
    """Write all that the reader sees, a few thousand invocations at a time."""
    skills = skill_reports(await reader.metrics(None), await reader.breakdown(None))
    summary = await reader.counts() | {"total_skills": len(skills)}
    by_name = {skill.skill_name: _metrics(skill) for skill in skills}
    count = 0
    newest: datetime | None = None
    async with _replacing(target) as file:
        await file.write(b'{"summary": %b,\n"skills": %b,\n' % (to_json(summary), to_json(by_name)))
        await file.write(b'"invocations": [')
        async for invocations in reader.invocations():
            lines = b",\n".join(to_json(_record(one)) for one in invocations)
            await file.write((b",\n" if count else b"\n") + lines)
            count += len(invocations)
            times = [one.ended_at or one.invoked_at for one in invocations]
            newest = max(times) if newest is None else max(newest, *times)
        await file.write(b'\n],\n"last_updated": %b}\n' % to_json(newest))
        size = await file.tell()
    return Export(path=str(target), invocations=count, skills=len(skills), bytes=size)


def _record(invocation: Invocation) -> dict[str, object]:
    fields = asdict(invocation) | {"completed": invocation.completed}
    # Few invocations come from a history.
    return {
        name: value
        for name, value in fields.items()
        if name not in CALL_FIELDS or value is not None
    }


def _metrics(skill: SkillMetrics) -> dict[str, object]:
    metrics = skill.model_dump(exclude={"skill_name"})
    if metrics["duration"] is not None:
        # The last digits of a mean depend on the order in which it was added up.
        metrics["duration"]["mean_seconds"] = round(metrics["duration"]["mean_seconds"], 6)
    if metrics["avg_selection_rank"] is not None:
        metrics["avg_selection_rank"] = round(metrics["avg_selection_rank"], 6)
    return metrics


@asynccontextmanager
async def _replacing(target: Path) -> AsyncIterator[anyio.AsyncFile[bytes]]:
    """A new file that takes the target's place, whole and on disk, or not at all."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        async with await anyio.open_file(draft, "xb") as file:
            try:
                yield file
                await file.flush()
                await anyio.to_thread.run_sync(os.fsync, file.wrapped.fileno())
                draft.replace(target)
            finally:
                draft.unlink(missing_ok=True)
    except OSError as error:
        kind = StorageFullError if error.errno in (28, 27) else StorageError
        raise kind(f"the export to {target} could not be written: {error.strerror}.") from error
