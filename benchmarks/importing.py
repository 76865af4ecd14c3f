"""What imports cost: invocations a second into DuckDB, and the memory that transcripts take.

`python -m benchmarks.importing [--rows N] [--gigabytes N]`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.processes import ROOT, environment
from session_buddy_skills.import_run import Progress
from session_buddy_skills.importers.kinds import BY_KIND
from session_buddy_skills.imports import Ordered
from session_buddy_skills.requests import checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings

ROWS = 200_000
RATE = 20_000
MEBIBYTES = 300
TOOL_OUTPUT = "x" * 20_000
"""What commands print makes up most of a transcript."""


def json_rows(path: Path, rows: int) -> None:
    """A document of crackerjack's with so many records."""
    records = [
        {
            "skill_name": f"skill-{n % 200}",
            "invoked_at": f"2025-{1 + n % 12:02}-{1 + n % 28:02}T10:00:00.{n % 10**6:06}",
            "session_id": f"session-{n // 20}",
            "workflow_path": "quick",
            "completed": n % 10 != 0,
            "duration_seconds": n % 700 / 100,
            "follow_up_actions": ["git commit"],
            "error_type": None,
        }
        for n in range(rows)
    ]
    path.write_text(json.dumps({"invocations": records, "skills": {}}), encoding="utf-8")


def transcripts(folder: Path, gigabytes: float) -> int:
    """Transcripts of so much; how many uses of a skill are in them."""
    uses = written = session = 0
    while written < gigabytes * 2**30:
        session += 1
        path = folder / "projects" / "-home-dev" / f"{uuid.UUID(int=session)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            for turn in range(100):
                uses += 1
                for line in turn_of(session, turn):
                    written += file.write(json.dumps(line) + "\n")
    return uses


def turn_of(session: int, turn: int) -> list[dict[str, Any]]:
    """A request, a skill, twenty commands, and an answer."""
    same = {"sessionId": str(uuid.UUID(int=session)), "cwd": "/home/dev/project"}
    second = 0

    def line(kind: str, message: dict[str, Any], **more: Any) -> dict[str, Any]:
        nonlocal second
        second += 1
        time = f"2026-03-{1 + session % 28:02}T{turn % 24:02}:{turn // 24:02}:{second:02}.000Z"
        return {"type": kind, "uuid": str(uuid.uuid4()), "timestamp": time, **same, **more,
                "message": message}  # fmt: skip

    def call(name: str, given: dict[str, Any]) -> list[dict[str, Any]]:
        key = f"toolu_{session}_{turn}_{second}"
        use = {"type": "tool_use", "id": key, "name": name, "input": given}
        result = {"type": "tool_result", "tool_use_id": key, "content": TOOL_OUTPUT}
        reply = {"id": f"msg_{key}", "role": "assistant", "model": "m", "stop_reason": "tool_use",
                 "usage": {"input_tokens": 5, "output_tokens": 7}, "content": [use]}  # fmt: skip
        return [
            line("assistant", reply),
            line("user", {"role": "user", "content": [result]}, toolUseResult={"success": True}),
        ]

    end = {"id": f"msg_{session}_{turn}", "role": "assistant", "model": "m",
           "stop_reason": "end_turn", "content": [{"type": "text", "text": "Done."}]}  # fmt: skip
    return [
        line("user", {"role": "user", "content": f"request {turn}"}, promptSource="typed"),
        *call("Skill", {"skill": f"skill-{turn % 50}"}),
        *(one for _ in range(20) for one in call("Bash", {"command": "ls"})),
        line("assistant", end),
    ]


def imported(folder: Path, kind: str, path: Path) -> float:
    """Seconds that the command takes, in a process of its own."""
    settings = Settings.load(data_dir=folder, embedder="none")
    since = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "session_buddy_skills", "import", kind, str(path)],
        env=environment(settings),
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return time.perf_counter() - since


class Stopwatch(Progress):
    """Notes when one document was read, and when it was written as well."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int, int]] = []

    async def at(self, done_bytes: int, records: int) -> None:
        """So many are read, or, with their bytes, on disk."""
        self.told.append((time.perf_counter(), done_bytes, records))

    @property
    def rate(self) -> float:
        """Invocations a second, once they are read and checked."""
        read = max(when for when, done, _ in self.told if not done)
        written, _, records = self.told[-1]
        return records / (written - read)


async def rate_of_writing(folder: Path, path: Path) -> float:
    """How fast a document is written, once it is read and checked."""
    settings = Settings.load(data_dir=folder, embedder="none")
    order = checked(Ordered, kind="json", paths=[path])
    stopwatch = Stopwatch()
    async with open_service(settings, recommending=False) as service:
        await service.imports.run(BY_KIND["json"], order, stopwatch)
    return stopwatch.rate


def peak_mebibytes() -> float:
    """The most memory that any process took that was waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Measure, print a table; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.importing", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    options = parser.parse_args()
    figures = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Transcripts first: the peak is that of the largest process so far.
        uses = transcripts(folder, options.gigabytes)
        seconds = imported(folder / "a", "claude-code", folder / "projects")
        figures += [
            Figure("transcripts, memory", peak_mebibytes(), "MiB", f"<= {MEBIBYTES}"),
            Figure("transcripts", options.gigabytes * 1024 / seconds, "MiB/s"),
            Figure("uses in them", uses, ""),
        ]
        again = imported(folder / "a", "claude-code", folder / "projects")
        figures.append(Figure("transcripts again", again, "s"))
        json_rows(folder / "json", options.rows)
        whole = options.rows / imported(folder / "b", "json", folder / "json")
        written = asyncio.run(rate_of_writing(folder / "c", folder / "json"))
        figures += [
            Figure("json, read, checked and written", whole, "/s"),
            Figure("json, of that the writing alone", written, "/s", f">= {RATE}"),
        ]
    for one in figures:
        verdict = {True: "met", False: "MISSED", None: ""}[one.met]
        print(f"{one.name:34}{one.value:10.1f} {one.unit:6}{one.target:10}{verdict}".rstrip())
    raise SystemExit(any(one.met is False for one in figures))


if __name__ == "__main__":
    main()
