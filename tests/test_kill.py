"""SIGKILL under load: the database opens every time, and no answered write is missing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from session_buddy_skills.settings import Settings
from tests.conftest import ROOT, environment
from tests.databases import execute

KILLS = 50


def answered_before_kill(settings: Settings, seconds: float) -> Iterator[str]:
    """Run the writer, kill it after that time of load, and yield each id that it had answered."""
    variables = {"database": settings.database} if settings.database else {}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kill_writer"],
        env=environment(settings.data_dir, **variables),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    time.sleep(seconds)
    process.kill()
    for line in process.stdout:
        if line.endswith("\n"):
            yield line.strip()
    process.wait()
    process.stdout.close()


@pytest.mark.slow
def test_fifty_kills_lose_no_answered_write(settings: Settings) -> None:
    source = random.Random(1)
    answered: dict[str, str] = {}
    for _ in range(KILLS):
        for line in answered_before_kill(settings, source.uniform(0.02, 0.3)):
            key, outcome = line.split()
            # The answer to an end comes after that to its start, and overrules it.
            answered[key] = outcome
        rows = execute(
            settings,
            "SELECT CAST(invocation_id AS TEXT), outcome, "
            "i.query_id IS NULL OR query_text IS NOT NULL "
            "FROM skill_invocation AS i LEFT JOIN skill_query AS q ON q.query_id = i.query_id",
        )
        stored = {key: outcome for key, outcome, _ in rows}
        assert len(stored) == len(rows)
        assert all(has_its_query for _, _, has_its_query in rows)
        assert not answered.keys() - stored.keys()
        undone = {key for key, outcome in answered.items() if outcome == "completed"} - {
            key for key, outcome in stored.items() if outcome == "completed"
        }
        assert not undone
    assert len(answered) > 50 * KILLS
