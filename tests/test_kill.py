"""SIGKILL under load: the file opens every time, and no answered write is missing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.conftest import ROOT, environment

KILLS = 50


def answered_before_kill(data_dir: Path, seconds: float) -> Iterator[str]:
    """Run the writer, kill it after that time of load, and yield each id that it had answered."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kill_writer"],
        env=environment(data_dir),
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
def test_fifty_kills_lose_no_answered_write(tmp_path: Path) -> None:
    source = random.Random(1)
    answered: dict[str, str] = {}
    for _ in range(KILLS):
        for line in answered_before_kill(tmp_path, source.uniform(0.02, 0.3)):
            key, outcome = line.split()
            # The answer to an end comes after that to its start, and overrules it.
            answered[key] = outcome
        with duckdb.connect(str(tmp_path / "skills.duckdb")) as connection:
            rows = connection.execute(
                "SELECT invocation_id::TEXT, outcome, query_text FROM skill_invocation AS i "
                "LEFT JOIN skill_query AS q ON q.query_id = i.query_id"
            ).fetchall()
        stored = {key: outcome for key, outcome, _ in rows}
        assert len(stored) == len(rows)
        assert all(text is not None for _, _, text in rows)
        missing = answered.keys() - stored.keys()
        assert not missing
        undone = {key for key, outcome in answered.items() if outcome == "completed"} - {
            key for key, outcome in stored.items() if outcome == "completed"
        }
        assert not undone
    assert len(answered) > 50 * KILLS
