"""Imports as text for a terminal, and a bar while one is under way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from session_buddy_skills.import_reports import (
    FileReport,
    ImportReport,
    ImportRun,
    RefusedFile,
    Undone,
    Validation,
)
from session_buddy_skills.import_run import Progress
from session_buddy_skills.limits import NAME_CHARS
from session_buddy_skills.rendering import table
from session_buddy_skills.terminal import time_text

FILES_TOLD = 10
LINES_TOLD = 10


class Bar(Progress):
    """Bytes read, invocations a second and time left, where standard error is a terminal."""

    def __enter__(self) -> Self:
        console = Console(stderr=True)
        self._since = time.monotonic()
        self._bar = Bars(
            BarColumn(),
            DownloadColumn(binary_units=True),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._bar.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()

    async def begin(self, total_bytes: int) -> None:
        """It begins."""
        self._task = self._bar.add_task("", total=total_bytes)

    async def at(self, done_bytes: int, records: int) -> None:
        """So much is done."""
        rate = records / max(time.monotonic() - self._since, 1e-3)
        self._bar.update(self._task, completed=done_bytes, description=f"{rate:,.0f} invocations/s")


def report_text(report: ImportReport) -> str:
    """What an import brought, or would bring."""
    would = "would be " if report.dry_run else ""
    lines = [
        f"{report.kind}: {_some(report.records, 'invocation')} in "
        f"{_some(report.files_read, 'file')}; "
        f"{report.added:,} {would}added, {report.unchanged:,} already there"
    ]
    if report.completed:
        lines.append(f"  {report.completed:,} {would}completed, whose start was there already")
    if report.skipped:
        lines.append(f"  {report.skipped:,} {would}skipped, since they cannot be taken")
    if report.records:
        outcomes = ", ".join(f"{n:,} {name}" for name, n in sorted(report.outcomes.items()))
        first, last = time_text(report.first_invoked), time_text(report.last_invoked)
        lines.append(f"  {outcomes}; from {first} to {last} UTC")
    if report.items:
        lines.append(f"  {report.items:,} rows of tests, categories and modalities added")
    if report.kind in ("json", "session-buddy"):
        lines.append(f"  times without a zone are taken for those of {report.timezone}")
    lines += [f"  {n:,} {what}" for what, n in list(report.noted.items())[:LINES_TOLD]]
    for file in report.files[:FILES_TOLD]:
        lines += _file_lines(file)
    for refused in report.refused[:FILES_TOLD]:
        lines += _refused_lines(refused)
    if (more := len(report.refused) - FILES_TOLD) > 0:
        lines.append(f"  {more} more files refused")
    if report.backup:
        lines.append(f"  before it, the database was copied to {report.backup}")
    if report.run_id:
        lines.append(f"  run {report.run_id}; `import --undo {report.run_id}` takes it out again")
    elif report.dry_run:
        lines.append("  nothing was written")
    return "\n".join(lines)


def _some(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count:,} {what}s"


def _file_lines(file: FileReport) -> list[str]:
    told = [*(f"left out {one}" for one in file.left_out), *file.differences]
    if not told:
        return []
    more = [f"    and {len(told) - LINES_TOLD} more"] if len(told) > LINES_TOLD else []
    return [f"  {file.path}:", *(f"    {one}" for one in told[:LINES_TOLD]), *more]


def _refused_lines(refused: RefusedFile) -> list[str]:
    more = refused.more + max(0, len(refused.reasons) - LINES_TOLD)
    lines = [f"  refused {refused.path}:"]
    lines += [f"    {reason}" for reason in refused.reasons[:LINES_TOLD]]
    return [*lines, f"    and {more} more; --skip-invalid leaves them out"] if more else lines


def runs_text(runs: Sequence[ImportRun]) -> str:
    """All imports."""
    if not runs:
        return "nothing was imported yet"
    rows = [
        [
            str(one.run_id),
            one.kind,
            one.status,
            time_text(one.started_at),
            f"{one.added:,}",
            f"{one.completed:,}",
            f"{one.unchanged:,}",
            f"{one.files:,}",
        ]
        for one in runs
    ]
    headers = ["run", "kind", "status", "started (UTC)", "added", "completed", "there", "files"]
    return table(headers, rows, texts=4, most=NAME_CHARS)


def undone_text(undone: Undone) -> str:
    """What taking an import out again changed."""
    text = f"{_some(undone.removed, 'invocation')} removed"
    if undone.restored:
        text += f", {undone.restored:,} without their end again"
    if undone.kept:
        text += f"; {undone.kept:,} kept, which another import brought as well"
    if undone.items:
        text += f"; {undone.items:,} rows of tests, categories and modalities removed"
    return text


def validation_text(found: Validation) -> str:
    """An import's source held against the store."""
    lines = [
        f"{found.records:,} records in the source: {found.equal:,} equal field by field, "
        f"{found.differing:,} differ, {found.missing:,} missing, {found.surplus:,} surplus",
        f"{found.figures_compared:,} counts, sums and times compared, "
        f"{len(found.figures):,} differ",
    ]
    lines += [
        f"  {one.of}: {one.source} in the source, {one.stored} stored" for one in found.figures
    ]
    lines += [f"  {one}" for one in found.examples]
    lines += [f"  not as it was when it was imported: {one}" for one in found.changed_files]
    lines += [f"  {one}" for one in found.differences]
    return "\n".join(lines)
