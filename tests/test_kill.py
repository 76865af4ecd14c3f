"""SIGKILL under load: the database opens every time, and no answered write is missing."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections.abc import Iterator

import pytest

from session_buddy_skills.settings import Settings
from tests import kill_writer
from tests.databases import execute

KILLS = 50
# Each writer is forked off a process that has imported these: that takes a second and a half.
IMPORTED = [
    kill_writer.__name__,
    "session_buddy_skills.advising.recommender",
    "session_buddy_skills.storage.duckdb",
    "session_buddy_skills.storage.postgresql",
]


def answered_before_kill(settings: Settings, seconds: float) -> Iterator[str]:
    """Run the writer, kill it after that time of load, and yield what it had answered."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    reader, writer = context.Pipe(duplex=False)
    process = context.Process(target=kill_writer.record_without_end, args=(settings, writer))
    process.start()
    writer.close()
    with reader:
        yield reader.recv_bytes().decode()
        time.sleep(seconds)
        process.kill()
        try:
            while True:
                yield reader.recv_bytes().decode()
        except EOFError:
            process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_fifty_kills_lose_no_answered_write(settings: Settings) -> None:
    source = random.Random(1)
    answered: dict[str, str] = {}
    for _ in range(KILLS):
        for answer in answered_before_kill(settings, source.uniform(0.02, 0.3)):
            key, outcome = answer.split()
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
